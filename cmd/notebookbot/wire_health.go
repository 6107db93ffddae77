package main

import (
	"context"
	"log/slog"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/ai-notebook/notebookbot/internal/ops/docker"
	"github.com/ai-notebook/notebookbot/internal/ops/health"
	"github.com/ai-notebook/notebookbot/internal/ops/host"
	"github.com/ai-notebook/notebookbot/internal/ops/logs"
	"github.com/ai-notebook/notebookbot/internal/ops/postgres"
	"github.com/ai-notebook/notebookbot/internal/ops/redact"
	"github.com/ai-notebook/notebookbot/internal/web"
)

// looking is what is looked at without changing anything: health, stats, logs.
type looking struct {
	checker *health.Checker
	logs    *logs.Reader
	machine *host.Sampler
	stats   *docker.Sampler
}

// looking wires what looks at the application. Backups and archive may be nil; parts are the bot's own, in the words of /readyz.
func (c *Config) looking(engine *docker.Engine, backups health.Backup, archive health.Archive, parts []web.Part, log *slog.Logger) (*looking, error) {
	redacted := func() *redact.Redactor { return redact.Dir(c.Target.Dir, nil) }
	l := &looking{
		machine: host.New(host.Config{Paths: []string{c.Target.Dir, c.Backup.Dir}}, log),
		stats:   docker.NewSampler(engine, 0, log),
		logs:    &logs.Reader{Engine: engine, Redact: redacted},
	}
	cfg := health.Config{
		Host: l.machine.Newest, Engine: engine, Services: c.Target.Services, Stats: l.stats.Newest,
		Redis: health.Redis{Service: c.Redis.Service, Addr: c.Redis.Addr}, URL: c.Target.HealthURL, Backup: backups, WAL: archive, RPO: c.Backup.RPO,
		CPU: c.Thresholds.CPU, Memory: c.Thresholds.Memory, Disk: c.Thresholds.Disk, Redact: redacted, Log: log,
	}
	switch {
	case c.Database.DSN.Set():
		cfg.Database = health.Remote{DSN: c.Database.DSN.Reveal(), Compose: c.Database.Service}
	case c.Database.Service != "":
		d, err := postgres.Open(engine, postgres.Config{Service: c.Database.Service, Name: c.Database.Name, User: c.Database.User})
		if err != nil {
			return nil, err
		}
		cfg.Database = d
	}
	for _, p := range parts {
		cfg.Bot = append(cfg.Bot, health.Part{Name: p.Name, Look: func(ctx context.Context) (health.State, string) {
			state, text := p.Check(ctx)
			return healthOf(state), text
		}})
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

// healthOf is the state of one of the bot's own parts. What is not known is not called well.
func healthOf(s web.State) health.State {
	if out := health.State(s); slices.Contains([]health.State{health.OK, health.Warning, health.Failed}, out) {
		return out
	}
	return health.Unchecked
}
