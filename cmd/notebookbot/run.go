package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/ai-notebook/notebookbot/commands"
	"github.com/ai-notebook/notebookbot/internal/store"
	"github.com/ai-notebook/notebookbot/internal/terminal"
	"github.com/ai-notebook/notebookbot/templates"
)

// runRun is a command from a terminal. A bot that runs on this machine's SQLite carries it out; on PostgreSQL this process is one more
// replica; without a bot it does everything itself.
func runRun(ctx context.Context, e env, args []string) error {
	f := newFlags(e, "run")
	path := f.String("config", "", "the configuration `FILE` (notebookbot config prints an example)")
	as := f.String("as", "", "the `USER` id (U…) of who asks; not needed where break_glass lists one person alone")
	s := &terminal.Session{In: e.stdin, Out: e.stdout, Err: e.stderr}
	f.BoolVar(&s.JSON, "json", false, "print one JSON object, and ask nothing")
	f.BoolVar(&s.Confirm, "confirm", false, "begin without a question what needs approvals; everybody is told")
	f.StringVar(&s.Reason, "reason", "", "`WHY` it begins without approvals")
	level := slog.LevelError
	f.TextVar(&level, "log-level", level, "what is logged, by `LEVEL`: debug, info, warn or error")
	text, err := f.words(args)
	if err != nil {
		return err
	}
	if *path == "" {
		_, _ = fmt.Fprintln(e.stderr, "notebookbot run: --config FILE is needed")
		f.usage(e.stderr)
		return errUsage
	}
	if words, found := strings.CutSuffix(text, " --json"); found { // `health --json`
		text, s.JSON = words, true
	}
	cfg, unset, err := loadForTerminal(*path)
	if err != nil {
		return err
	}
	if s3 := &cfg.Backup.S3; len(unset) > 0 && (!s3.AccessKey.Set() || !s3.SecretKey.Set()) {
		s3.Endpoint = "" // a backup is copied there by the bot, which has the keys
	}
	if first, rest, _ := strings.Cut(text, " "); first == cfg.Slack.Command {
		text = strings.TrimSpace(rest)
	}
	if s.Words, err = templates.New(cfg.App.Locale, cfg.App.Location, templates.Options{
		App: cfg.App.Name, Command: cfg.Slack.Command, Topics: commands.Words(),
	}); err != nil {
		return err
	}
	say := func(name string, a templates.Args) { _, _ = fmt.Fprintln(e.stderr, s.Words.AtTerminal(name, a)) }
	if s.As = *as; s.As == "" {
		switch known := cfg.AccessConfig().Vouched(); len(known) {
		case 0:
			say(templates.AtNobody, templates.Args{})
			return errUsage
		case 1:
			s.As = known[0]
		default:
			say(templates.AtSeveral, templates.Args{Names: known})
			return errUsage
		}
	}
	log := slog.New(slog.NewTextHandler(e.stderr, &slog.HandlerOptions{Level: level}))
	house, err := cfg.house(ctx, s.Words, log)
	if err != nil {
		return err
	}
	if own, ok := house.(*ownHouse); ok {
		if len(unset) > 0 {
			say(templates.AtUnset, templates.Args{Names: unset})
		}
		measured, enough := context.WithCancel(ctx)
		wait := own.measuring(measured)
		defer func() {
			enough()
			wait()
			if err := own.close(); err != nil {
				log.ErrorContext(ctx, "closing the store", "err", err)
			}
		}()
		own.settle(ctx, text)
		if own.store.Alone() {
			defer say(templates.AtOutbox, templates.Args{})
		}
	}
	s.House = house
	code, err := s.Run(ctx, text)
	switch {
	case err != nil:
		return err
	case code == terminal.Usage:
		return errUsage
	case code == terminal.Failed:
		return errSaid
	}
	return nil
}

// startsWithin is how long a bot that holds its store may take until it answers terminals: it is just starting, or just ending.
const startsWithin = 10 * time.Second

// house finds who carries the command out: a bot that holds the store, or this process.
func (c *Config) house(ctx context.Context, words *templates.Templates, log *slog.Logger) (terminal.House, error) {
	path, err := store.Socket(c.Store.Reveal())
	if err != nil {
		return nil, err
	}
	for until := time.Now().Add(startsWithin); ; {
		bot := terminal.Remote{Path: path}
		if path != "" && bot.There(ctx) {
			return bot, nil
		}
		own, err := c.openHouse(ctx, words, log)
		if err == nil {
			return own, nil
		}
		if !errors.Is(err, store.ErrInUse) {
			return nil, err
		}
		if time.Now().After(until) {
			return nil, fmt.Errorf("%w; and it answers no terminals at %s: is it this version, and of this user?", err, path)
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// measuredWithin is how long the first figures of machine and containers may take.
const measuredWithin = 4 * time.Second

// settle waits, before a look at figures, until there are some: a bot measures all the time, this process has just begun.
func (h *ownHouse) settle(ctx context.Context, text string) {
	first, _, _ := strings.Cut(text, " ")
	if first != "health" && first != "stats" {
		return
	}
	within := time.After(measuredWithin)
	for {
		_, machine := h.look.machine.Newest()
		containers, err := h.look.stats.Newest()
		if machine && (len(containers) > 0 || err != nil) {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-within:
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// words reads the flags of a command that takes words as well, before them or behind them, and gives the words in a row.
func (f flags) words(args []string) (string, error) {
	var words []string
	for {
		err := f.Parse(args)
		if err != nil {
			return "", f.parse(args) // which says what is wrong
		}
		if f.NArg() == 0 {
			break
		}
		words, args = append(words, f.Arg(0)), f.Args()[1:]
	}
	text := strings.TrimSpace(strings.Join(words, " "))
	if text == "" {
		_, _ = fmt.Fprintf(f.e.stderr, "%s: the command is missing, such as \"restart backend\"\n", f.Name())
		f.usage(f.e.stderr)
		return "", errUsage
	}
	return text, nil
}
