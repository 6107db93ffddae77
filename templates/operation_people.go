package templates

import (
	"slices"

	"github.com/ai-notebook/notebookbot/internal/ops"
)

// stillAsked leaves out of those who may approve who cannot any more: who asked for it, and who has approved already. A group stays, since
// nothing here tells who is in it.
func stillAsked(op *ops.Operation, approvers []Target) []Target {
	out := make([]Target, 0, len(approvers))
	for _, t := range approvers {
		users := slices.DeleteFunc(slices.Clone(t.Users), func(id string) bool {
			voted := slices.ContainsFunc(op.Votes, func(v ops.Vote) bool { return v.By.ID == id })
			return voted || id == op.By.ID && !op.Policy.SelfApproval
		})
		if len(users)+len(t.Groups) > 0 || t.Mail != "" {
			t.Users = users
			out = append(out, t)
		}
	}
	if len(out) == 0 {
		return approvers // so that people see whose absence it is
	}
	return out
}
