package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ai-notebook/notebookbot/bot"
	"github.com/ai-notebook/notebookbot/commands"
	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/access"
	"github.com/ai-notebook/notebookbot/internal/alertmanager"
	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/health"
	"github.com/ai-notebook/notebookbot/internal/store"
	"github.com/ai-notebook/notebookbot/internal/web"
	"github.com/ai-notebook/notebookbot/notify"
	"github.com/ai-notebook/notebookbot/templates"
)

// serve is the bot, until ctx ends. All wiring stands in this one function, from the store up to the loops, so that who knows
// whom can be read from top to bottom.
func serve(ctx context.Context, cfg *Config, log *slog.Logger) error {
	return serveOn(ctx, cfg, log, nil)
}

// serveOn is serve; listening, when not nil, is told the address once webhooks are taken.
func serveOn(ctx context.Context, cfg *Config, log *slog.Logger, listening func(net.Addr)) (err error) {
	st, err := store.Open(ctx, cfg.Store.Reveal(), log.With("part", "store"), store.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	if _, err := linkSecret(ctx, st, cfg.Secret); err != nil {
		return err
	}
	reg := web.NewRegistry()
	web.Counts{Open: st.CountOpen, Outbox: st.Depth, Breaches: st.CountBreaches}.Register(reg, log)

	// Words, Slack's edge and commands know one another through these, which are set before anything runs.
	var people *access.Access
	var runner *commands.Runner

	words, err := templates.New(cfg.App.Locale, cfg.App.Location, templates.Options{
		App: cfg.App.Name, Command: cfg.Slack.Command, Topics: commands.Words(),
		Name: func(id string) string {
			if people == nil {
				return "" // while the words are tried out
			}
			return people.Name(id)
		},
	})
	if err != nil {
		return err
	}
	team := make(chan struct{})
	var once sync.Once
	edge, err := bot.New(bot.Config{
		AppToken: bot.Secret(cfg.Slack.AppToken.Reveal()), BotToken: bot.Secret(cfg.Slack.BotToken.Reveal()),
		APIURL: cfg.Slack.APIURL, Location: cfg.App.Location,
		NotTaken:       func() string { return words.PlainSentence(templates.NotTaken, templates.Args{}) },
		Validate:       func(r commands.Request) map[string]string { return runner.Validate(r) },
		OnGroupChanged: func(id string) { people.GroupChanged(id) },
		OnTeam:         func(id string) { people.SetTeam(id); once.Do(func() { close(team) }) },
	}, st, reg, log.With("part", "slack"))
	if err != nil {
		return err
	}
	people = access.New(cfg.AccessConfig(), edge, nil)
	terminals := access.Terminal(cfg.AccessConfig(), nil)

	policies := cfg.LevelPolicies(people.Filled)
	service := incidents.NewService(st, incidents.Config{
		Policies: policies, Hold: cfg.Incidents.Hold, Channel: cfg.Slack.Channels.Incidents,
	}, log.With("part", "incidents"))

	compare, err := cfg.comparer(st, service, reg, log.With("part", "comparison"))
	if err != nil {
		return err
	}

	outbox := notify.New(st, st, edge, people, words, notify.Config{Ops: cfg.Slack.Channels.Ops, Link: edge.Permalink}, log.With("part", "outbox"), reg)

	done, err := cfg.operations(st, ops.AccessPeople{Access: people, Terminal: terminals}, log.With("part", "operations"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done.engine.Close()) }()

	if compare != nil {
		done.unsilenced = compare.Wake
	}

	parts := []health.Part{
		{Name: "store", Look: func(ctx context.Context) []health.Finding { return storeHealth(ctx, st) }},
		{Name: "slack", Look: func(context.Context) []health.Finding { return slackHealth(edge) }},
		{Name: "outbox", Look: func(ctx context.Context) []health.Finding { return outboxHealth(ctx, st, outbox) }},
	}
	look, err := cfg.looking(done.engine, done.last(), done.log(), parts, log.With("part", "health"))
	if err != nil {
		return err
	}

	guarded := cfg.guarded(done.engine, st, true, log.With("part", "security"))

	runner = commands.New(commands.Config{
		Inbox: st, Wake: st.InboxWake(), Store: st, Domain: service, Operations: done.service, Health: look.checker, Logs: look.logs, Database: look.db, Security: guarded, Backups: done.folder(), Places: st, Front: edge, Access: people, Terminal: terminals, Words: words,
		Audit: st.Audit(), Zone: cfg.App.Location, Ops: cfg.Slack.Channels.Ops, Incidents: cfg.cardChannels(), Ladders: policies,
		Link: func(_ context.Context, at notify.Posted) string { return edge.Permalink(at) }, Log: log.With("part", "commands"),
	})

	hooks, err := alertmanager.New(alertmanager.Config{
		Sources: cfg.sources(), Severity: cfg.severities(), Routes: cfg.routes(),
		Refused: func(ctx context.Context, reason, peer string) error {
			return refused(ctx, st, cfg.Slack.Channels.Ops, reason, peer, log)
		},
	}, service, reg, log.With("part", "webhook"))
	if err != nil {
		return err
	}

	ready, err := readyParts(parts)
	if err != nil {
		return err
	}
	server := web.New(web.Config{
		Listen: cfg.Listen, Webhooks: hooks, Registry: reg, Parts: ready,
	}, log.With("part", "web"))
	addr, err := server.Listen(ctx)
	if err != nil {
		return fmt.Errorf("%w; another program holds it, or it is no address of this machine: set `listen`", err)
	}
	build, _ := debug.ReadBuildInfo()
	log.InfoContext(ctx, "listening", "addr", addr.String(), "version", builtFrom(build).version)
	if listening != nil {
		listening(addr)
	}

	loops, ctx := errgroup.WithContext(ctx)
	loops.Go(func() error { return server.Run(ctx) })
	loops.Go(func() error { return st.Run(ctx) })
	loops.Go(func() error { return service.Run(ctx) })
	loops.Go(func() error { return outbox.Run(ctx) })
	if compare != nil {
		loops.Go(func() error { return compare.Run(ctx) })
	}
	loops.Go(func() error {
		if st.Alone() {
			if err := done.runner.Adopt(ctx); err != nil && ctx.Err() == nil {
				log.WarnContext(ctx, "adopting operations of a bot that died; they go on when its lease is over", "err", err)
			}
		}
		return done.runner.Run(ctx)
	})
	loops.Go(func() error { return look.run(ctx) })
	loops.Go(func() error { return guarded.Run(ctx) })
	loops.Go(func() error { return cfg.backupClock(ctx, done, st, log.With("part", "backup")) })
	loops.Go(func() error { return cfg.logKeeper(ctx, done, st, log.With("part", "wal")) })
	loops.Go(func() error { return cfg.restoreKeeper(ctx, done, st, log.With("part", "restore")) })
	loops.Go(func() error { return cfg.terminals(ctx, runner, st, words, log.With("part", "terminal")) })
	loops.Go(func() error { return edge.Run(ctx) })
	loops.Go(func() error {
		h := headTeller{store: st, words: words, ops: cfg.Slack.Channels.Ops, zone: cfg.App.Location, log: log.With("part", "audit")}
		return h.run(ctx)
	})
	loops.Go(func() error {
		// Who may cannot be told before we know which workspace is ours. What was accepted waits in the store.
		select {
		case <-team:
			loops.Go(func() error { people.Meet(ctx); return nil })
			return runner.Run(ctx)
		case <-ctx.Done():
			return nil
		}
	})
	return loops.Wait()
}

// linkSecret is what links are signed with: the configured one, or one that is made once and kept in the store.
func linkSecret(ctx context.Context, st *store.Store, configured Secret) (Secret, error) {
	if configured.Set() {
		return configured, nil
	}
	const bytes = 32
	b := make([]byte, bytes)
	_, _ = rand.Read(b) // never fails
	s, err := st.SetDefault(ctx, "secret", hex.EncodeToString(b))
	return Secret(s), err
}

// refused tells in ops that a webhook was refused: whoever set it up wrongly would otherwise learn of it in the next outage.
func refused(ctx context.Context, st *store.Store, ops, reason, peer string, log *slog.Logger) error {
	n := incidents.TroubleNotice(peer+" "+reason, ops, incidents.Fact{Text: templates.TroubleUnreadable, Titles: []string{peer, reason}}, time.Now())
	err := st.Write(ctx, incidents.Want{}, func(tx incidents.Tx) error { return tx.Notify(n) })
	if err != nil {
		log.WarnContext(ctx, "telling a refused webhook", "err", err)
	}
	return err
}

// cardChannels are all channels that cards go to.
func (c *Config) cardChannels() []string {
	out := []string{c.Slack.Channels.Incidents}
	for _, r := range c.Slack.Channels.Routes {
		out = append(out, r.Channel)
	}
	return out
}

func (c *Config) sources() []alertmanager.Source {
	var out []alertmanager.Source
	for _, a := range c.Alertmanager {
		out = append(out, alertmanager.Source{Name: a.Name, Token: strings.TrimSpace(a.Token.Reveal())})
	}
	return out
}

func (c *Config) severities() []alertmanager.Severity {
	var out []alertmanager.Severity
	for _, s := range c.Severity {
		out = append(out, alertmanager.Severity{Match: s.Match, Level: s.Level})
	}
	return out
}

func (c *Config) routes() []alertmanager.Route {
	var out []alertmanager.Route
	for _, r := range c.Slack.Channels.Routes {
		out = append(out, alertmanager.Route{Match: r.Match, Channel: r.Channel})
	}
	return out
}
