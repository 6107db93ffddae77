package wal

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops/backup"
	"github.com/ai-notebook/notebookbot/internal/ops/docker"
	"github.com/ai-notebook/notebookbot/internal/ops/postgres"
)

// Database is the part of PostgreSQL that the archive uses.
type Database interface {
	Service() string
	Free(ctx context.Context) (int64, bool, error)
	Size(ctx context.Context) (int64, error)
	Replication(ctx context.Context, slot string) (*postgres.Replication, error)
	MakeSlot(ctx context.Context, slot string) error
	DropSlot(ctx context.Context, slot string) error
	BaseSettings(ctx context.Context) (*postgres.BaseSettings, error)
	Base(ctx context.Context, w io.Writer, progress func(done int64)) (time.Time, error)
}

var _ Database = (*postgres.Database)(nil)

// Engine is the part of the Docker engine that the archive uses.
type Engine interface {
	postgres.Engine
	Container(ctx context.Context, id string) (*docker.Container, error)
	Image(ctx context.Context, ref string) (*docker.Image, error)
	Start(ctx context.Context, id string) error
	Logs(ctx context.Context, id string, tail int, since time.Time, w io.Writer) error
	CreateHelper(ctx context.Context, h docker.Helper) (string, error)
	Helpers(ctx context.Context, role string) ([]docker.Container, error)
	RemoveHelper(ctx context.Context, id string) error
	CopyToHelper(ctx context.Context, id string, archive io.Reader) error
}

var _ Engine = (*docker.Engine)(nil)

// Sealer keeps files as backup sets do.
type Sealer interface {
	Seal(dir, name string, fill func(w io.Writer) error) (backup.Part, func() (io.ReadCloser, error), error)
	Unseal(dir string, p backup.Part) (io.ReadCloser, error)
}

var _ Sealer = (*backup.Sets)(nil)

// Config says where the archive is and for how long it is kept.
type Config struct {
	Dir       string // of the archive, which the engine's machine must have under the same name; empty: there is nothing but Retire
	Project   string // the compose project
	Name      string // of the application's database
	User      string // of PostgreSQL
	Retention time.Duration
	Every     time.Duration // between copies of the cluster; zero: a day
	Now       func() time.Time
}

const (
	defaultEvery = 24 * time.Hour
	// Slot is what the server keeps its log for.
	Slot = "notebookbot"

	roleReceiver = "wal-receiver"
	roleCopy     = "wal-copy"
)

// Archive is the folder with the log and the copies of the cluster.
type Archive struct {
	cfg    Config
	db     Database
	engine Engine
	seal   Sealer
	log    *slog.Logger
}

// Open checks the configuration. Nothing is asked of the engine yet, and the folder need not be there.
func Open(cfg Config, db Database, engine Engine, seal Sealer, log *slog.Logger) (*Archive, error) {
	if cfg.Dir != "" && !filepath.IsAbs(cfg.Dir) {
		return nil, errors.New("backup.wal is not a path that begins with /")
	}
	if cfg.Every == 0 {
		cfg.Every = defaultEvery
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Archive{cfg: cfg, db: db, engine: engine, seal: seal, log: log}, nil
}

func (a *Archive) now() time.Time { return a.cfg.Now().UTC() }
