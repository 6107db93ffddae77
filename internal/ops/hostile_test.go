package ops_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/ops"
)

// slowVault is a backup during which something happens.
type slowVault struct {
	vault
	meanwhile func()
}

func (v *slowVault) Do(context.Context, *ops.Run) error {
	v.meanwhile()
	return nil
}

func TestATargetThatChangesDuringTheBackupIsNotTouched(t *testing.T) {
	each(t, func(s *story) {
		s.kind.plan.Backup.Choice = ops.BackupWanted
		s.cfg.Backups = &slowVault{vault{propose: ops.Backup{Choice: ops.BackupTaken}}, func() { s.target.set("def", nil) }}
		s.open()
		op := s.mustApprove(s.ask(), bob)
		s.once()
		op = s.want(op, ops.Failed, ops.StepDone, ops.StepFailed, ops.StepSkipped)
		if !op.Outcome.Unchanged || !strings.Contains(op.Outcome.Reason.String(), "def") {
			s.Errorf("outcome = %+v", op.Outcome)
		}
		if s.app.thing(op.Number, "stop:backend").begun > 0 {
			s.Error("the step was begun on another target than the approved one")
		}
	})
}

func TestATargetThatChangesBeforeABoundStepIsNotTouchedAndWhatWasPreparedGoes(t *testing.T) {
	each(t, func(s *story) {
		meanwhile := func() { s.target.set("def", nil) }
		s.kind.plan.Steps[1].Bound = true
		s.kind.acts["do stop:backend"] = func(context.Context, string, *ops.Run, *thing) (ops.Seen, error) {
			meanwhile()
			return "", errDefault
		}
		op := s.mustApprove(s.ask(), bob)
		s.once()
		op = s.want(op, ops.Undone, ops.StepUndone, ops.StepFailed, ops.StepSkipped)
		if len(op.Changed) != 1 || op.Changed[0].What != "commit" || op.Changed[0].Is != "def" {
			s.Errorf("changed = %+v", op.Changed)
		}
		if s.app.thing(op.Number, "swap:backend").begun > 0 {
			s.Error("the step was begun on another target than the approved one")
		}
		s.target.set("abc", nil)
		meanwhile = func() { s.target.set("abc", errors.New("no engine")) }
		if op = s.want(s.carried(), ops.Undone); len(op.Changed) > 0 || !strings.Contains(op.Outcome.Reason.String(), "no engine") {
			s.Errorf("it could not be looked at: %+v, %+v", op.Outcome, op.Changed)
		}
		// A step finds out by itself what only it looks at.
		s.target.set("abc", nil)
		meanwhile = func() {}
		s.kind.acts["do swap:backend"] = func(context.Context, string, *ops.Run, *thing) (ops.Seen, error) {
			return "", fmt.Errorf("%w: %w", ops.ErrUnchanged, &ops.MovedError{Changed: []ops.Difference{{What: "database", Name: "notes", Was: "1", Is: "2"}}})
		}
		if op = s.want(s.carried(), ops.Undone); len(op.Changed) != 1 || op.Changed[0].Name != "notes" {
			s.Errorf("changed = %+v", op.Changed)
		}
	})
}

// carried is another operation, approved and carried out.
func (s *story) carried() *ops.Operation {
	s.Helper()
	op := s.mustApprove(s.ask(), bob)
	s.once()
	return op
}

func TestAStricterPolicyAtTheStartVoidsWhatAWeakerOneLetPass(t *testing.T) {
	for name, stricter := range map[string]func(p *people){
		"more approvals":   func(p *people) { p.approvals = 2 },
		"no self approval": func(p *people) { p.self = false },
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(s *story) {
				s.people.self = true
				op := s.mustApprove(s.ask(), ann)
				stricter(s.people)
				s.once()
				s.want(op, ops.Void)
			})
		})
	}
}

func TestALaxerPolicyAtTheStartTakesNothingBack(t *testing.T) {
	each(t, func(s *story) {
		op := s.mustApprove(s.ask(), bob)
		s.people.approvals = 0
		s.once()
		s.want(op, ops.Done)
	})
}

func TestAnOperationWhoseStepsNobodyKnowsAnyMoreDoesNotHoldTheProjectForEver(t *testing.T) {
	each(t, func(s *story) {
		ctx, stop := context.WithCancel(s.Context())
		s.kind.acts["do stop:backend"] = func(context.Context, string, *ops.Run, *thing) (ops.Seen, error) {
			stop()
			return "", ctx.Err()
		}
		op := s.mustApprove(s.ask(), bob)
		if _, err := s.runner.Once(ctx); err != nil {
			s.Fatal(err)
		}
		s.want(op, ops.Running)
		s.cfg.Kinds = nil // the next version has them no more
		s.open()
		s.pass(10 * time.Minute)
		s.once()
		s.want(op, ops.Running) // another version may still run
		s.pass(2 * time.Hour)
		s.once()
		if op = s.want(op, ops.Unknown); op.Outcome.Step != "stop:backend" {
			s.Errorf("outcome = %+v", op.Outcome)
		}
	})
}

func TestWhatTheClockAsksIsShownWhenPeopleMustApproveIt(t *testing.T) {
	each(t, func(s *story) {
		auto := ops.Request{Word: "restart", By: ops.Person{Actor: incidents.Actor{Kind: incidents.ByClock}}, Quiet: true}
		op, _, err := s.commit(s.svc.Ask(s.Context(), auto))
		if err != nil {
			s.Fatal(err)
		}
		if got := brief(s.deliveries()); len(got) != 1 || !strings.HasPrefix(got[0], "operation.card planned") {
			s.Errorf("%s waits for approvals and nobody is told: %v", op.Key(), got)
		}
	})
}

func TestWhatAStepSaysIsKeptWithoutItsSecrets(t *testing.T) {
	for name, fail := range map[string]error{"a failure": errors.New("no hunter2"), "not known": fmt.Errorf("%w: no hunter2", ops.ErrUnclear)} {
		t.Run(name, func(t *testing.T) {
			each(t, func(s *story) {
				s.cfg.Redact = func(text string) string { return strings.ReplaceAll(text, "hunter2", "•••") }
				s.open()
				s.kind.acts["do stop:backend"] = func(context.Context, string, *ops.Run, *thing) (ops.Seen, error) { return "", fail }
				s.kind.acts["look stop:backend"] = func(context.Context, string, *ops.Run, *thing) (ops.Seen, error) {
					return ops.SeenUnclear, nil
				}
				op := s.mustApprove(s.ask(), bob)
				s.once()
				op = s.find(op)
				entries, err := s.store.OperationTimeline(s.Context(), op.Number)
				if err != nil {
					s.Fatal(err)
				}
				all := fmt.Sprintf("%+v %+v", op, entries)
				if !op.State.Over() || strings.Contains(all, "hunter2") || !strings.Contains(op.Outcome.Reason.String(), "•••") {
					s.Errorf("%s: %+v", op.State, op.Outcome)
				}
			})
		})
	}
}
