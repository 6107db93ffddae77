package commands_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/commands"
	operations "github.com/ai-notebook/notebookbot/internal/ops"
)

// upkeep maintains a small database.
type upkeep struct{}

func (upkeep) Word() string { return "db.maintain" }

func (upkeep) Plan(_ context.Context, req operations.Request) (operations.Plan, error) {
	return operations.Plan{
		Project: "notebook", Args: req.Args, Steps: []operations.StepPlan{{Name: "vacuum", Deadline: time.Minute}},
		Details: []byte(`{"size":9000000,"tables":3,"deletes":[{"table":"public.logs","column":"created_at","rows":157000,"before":"2026-10-26T08:00:00Z"}]}`),
	}, nil
}

func (upkeep) Step(string) (operations.Doer, bool) { return done{}, true }

func (upkeep) Tell(*operations.Operation) []operations.Fact { return nil }

func TestMaintenanceIsTriedAndAsked(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, h *house) {
		serving(h)
		for _, dry := range []string{"db maintain --dry-run", "db maintain —dry-run --all"} {
			_, text := answer(t, h.say(kim, dry))
			contains(t, text, "public.logs", "157,000", "9.0 MB", "/notebook db maintain")
		}
		if _, err := h.store.FindOperation(t.Context(), 1); !errors.Is(err, operations.ErrNotFound) {
			t.Errorf("what was only tried was asked for: %v", err)
		}
		ns := h.ask(commands.Request{User: kim, Channel: opsRoom, Text: "db maintain --all 每周例行"})
		op := h.operation(1)
		if kinds(ns) != "operation.card" || op.Plan.Reason != "每周例行" || !slices.Equal(op.Plan.Args, []string{"--all"}) || op.Policy.Approvals != 1 || op.Policy.Class != "change" {
			t.Fatalf("told %s: %+v, %+v", kinds(ns), op.Plan, op.Policy)
		}
		contains(t, refused(t, kim, h.say(kim, "db maintain --force")), "/notebook db maintain")
		refused(t, ann, h.say(ann, "db maintain --dry-run"))
	})
}
