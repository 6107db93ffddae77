package commands

import (
	"context"
	"errors"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/postgres/insight"
	"github.com/ai-notebook/notebookbot/templates"
)

// Database tells what goes on in the application's database and changes nothing. An *insight.Trouble says why it could not look.
type Database interface {
	Overview(ctx context.Context) (*insight.Overview, error)
	Size(ctx context.Context) (*insight.Size, error)
	Slow(ctx context.Context) (*insight.Slow, error)
	Indexes(ctx context.Context) (*insight.Indexes, error)
	Connections(ctx context.Context) (*insight.Connections, error)
	Locks(ctx context.Context) (*insight.Locks, error)
}

var _ Database = (*insight.Database)(nil)

// The looks at the database. What is found is for the caller alone: statements may speak of people.
var (
	db = looksAt("db", func(ctx context.Context, d Database, r *Runner) (templates.DBView, error) {
		o, err := d.Overview(ctx)
		return viewOf(o, err, func() templates.DBView { return overviewOf(o, r.Now()) })
	})
	dbSize = looksAt("db size", func(ctx context.Context, d Database, r *Runner) (templates.DBView, error) {
		s, err := d.Size(ctx)
		return viewOf(s, err, func() templates.DBView { return sizeOf(s, r.Now()) })
	})
	dbSlow = looksAt("db slow", func(ctx context.Context, d Database, r *Runner) (templates.DBView, error) {
		s, err := d.Slow(ctx)
		return viewOf(s, err, func() templates.DBView { return slowOf(s, r.Now()) })
	})
	dbIndexes = looksAt("db indexes", func(ctx context.Context, d Database, r *Runner) (templates.DBView, error) {
		x, err := d.Indexes(ctx)
		return viewOf(x, err, func() templates.DBView { return indexesOf(x, r.Now()) })
	})
	dbConnections = looksAt("db connections", func(ctx context.Context, d Database, _ *Runner) (templates.DBView, error) {
		x, err := d.Connections(ctx)
		return viewOf(x, err, func() templates.DBView { return connectionsOf(x) })
	})
	dbLocks = looksAt("db locks", func(ctx context.Context, d Database, _ *Runner) (templates.DBView, error) {
		x, err := d.Locks(ctx)
		return viewOf(x, err, func() templates.DBView { return locksOf(x) })
	})
)

// viewOf makes a view of what was found, unless it was not.
func viewOf[T any](_ *T, err error, view func() templates.DBView) (templates.DBView, error) {
	if err != nil {
		return templates.DBView{}, err
	}
	return view(), nil
}

// looksAt is a command that looks at the database.
func looksAt(words string, look func(ctx context.Context, d Database, r *Runner) (templates.DBView, error)) *command {
	return &command{words: words, read: true, private: true, run: func(ctx context.Context, r *Runner, c *call) (outcome, error) {
		if len(c.args.tokens) > 0 {
			return outcome{}, wrongUsage(c.cmd)
		}
		if r.Database == nil {
			return outcome{}, refuse(templates.NotConfigured, templates.Args{Word: "database.service"})
		}
		var v templates.DBView
		err := r.slowly(ctx, c, func(ctx context.Context) (err error) {
			v, err = look(ctx, r.Database, r)
			return err
		})
		if t, ok := errors.AsType[*insight.Trouble](err); ok {
			err = &ops.Problem{Code: "db_" + t.Code, Text: t.Text, Count: int(t.After.Seconds()), Err: err}
		}
		if err != nil {
			return outcome{}, fromOperations(err, 0, nil)
		}
		return outcome{say: r.Words.DB(v), alone: true}, nil
	}}
}
