package ops_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/store"
	"github.com/ai-notebook/notebookbot/internal/store/storetest"
)

// watch is a clock that the test moves.
type watch struct {
	mu  sync.Mutex
	now time.Time
}

func (w *watch) Now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *watch) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// story is one bot with an application.
type story struct {
	*testing.T
	*watch
	store  *store.Store
	app    *app
	kind   *kind
	people *people
	target *target
	cfg    ops.Config
	svc    *ops.Service
	runner *ops.Runner
}

func newStory(t *testing.T, s *store.Store) *story {
	a := newApp()
	st := &story{
		T: t, watch: &watch{now: noon}, store: s, app: a, people: &people{approvals: 1, lost: map[string]bool{}},
		target: &target{commit: "abc"},
		kind:   &kind{word: "restart", app: a, plan: swapPlan(), acts: map[string]act{}},
	}
	st.cfg = ops.Config{Kinds: []ops.Kind{st.kind}, People: st.people, Target: st.target, Ops: "C0OPS", Now: st.Now}
	st.open()
	return st
}

func (*story) log() *slog.Logger { return slog.New(slog.DiscardHandler) }

// open makes the service and the runner anew, as a start of the program does.
func (s *story) open() {
	s.svc = ops.NewService(s.store, s.cfg, slog.New(slog.DiscardHandler))
	s.runner = s.newRunner("one")
}

func (s *story) newRunner(owner string) *ops.Runner {
	return ops.NewRunner(s.svc, ops.RunnerConfig{Owner: owner, Retry: time.Millisecond, Poll: 5 * time.Millisecond, Progress: 10 * time.Millisecond})
}

func (s *story) commit(d *ops.Decision, err error) (*ops.Operation, bool, error) {
	if err != nil {
		return nil, false, err
	}
	return s.svc.Do(context.WithoutCancel(s.Context()), d)
}

func (s *story) ask(args ...string) *ops.Operation {
	s.Helper()
	op, _, err := s.commit(s.svc.Ask(s.Context(), ops.Request{Word: "restart", Args: args, By: ann, Reason: "it leaks"}))
	if err != nil {
		s.Fatalf("ask: %v", err)
	}
	return op
}

func (s *story) approve(op *ops.Operation, by ops.Person) (*ops.Operation, error) {
	op, _, err := s.commit(s.svc.Approve(s.Context(), op.Number, ops.Approve{By: by, Hash: op.Hash}))
	return op, err
}

func (s *story) mustApprove(op *ops.Operation, by ops.Person) *ops.Operation {
	s.Helper()
	op, err := s.approve(op, by)
	if err != nil {
		s.Fatalf("approve: %v", err)
	}
	return op
}

func (s *story) once() {
	s.Helper()
	if _, err := s.runner.Once(s.Context()); err != nil {
		s.Fatalf("runner: %v", err)
	}
}

func (s *story) find(op *ops.Operation) *ops.Operation {
	s.Helper()
	op, err := s.svc.Find(context.WithoutCancel(s.Context()), op.Number)
	if err != nil {
		s.Fatalf("find: %v", err)
	}
	return op
}

// want checks the state of an operation and that of its steps.
func (s *story) want(op *ops.Operation, state ops.State, steps ...ops.StepState) *ops.Operation {
	s.Helper()
	op = s.find(op)
	if op.State != state {
		s.Errorf("%s is %s, want %s (%+v)", op.Key(), op.State, state, op.Outcome)
	}
	for i, want := range steps {
		if got := op.Steps[i].State; got != want {
			s.Errorf("%s: step %s is %s, want %s", op.Key(), op.Steps[i].Name, got, want)
		}
	}
	l, err := s.store.LockOf(context.WithoutCancel(s.Context()), "notebook")
	if err != nil {
		s.Fatal(err)
	}
	if op.State.Over() && l.Operation == op.Number {
		s.Errorf("%s is over and holds the lock", op.Key())
	}
	for _, w := range s.app.wrongs() {
		s.Error(w)
	}
	return op
}

func (s *story) kinds(op *ops.Operation) []ops.EntryKind {
	s.Helper()
	entries, err := s.store.OperationTimeline(context.WithoutCancel(s.Context()), op.Number)
	if err != nil {
		s.Fatal(err)
	}
	var out []ops.EntryKind
	for i, e := range entries {
		if e.Seq != int64(i+1) {
			s.Errorf("entry %d has the number %d", i+1, e.Seq)
		}
		out = append(out, e.Kind)
	}
	return out
}

// each runs a story on every kind of store.
func each(t *testing.T, tell func(s *story)) {
	t.Helper()
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		t.Helper()
		tell(newStory(t, s))
	})
}
