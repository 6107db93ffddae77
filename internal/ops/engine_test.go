package ops_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/access"
	"github.com/ai-notebook/notebookbot/internal/ops"
)

func TestWhatIsApprovedIsDoneStepByStepAndVerified(t *testing.T) {
	each(t, func(s *story) {
		op := s.ask("backend")
		s.once()
		s.want(op, ops.Planned, ops.Pending)
		if op = s.mustApprove(op, bob); op.State != ops.Approved {
			s.Fatalf("state = %s", op.State)
		}
		s.once()
		op = s.want(op, ops.Done, ops.StepDone, ops.StepDone, ops.StepDone)
		if f := op.Outcome.Facts; len(f) != 3 || f[0].Name != op.Steps[0].Name {
			s.Errorf("it has led to %+v", f)
		}
		want := []ops.EntryKind{
			ops.WasAsked, ops.WasApproved, ops.WasStarted, ops.StepBegan, ops.StepSucceeded, ops.StepBegan, ops.StepSucceeded,
			ops.StepBegan, ops.StepSucceeded, ops.WasFinished,
		}
		if got := s.kinds(op); !slices.Equal(got, want) {
			s.Errorf("timeline = %v", got)
		}
		s.once()
		s.want(op, ops.Done)
	})
}

func TestARefusalNamesItsReasonAndChangesNothing(t *testing.T) {
	each(t, func(s *story) {
		op := s.ask()
		refused := func(want error, err error) {
			s.Helper()
			if !errors.Is(err, want) {
				s.Errorf("error = %v, want %v", err, want)
			}
		}
		_, err := s.approve(op, ann)
		refused(ops.ErrOwnRequest, err)
		_, err = s.approve(op, dan)
		if denied, ok := errors.AsType[*access.Denied](err); !ok || denied.Reason != access.NotListed {
			s.Errorf("who is not listed approves: %v", err)
		}
		_, _, err = s.commit(s.svc.Approve(s.Context(), op.Number, ops.Approve{By: bob, Hash: "other"}))
		refused(ops.ErrStale, err)
		_, _, err = s.commit(s.svc.Reject(s.Context(), op.Number, ops.Reject{By: bob, Reason: " "}))
		refused(ops.ErrNoReason, err)
		_, _, err = s.commit(s.svc.Cancel(s.Context(), op.Number, ops.Cancel{By: cat}))
		refused(ops.ErrNotYours, err)
		_, _, err = s.commit(s.svc.Alone(s.Context(), op.Number, ops.Alone{By: bob, Reason: "now"}))
		if denied, ok := errors.AsType[*access.Denied](err); !ok || denied == nil {
			s.Errorf("who may not acts alone: %v", err)
		}
		_, _, err = s.commit(s.svc.Ask(s.Context(), ops.Request{Word: "restart", By: dan}))
		if denied, ok := errors.AsType[*access.Denied](err); !ok || denied == nil {
			s.Errorf("who may not asks: %v", err)
		}
		_, err = s.svc.Approve(s.Context(), 99, ops.Approve{By: bob})
		refused(ops.ErrNotFound, err)
		if got := s.find(op); got.Revision != op.Revision {
			s.Errorf("a refusal changed the operation: %d → %d", op.Revision, got.Revision)
		}
	})
}

func TestATargetThatChangedVoidsThePlan(t *testing.T) {
	each(t, func(s *story) {
		op := s.ask()
		s.target.set("def", nil)
		got, err := s.approve(op, bob)
		if err != nil || got.State != ops.Void || len(got.Changed) != 1 || got.Changed[0].Was != "abc" || got.Changed[0].Is != "def" {
			s.Errorf("approved on another commit: %v, %+v", err, got)
		}
		s.target.set("abc", nil)
		op = s.mustApprove(s.ask(), bob)
		s.target.set("def", nil)
		s.once()
		s.want(op, ops.Void, ops.StepSkipped)

		s.target.set("abc", errors.New("no docker"))
		op = s.ask()
		if _, err := s.approve(op, bob); !errors.Is(err, ops.ErrNoTarget) {
			s.Errorf("approved blindly: %v", err)
		}
		s.target.set("abc", nil)
		s.mustApprove(op, bob)
		s.target.set("abc", errors.New("no docker"))
		s.once()
		s.want(op, ops.Approved) // not known now is no change: it waits
		s.target.set("abc", nil)
		s.pass(time.Second)
		s.once()
		s.want(op, ops.Done)
	})
}

