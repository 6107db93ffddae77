package ops_test

import (
	"context"
	"strings"
	"testing"
	"time"

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
		if !op.Outcome.Unchanged || !strings.Contains(op.Outcome.Reason, "def") {
			s.Errorf("outcome = %+v", op.Outcome)
		}
		if s.app.thing(op.Number, "stop:backend").begun > 0 {
			s.Error("the step was begun on another target than the approved one")
		}
	})
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
