// Command notebookbot is the operations guide as a colleague in Slack: alerts become incidents that people handle in one thread.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
	_ "time/tzdata" // time zones by name, on machines that have none installed
)

// Exit codes of the contract.
const (
	exitDone   = 0
	exitFailed = 1 // it was tried and failed
	exitUsage  = 2 // wrong usage or configuration
)

// endWithin is how long after a signal the program may take to end: the contract's five seconds, less a little.
const endWithin = 4800 * time.Millisecond

// demoEndsWithin is the same for the demo, which has more to put away: containers and images of its sample application.
const demoEndsWithin = 20 * time.Second

// env is what a subcommand has of the outside.
type env struct {
	stdin          io.Reader
	stdout, stderr io.Writer
}

// command is one subcommand. Run reads its own flags.
type command struct {
	name  string
	args  string
	about string
	run   func(ctx context.Context, e env, args []string) error
}

// errUsage marks an error as wrong usage. What is to be said was said already.
var errUsage = errors.New("wrong usage")

func main() {
	if playsSample() {
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	context.AfterFunc(ctx, func() {
		stop() // a second signal ends the program at once
		within := endWithin
		if len(os.Args) > 1 && os.Args[1] == "demo" {
			within = demoEndsWithin
		}
		time.AfterFunc(within, func() {
			// A store or a server that does not answer. All that was promised is on disk, as for a crash.
			_, _ = fmt.Fprintln(os.Stderr, "notebookbot: something did not end in time; what is unfinished is taken up at the next start")
			os.Exit(exitFailed)
		})
	})
	code := program(ctx, env{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr}, os.Args[1:])
	stop()
	os.Exit(code)
}

func program(ctx context.Context, e env, args []string) int { return run(ctx, e, subcommands(), args) }

// run runs one subcommand and turns its error into words and an exit code.
func run(ctx context.Context, e env, commands []command, args []string) int {
	if len(args) == 0 {
		usage(e.stderr, commands)
		return exitUsage
	}
	name := args[0]
	if slices.Contains([]string{"help", "-h", "--help", "-help"}, name) {
		usage(e.stdout, commands)
		return exitDone
	}
	i := slices.IndexFunc(commands, func(c command) bool { return c.name == name })
	if i < 0 {
		names := make([]string, len(commands))
		for i, c := range commands {
			names[i] = c.name
		}
		_, _ = fmt.Fprintf(e.stderr, "notebookbot: no command %q", name)
		if near := nearest(name, names); near != "" {
			_, _ = fmt.Fprintf(e.stderr, "; did you mean %s?", near)
		}
		_, _ = fmt.Fprintln(e.stderr, "\nThe commands: notebookbot help")
		return exitUsage
	}
	err := commands[i].run(ctx, e, args[1:])
	_, wrong := errors.AsType[*configError](err)
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return exitDone
	case errors.Is(err, errUsage):
		return exitUsage
	case wrong, errors.Is(err, errConfigFile):
		_, _ = fmt.Fprintln(e.stderr, err)
		return exitUsage
	case errors.Is(err, errSaid):
		return exitFailed
	}
	_, _ = fmt.Fprintf(e.stderr, "notebookbot %s: %v\n", name, err)
	return exitFailed
}

// errSaid marks a failure whose words are out already.
var errSaid = errors.New("failed")

func usage(w io.Writer, commands []command) {
	width := 0
	for _, c := range commands {
		width = max(width, len(c.name+" "+c.args))
	}
	_, _ = fmt.Fprintln(w, "notebookbot takes alerts into Slack and keeps everybody at one thread until they are over.\n\nUsage:")
	for _, c := range commands {
		_, _ = fmt.Fprintf(w, "  notebookbot %-*s  %s\n", width, strings.TrimSpace(c.name+" "+c.args), c.about)
	}
	_, _ = fmt.Fprintln(w, "\nExit codes: 0 done, 1 it failed, 2 wrong usage or configuration.")
}

