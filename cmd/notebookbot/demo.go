package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ai-notebook/notebookbot/commands"
	"github.com/ai-notebook/notebookbot/internal/console"
	"github.com/ai-notebook/notebookbot/internal/slackfake"
)

// demoHold is how long alerts must have ended in the demo until an incident counts as recovered: nobody waits five minutes to
// see it.
const demoHold = 20 * time.Second

// The languages of the bot.
const (
	localeZh = "zh-CN"
	localeEn = "en"
)

// demo is the whole bot on this machine: the real program on an embedded store, with a workspace in memory in place of Slack
// and a page in the browser in place of Slack's client.
func demo(ctx context.Context, e env, o demoOptions, log *slog.Logger) error {
	if host, _, err := net.SplitHostPort(o.listen); err != nil || !loopback(host) {
		return fmt.Errorf("--listen %s: the demo has no log-in, so it listens on a loopback address only, such as 127.0.0.1:8390", o.listen)
	}
	dir, err := os.MkdirTemp("", "notebookbot-demo-")
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()

	people := demoPeople(o.locale)
	workspace := slackfake.New(demoWorkspace(people))
	if err := workspace.Start("127.0.0.1:0"); err != nil {
		return err
	}
	defer workspace.Close()

	cfg := demoConfig(workspace.URL(), filepath.Join(dir, "notebookbot.db"))
	cfg.App.Locale = o.locale
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.listen)
	if err != nil {
		return fmt.Errorf("--listen %s: %w", o.listen, err)
	}

	app, err := demoSample(ctx, cfg, o, dir, log)
	if err != nil {
		return err
	}

	loops, ctx := errgroup.WithContext(ctx)
	alerts := &guideAlerts{now: time.Now, locale: o.locale, token: cfg.Alertmanager[0].Token}
	loops.Go(func() error {
		return serveOn(ctx, cfg, log, func(a net.Addr) { alerts.listening("http://" + a.String()) })
	})
	page := &http.Server{
		Handler: console.New(console.Config{
			Slack: workspace, Locale: o.locale, People: people, Topics: demoTopics, Alerts: alerts.list(), Hold: demoHold,
			Shortcuts: demoShortcuts(cfg), Absent: map[string]string{demoPrometheus: "Prometheus", demoAlertmanager: "Alertmanager"},
			Sample: app.onPage(), Commands: firstWords(commands.Words()),
		}).Handler(),
		ReadHeaderTimeout: 10 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	loops.Go(func() error {
		if err := page.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("demo page: %w", err)
		}
		return nil
	})
	loops.Go(func() error {
		<-ctx.Done()
		return page.Close()
	})
	loops.Go(func() error { return app.run(ctx, e.stdout) })
	loops.Go(func() error { return app.watch(ctx, alerts, log) })
	connected(ctx, workspace)
	address := "http://" + ln.Addr().String() + "/"
	_, _ = fmt.Fprintf(e.stdout, "notebookbot demo: open %s (end with Ctrl-C)\n", address)
	if !o.noBrowser {
		openBrowser(ctx, address, log)
	}
	return loops.Wait()
}

func firstWords(all []string) []string {
	var out []string
	for _, words := range all {
		first, _, _ := strings.Cut(words, " ")
		out = append(out, first)
	}
	return out
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// openBrowser asks the desktop to show the page. Where there is none, the printed address is enough.
func openBrowser(ctx context.Context, address string, log *slog.Logger) {
	program, args := "xdg-open", []string{address}
	switch runtime.GOOS {
	case "darwin":
		program = "open"
	case "windows":
		program, args = "rundll32", []string{"url.dll,FileProtocolHandler", address}
	}
	path, err := exec.LookPath(program)
	if err != nil {
		return
	}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), path, args...) //nolint:gosec // fixed program, our own address
	if err := cmd.Start(); err != nil {
		log.DebugContext(ctx, "opening a browser", "err", err)
		return
	}
	go func() { _ = cmd.Wait() }() // only so that no zombie stays; it ends by itself
}

