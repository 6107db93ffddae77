package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"

	"github.com/ai-notebook/notebookbot/commands"
	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/backup"
	"github.com/ai-notebook/notebookbot/internal/ops/docker"
	"github.com/ai-notebook/notebookbot/internal/ops/health"
	"github.com/ai-notebook/notebookbot/internal/ops/postgres"
	"github.com/ai-notebook/notebookbot/internal/ops/target"
	"github.com/ai-notebook/notebookbot/internal/store"
)

// backups wires the backup sets of the application. Nothing is asked of it yet.
func (c *Config) backups(engine *docker.Engine, app *target.Application, st *store.Store, log *slog.Logger) (*backup.Sets, error) {
	if c.Database.Service == "" {
		return nil, nil // there is nothing to back up without a database, and `backup` says so
	}
	db, err := postgres.Open(engine, postgres.Config{Service: c.Database.Service, Name: c.Database.Name, User: c.Database.User})
	if err != nil {
		return nil, err
	}
	remote, err := c.backupRemote()
	if err != nil {
		return nil, err
	}
	cfg := c.backupConfig()
	cfg.Application = app.Bind
	cfg.Alive = func(ctx context.Context, operation int64) (bool, error) {
		op, err := st.FindOperation(ctx, operation)
		if errors.Is(err, ops.ErrNotFound) {
			return false, nil // of another store
		}
		return err == nil && !op.State.Over(), err
	}
	return backup.Open(cfg, dumps{db}, remote, log)
}

// backupConfig is the part of the configuration that backups need.
func (c *Config) backupConfig() backup.Config {
	b := c.Backup
	build, _ := debug.ReadBuildInfo()
	return backup.Config{
		Dir: b.Dir, Root: c.Target.Dir, Project: c.Target.Project, Files: b.Files, Config: b.Config, Secrets: b.Secrets,
		Recipients: b.Recipients, EncryptAll: b.Encrypt == "all", IdentityFile: b.IdentityFile,
		Every: b.Every, RPO: b.RPO, Fresh: b.Fresh, Retention: b.Retention, Thin: b.Thin, Version: builtFrom(build).version,
	}
}

// backupRemote is the second place; nil: none is configured.
func (c *Config) backupRemote() (*backup.Remote, error) {
	s := c.Backup.S3
	if s.Endpoint == "" {
		return nil, nil
	}
	return backup.OpenRemote(backup.RemoteConfig{
		Endpoint: s.Endpoint, Bucket: s.Bucket, Prefix: s.Prefix, Region: s.Region, AccessKey: s.AccessKey.Reveal(), SecretKey: s.SecretKey.Reveal(),
	})
}

// dumps is the application's database, as backups use it.
type dumps struct{ *postgres.Database }

var _ backup.Database = dumps{}

// Dump implements backup.Database.
func (d dumps) Dump(ctx context.Context, w io.Writer, progress func(done, total int64)) (backup.DumpInfo, error) {
	dump, err := d.Database.Dump(ctx, w, progress)
	if err != nil {
		return backup.DumpInfo{}, err
	}
	return backup.DumpInfo{Name: d.Name(), Version: dump.Version, Rows: dump.Counts, Warnings: dump.Warnings}, nil
}

// Prove implements backup.Database.
func (d dumps) Prove(ctx context.Context, r io.Reader) error {
	err := d.Database.Prove(ctx, r)
	if errors.Is(err, postgres.ErrBroken) {
		return fmt.Errorf("%w: %w", backup.ErrDamaged, err)
	}
	return err
}

// folder is what the commands look at; nil: there is none.
func (o *operations) folder() commands.Backups {
	if o.sets == nil {
		return nil
	}
	return backupViews{o.sets, o.backupDir, o.archive}
}

// backupClock takes backups by time until ctx ends, where the configuration names an application: who uses the bot for incidents alone
// would be told each day that there is no backup.
func (c *Config) backupClock(ctx context.Context, o *operations, st *store.Store, log *slog.Logger) error {
	_, target := c.lines["target"]
	_, configured := c.lines["backup"]
	if o.sets == nil || !target && !configured {
		return nil
	}
	clock := &backup.Clock{Sets: o.sets, Asker: o.service, Store: st, Ops: c.Slack.Channels.Ops, Log: log}
	return clock.Run(ctx)
}

// last is what health looks at; nil: there is none.
func (o *operations) last() health.Backup {
	if o.sets == nil {
		return nil
	}
	return o.sets
}
