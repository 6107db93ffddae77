package health

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"

	"github.com/ai-notebook/notebookbot/internal/ops/docker"
	"github.com/ai-notebook/notebookbot/internal/ops/host"
	"github.com/ai-notebook/notebookbot/internal/ops/postgres"
	"github.com/ai-notebook/notebookbot/internal/ops/postgres/insight"
	"github.com/ai-notebook/notebookbot/internal/ops/redact"
	"github.com/ai-notebook/notebookbot/internal/realparts"
)

// house is the sample application with a Checker on it.
type house struct {
	*Checker
	t      testing.TB
	app    *realparts.Application
	engine *docker.Engine
	sdk    *client.Client
	db     *insight.Database
}

func newHouse(t testing.TB, on string) *house {
	t.Helper()
	app := realparts.StartApplication(t, on)
	e, err := docker.Open(docker.Config{Host: app.Host, Project: app.Project, Dir: app.Dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	sdk, err := client.NewClientWithOpts(client.WithHost(app.Host), client.WithAPIVersionNegotiation())
	if err != nil {
		t.Fatal(err)
	}
	d, err := postgres.Open(e, postgres.Config{Service: "postgres", Name: "ai_notebook", User: "postgres"})
	if err != nil {
		t.Fatal(err)
	}
	quiet := slog.New(slog.DiscardHandler)
	machine := host.New(host.Config{Every: 300 * time.Millisecond}, quiet)
	sampler := docker.NewSampler(e, time.Second, quiet)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 2)
	go func() { ended <- machine.Run(ctx) }()
	go func() { ended <- sampler.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-ended, <-ended); err != nil {
			t.Error(err)
		}
	})
	h := &house{t: t, app: app, engine: e, sdk: sdk, db: insight.New(insight.Config{Database: d})}
	h.Checker = New(Config{
		Host: machine.Newest, Engine: e, Stats: sampler.Newest, Database: d, Redis: Redis{Service: "redis"}, URL: app.URL("/health"),
		RPO: time.Hour, CPU: 80, Memory: 85, Disk: 90, Redact: func() *redact.Redactor { return redact.Dir(app.Dir, nil) },
		Bot: []Part{{"store", func(context.Context) []Finding { return []Finding{{OK, "bot.ok", Facts{}}} }}},
	})
	h.until("everything is well and measured", func(r *Report) bool {
		return r.Count(Failed) == 0 && len(r.Checks) > 15 && !strings.Contains(told(r), "unmeasured") && !strings.Contains(told(r), "soon")
	})
	return h
}

func (h *house) look(service string) *Report {
	h.t.Helper()
	r, err := h.Look(context.Background(), service)
	if err != nil {
		h.t.Fatal(err)
	}
	return r
}

// until looks until what was found is as it should be.
func (h *house) until(what string, ok func(*Report) bool) *Report {
	h.t.Helper()
	deadline := time.Now().Add(time.Minute)
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		r := h.look("")
		if ok(r) {
			return r
		}
		if time.Now().After(deadline) {
			h.t.Fatalf("%s did not come about:\n%s", what, told(r))
		}
		<-tick.C
	}
}

// told is a report as lines: state, name, subject, and what was found with its facts.
func told(r *Report) string {
	var b strings.Builder
	for _, c := range r.Checks {
		fmt.Fprintf(&b, "%-9s %s %s:", c.State, c.Name, c.Subject)
		for _, f := range c.Findings {
			facts, err := json.Marshal(f.Facts)
			if err != nil {
				panic(err)
			}
			fmt.Fprintf(&b, " %s %s", f.Code, facts)
		}
		fmt.Fprintf(&b, " (%s)\n", c.Took.Round(time.Millisecond))
	}
	return b.String()
}

