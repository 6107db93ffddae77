package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ai-notebook/notebookbot/commands"
	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/access"
	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/health"
	"github.com/ai-notebook/notebookbot/internal/store"
	"github.com/ai-notebook/notebookbot/internal/terminal"
	"github.com/ai-notebook/notebookbot/templates"
)

// terminals answers terminals of this machine until ctx ends, where the bot alone can hold its store. Where it cannot listen it goes
// on without: alerts matter more.
func (c *Config) terminals(ctx context.Context, runner *commands.Runner, st *store.Store, words *templates.Templates, log *slog.Logger) error {
	path, err := store.Socket(c.Store.Reveal())
	if path == "" && err == nil {
		return nil
	}
	if err == nil {
		l, failed := terminal.Listen(path)
		if err = failed; err == nil {
			s := &terminal.Server{Log: log, House: func(osUser string) terminal.House {
				return &terminal.Here{Commands: runner, Operations: st, Words: words, OSUser: osUser, Log: log}
			}}
			return s.Serve(ctx, l)
		}
	}
	log.WarnContext(ctx, "commands from a terminal cannot be taken while this bot runs", "err", err)
	return nil
}

// ownHouse is the bot without Slack, for one command from a terminal: everything that commands need, on the store itself.
type ownHouse struct {
	terminal.Here
	store *store.Store
	done  *operations
	look  *looking
}

// openHouse opens the store. The caller closes the house.
func (c *Config) openHouse(ctx context.Context, words *templates.Templates, log *slog.Logger) (_ *ownHouse, err error) {
	st, err := store.Open(ctx, c.Store.Reveal(), log, store.Options{})
	if err != nil {
		return nil, err
	}
	h := &ownHouse{store: st}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.close())
		}
	}()
	slackless, terminals := access.Away(c.AccessConfig(), nil), access.Terminal(c.AccessConfig(), nil)
	policies := c.LevelPolicies(slackless.Filled)
	service := incidents.NewService(st, incidents.Config{Policies: policies, Hold: c.Incidents.Hold, Channel: c.Slack.Channels.Incidents}, log)
	if h.done, err = c.operations(st, ops.AccessPeople{Access: slackless, Terminal: terminals}, log); err != nil {
		return nil, err
	}
	parts := []health.Part{{Name: "store", Look: func(ctx context.Context) []health.Finding { return storeHealth(ctx, st) }}}
	if h.look, err = c.looking(h.done.engine, h.done.last(), h.done.log(), parts, log); err != nil {
		return nil, err
	}
	runner := commands.New(commands.Config{
		Inbox: st, Store: st, Domain: service, Operations: h.done.service, Health: h.look.checker, Logs: h.look.logs, Database: h.look.db,
		Security: c.guarded(h.done.engine, st, false, log), Backups: h.done.folder(), Places: st,
		Access: terminals, Terminal: terminals, Words: words, Audit: st.Audit(), Zone: c.App.Location, Ops: c.Slack.Channels.Ops,
		Incidents: c.cardChannels(), Ladders: policies, Log: log,
	})
	h.Here = terminal.Here{
		Commands: runner, Operations: st, Words: words, OSUser: terminal.UserName(os.Getuid()), Log: log,
		Owner: h.done.owner, Carry: h.carry, Patience: botTakesWithin,
	}
	if st.Alone() {
		h.Patience = 0
	}
	return h, nil
}

// botTakesWithin is how long a running bot gets to take an operation up: it looks twice a second.
const botTakesWithin = 4 * time.Second

// carry carries out one operation, and what it waits for.
func (h *ownHouse) carry(ctx context.Context, only func(int64) bool) error {
	runner := ops.NewRunner(h.done.service, ops.RunnerConfig{Owner: h.done.owner, Only: only})
	if h.store.Alone() {
		if err := runner.Adopt(ctx); err != nil {
			return err
		}
	}
	return runner.Run(ctx)
}

// measuring measures in the background until ctx ends, as a bot does all the time.
func (h *ownHouse) measuring(ctx context.Context) (wait func()) {
	loops, ctx := errgroup.WithContext(ctx)
	loops.Go(func() error { return h.look.run(ctx) })
	return func() { _ = loops.Wait() } // it ends with ctx, and with nothing else
}

func (h *ownHouse) close() error {
	var errs []error
	if h.done != nil {
		errs = append(errs, h.done.engine.Close())
	}
	return errors.Join(append(errs, h.store.Close())...)
}
