package commands

import (
	"context"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/templates"
)

var incidentAck = &command{words: "incident ack", key: true, run: runAck}

// runAck says that somebody responds. A second one hears who was first.
func runAck(_ context.Context, r *Runner, c *call) (outcome, error) {
	if len(c.args.tokens) > 0 {
		return outcome{}, wrongUsage(c.cmd)
	}
	return c.change(r, incidents.Ack{By: c.by()}, func(before, after incidents.Incident) templates.Message {
		if !before.Acked.IsZero() {
			if c.here && before.AckedBy == c.by() {
				return templates.Message{} // A double click.
			}
			return r.Words.Sentence(templates.AlreadyAcked, templates.Args{Key: after.Key(), By: before.AckedBy})
		}
		return r.Words.Done(templates.DoneAck, templates.Args{Key: after.Key(), After: after.Acked.Sub(after.Opened)})
	}), nil
}
