package commands

import (
	"context"

	"github.com/ai-notebook/notebookbot/internal/access"
	"github.com/ai-notebook/notebookbot/templates"
)

var onCall = &command{words: "oncall", read: true, run: runOnCall}

// shownShifts is how many shifts ahead `oncall` tells.
const shownShifts = 3

// runOnCall tells who is on call and who comes next.
func runOnCall(_ context.Context, r *Runner, c *call) (outcome, error) {
	if len(c.args.tokens) > 0 {
		return outcome{}, wrongUsage(c.cmd)
	}
	duty := r.Access.OnCall(c.now)
	v := templates.OnCallView{At: c.now, Operators: r.Access.Listed(access.Operators)}
	if duty.Rotating {
		v.Now = &templates.Shift{Users: duty.Now, From: duty.Since, To: duty.Until}
	}
	for range shownShifts {
		if len(duty.Next) == 0 {
			break
		}
		duty = r.Access.OnCall(duty.Until)
		v.Next = append(v.Next, templates.Shift{Users: duty.Now, From: duty.Since, To: duty.Until})
	}
	return outcome{say: r.Words.OnCall(v), share: c.cmd.words}, nil
}
