package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/health"
	"github.com/ai-notebook/notebookbot/internal/ops/postgres"
	"github.com/ai-notebook/notebookbot/internal/ops/wal"
	"github.com/ai-notebook/notebookbot/internal/store"
	"github.com/ai-notebook/notebookbot/templates"
)

// logArchive wires the archive of the database's log, or what cleans up after one.
func (c *Config) logArchive(o *operations, log *slog.Logger) error {
	if o.sets == nil {
		return nil
	}
	db, err := postgres.Open(o.engine, postgres.Config{Service: c.Database.Service, Name: c.Database.Name, User: c.Database.User})
	if err != nil {
		return err
	}
	cfg := wal.Config{
		Dir: c.Backup.WAL, Project: c.Target.Project, Name: c.Database.Name, User: c.Database.User, Retention: c.Backup.Retention,
	}
	a, err := wal.Open(cfg, db, o.engine, o.sets, log)
	if cfg.Dir == "" {
		o.retired = a
	} else {
		o.archive = a
	}
	return err
}

// retire removes what an archive that is not configured any more has left. It tries until that is gone, or known not to be there: the database may
// be away at the start.
func retire(ctx context.Context, a *wal.Archive, log *slog.Logger) {
	const atFirst, atMost = 10 * time.Second, 10 * time.Minute
	for wait := atFirst; ; wait = min(2*wait, atMost) {
		gone, err := a.Retire(ctx)
		switch {
		case err == nil && gone:
			log.InfoContext(ctx, "the log of the database is not archived any more: its receiver and its slot are removed")
			return
		case err == nil || ctx.Err() != nil:
			return
		case gone:
			log.WarnContext(ctx, "an archive of the log was left behind, and its slot keeps the database's log until it is removed", "err", err, "again", wait)
		default:
			log.DebugContext(ctx, "looking whether an archive of the log was left behind", "err", err, "again", wait)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// logKeeper keeps the archive of the database's log until ctx ends. Where none is configured it ends once what an earlier configuration has left
// is gone: a slot that nobody reads would fill the database's disk.
func (c *Config) logKeeper(ctx context.Context, o *operations, st *store.Store, log *slog.Logger) error {
	_, target := c.lines["target"]
	_, configured := c.lines["backup"]
	if !target && !configured {
		return nil
	}
	if o.retired != nil {
		retire(ctx, o.retired, log)
	}
	if o.archive == nil {
		return nil
	}
	keeper := &wal.Keeper{Archive: o.archive, Log: log, Rehearse: c.Backup.Rehearse, Alive: func(ctx context.Context, key string) (bool, error) {
		n, err := ops.ParseKey(key)
		if err != nil {
			return false, nil //nolint:nilerr // It is of no operation.
		}
		op, err := st.FindOperation(ctx, n)
		if errors.Is(err, ops.ErrNotFound) {
			return false, nil // of another store
		}
		return err == nil && !op.State.Over(), err
	}}
	tell := func(ctx context.Context, f incidents.Fact, key string) error {
		n := incidents.TroubleNotice("", c.Slack.Channels.Ops, f, time.Now())
		n.Key = "trouble/" + f.Text + "/" + c.Target.Project + "/" + key
		return st.WriteOperations(ctx, ops.Want{}, func(tx ops.Tx) error { return tx.Notify(n) })
	}
	keeper.TellTrial = func(ctx context.Context, t wal.Trial) error {
		f := incidents.Fact{Text: templates.TroubleWALTrial, Titles: []string{t.Base, t.Why}, After: time.Duration(t.Took) * time.Millisecond}
		return tell(ctx, f, t.At.Format(time.RFC3339))
	}
	keeper.TellBase = func(ctx context.Context, newest *wal.Base, why string) error {
		f, key := incidents.Fact{Text: templates.TroubleWALBase, Titles: []string{"", why}}, "none"
		if newest != nil {
			f.Titles[0], f.After, key = newest.ID, time.Since(newest.At).Round(time.Minute), newest.ID
		}
		return tell(ctx, f, key+"/"+time.Now().UTC().Format(time.DateOnly))
	}
	keeper.Tell = func(ctx context.Context, late bool, key string, s wal.State, lag time.Duration) error {
		f := incidents.Fact{Text: templates.TroubleWALBack, After: lag}
		if late {
			f.Text, f.Titles = templates.TroubleWAL, []string{s.Trouble, s.Text}
		}
		return tell(ctx, f, key)
	}
	return keeper.Run(ctx)
}

// log is what health looks at; nil: no log is archived.
func (o *operations) log() health.Archive {
	if o.archive == nil {
		return nil
	}
	return logHealth{o.archive}
}

// logHealth is the archive as health looks at it.
type logHealth struct{ *wal.Archive }

var _ health.Archive = logHealth{}

// Archived implements health.Archive.
func (l logHealth) Archived(context.Context) (health.Archived, error) {
	s, err := l.Stand()
	if err != nil {
		return health.Archived{}, err
	}
	out := health.Archived{Lag: s.Lag, Late: s.Late, Trouble: s.Trouble, Text: s.Text}
	if n := len(s.Spans); n > 0 {
		out.From, out.To = s.Spans[n-1].From, s.Spans[n-1].To
	} else if out.Text == "" {
		out.Text = s.BaseText
	}
	return out, nil
}

// logView is the archive as `backup status` shows it.
func logView(a *wal.Archive) (*templates.LogView, error) {
	s, err := a.Stand()
	if err != nil {
		return nil, err
	}
	v := &templates.LogView{
		Lag: s.Lag, Late: s.Late, Trouble: s.Trouble, Text: s.Text, Bases: s.Bases, Base: s.Base, BaseWhy: s.BaseText, Bytes: s.Bytes, Copying: s.Copying, Copied: s.Copied,
		Keeps: s.Keeps, Unbound: s.Unbound,
	}
	if t := s.Trial; t != nil {
		v.Trial = &templates.LogTrial{At: t.At, Good: t.Good, Took: time.Duration(t.Took) * time.Millisecond, Files: t.Files, Why: t.Why}
	}
	for _, span := range s.Spans {
		v.Spans = append(v.Spans, templates.LogSpan(span))
	}
	return v, nil
}
