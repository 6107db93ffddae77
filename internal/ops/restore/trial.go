package restore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"github.com/ai-notebook/notebookbot/internal/ops/backup"
	"github.com/ai-notebook/notebookbot/internal/ops/durable"
	"github.com/ai-notebook/notebookbot/internal/ops/postgres"
)

// Trial is a set that was restored for a try, into a database beside that nobody uses and that is dropped again. How long it took is
// what a real restore would take.
type Trial struct {
	Set    string    `json:"set"`
	At     time.Time `json:"at"` // when it was tried
	Good   bool      `json:"good"`
	Took   int64     `json:"took_ms"` // filling and counting
	Tables int       `json:"tables"`
	Rows   int64     `json:"rows"`
	Why    string    `json:"why,omitempty"` // why it is not good
}

// trialName is the file in the folder of the sets that keeps the last trial.
const trialName = "restore.json"

// LastTrial gives the last trial; nil: there was none.
func LastTrial(sets string) (*Trial, error) {
	var t Trial
	ok, err := readJSON(filepath.Join(sets, trialName), &t)
	if err != nil || !ok {
		return nil, err
	}
	return &t, nil
}

// Try restores the newest proven set into a database of its own, compares its rows, and keeps what came of it. Nil: there is no set.
// An error says that it could not be tried, which says nothing of the set.
func (k *Kind) Try(ctx context.Context, sets string) (*Trial, error) {
	set, err := k.Sets.Newest()
	if err != nil || set == nil {
		return nil, err
	}
	name, err := k.DB.Made("scratch", "trial")
	if err != nil {
		return nil, err
	}
	if err := k.DB.Drop(ctx, name); err != nil { // of a trial that was cut off
		return nil, err
	}
	if err := k.room(ctx, set, []string{partDatabase}); err != nil {
		return nil, err
	}
	began := k.now()
	t := &Trial{Set: set.ID, At: began.UTC()}
	got, err := k.fillAndCount(ctx, set, name)
	t.Took = k.now().Sub(began).Milliseconds()
	if err := errors.Join(ctx.Err(), k.DB.Drop(context.WithoutCancel(ctx), name)); err != nil {
		return nil, err
	}
	if errors.Is(err, postgres.ErrAway) {
		return nil, err
	}
	if err == nil {
		err = compare(set.Database.Rows, got)
	}
	t.Good, t.Tables, t.Rows = err == nil, len(got), got.Rows()
	if err != nil {
		t.Why = err.Error()
	}
	b, err := json.Marshal(t)
	if err != nil {
		return nil, err
	}
	return t, durable.WriteFile(filepath.Join(sets, trialName), b)
}

func (k *Kind) fillAndCount(ctx context.Context, set *backup.Set, name string) (_ postgres.Counts, err error) {
	in, _, err := k.Sets.OpenPart(set.ID, backup.PartDatabase)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	if err := k.DB.Fill(ctx, name, in, nil); err != nil {
		return nil, err
	}
	if _, err := io.Copy(io.Discard, in); err != nil { // its end was compared with its sha256
		return nil, err
	}
	return k.DB.Counts(ctx, name)
}

// Keeper tries a restore from time to time and drops what was kept long enough.
type Keeper struct {
	Kind  *Kind
	Sets  string        // the folder of the sets
	Every time.Duration // between trials; zero: none are made
	RTO   time.Duration // a trial that took longer is told as one that failed
	Log   *slog.Logger
	Tell  func(ctx context.Context, t Trial) error // of a trial that is not good; optional
	// Open tells whether a restore waits for its approvals or runs: it may need what an earlier one has put aside. Nil: none ever is.
	Open func(ctx context.Context) (bool, error)
}

// lookEvery is how often it is looked whether something is due.
const lookEvery = 10 * time.Minute

// Run works until ctx ends.
func (k *Keeper) Run(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		if err := k.Once(ctx); err != nil && ctx.Err() == nil {
			k.Log.WarnContext(ctx, "trying a restore", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Once does what is due. Of several processes that share the folder one does it.
func (k *Keeper) Once(ctx context.Context) error {
	if err := k.expire(ctx); err != nil || k.Every <= 0 {
		return err
	}
	last, err := LastTrial(k.Sets)
	if err != nil {
		return err
	}
	if last != nil && k.Kind.now().Sub(last.At) < k.Every {
		return nil
	}
	if _, err := os.Stat(k.Sets); err != nil {
		return nil //nolint:nilerr // No set was made yet.
	}
	lock := flock.New(filepath.Join(k.Sets, "restore.lock"))
	if ok, err := lock.TryLock(); err != nil || !ok {
		return err
	}
	t, err := k.Kind.Try(ctx, k.Sets)
	if err := errors.Join(err, lock.Unlock()); err != nil || t == nil {
		return err
	}
	took := time.Duration(t.Took) * time.Millisecond
	if t.Good && k.RTO > 0 && took > k.RTO {
		t.Good, t.Why = false, fmt.Sprintf("it took %s, longer than backup.rto (%s)", took.Round(time.Second), k.RTO)
	}
	k.Log.InfoContext(ctx, "a set was restored for a try", "set", t.Set, "good", t.Good, "took", took, "rows", t.Rows, "why", t.Why)
	if !t.Good && k.Tell != nil {
		return k.Tell(ctx, *t)
	}
	return nil
}

// expire drops what was kept long enough, unless somebody may be about to put it back.
func (k *Keeper) expire(ctx context.Context) error {
	if k.Open != nil {
		if open, err := k.Open(ctx); err != nil || open {
			return err // the next look will do
		}
	}
	gone, err := k.Kind.Expire(ctx)
	for _, key := range gone {
		k.Log.InfoContext(ctx, "what a restore had replaced is dropped", "operation", key)
	}
	return err
}