func TestRolesAreAskedAgainAtTheStart(t *testing.T) {
	each(t, func(s *story) {
		op := s.mustApprove(s.ask(), bob)
		s.people.away = errors.New("Slack is away")
		s.once()
		s.want(op, ops.Approved)
		s.people.away = nil
		s.people.lost[bob.ID] = true
		s.pass(time.Second)
		s.once()
		s.want(op, ops.Void)
		s.people.lost = map[string]bool{}
		op = s.mustApprove(s.ask(), bob)
		s.people.lost[ann.ID] = true
		s.once()
		s.want(op, ops.Void)
	})
}

func TestTwoApprovalsAreTwoPeople(t *testing.T) {
	each(t, func(s *story) {
		s.people.approvals = 2
		op := s.ask()
		for range 3 { // a double click, and one more
			s.mustApprove(op, bob)
		}
		s.once()
		if op = s.want(op, ops.Planned); op.Missing() != 1 || len(op.Votes) != 1 {
			s.Errorf("missing %d, votes %v", op.Missing(), op.Votes)
		}
		s.mustApprove(op, cat)
		s.once()
		s.want(op, ops.Done)
	})
}

func TestOfManyWhoDecideAtOnceOneDecides(t *testing.T) {
	each(t, func(s *story) {
		for range 5 {
			op := s.ask()
			var wg sync.WaitGroup
			var mu sync.Mutex
			decided := 0
			try := func(d *ops.Decision, err error) {
				_, changed, err := s.commit(d, err)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil && changed:
					decided++
				case err != nil && !errors.Is(err, ops.ErrDecided):
					s.Errorf("error = %v", err)
				}
			}
			for range 3 {
				wg.Go(func() { try(s.svc.Approve(s.Context(), op.Number, ops.Approve{By: bob, Hash: op.Hash})) })
				wg.Go(func() { try(s.svc.Approve(s.Context(), op.Number, ops.Approve{By: cat, Hash: op.Hash})) })
				wg.Go(func() { try(s.svc.Reject(s.Context(), op.Number, ops.Reject{By: bob, Reason: "no"})) })
			}
			wg.Wait()
			op = s.find(op)
			if decided != 1 || op.State == ops.Approved && len(op.Votes) != 1 || op.State == ops.Rejected && len(op.Votes) != 0 {
				s.Errorf("%d decisions, %s with %d votes", decided, op.State, len(op.Votes))
			}
			s.once()
		}
	})
}

func TestAFailedStepIsUndoneWithAllBeforeItInReverse(t *testing.T) {
	each(t, func(s *story) {
		var order []string
		s.kind.every = func(_ context.Context, what string, r *ops.Run, _ *thing) (ops.Seen, error) {
			order = append(order, what+" "+r.Step.Name)
			if what == "do" && r.Step.Name == "health" {
				return "", errors.New("502")
			}
			return "", errDefault
		}
		op := s.mustApprove(s.ask(), bob)
		s.once()
		op = s.want(op, ops.Undone, ops.StepUndone, ops.StepUndone, ops.StepFailed)
		if f := op.Outcome.Facts; len(f) > 0 {
			s.Errorf("what was undone has led to %+v", f)
		}
		want := []string{"do stop:backend", "do swap:backend", "do health", "undo swap:backend", "undo stop:backend"}
		if !slices.Equal(order, want) {
			s.Errorf("order = %v", order)
		}
		if op.Outcome.Step != "health" || op.Outcome.Reason.Text != "502" {
			s.Errorf("outcome = %+v", op.Outcome)
		}
	})
}