// flags gives a flag set that says its errors on stderr, names the nearest flag, and refuses further words.
type flags struct {
	*flag.FlagSet
	e env
}

func newFlags(e env, name string) flags {
	fs := flag.NewFlagSet("notebookbot "+name, flag.ContinueOnError)
	fs.SetOutput(io.Discard) // parse has words of its own
	return flags{FlagSet: fs, e: e}
}

// parse reads the flags of a command that takes nothing else.
func (f flags) parse(args []string) error {
	err := f.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		f.usage(f.e.stdout)
		return err
	case err != nil:
		_, _ = fmt.Fprintf(f.e.stderr, "%s: %s\n", f.Name(), f.wrong(err))
	case f.NArg() > 0:
		_, _ = fmt.Fprintf(f.e.stderr, "%s: unexpected %q", f.Name(), f.Arg(0))
		if f.Lookup("config") != nil {
			_, _ = fmt.Fprintf(f.e.stderr, "; a configuration is given as --config FILE")
		}
		_, _ = fmt.Fprintln(f.e.stderr)
	default:
		return nil
	}
	f.usage(f.e.stderr)
	return errUsage
}

var (
	noFlag   = regexp.MustCompile(`^flag provided but not defined: -(.*)$`)
	noValue  = regexp.MustCompile(`^flag needs an argument: -(.*)$`)
	badValue = regexp.MustCompile(`(?s)^invalid (?:boolean )?value (".*?") for (?:flag )?-([a-z-]+): `)
)

// wrong says what is wrong with the flags. The package flag has words for it, but no type.
func (f flags) wrong(err error) string {
	if m := noFlag.FindStringSubmatch(err.Error()); m != nil {
		var names []string
		f.VisitAll(func(fl *flag.Flag) { names = append(names, fl.Name) })
		if near := nearest(m[1], names); near != "" {
			return fmt.Sprintf("no flag --%s; did you mean --%s?", m[1], near)
		}
		return "no flag --" + m[1]
	}
	if m := noValue.FindStringSubmatch(err.Error()); m != nil {
		return fmt.Sprintf("--%s needs a value", m[1])
	}
	if m := badValue.FindStringSubmatch(err.Error()); m != nil {
		_, about := flag.UnquoteUsage(f.Lookup(m[2]))
		return fmt.Sprintf("--%s %s is not possible: %s", m[2], m[1], about)
	}
	return err.Error()
}

// usage lists the flags as the handbook writes them, with two dashes.
func (f flags) usage(w io.Writer) {
	_, _ = fmt.Fprintf(w, "Usage of %s:\n", f.Name())
	f.VisitAll(func(fl *flag.Flag) {
		value, about := flag.UnquoteUsage(fl)
		_, _ = fmt.Fprintf(w, "  --%-20s  %s", strings.TrimSpace(fl.Name+" "+value), about)
		if def := fl.DefValue; def != "" && def != "false" {
			if strings.ToUpper(def) == def {
				def = strings.ToLower(def) // slog writes its levels large
			}
			_, _ = fmt.Fprintf(w, " (default %s)", def)
		}
		_, _ = fmt.Fprintln(w)
	})
}

// config adds --config and gives what reads it.
func (f flags) config(load func(path string) (*Config, error)) func() (*Config, error) {
	path := f.String("config", "", "the configuration `FILE` (notebookbot config prints an example)")
	return func() (*Config, error) {
		if *path == "" {
			_, _ = fmt.Fprintf(f.e.stderr, "%s: --config FILE is needed\n", f.Name())
			f.usage(f.e.stderr)
			return nil, errUsage
		}
		return load(*path)
	}
}

// log adds --log-level and gives the logger it asks for.
func (f flags) log() func() *slog.Logger {
	level := slog.LevelInfo
	f.TextVar(&level, "log-level", level, "what is logged, by `LEVEL`: debug, info, warn or error")
	return func() *slog.Logger {
		return slog.New(slog.NewTextHandler(f.e.stderr, &slog.HandlerOptions{Level: level}))
	}
}
