package main

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ai-notebook/notebookbot/commands"
	"github.com/ai-notebook/notebookbot/internal/ops/docker"
	"github.com/ai-notebook/notebookbot/internal/ops/health"
	"github.com/ai-notebook/notebookbot/internal/ops/host"
	"github.com/ai-notebook/notebookbot/internal/ops/logs"
	"github.com/ai-notebook/notebookbot/internal/ops/postgres"
	"github.com/ai-notebook/notebookbot/internal/ops/postgres/insight"
	"github.com/ai-notebook/notebookbot/internal/ops/redact"
	"github.com/ai-notebook/notebookbot/internal/ops/restore"
)

// looking is what is looked at without changing anything: health, stats, logs, db.
type looking struct {
	checker *health.Checker
	logs    *logs.Reader
	db      commands.Database // nil: no database is configured
	machine *host.Sampler
	stats   *docker.Sampler
}

// looking wires what looks at the application. Backups and archive may be nil; parts are the bot's own.
func (c *Config) looking(engine *docker.Engine, backups health.Backup, archive health.Archive, parts []health.Part, log *slog.Logger) (*looking, error) {
	redacted := c.redactor
	l := &looking{
		machine: host.New(host.Config{Paths: []string{c.Target.Dir, c.Backup.Dir}}, log),
		stats:   docker.NewSampler(engine, 0, log),
		logs:    &logs.Reader{Engine: engine, Redact: redacted},
	}
	cfg := health.Config{
		Host: l.machine.Newest, Engine: engine, Services: c.Target.Services, Stats: l.stats.Newest,
		Redis: c.askedRedis(), URL: c.Target.HealthURL, Backup: backups, WAL: archive, RPO: c.Backup.RPO,
		CPU: c.Thresholds.CPU, Memory: c.Thresholds.Memory, Disk: c.Thresholds.Disk, Redact: redacted, Log: log,
	}
	switch {
	case c.Database.DSN.Set():
		cfg.Database = health.Remote{DSN: c.Database.DSN.Reveal(), Compose: c.Database.Service}
		l.db = insight.New(insight.Config{Database: insight.Remote{DSN: c.Database.DSN.Reveal()}, Redact: redacted})
	case c.Database.Service != "":
		d, err := postgres.Open(engine, postgres.Config{Service: c.Database.Service, Name: c.Database.Name, User: c.Database.User})
		if err != nil {
			return nil, err
		}
		cfg.Database = d
		l.db = insight.New(insight.Config{Database: d, Redact: redacted})
	}
	cfg.Bot = parts
	if backups != nil && c.Backup.Rehearse > 0 {
		cfg.Rehearsed, cfg.Rehearse, cfg.RTO = c.rehearsed, c.Backup.Rehearse, c.Backup.RTO
	}
	l.checker = health.New(cfg)
	return l, nil
}

// run measures in the background until ctx ends.
func (l *looking) run(ctx context.Context) error {
	loops, ctx := errgroup.WithContext(ctx)
	loops.Go(func() error { return l.machine.Run(ctx) })
	loops.Go(func() error { return l.stats.Run(ctx) })
	return loops.Wait()
}

// redactor knows the secrets of the application, and the one of it that is in our own configuration.
func (c *Config) redactor() *redact.Redactor {
	return redact.Dir(c.Target.Dir, map[string]string{"REDIS_PASSWORD": c.Redis.Password.Reveal()})
}

// askedRedis is where the application's Redis is asked.
func (c *Config) askedRedis() health.Redis {
	return health.Redis{Service: c.Redis.Service, Addr: c.Redis.Addr, Password: strings.TrimSpace(c.Redis.Password.Reveal())}
}

// rehearsed is the last restore for a try; nil: there was none.
func (c *Config) rehearsed() (*health.Rehearsal, error) {
	t, err := restore.LastTrial(c.Backup.Dir)
	if err != nil || t == nil {
		return nil, err
	}
	return &health.Rehearsal{Set: t.Set, At: t.At, Took: time.Duration(t.Took) * time.Millisecond, Rows: t.Rows, Good: t.Good, Why: t.Why}, nil
}