func TestHowItFailedIsSaidAsItIs(t *testing.T) {
	boom := errors.New("boom")
	for _, c := range []struct {
		name    string
		acts    map[string]error
		state   ops.State
		left    int
		same    bool
		steps   []ops.StepState
		partial bool
	}{
		{"before it changed anything", map[string]error{"do stop:backend": ops.ErrUnchanged}, ops.Failed, 0, true, []ops.StepState{ops.StepFailed, ops.StepSkipped, ops.StepSkipped}, false},
		{"and an undo that never works leaves something", map[string]error{"do swap:backend": boom, "undo stop:backend": boom}, ops.Failed, 1, false, []ops.StepState{ops.StepKept, ops.StepUndone, ops.StepSkipped}, false},
		{"and nobody can tell", map[string]error{"do swap:backend": ops.ErrUnclear, "look swap:backend": boom}, ops.Unknown, 2, false, []ops.StepState{ops.StepDone, ops.StepUnclear, ops.StepSkipped}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			each(t, func(s *story) {
				s.kind.plan.Steps[1].Deadline = 20 * time.Millisecond
				for what, err := range c.acts {
					s.kind.acts[what] = func(context.Context, string, *ops.Run, *thing) (ops.Seen, error) { return "", err }
				}
				op := s.mustApprove(s.ask(), bob)
				s.once()
				op = s.want(op, c.state, c.steps...)
				if len(op.Outcome.Left) != c.left || op.Outcome.Unchanged != c.same {
					s.Errorf("outcome = %+v", op.Outcome)
				}
			})
		})
	}
}

func TestAStepThatPanicsOrIsLateIsLookedAt(t *testing.T) {
	each(t, func(s *story) {
		s.kind.acts["do stop:backend"] = func(_ context.Context, _ string, _ *ops.Run, th *thing) (ops.Seen, error) {
			if th.begun == 1 {
				panic("oops")
			}
			return "", errDefault
		}
		s.kind.plan.Steps[1].Deadline = 20 * time.Millisecond
		s.kind.acts["do swap:backend"] = func(ctx context.Context, _ string, _ *ops.Run, th *thing) (ops.Seen, error) {
			th.done = true
			<-ctx.Done()
			return "", ctx.Err()
		}
		op := s.mustApprove(s.ask(), bob)
		s.once()
		op = s.want(op, ops.Done)
		if op.Steps[0].Tries != 2 || op.Steps[1].Tries != 1 {
			s.Errorf("tries = %d and %d, want 2 and 1", op.Steps[0].Tries, op.Steps[1].Tries)
		}

		delete(s.kind.acts, "do stop:backend")
		s.kind.acts["do swap:backend"] = func(ctx context.Context, _ string, _ *ops.Run, _ *thing) (ops.Seen, error) {
			<-ctx.Done() // and did nothing
			return "", ctx.Err()
		}
		op = s.mustApprove(s.ask(), bob)
		s.once()
		op = s.want(op, ops.Undone, ops.StepUndone, ops.StepFailed)
		if op.Steps[1].Tries != 1 {
			s.Errorf("a late step was begun %d times", op.Steps[1].Tries)
		}
	})
}

func TestOneOperationAtATimeWorksOnAProject(t *testing.T) {
	each(t, func(s *story) {
		var second *ops.Operation
		other := s.newRunner("two")
		meanwhile := func(r *ops.Run) {
			second = s.mustApprove(s.ask(), bob)
			for range 2 {
				if _, err := other.Once(s.Context()); err != nil {
					s.Error(err)
				}
			}
			if got := s.find(second); got.State != ops.Approved || got.WaitsFor != r.Operation.Number {
				s.Errorf("%s is %s and waits for %d", got.Key(), got.State, got.WaitsFor)
			}
			l, err := s.store.LockOf(s.Context(), "notebook")
			if err != nil || l.Operation != r.Operation.Number || l.Owner != "one" || l.Fence != r.Fence() {
				s.Errorf("the lock says %+v, %v", l, err)
			}
		}
		s.kind.acts["do stop:backend"] = func(_ context.Context, _ string, r *ops.Run, _ *thing) (ops.Seen, error) {
			if second == nil {
				meanwhile(r)
			}
			return "", errDefault
		}
		first := s.mustApprove(s.ask(), bob)
		s.once()
		s.want(first, ops.Done)
		s.once()
		if got := s.want(second, ops.Done); got.Lease.Fence <= s.find(first).Lease.Fence {
			s.Errorf("the fence did not grow: %d", got.Lease.Fence)
		}
	})
}

