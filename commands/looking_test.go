package commands_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-notebook/notebookbot/commands"
	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/docker"
	"github.com/ai-notebook/notebookbot/internal/ops/health"
	"github.com/ai-notebook/notebookbot/internal/ops/logs"
)

// application answers as one with a failed backend does. Wait holds each look up.
type application struct {
	wait  func(ctx context.Context) error
	asked []logs.Query
}

func (a *application) held(ctx context.Context) error {
	if a.wait == nil {
		return nil
	}
	return a.wait(ctx)
}

func (a *application) Look(ctx context.Context, service string) (*health.Report, error) {
	if err := a.held(ctx); err != nil {
		return nil, err
	}
	if service != "" && service != "backend" {
		return nil, &ops.Problem{Code: "unknown_service", Name: service, Names: []string{"backend", "redis"}}
	}
	return &health.Report{Service: service, At: time.Now(), Checks: []health.Check{{
		Name: "container", Subject: "backend", Service: "backend", State: health.Failed,
		Findings: []health.Finding{{State: health.Failed, Code: "container.exited", Facts: health.Facts{Count: 137}}},
	}}}, nil
}

func (a *application) Usage(ctx context.Context) ([]health.Usage, error) {
	return []health.Usage{{Container: docker.Container{Name: "x_backend_1", State: "running"}, Stats: &docker.Stats{CPU: 12.3, Memory: 1000}}}, a.held(ctx)
}

func (a *application) Read(ctx context.Context, q logs.Query) (*logs.Report, error) {
	if err := a.held(ctx); err != nil {
		return nil, err
	}
	a.asked = append(a.asked, q)
	return &logs.Report{Service: q.Service, Lines: []string{"all well"}, Looked: 1}, nil
}

// guards answers as a machine does on which one thing is wrong.
type guards struct {
	wait func(ctx context.Context) error
}

func (g *guards) Look(ctx context.Context) (*health.Report, error) {
	if g.wait != nil {
		if err := g.wait(ctx); err != nil {
			return nil, err
		}
	}
	return &health.Report{At: time.Now(), Checks: []health.Check{{
		Name: "processes", State: health.Failed, Findings: []health.Finding{{
			State: health.Failed, Code: "processes.shell", Facts: health.Facts{Word: "/usr/bin/dash", Count: 31337, Account: "www-data", Text: "nginx"},
		}},
	}}}, nil
}

func looking(t *testing.T, locale string) (*house, *application) {
	t.Helper()
	h, app := newHouse(t, locale), &application{}
	h.cfg.Health, h.cfg.Logs, h.cfg.Security = app, app, &guards{}
	h.runner = commands.New(h.cfg)
	return h, app
}

// summary is what a notice tells at first sight.
func summary(t *testing.T, n incidents.Notice) string {
	t.Helper()
	return messageOf(t, n).Summary
}

func TestHealthIsForEverybodyAndLogsAreForOperatorsAlone(t *testing.T) {
	t.Parallel()
	h, _ := looking(t, "en")
	for _, tt := range []struct {
		user, channel, text, says string
		alone, share              bool
	}{
		{ann, opsRoom, "health", "🔴 Health: 1 failed (of 1 checks)", false, false},
		{ann, random, "health backend", "🔴 Health of backend: 1 failed (of 1 checks)", true, true},
		{ann, opsRoom, "stats", "What containers use: 1 container", false, false},
		{kim, opsRoom, "logs backend", "Log of backend: the last 1 line", true, false},
		{ann, opsRoom, "logs backend", "may not", true, false},
		{guest, opsRoom, "health", "Guests", true, false},
		{ann, opsRoom, "health bakend", "backend", true, false},
		{ann, opsRoom, "health a b", "Usage", true, false},
		{kim, opsRoom, "logs", "Usage", true, false},
		{kim, opsRoom, "logs backend 0", "2,000", true, false},
		{kim, opsRoom, "logs backend since yesterday", "24h", true, false},
		{kim, opsRoom, "audit", "🔴 Security audit: 1 failed (of 1 checks)", true, false},
		{ann, opsRoom, "audit", "may not", true, false},
		{guest, opsRoom, "audit", "Guests", true, false},
		{kim, opsRoom, "audit log", "audit-log", true, false},
		{kim, opsRoom, "audit since 24h", "audit-log", true, false},
		{kim, opsRoom, "audit nginx", "/notebook audit", true, false},
	} {
		said := h.ask(commands.Request{User: tt.user, Channel: tt.channel, Text: tt.text})
		if len(said) != 1 {
			t.Fatalf("%q is answered with %d messages", tt.text, len(said))
		}
		if got := summary(t, said[0]); !strings.Contains(got, tt.says) || (said[0].User != "") != tt.alone || strings.Contains(string(said[0].Message), "answer.share") != tt.share {
			t.Errorf("%q is answered %q (alone %v, %s)", tt.text, got, said[0].User != "", said[0].Message)
		}
	}
}

