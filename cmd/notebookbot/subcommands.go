package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
)

// hooks are the two long commands, whose wiring has files of its own (serve.go, demo.go). hooks.go fills them.
type hooks struct {
	serve func(ctx context.Context, cfg *Config, log *slog.Logger) error
	demo  func(ctx context.Context, e env, o demoOptions, log *slog.Logger) error
}

// demoOptions are the flags of `demo`.
type demoOptions struct {
	listen    string
	locale    string
	noBrowser bool
	sample    bool // the sample application is started without a question
	noSample  bool // it is not offered
	keep      bool // it stays at the end
}

func subcommands() []command {
	return []command{
		{"demo", "[--locale zh-CN|en] [--no-browser] [--listen ADDR] [--sample|--no-sample] [--keep-sample]", "try the whole bot on this machine without a Slack account", runDemo},
		{"serve", "--config FILE", "the bot", runServe},
		{"check", "--config FILE", "try everything that serve needs, and say how to mend it", runCheck},
		{"audit", "--config FILE [--since TIME] [--verify [--head NUMBER:HASH]]", "export the audit log as JSON lines, or verify it", runAudit},
		{"run", "--config FILE [--as U…] [--json] [--confirm] [--reason WHY] \"TEXT\"", "the command that /notebook TEXT would be, for the day Slack is down", runRun},
		{"manifest", "--config FILE", "the Slack app manifest for this configuration", runManifest},
		{"config", "", "a complete commented example configuration", runConfig},
		{"version", "", "version, commit and Go version", runVersion},
	}
}

func runServe(ctx context.Context, e env, args []string) error {
	f := newFlags(e, "serve")
	config, log := f.config(loadConfig), f.log()
	if err := f.parse(args); err != nil {
		return err
	}
	cfg, err := config()
	if err != nil {
		return err
	}
	l := log()
	if later := cfg.Later(); len(later) > 0 {
		l.WarnContext(ctx, "set but not used by this version yet", "keys", later)
	}
	if installed.serve == nil {
		return errors.New("this build has no server")
	}
	return installed.serve(ctx, cfg, l)
}

func runDemo(ctx context.Context, e env, args []string) error {
	f := newFlags(e, "demo")
	var o demoOptions
	f.BoolVar(&o.noBrowser, "no-browser", false, "do not open the page in a browser")
	f.StringVar(&o.listen, "listen", "127.0.0.1:0", "the `ADDR` of the page; loopback only")
	f.StringVar(&o.locale, "locale", localeZh, "the `LANGUAGE` of the bot: zh-CN or en")
	f.BoolVar(&o.sample, "sample", false, "start the sample application on this machine's Docker without asking in the page first")
	f.BoolVar(&o.noSample, "no-sample", false, "do not look at Docker, and offer no sample application")
	f.BoolVar(&o.keep, "keep-sample", false, "leave the sample application running at the end; the next demo that starts one removes it")
	log := f.log()
	if err := f.parse(args); err != nil {
		return err
	}
	if o.noSample && (o.sample || o.keep) {
		_, _ = fmt.Fprintln(e.stderr, "notebookbot demo: --no-sample goes with neither --sample nor --keep-sample")
		return errUsage
	}
	if o.locale != localeZh && o.locale != localeEn {
		_, _ = fmt.Fprintf(e.stderr, "notebookbot demo: --locale %q: use zh-CN or en\n", o.locale)
		return errUsage
	}
	d := &decoder{}
	if d.validateAddr("--listen", o.listen); len(d.problems) > 0 || o.listen == "" {
		_, _ = fmt.Fprintf(e.stderr, "notebookbot demo: --listen %q: use host:port, such as 127.0.0.1:8390\n", o.listen)
		return errUsage
	}
	if installed.demo == nil {
		return errors.New("this build has no demo")
	}
	return installed.demo(ctx, e, o, log())
}
