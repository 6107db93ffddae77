package wal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops/durable"
	"github.com/ai-notebook/notebookbot/internal/ops/postgres"
)

// Trial is a copy that was brought for a try to the newest moment that is archived. How long it took is most of what a real restore would take.
type Trial struct {
	Base   string    `json:"base"`
	Moment time.Time `json:"moment"`
	At     time.Time `json:"at"` // when it was tried
	Good   bool      `json:"good"`
	Took   int64     `json:"took_ms"`
	Files  int       `json:"files"` // of the log
	Tables int       `json:"tables"`
	Rows   int64     `json:"rows"`
	Why    string    `json:"why,omitempty"` // why it is not good
}

const (
	trialName = "trial.json"
	trialKey  = "trial"
	// trialWithin is how long a trial may take: a restore that takes longer is none that anybody would wait for.
	trialWithin = 4 * time.Hour
)

// LastTrial gives the last trial; nil: there was none.
func (a *Archive) LastTrial() (*Trial, error) {
	t := &Trial{}
	if err := durable.ReadJSON(a.path(trialName), t); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return nil, err
	}
	return t, nil
}

// Try brings the newest copy to the newest moment that is archived, counts the rows there, and keeps what came of it. Nil: there is no such
// moment. An error says that it could not be tried, which says nothing of the archive.
func (a *Archive) Try(ctx context.Context) (*Trial, error) {
	where, err := a.Window()
	if err != nil || len(where) == 0 {
		return nil, err
	}
	moment := where[len(where)-1].To.Add(-time.Microsecond)
	choice, err := a.Choose(moment)
	if err != nil {
		return nil, err
	}
	free, known, err := a.db.Free(ctx)
	if err != nil {
		return nil, err
	}
	if known && free < choice.Bytes {
		return nil, fmt.Errorf("a copy of %d bytes has no room on the disk of the database, which has %d left", choice.Bytes, free)
	}
	began := a.now()
	t := &Trial{Base: choice.Base.ID, Moment: moment, At: began, Files: choice.Files}
	rows, err := a.replayAndCount(ctx, choice.Base.ID, moment)
	t.Took = a.now().Sub(began).Milliseconds()
	if gone := a.Discard(context.WithoutCancel(ctx), trialKey); gone != nil {
		return nil, errors.Join(err, gone)
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	t.Good, t.Tables, t.Rows = err == nil, len(rows), rows.Rows()
	if err != nil {
		t.Why = err.Error()
	}
	return t, durable.WriteJSON(a.path(trialName), t)
}

func (a *Archive) replayAndCount(ctx context.Context, base string, moment time.Time) (postgres.Counts, error) {
	ctx, cancel := context.WithTimeout(ctx, trialWithin)
	defer cancel()
	if err := a.Recover(ctx, trialKey, base, moment, nil); err != nil {
		return nil, err
	}
	db, err := a.Copy(ctx, trialKey)
	if err != nil {
		return nil, err
	}
	return db.Counts(ctx, a.cfg.Name)
}

// rehearse tries the newest copy when it is time.
func (k *Keeper) rehearse(ctx context.Context) error {
	if k.Rehearse <= 0 {
		return nil
	}
	last, err := k.Archive.LastTrial()
	if err != nil || last != nil && k.Archive.now().Sub(last.At) < k.Rehearse {
		return err
	}
	t, err := k.Archive.Try(ctx)
	if err != nil || t == nil {
		k.nextBase = k.Archive.now().Add(time.Hour) // it is not tried again at once, and no copy is due for long
		return err
	}
	took := time.Duration(t.Took) * time.Millisecond
	k.Log.InfoContext(ctx, "the archive of the log was tried", "base", t.Base, "good", t.Good, "took", took, "files", t.Files, "rows", t.Rows, "why", t.Why)
	if !t.Good && k.TellTrial != nil {
		return k.TellTrial(ctx, *t)
	}
	return nil
}
