package commands

import (
	"context"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/templates"
)

var incidentReopen = &command{
	words: "incident reopen", key: true, free: true, run: runReopen,
	form: texts(field{templates.InputReason, maxReason, true}),
}

// runReopen says that it is not over after all.
func runReopen(ctx context.Context, r *Runner, c *call) (outcome, error) {
	if c.modal {
		return c.open(ctx, r, r.Words.ModalReopen)
	}
	reason := c.args.from(0)
	if c.values != nil {
		reason = c.values[templates.InputReason]
	}
	if err := tooLong(reason, maxReason); err != nil {
		return outcome{}, err
	}
	return c.change(r, incidents.Reopen{By: c.by(), Reason: reason}, func(_, after incidents.Incident) templates.Message {
		return r.Words.Done(templates.DoneReopen, templates.Args{Key: after.Key()})
	}), nil
}
