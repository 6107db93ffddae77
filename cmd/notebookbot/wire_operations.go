package main

import (
	"errors"
	"log/slog"

	"github.com/google/uuid"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/backup"
	"github.com/ai-notebook/notebookbot/internal/ops/deploy"
	"github.com/ai-notebook/notebookbot/internal/ops/docker"
	"github.com/ai-notebook/notebookbot/internal/ops/maintain"
	"github.com/ai-notebook/notebookbot/internal/ops/restart"
	"github.com/ai-notebook/notebookbot/internal/ops/restore"
	"github.com/ai-notebook/notebookbot/internal/ops/target"
	"github.com/ai-notebook/notebookbot/internal/ops/wal"
	"github.com/ai-notebook/notebookbot/internal/store"
)

// operations is what is carried out on the application, and by whom.
type operations struct {
	engine    *docker.Engine
	app       *target.Application
	past      deploy.Past
	service   *ops.Service
	runner    *ops.Runner
	owner     string       // of the runner's leases
	sets      *backup.Sets // nil: there is nothing to back up
	backupDir string

	restores *restore.Kind  // likewise
	upkeep   *maintain.Kind // of the database; nil: it is no service of the compose file
	archive  *wal.Archive   // of the database's log; nil: none is kept
	retired  *wal.Archive   // where none is kept: what cleans up after one that was

	unsilenced func() // is told when an operation's silence has ended; set before anything runs
}

// operations wires everything that is done to the application. Nothing is asked of Docker yet: the bot starts without it.
func (c *Config) operations(st *store.Store, people ops.AccessPeople, log *slog.Logger) (*operations, error) {
	engine, err := docker.Open(docker.Config{
		Host: c.Target.DockerHost, Project: c.Target.Project, Dir: c.Target.Dir, Services: c.Target.Services,
	})
	if err != nil {
		return nil, err
	}
	o := &operations{unsilenced: func() {}, engine: engine, past: st, backupDir: c.Backup.Dir, app: &target.Application{
		Engine: engine, Project: c.Target.Project, URL: c.Target.HealthURL,
		Redact: c.redactor,
	}}
	if o.sets, err = c.backups(engine, o.app, st, log.With("part", "backup")); err != nil {
		return nil, errors.Join(err, engine.Close())
	}
	if err = c.logArchive(o, log.With("part", "wal")); err != nil {
		return nil, errors.Join(err, engine.Close())
	}
	if o.restores, err = c.restores(o); err != nil {
		return nil, errors.Join(err, engine.Close())
	}
	if o.upkeep, err = c.maintains(o); err != nil {
		return nil, errors.Join(err, engine.Close())
	}
	cfg := ops.Config{
		Kinds: c.kinds(o), People: people, Target: o.app, Auditor: ops.AuditLog{}, Ops: c.Slack.Channels.Ops,
		Redact: func(text string) string { return c.redactor().Text(text) },
	}
	if o.sets != nil {
		cfg.Backups = o.sets.Before()
	}
	silencer, err := c.silencer(func() { o.unsilenced() })
	if err != nil {
		return nil, err
	}
	if silencer != nil {
		cfg.Silencer = silencer
	}
	if c.tune != nil {
		c.tune(o, &cfg)
	}
	o.service = ops.NewService(st, cfg, log)
	o.owner = uuid.NewString()
	o.runner = ops.NewRunner(o.service, ops.RunnerConfig{Owner: o.owner})
	return o, nil
}

// kinds are the operations that people can ask for.
func (c *Config) kinds(o *operations) []ops.Kind {
	forward, back := deploy.New(c.deployConfig(), o.engine, o.app, o.past)
	kinds := []ops.Kind{
		forward, back,
		&restart.Kind{Engine: o.engine, App: o.app},
		c.cleanupKind(o),
	}
	if o.sets != nil {
		kinds = append(kinds, o.sets.Operation(), o.restores)
	}
	if o.upkeep != nil {
		kinds = append(kinds, o.upkeep)
	}
	return kinds
}

// deployConfig is the part of the configuration that deploys need.
func (c *Config) deployConfig() deploy.Config {
	return deploy.Config{
		Project: c.Target.Project, Dir: c.Target.Dir, Host: c.Target.DockerHost, Versions: c.Target.Versions,
		Never: []string{c.Database.Service, c.Redis.Service}, HealthURL: c.Target.HealthURL, Watch: c.Deploy.Watch, Migrate: c.Deploy.Migrate,
	}
}
