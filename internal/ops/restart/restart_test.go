package restart_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/access"
	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/docker"
	"github.com/ai-notebook/notebookbot/internal/ops/restart"
	"github.com/ai-notebook/notebookbot/internal/ops/target"
	"github.com/ai-notebook/notebookbot/internal/realparts"
	"github.com/ai-notebook/notebookbot/internal/store/storetest"
)

var (
	ann = ops.Person{Actor: incidents.Person("U0ANN")}
	bob = ops.Person{Actor: incidents.Person("U0BOB")}
)

// trusting lets everybody do everything: who may is tried elsewhere.
type trusting struct{}

func (trusting) Rule(string) (access.Rule, bool) {
	return access.Rule{Class: access.Change, Run: access.Operators, Approve: access.Commanders, Approvals: 1, Expires: time.Hour}, true
}
func (trusting) MayRun(context.Context, ops.Person, string) error      { return nil }
func (trusting) MayApprove(context.Context, ops.Person, string) error  { return nil }
func (trusting) MayActAlone(context.Context, ops.Person, string) error { return nil }

// story is the sample application with a bot that restarts it.
type story struct {
	*testing.T
	app    *realparts.Application
	engine *docker.Engine
	svc    *ops.Service
	runner *ops.Runner
}

func newStory(t *testing.T) *story {
	t.Helper()
	s := &story{T: t, app: realparts.StartApplication(t, "")}
	s.engine = s.open(docker.Config{Host: s.app.Host, Project: s.app.Project, Dir: s.app.Dir})
	app := &target.Application{Engine: s.engine, Project: s.app.Project, URL: s.app.URL("/health"), Stable: 500 * time.Millisecond}
	s.svc = ops.NewService(storetest.Open(t), ops.Config{
		Kinds: []ops.Kind{&restart.Kind{Engine: s.engine, App: app}}, People: trusting{}, Target: app, Ops: "C0OPS",
	}, slog.New(slog.DiscardHandler))
	s.runner = ops.NewRunner(s.svc, ops.RunnerConfig{Owner: "one"})
	for _, service := range []string{"backend", "frontend"} {
		if err := app.Healthy(s.soon(), service, nil); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func (s *story) open(cfg docker.Config) *docker.Engine {
	s.Helper()
	e, err := docker.Open(cfg)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() {
		if err := e.Close(); err != nil {
			s.Error(err)
		}
	})
	return e
}

func (s *story) soon() context.Context {
	ctx, cancel := context.WithTimeout(s.Context(), 2*time.Minute)
	s.Cleanup(cancel)
	return ctx
}

func (s *story) ask(args ...string) *ops.Operation {
	s.Helper()
	d, err := s.svc.Ask(s.Context(), ops.Request{Word: "restart", Args: args, By: ann})
	if err != nil {
		s.Fatal(err)
	}
	op, _, err := s.svc.Do(s.Context(), d)
	if err != nil {
		s.Fatal(err)
	}
	return op
}

func (s *story) approve(op *ops.Operation) *ops.Operation {
	s.Helper()
	d, err := s.svc.Approve(s.Context(), op.Number, ops.Approve{By: bob, Hash: op.Hash})
	if err != nil {
		s.Fatal(err)
	}
	op, _, err = s.svc.Do(s.Context(), d)
	if err != nil {
		s.Fatal(err)
	}
	return op
}

// carry approves an operation and carries it out.
func (s *story) carry(op *ops.Operation) *ops.Operation {
	s.Helper()
	s.approve(op)
	if _, err := s.runner.Once(s.Context()); err != nil {
		s.Fatal(err)
	}
	op, err := s.svc.Find(s.Context(), op.Number)
	if err != nil {
		s.Fatal(err)
	}
	return op
}

func (s *story) started(service string) time.Time {
	s.Helper()
	list, err := s.engine.Containers(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	for _, c := range list {
		if c.Service == service {
			return c.Started
		}
	}
	return time.Time{}
}

// TestRestartsOnTheRealApplication tells one story after the other on one application, which takes its time to start.
func TestRestartsOnTheRealApplication(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	t.Run("what cannot be restarted is a problem with a way out", s.whatCannotBeRestartedIsAProblemWithAWayOut)
	t.Run("all is restarted in the order of its dependencies", s.allIsRestartedInTheOrderOfItsDependencies)
	t.Run("a plan for other images is void", s.aPlanForOtherImagesIsVoid)
	t.Run("a service that does not come back is said with its last words", s.aServiceThatDoesNotComeBackIsSaidWithItsLastWords)
}

func (s *story) allIsRestartedInTheOrderOfItsDependencies(t *testing.T) {
	began := time.Now()
	op := s.ask("all", "--no-backup")
	var steps []string
	for _, st := range op.Steps {
		steps = append(steps, st.Name)
	}
	want := "restart:postgres restart:redis restart:backend restart:frontend restart:nginx"
	if got := strings.Join(steps, " "); !strings.HasPrefix(got, want) || !strings.HasSuffix(got, " url") {
		t.Errorf("the steps are %s", got)
	}
	if op = s.carry(op); op.State != ops.Done {
		t.Fatalf("%s: %+v", op.State, op.Outcome)
	}
	if f := op.Outcome.Facts; len(f) != 1 || f[0].Code != "restarted" || f[0].Count != 5 {
		t.Errorf("it says %+v", f)
	}
	last := began
	for _, service := range []string{"postgres", "redis", "backend", "frontend", "nginx"} {
		at := s.started(service)
		if !at.After(last) {
			t.Errorf("%s started at %s, not after %s", service, at, last)
		}
		last = at
	}
}

func (s *story) aServiceThatDoesNotComeBackIsSaidWithItsLastWords(t *testing.T) {
	s.app.Compose(t, "stop", "postgres") // without its database the backend is not healthy
	op := s.carry(s.ask("backend", "--no-backup"))
	if op.State != ops.Failed || op.Outcome.Step != "restart:backend" || op.Outcome.Unchanged || strings.Join(op.Outcome.Left, " ") != "restart:backend" {
		t.Errorf("%s: %+v", op.State, op.Outcome)
	}
	for _, part := range []string{"backend", "unhealthy", "health: ", "| "} {
		if !strings.Contains(op.Outcome.Reason.String(), part) {
			t.Errorf("%q is not in: %s", part, op.Outcome.Reason)
		}
	}
	if strings.Contains(op.Outcome.Reason.String(), "secret") {
		t.Errorf("the password is in: %s", op.Outcome.Reason)
	}
}

func (s *story) aPlanForOtherImagesIsVoid(t *testing.T) {
	realparts.ApplicationImages(t, s.app.Host, "v2")
	op := s.ask("backend", "--no-backup")
	env := filepath.Join(s.app.Dir, ".env")
	b, err := os.ReadFile(env)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(env, append(b, "BACKEND_VERSION=v2\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	s.app.Compose(t, "up", "-d", "--no-deps", "backend")
	before := s.started("backend")
	op = s.carry(op)
	if op.State != ops.Void {
		t.Fatalf("%s: %+v", op.State, op.Outcome)
	}
	changed := false
	for _, d := range op.Changed {
		changed = changed || d.What == "image" && d.Name == "backend"
	}
	if !changed || !s.started("backend").Equal(before) {
		t.Errorf("changed %+v, started %s, was %s", op.Changed, s.started("backend"), before)
	}
}

func (s *story) whatCannotBeRestartedIsAProblemWithAWayOut(t *testing.T) {
	for code, args := range map[string][]string{"unknown_service": {"bakcend"}, "no_service": nil} {
		_, err := s.svc.Ask(t.Context(), ops.Request{Word: "restart", Args: args, By: ann})
		p, ok := errors.AsType[*ops.Problem](err)
		if !ok || p.Code != code || len(p.Names) != 5 {
			t.Errorf("%q: %v", args, err)
		}
	}
	away := s.open(docker.Config{Host: "unix:///nowhere/docker.sock", Project: s.app.Project, Dir: s.app.Dir})
	k := &restart.Kind{Engine: away, App: &target.Application{Engine: away, Project: s.app.Project}}
	_, err := k.Plan(t.Context(), ops.Request{Word: "restart", Args: []string{"backend"}, By: ann})
	if p, ok := errors.AsType[*ops.Problem](err); !ok || p.Code != "docker_away" {
		t.Errorf("without an engine: %v", err)
	}
}
