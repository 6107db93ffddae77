package cleanup

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/access"
	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/docker"
	"github.com/ai-notebook/notebookbot/internal/ops/target"
	"github.com/ai-notebook/notebookbot/internal/store/storetest"
)

// anybody may do anything.
type anybody struct{}

func (anybody) Rule(string) (access.Rule, bool) {
	return access.Rule{Class: access.Change, Approvals: 1, Expires: time.Hour}, true
}
func (anybody) MayRun(context.Context, ops.Person, string) error      { return nil }
func (anybody) MayApprove(context.Context, ops.Person, string) error  { return nil }
func (anybody) MayActAlone(context.Context, ops.Person, string) error { return nil }

// idle is an engine that keeps nothing.
type idle struct{ Engine }

func (idle) Project(context.Context) (*docker.Project, error)     { return &docker.Project{}, nil }
func (idle) Inventory(context.Context) (*docker.Inventory, error) { return &docker.Inventory{}, nil }

// mortal is a store whose process may be killed.
type mortal struct {
	ops.Store
	dead atomic.Bool
}

var errDead = errors.New("the process is dead")

func (m *mortal) WriteOperations(ctx context.Context, w ops.Want, f func(ops.Tx) error) error {
	if m.dead.Load() {
		return errDead
	}
	return m.Store.WriteOperations(ctx, w, f)
}

// story is a bot that cleans up.
type story struct {
	*testing.T
	k     ops.Kind
	store *mortal
	svc   *ops.Service

	mu  sync.Mutex
	now time.Time
}

func (s *story) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func newStory(t *testing.T, k ops.Kind) *story {
	s := &story{T: t, k: k, now: time.Now(), store: &mortal{Store: storetest.Open(t)}}
	s.begin()
	return s
}

// begin is a start of the bot.
func (s *story) begin() {
	s.store = &mortal{Store: s.store.Store}
	s.svc = ops.NewService(s.store, ops.Config{Kinds: []ops.Kind{s.k}, People: anybody{}, Ops: "C0OPS", Now: s.Now}, slog.New(slog.DiscardHandler))
}

func (s *story) commit(d *ops.Decision, err error) *ops.Operation {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
	op, _, err := s.svc.Do(s.Context(), d)
	if err != nil {
		s.Fatal(err)
	}
	return op
}

func (s *story) ask() *ops.Operation {
	s.Helper()
	by := ops.Person{Actor: incidents.Person("U0ANN"), Team: "T1"}
	return s.commit(s.svc.Ask(s.Context(), ops.Request{Word: "cleanup", By: by}))
}

func (s *story) approve(op *ops.Operation) *ops.Operation {
	s.Helper()
	by := ops.Person{Actor: incidents.Person("U0BOB"), Team: "T1"}
	return s.commit(s.svc.Approve(s.Context(), op.Number, ops.Approve{By: by, Hash: op.Hash}))
}

// run carries out what is approved, until ctx ends.
func (s *story) run(ctx context.Context) {
	r := ops.NewRunner(s.svc, ops.RunnerConfig{Owner: "r" + s.Now().String(), Retry: time.Millisecond, Progress: 10 * time.Millisecond})
	_, _ = r.Once(ctx) // how it ended, the operation tells
}

func (s *story) want(op *ops.Operation, state ops.State) *ops.Operation {
	s.Helper()
	op, err := s.svc.Find(s.Context(), op.Number)
	if err != nil {
		s.Fatal(err)
	}
	if op.State != state {
		s.Fatalf("it is %s, want %s: %+v\n%+v", op.State, state, op.Outcome, op.Steps)
	}
	return op
}

// items are the names that a plan lists for a step.
func items(t *testing.T, op *ops.Operation, step string) []string {
	t.Helper()
	var out []string
	for _, st := range op.Plan.Steps {
		if st.Name != step {
			continue
		}
		var l List
		if err := json.Unmarshal(st.Args, &l); err != nil {
			t.Fatal(err)
		}
		for _, i := range l.Items {
			out = append(out, i.Name)
		}
	}
	slices.Sort(out)
	return out
}

// removed is what a step says that it did.
func removed(t *testing.T, op *ops.Operation, step string) Removed {
	t.Helper()
	var out Removed
	for _, st := range op.Steps {
		if st.Name == step {
			if err := json.Unmarshal(st.Output, &out); err != nil {
				t.Fatalf("%s recorded %q: %v", step, st.Output, err)
			}
		}
	}
	return out
}

func nobody() *target.Application { return &target.Application{Engine: idle{}, Project: "shop"} }
