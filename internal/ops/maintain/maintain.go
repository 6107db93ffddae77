// Package maintain is the operation that keeps the application's database in shape, as the guide does every week: old rows of
// configured tables go, indexes that have grown far beyond their content are built anew, and statistics are gathered.
//
// Nobody is locked out meanwhile. Rows go in batches with a commit each; indexes are built beside the old ones (REINDEX INDEX CONCURRENTLY, one
// after the other, never the whole database), and what such a rebuild leaves when it is cut off is found and dropped. What
// cannot be rebuilt in this way is named. Approved is the cut-off time, not the rows: what gets older while people think stays.
package maintain

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/postgres"
	"github.com/ai-notebook/notebookbot/internal/ops/target"
)

// Database is the part of PostgreSQL that maintenance uses.
type Database interface {
	Service() string
	Size(ctx context.Context) (int64, error)
	Free(ctx context.Context) (int64, bool, error)
	Upkeep(ctx context.Context) (*postgres.Upkeep, error)
	Prunable(ctx context.Context, table, column string) (*postgres.Prunable, error)
	Older(ctx context.Context, p *postgres.Prunable, before time.Time, within time.Duration) (int64, error)
	AnyOlder(ctx context.Context, p *postgres.Prunable, before time.Time) (bool, error)
	Prune(ctx context.Context, p *postgres.Prunable, before time.Time, batch, major int, told func(rows int64) error) error
	Reindex(ctx context.Context, i postgres.Relation, p postgres.Patience) error
	DropInvalid(ctx context.Context, i postgres.Relation, p postgres.Patience) error
	Rebuilt(ctx context.Context, i, table postgres.Relation) (*postgres.Rebuilt, error)
	Vacuum(ctx context.Context, t postgres.Relation, p postgres.Patience) error
	Work(ctx context.Context) (bool, error)
	EndWork(ctx context.Context) error
}

var _ Database = (*postgres.Database)(nil)

// Engine is the part of the Docker engine that maintenance uses.
type Engine interface{ target.Engine }

// Delete is a table of which old rows go.
type Delete struct {
	Table  string // as SQL writes it, with or without its schema
	Column string // a timestamp or a date
	Keep   time.Duration
}

// Config says which rows go. Zero values are those of production.
type Config struct {
	Delete []Delete
	Lock   time.Duration // how long a statement waits for a lock, and for each transaction in its way; 20 seconds
	Least  int64         // bytes of an index from which it is looked at; 1 MiB
	Batch  int           // rows that are deleted with one commit; 8000
}

// Kind is `db maintain [--all]`.
type Kind struct {
	DB     Database
	Engine Engine
	App    *target.Application
	Now    func() time.Time // nil: time.Now

	cfg Config
}

var _ ops.Kind = (*Kind)(nil)

const (
	word = "db.maintain"
	// All has every index rebuilt that is not small, and not only those that waste much.
	All = "--all"

	defaultLock  = 20 * time.Second
	defaultLeast = 1 << 20
	defaultBatch = 8000
	// wasted is the share of an index, in percent, from which a rebuild is worth it.
	wasted = 30
	// maxIndexes bounds the steps of one operation; the largest come first and the rest is for the next time.
	maxIndexes = 40
)

// The steps, in their order.
const (
	stepBefore    = "measure:before"
	stepLeftovers = "leftovers"
	stepPrune     = "prune"
	stepReindex   = "reindex"
	stepVacuum    = "vacuum"
	stepAfter     = "measure:after"
)

// Deadlines. Building an index and clearing a table grow with their size; the rates are those of a slow disk that others use too.
const (
	shortStep    = 2 * time.Minute
	pruneWithin  = 2 * time.Hour
	leastRebuild = 5 * time.Minute
	slowRebuild  = 4 << 20 // bytes a second
	slowVacuum   = 8 << 20
	maxWithin    = 12 * time.Hour
)

// New makes the kind.
func New(cfg Config, db Database, engine Engine, app *target.Application) *Kind {
	if cfg.Lock == 0 {
		cfg.Lock = defaultLock
	}
	if cfg.Least == 0 {
		cfg.Least = defaultLeast
	}
	if cfg.Batch == 0 {
		cfg.Batch = defaultBatch
	}
	return &Kind{DB: db, Engine: engine, App: app, cfg: cfg}
}

func (k *Kind) now() time.Time {
	if k.Now != nil {
		return k.Now()
	}
	return time.Now()
}

// Word implements ops.Kind.
func (*Kind) Word() string { return word }

// Plan implements ops.Kind.
func (k *Kind) Plan(ctx context.Context, req ops.Request) (ops.Plan, error) {
	up, err := k.DB.Upkeep(ctx)
	switch {
	case err != nil:
		return ops.Plan{}, k.explain(err)
	case up.Major() < postgres.LeastMajor:
		return ops.Plan{}, &ops.Problem{Code: "maintain_old", Name: up.Version, Count: postgres.LeastMajor}
	case up.Standby:
		return ops.Plan{}, &ops.Problem{Code: "maintain_standby", Name: k.DB.Service()}
	}
	bound, err := k.App.Bind(ctx)
	if err != nil {
		return ops.Plan{}, err
	}
	services, err := k.services(ctx)
	if err != nil {
		return ops.Plan{}, err
	}
	affected, err := k.App.Affected(ctx, services[:1])
	if err != nil {
		return ops.Plan{}, err
	}
	d := draft{k: k, up: up, all: slices.Contains(req.Args, All), gone: map[string]float64{}}
	d.plan = ops.Plan{
		Word: word, Project: k.App.Project, Services: affected, Target: bound, Backup: ops.Backup{Choice: ops.BackupWanted}, Checks: k.App.Checks(services),
	}
	if d.all {
		d.plan.Args = []string{All}
	}
	if err := d.draw(ctx); err != nil {
		return ops.Plan{}, err
	}
	return d.plan, nil
}

// services are the database, first, and those that need it: they are looked at afterwards.
func (k *Kind) services(ctx context.Context) ([]string, error) {
	project, err := k.Engine.Project(ctx)
	if err != nil {
		return nil, target.Explain(err)
	}
	db := k.DB.Service()
	if _, err := target.Service(project, db); err != nil {
		return nil, err
	}
	out := []string{db}
	for _, s := range project.Services {
		if slices.Contains(s.DependsOn, db) {
			out = append(out, s.Name)
		}
	}
	return out, nil
}

// explain turns what the database says into a problem that people can act on.
func (k *Kind) explain(err error) error {
	for _, known := range []error{postgres.ErrAway, postgres.ErrNoDatabase, postgres.ErrRefused} {
		if errors.Is(err, known) {
			return &ops.Problem{Code: "database_away", Name: k.DB.Service(), Text: err.Error(), Err: err}
		}
	}
	return target.Explain(err)
}

// Step implements ops.Kind.
func (k *Kind) Step(name string) (ops.Doer, bool) {
	switch name {
	case stepBefore, stepAfter:
		return measureStep{k: k}, true
	case stepLeftovers:
		return leftoversStep{k: k}, true
	case stepVacuum:
		return vacuumStep{k: k}, true
	}
	switch code, subject := cut(name); {
	case code == stepPrune && subject != "":
		return pruneStep{k: k}, true
	case code == stepReindex && subject != "":
		return reindexStep{k: k}, true
	}
	return k.App.Check(name)
}
