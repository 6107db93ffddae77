package commands_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/commands"
	operations "github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/cleanup"
)

// tidy finds two old logs.
type tidy struct{}

func (tidy) Word() string { return "cleanup" }

func (tidy) Plan(context.Context, operations.Request) (operations.Plan, error) {
	args, err := json.Marshal(cleanup.List{Items: []cleanup.Item{{Name: "nginx/access.log.3", Size: 5e6}, {Name: "app.log.1", Size: 1e6}}})
	if err != nil {
		return operations.Plan{}, err
	}
	details, err := json.Marshal(cleanup.Details{Freed: 6e6, Groups: []cleanup.Group{{Step: "clean_logs", Count: 2, Size: 6e6}}})
	return operations.Plan{
		Project: "notebook", Steps: []operations.StepPlan{{Name: "clean_logs", Args: args, Changes: true, Deadline: time.Minute}}, Details: details,
	}, err
}

func (tidy) Step(string) (operations.Doer, bool) { return done{}, true }

func (tidy) Tell(*operations.Operation) []operations.Fact { return nil }

func TestACleanUpIsTriedAskedAndListed(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, h *house) {
		serving(h)
		for _, dry := range []string{"cleanup --dry-run", "cleanup —dry-run"} { // some keyboards write one sign for two
			_, text := answer(t, h.say(kim, dry))
			contains(t, text, "nginx/access.log.3", "app.log.1", "6.0 MB", "/notebook cleanup")
		}
		if _, err := h.store.FindOperation(t.Context(), 1); !errors.Is(err, operations.ErrNotFound) {
			t.Errorf("what was only tried was asked for: %v", err)
		}
		ns := h.ask(commands.Request{User: kim, Channel: opsRoom, Text: "cleanup 磁盘 92%"})
		if kinds(ns) != "operation.card" || h.operation(1).Plan.Reason != "磁盘 92%" {
			t.Fatalf("told %s: %+v", kinds(ns), h.operation(1).Plan)
		}
		h.ask(commands.Request{User: kim, Channel: opsRoom, Text: "restart backend"})
		_, text := answer(t, h.say(ann, "operation items OP-1")) // whoever approves may read it, and everybody else
		contains(t, text, "nginx/access.log.3", "app.log.1", "OP-1")
		_, text = answer(t, h.say(ann, "operation items OP-1 1"))
		contains(t, text, "app.log.1")
		contains(t, refused(t, ann, h.say(ann, "operation items OP-2")), "OP-2")
		contains(t, refused(t, ann, h.say(ann, "operation items OP-1 x")), "x")
		contains(t, refused(t, kim, h.say(kim, "cleanup --force")), "/notebook cleanup")
		refused(t, ann, h.say(ann, "cleanup --dry-run"))
	})
}