// found is the finding of a code about a subject.
func found(r *Report, name, subject, code string) *Finding {
	for _, c := range r.Checks {
		if c.Name != name || subject != "" && c.Subject != subject {
			continue
		}
		for _, f := range c.Findings {
			if f.Code == code {
				return &f
			}
		}
	}
	return nil
}

func (h *house) id(ctx context.Context, service string) string {
	h.t.Helper()
	list, err := h.engine.Containers(ctx)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, c := range list {
		if c.Service == service {
			return c.ID
		}
	}
	h.t.Fatalf("no container of %s", service)
	return ""
}

func TestTheDailyCheckOfARealApplicationOnGoodAndBadDays(t *testing.T) {
	t.Parallel()
	s := realparts.StartDocker(t)
	h := newHouse(t, s.Host)
	ctx := t.Context()

	r := h.look("")
	t.Logf("all well, in %s\n%s", r.Took, told(r))
	for _, want := range []string{"ok        container backend", "ok        postgres", "ok        redis", "ok        url", "unchecked backup", "unchecked certificate", "ok        errors nginx"} {
		if !strings.Contains(told(r), want) {
			t.Errorf("it does not say %q", want)
		}
	}
	if f := found(r, "postgres", "", "postgres.up"); f == nil || f.Facts.Total < 50 || f.Facts.Took <= 0 || f.Facts.Bytes == 0 {
		t.Errorf("the database: %+v", f)
	}
	if f := found(r, "container", "postgres", "container.memory"); f == nil || f.Facts.Of != 256<<20 || f.Facts.Percent == 0 {
		t.Errorf("the memory of the database's container: %+v", f)
	}

	r = h.look("redis")
	for _, c := range r.Checks {
		if c.Service != "redis" && c.Name != "docker" {
			t.Errorf("health of redis tells of %s %s", c.Name, c.Subject)
		}
	}
	if len(r.Checks) != 4 {
		t.Errorf("health of redis:\n%s", told(r))
	}
	if _, err := h.Look(ctx, "reddis"); !strings.Contains(fmt.Sprintf("%+v", err), "unknown_service") {
		t.Errorf("a service that is not there: %v", err)
	}

	t.Log("the database is looked at with the psql of its container")
	o, err := h.db.Overview(ctx)
	if err != nil || len(o.Troubles) > 0 || o.Connections.Used() == 0 || o.Size.Bytes == 0 || len(o.Slow.Missing) == 0 {
		t.Errorf("%+v, %v", o, err)
	}

	t.Log("a stopped frontend, and a paused nginx")
	if err := h.engine.Stop(ctx, h.id(ctx, "frontend"), time.Second); err != nil {
		t.Fatal(err)
	}
	if err := h.sdk.ContainerPause(ctx, h.id(ctx, "nginx")); err != nil {
		t.Fatal(err)
	}
	r = h.look("")
	t.Log(told(r))
	if f := found(r, "container", "frontend", "container.exited"); f == nil || f.State != Failed || f.Facts.At.IsZero() {
		t.Error("it does not say that frontend ended")
	}
	if f := found(r, "container", "nginx", "container.off"); f == nil || f.Facts.Word != "paused" {
		t.Error("it does not say that nginx is paused")
	}
	if f := found(r, "url", "", "url.slow"); f == nil || f.State != Failed {
		t.Error("it does not say that the address does not answer")
	}
	if r.Took > 2*defaultWithin { // one after the other they would take longer
		t.Errorf("it took %s", r.Took)
	}
	if err := h.sdk.ContainerUnpause(ctx, h.id(ctx, "nginx")); err != nil {
		t.Fatal(err)
	}
	if err := h.engine.Start(ctx, h.id(ctx, "frontend")); err != nil {
		t.Fatal(err)
	}

	t.Log("a cache that fills its limit, and one that goes over it")
	fill := func(n string) {
		t.Helper()
		const script = "for i = 1, ARGV[1] do redis.call('set', 'k' .. i, string.rep('x', 1000)) end"
		// What it is filled over the limit with, it does not live to answer.
		_, err := h.engine.Exec(ctx, h.id(ctx, "redis"), []string{"redis-cli", "EVAL", script, "0", n}, nil, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
	}
	fill("46000")
	r = h.until("the limit is nearly reached", func(r *Report) bool {
		f := found(r, "container", "redis", "container.memory")
		return f != nil && f.State != OK
	})
	t.Log(told(r))
	fill("200000")
	r = h.until("the kernel ended it", func(r *Report) bool {
		return found(r, "container", "redis", "container.oom") != nil || found(r, "container", "redis", "container.restarts") != nil
	})
	t.Log(told(r))

	t.Log("a database that is away breaks the backend's healthcheck")
	if err := h.engine.Stop(ctx, h.id(ctx, "postgres"), 5*time.Second); err != nil {
		t.Fatal(err)
	}
	r = h.until("the backend is unhealthy", func(r *Report) bool { return found(r, "container", "backend", "container.unhealthy") != nil })
	t.Log(told(r))
	if f := found(r, "container", "backend", "container.unhealthy"); f.Facts.Text == "" || f.Facts.Count < 3 {
		t.Errorf("it does not quote the healthcheck: %+v", f)
	}
	if f := found(r, "postgres", "", "postgres.down"); f == nil || f.State != Failed {
		t.Error("it does not say that the database is away")
	}
	_, err = h.db.Overview(ctx)
	if away, ok := errors.AsType[*insight.Trouble](err); !ok || away.Code != "away" {
		t.Errorf("a look at a database that is away: %v", err)
	}
	if f := found(r, "url", "", "url.status"); f == nil || f.Facts.Count != 503 {
		t.Error("it does not say that the address answers 503")
	}

	t.Log("a container that is gone")
	if err := h.engine.Remove(ctx, h.id(ctx, "postgres")); err != nil {
		t.Fatal(err)
	}
	if f := found(h.look(""), "container", "postgres", "container.missing"); f == nil || f.State != Failed {
		t.Error("it does not say that postgres has no container")
	}

	t.Log("an engine that hangs")
	if err := syscall.Kill(s.Pid(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Kill(s.Pid(), syscall.SIGCONT) }()
	h.hung()
	begin := time.Now()
	r = h.look("")
	t.Logf("in %s\n%s", time.Since(begin), told(r))
	if took := time.Since(begin); took > defaultWithin+time.Second {
		t.Errorf("it took %s", took)
	}
	for _, name := range []string{"docker", "container", "errors", "postgres", "redis"} {
		for _, c := range r.Checks {
			if c.Name == name && c.State != Unchecked {
				t.Errorf("%s is %s although the engine hangs", name, c.State)
			}
		}
	}
	for range 3 {
		if r := h.look("redis"); r.State() != Unchecked {
			t.Errorf("redis is %s", r.State())
		}
	}
	if err := syscall.Kill(s.Pid(), syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	h.until("it is looked at again", func(r *Report) bool { f := found(r, "docker", "", "docker.up"); return f != nil })
}

// hung waits until the engine has really stopped: it may answer once more after it was told to.
func (h *house) hung() {
	h.t.Helper()
	for {
		ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
		_, err := h.engine.Ping(ctx)
		cancel()
		if err != nil {
			return
		}
	}
}

func TestWhatContainersSayIsRedacted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, ".env"), []byte("DB_PASSWORD=tulip-7\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := newScene(Config{Redact: func() *redact.Redactor { return redact.Dir(dir, nil) }, Now: time.Now})
	got := s.container(&docker.Container{
		State: string(container.StateRunning), Health: "unhealthy", HealthOutput: "cannot log in with tulip-7 at postgres://app:daisy@db/x",
	})
	if text := got[0].Facts.Text; strings.Contains(text, "tulip") || strings.Contains(text, "daisy") {
		t.Errorf("it shows %q", text)
	}
}