func TestWhatIsWantedOfALogIsRead(t *testing.T) {
	t.Parallel()
	h, app := looking(t, "zh-CN")
	since := func(d time.Duration) time.Time { return h.clock().Add(-d) }
	for text, want := range map[string]logs.Query{
		"logs backend":                             {Service: "backend"},
		"logs Backend 200":                         {Service: "backend", Lines: 200},
		"logs backend timeout":                     {Service: "backend", Match: "timeout"},
		"logs backend --tail 10":                   {Service: "backend", Lines: 10},
		"logs backend --tail=10 -- x":              {Service: "backend", Lines: 10, Match: "-- x"},
		"logs backend -n 10 --grep a=b":            {Service: "backend", Lines: 10, Match: "a=b"},
		"logs backend \"--tail\" 10":               {Service: "backend", Match: `"--tail" 10`},
		"logs backend tail=up":                     {Service: "backend", Match: "tail=up"},
		"logs backend 20 connection  refused":      {Service: "backend", Lines: 20, Match: "connection  refused"},
		"logs nginx since 1h /\" 5\\d\\d /":        {Service: "nginx", Since: since(time.Hour), Match: "/\" 5\\d\\d /"},
		"logs nginx since 90m 20 grep Bad Gateway": {Service: "nginx", Lines: 20, Since: since(90 * time.Minute), Match: "Bad Gateway"},
		`logs nginx "500"`:                         {Service: "nginx", Match: "500"},
		"logs nginx 10 500":                        {Service: "nginx", Lines: 10, Match: "500"},
		"logs nginx 自 2h 错误":                       {Service: "nginx", Since: since(2 * time.Hour), Match: "错误"},
	} {
		app.asked = nil
		h.say(kim, text)
		if len(app.asked) != 1 {
			t.Errorf("%q was asked %d times", text, len(app.asked))
			continue
		}
		got := app.asked[0]
		if d := got.Since.Sub(want.Since).Abs(); d < time.Second { // the story's clock goes on a little with each request
			got.Since = want.Since
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
}

func TestWhoWaitsLongerThanAMomentIsToldThatItIsLookedAt(t *testing.T) {
	t.Parallel()
	h, app := looking(t, "en")
	app.wait = func(ctx context.Context) error {
		// The look goes on until it was told that it does.
		for ctx.Err() == nil {
			if d, err := h.store.Depth(ctx); err == nil && d.Waiting > 0 {
				return nil
			}
		}
		return ctx.Err()
	}
	said := h.ask(commands.Request{User: kim, Channel: opsRoom, Text: "health"})
	if len(said) != 2 || !strings.Contains(summary(t, said[0]), "Still looking") || !strings.Contains(summary(t, said[1]), "Health") {
		t.Fatalf("said %d messages", len(said))
	}
	if said[0].User != "" || said[0].Channel != opsRoom {
		t.Errorf("it is told to %q in %q", said[0].User, said[0].Channel)
	}
}

func TestALookThatNeverEndsIsAnsweredAndNotTriedForever(t *testing.T) {
	t.Parallel()
	h, app := looking(t, "en")
	tries := 0
	app.wait = func(ctx context.Context) error {
		tries++
		<-ctx.Done()
		return ctx.Err()
	}
	said := h.ask(commands.Request{User: kim, Channel: opsRoom, Text: "logs backend"})
	if n := len(said); n != 2 || !strings.Contains(summary(t, said[1]), "within 8 seconds") || tries != 1 {
		t.Errorf("said %d messages after %d tries", n, tries)
	}
}

func TestWithoutAnApplicationItIsSaid(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "en")
	for _, text := range []string{"health", "stats", "logs backend", "audit"} {
		if got := summary(t, h.say(kim, text)[0]); !strings.Contains(got, "target") {
			t.Errorf("%s is answered %q", text, got)
		}
	}
}
