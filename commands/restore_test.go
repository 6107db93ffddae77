package commands_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/commands"
	"github.com/ai-notebook/notebookbot/internal/access"
	operations "github.com/ai-notebook/notebookbot/internal/ops"
)

// vault restores nothing: what is tried here is how a line is read, and who may have it carried out.
type vault struct{ servant }

func (vault) Word() string { return "restore" }

func (vault) Plan(_ context.Context, req operations.Request) (operations.Plan, error) {
	if len(req.Args) == 0 {
		return operations.Plan{}, &operations.Problem{Code: "restore_which", Names: []string{"20261124T090000Z"}}
	}
	return operations.Plan{Args: req.Args, Project: "notebook", Steps: []operations.StepPlan{{Name: "fill", Changes: true, Deadline: time.Minute}}}, nil
}

func TestARestoreIsReadAsItIsMeantAndWaitsForTwo(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, h *house) {
		people := access.New(access.Config{Operators: []string{kim, lee}, Commanders: []string{lee, boss}, Team: team}, directory{}, h.clock)
		h.cfg.Operations = operations.NewService(h.store, operations.Config{
			Kinds: []operations.Kind{vault{}}, People: operations.AccessPeople{Access: people}, Auditor: operations.AuditLog{}, Ops: opsRoom, Now: h.clock,
		}, slog.New(slog.DiscardHandler))
		h.cfg.Access = people
		h.runner = commands.New(h.cfg)
		contains(t, refused(t, kim, h.say(kim, "restore")), "20261124T090000Z", "/notebook restore latest database")
		for i, c := range []struct{ line, args, reason string }{
			{"restore 20261124t090000z", "20261124T090000Z", ""},
			{"restore latest Database", "latest database", ""},
			{"restore latest database 误删了 notes", "latest database", "误删了 notes"},
			{"restore latest 误删了 notes 表", "latest", "误删了 notes 表"},
			{"restore latest everything", "latest everything", ""}, // which the kind refuses
			{"restore 2026-11-24t10:05:30 database", "2026-11-24T10:05:30 database", ""},
			{"restore 2026-11-24 10:05", "2026-11-24T10:05", ""},
			{"restore 2026-11-24 10:05 误删了 notes", "2026-11-24T10:05", "误删了 notes"},
			{"restore 2026-11-24 10:05:30+08:00 database 误删了 notes", "2026-11-24T10:05:30+08:00 database", "误删了 notes"},
			{"restore 2026-11-24", "2026-11-24", ""}, // which the kind refuses
			{"restore undo op-7", "undo OP-7", ""},
			{"restore undo OP-7 it was the wrong set", "undo OP-7", "it was the wrong set"},
			{"restore undo", "undo", ""},
		} {
			h.ask(commands.Request{User: kim, Channel: opsRoom, Text: c.line})
			op := h.operation(int64(i + 1))
			if got := strings.Join(op.Plan.Args, " "); got != c.args || op.Plan.Reason != c.reason {
				t.Errorf("%s: %q because of %q", c.line, got, op.Plan.Reason)
			}
			if op.Policy.Approvals != 2 || op.Policy.Class != access.Destructive {
				t.Errorf("%s: %+v", c.line, op.Policy)
			}
		}
		refused(t, boss, h.say(boss, "restore latest"))
		refused(t, ann, h.say(ann, "restore latest"))
	})
}
