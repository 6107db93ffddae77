package restart_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/docker"
	"github.com/ai-notebook/notebookbot/internal/ops/restart"
	"github.com/ai-notebook/notebookbot/internal/ops/target"
	"github.com/ai-notebook/notebookbot/internal/store/storetest"
)

// sick is an engine whose containers start again, and of which the first is not healthy for as long as anybody waits.
type sick struct {
	mu         sync.Mutex
	containers []docker.Container
	restarted  []string
}

func (*sick) Project(context.Context) (*docker.Project, error) {
	return &docker.Project{Services: []docker.Service{{Name: "postgres", Healthcheck: true}, {Name: "backend", Healthcheck: true, DependsOn: []string{"postgres"}}}}, nil
}

func (e *sick) Containers(context.Context) ([]docker.Container, error) { return e.containers, nil }

func (*sick) Fingerprint(context.Context) (*docker.Fingerprint, error) {
	return &docker.Fingerprint{Commit: "abc"}, nil
}

func (e *sick) Container(_ context.Context, id string) (*docker.Container, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, c := range e.containers {
		if c.ID == id {
			return &c, nil
		}
	}
	return nil, docker.ErrGone
}

func (e *sick) Restart(_ context.Context, id string, _ time.Duration) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.restarted = append(e.restarted, id)
	for i := range e.containers {
		if c := &e.containers[i]; c.ID == id {
			c.Started, c.Health = c.Started.Add(time.Hour), "starting"
		}
	}
	return nil
}

func (e *sick) WaitHealthy(ctx context.Context, id string, _ time.Duration, _ func(docker.Progress)) (docker.Healthy, error) {
	<-ctx.Done()
	c, _ := e.Container(context.WithoutCancel(ctx), id)
	return docker.Healthy{}, &docker.UnhealthyError{Container: *c, Reason: "was not good in time", Err: ctx.Err()}
}

// hurried has little patience, and restarts both services in one operation.
type hurried struct{ *restart.Kind }

func (k hurried) Plan(ctx context.Context, req ops.Request) (ops.Plan, error) {
	req.Args = []string{"postgres", "--no-backup"}
	p, err := k.Kind.Plan(ctx, req)
	if err != nil {
		return p, err
	}
	req.Args = []string{"backend", "--no-backup"}
	next, err := k.Kind.Plan(ctx, req)
	p.Checks = nil
	p.Services, p.Steps = append(p.Services, next.Services...), append(p.Steps, next.Steps...)
	for i := range p.Steps {
		p.Steps[i].Deadline = 50 * time.Millisecond
	}
	return p, err
}

func TestTheNextServiceIsNotRestartedWhileTheOneBeforeIsNotBack(t *testing.T) {
	t.Parallel()
	e := &sick{}
	for _, name := range []string{"postgres", "backend"} {
		e.containers = append(e.containers, docker.Container{ID: name, Name: name + "_1", Service: name, State: "running", Health: "healthy", Started: time.Now()})
	}
	app := &target.Application{Engine: e, Project: "shop"}
	svc := ops.NewService(storetest.Open(t), ops.Config{
		Kinds: []ops.Kind{hurried{&restart.Kind{Engine: e, App: app}}}, People: trusting{}, Target: app, Ops: "C0OPS",
	}, slog.New(slog.DiscardHandler))
	s := &story{T: t, svc: svc, runner: ops.NewRunner(svc, ops.RunnerConfig{Owner: "one", Retry: time.Millisecond})}
	op := s.carry(s.ask("all"))
	if op.State != ops.Failed || op.Outcome.Step != "restart:postgres" || len(e.restarted) != 1 {
		t.Errorf("%s, restarted %v: %+v", op.State, e.restarted, op.Outcome)
	}
}