// demoConfig is a configuration as people write it, with the workspace of the demo.
func demoConfig(api, db string) *Config {
	cfg := defaultConfig()
	cfg.Listen = "127.0.0.1:0"
	cfg.Store = Secret("sqlite:" + db)
	cfg.App.Location = time.Local
	cfg.Slack.APIURL = api
	cfg.Slack.AppToken, cfg.Slack.BotToken = slackfake.AppToken, slackfake.BotToken
	cfg.Slack.Channels = Channels{Ops: slackfake.Ops, Incidents: slackfake.Incidents, Announcements: slackfake.Announcements}
	cfg.Alertmanager = Alertmanagers{{Token: "demo"}}
	cfg.Incidents.Hold = demoHold
	cfg.People = People{
		Operators:  []string{slackfake.Operator, slackfake.Commander, slackfake.Commander2},
		Commanders: []string{slackfake.Commander, slackfake.Commander2},
	}
	cfg.OnCall.Rotation = []string{slackfake.Operator, slackfake.Commander}
	cfg.Contacts[0].Slack = slackfake.OpsGroup
	return cfg
}

// demoPeople are whom the visitor can be, with names of the bot's language.
func demoPeople(locale string) []console.Person {
	people := []console.Person{
		{ID: slackfake.Operator, Name: "李娜", Role: "operator"},
		{ID: slackfake.Commander, Name: "陈波", Role: "commander"},
		{ID: slackfake.Commander2, Name: "王敏", Role: "commander"},
		{ID: slackfake.Stranger, Name: "外部顾问", Role: "stranger"},
	}
	if locale == localeEn {
		for i, name := range []string{"Ana", "Bo", "Chen", "Sam"} {
			people[i].Name = name
		}
	}
	return people
}

// demoShortcuts are those of the manifest, in both languages.
func demoShortcuts(cfg *Config) []console.Shortcut {
	var out []console.Shortcut
	for _, locale := range []string{localeZh, localeEn} {
		in := *cfg
		in.App.Locale = locale
		for i, s := range in.slackApp().Shortcuts {
			if len(out) == i {
				out = append(out, console.Shortcut{Callback: s.Callback, Label: map[string]string{}})
			}
			out[i].Label[locale] = s.Name
		}
	}
	return out
}

var demoTopics = map[string]map[string]string{
	slackfake.Ops:           {"zh-CN": "运维操作的申请和批准，以及机器人自身的问题", "en": "operations that are asked for and approved, and the bot's own troubles"},
	slackfake.Incidents:     {"zh-CN": "故障卡片", "en": "incident cards"},
	slackfake.Announcements: {"zh-CN": "给用户的通知（后续版本）", "en": "notices to users (later version)"},
}

func demoWorkspace(people []console.Person) slackfake.Config {
	cfg := slackfake.Default()
	cfg.RateLimits = true
	names := map[string]string{}
	for _, p := range people {
		names[p.ID] = p.Name
	}
	for i, u := range cfg.Users {
		if n, ok := names[u.ID]; ok {
			cfg.Users[i].Name, cfg.Users[i].RealName = n, n
		}
	}
	var rooms []slackfake.Channel
	for _, c := range cfg.Channels {
		switch c.ID {
		case slackfake.Ops, slackfake.Incidents, slackfake.Announcements:
			rooms = append(rooms, c)
		}
	}
	cfg.Channels = rooms
	return cfg
}

// connected waits until the bot's first socket is open: who is quicker would be told that his command failed. It gives up with
// ctx, which ends when the bot could not start, and after a while, since the page shows what is wrong better than a silence.
func connected(ctx context.Context, workspace *slackfake.Server) {
	const enough = 10 * time.Second
	ctx, cancel := context.WithTimeout(ctx, enough)
	defer cancel()
	for ctx.Err() == nil {
		version := workspace.Version()
		if slices.ContainsFunc(workspace.Sockets(), func(s slackfake.Socket) bool { return s.Hello }) {
			return
		}
		_, _ = workspace.WaitChange(ctx, version) // ended by ctx alone, which the loop looks at
	}
}