func TestARequestEndsInTime(t *testing.T) {
	each(t, func(s *story) {
		op, waits := s.ask(), s.mustApprove(s.ask(), bob)
		s.target.set("abc", errors.New("no docker"))
		s.pass(15*time.Minute - time.Microsecond)
		s.once()
		s.want(op, ops.Planned)
		s.pass(time.Microsecond)
		if _, err := s.approve(op, bob); !errors.Is(err, ops.ErrExpired) {
			s.Errorf("error = %v", err)
		}
		s.once()
		s.want(op, ops.Expired)
		s.want(waits, ops.Approved)
		s.pass(time.Hour)
		s.target.set("abc", nil)
		s.once()
		s.want(waits, ops.Expired)
		if _, err := s.approve(op, bob); !errors.Is(err, ops.ErrExpired) {
			s.Errorf("error = %v", err)
		}
	})
}

func TestWhoAskedMayCancelUntilItBegins(t *testing.T) {
	each(t, func(s *story) {
		op := s.mustApprove(s.ask(), bob)
		_, _, err := s.commit(s.svc.Cancel(s.Context(), op.Number, ops.Cancel{By: ann, Reason: "not needed"}))
		if err != nil {
			s.Fatal(err)
		}
		s.once()
		s.want(op, ops.Cancelled)
		meanwhile := func(r *ops.Run) {
			if _, err := s.svc.Cancel(s.Context(), r.Operation.Number, ops.Cancel{By: ann}); !errors.Is(err, ops.ErrRunning) {
				s.Errorf("error = %v", err)
			}
		}
		s.kind.acts["do stop:backend"] = func(_ context.Context, _ string, r *ops.Run, _ *thing) (ops.Seen, error) {
			meanwhile(r)
			return "", errDefault
		}
		op = s.mustApprove(s.ask(), bob)
		s.once()
		s.want(op, ops.Done)
	})
}

func TestBreakingTheGlassIsLoud(t *testing.T) {
	each(t, func(s *story) {
		s.people.approvals = 2
		op := s.ask()
		_, _, err := s.commit(s.svc.Alone(s.Context(), op.Number, ops.Alone{By: eve}))
		if !errors.Is(err, ops.ErrNoReason) {
			s.Errorf("error = %v", err)
		}
		var told []incidents.NoticeKind
		d, err := s.svc.Alone(s.Context(), op.Number, ops.Alone{By: eve, Reason: "everybody sleeps", Hash: op.Hash})
		if err != nil {
			s.Fatal(err)
		}
		err = s.store.WriteOperations(s.Context(), d.Want(), func(tx ops.Tx) error {
			told = nil
			_, _, err := d.In(&ear{tx, func(n incidents.Notice) {
				told = append(told, n.Kind)
				if n.Kind == incidents.OperationAlone && (n.Channel != "C0OPS" || n.Fact.Text != "everybody sleeps") {
					s.Errorf("notice = %+v", n)
				}
			}}, s.Now())
			return err
		})
		if err != nil || !slices.Contains(told, incidents.OperationAlone) {
			s.Errorf("told %v, %v", told, err)
		}
		s.once()
		if op = s.want(op, ops.Done); op.Alone == nil || op.Alone.By.ID != eve.ID {
			s.Errorf("alone = %+v", op.Alone)
		}
	})
}

// ear hears what a transaction tells.
type ear struct {
	ops.Tx
	hear func(incidents.Notice)
}

func (e *ear) Notify(notices ...incidents.Notice) error {
	for _, n := range notices {
		e.hear(n)
	}
	return e.Tx.Notify(notices...)
}
