package commands

import (
	"context"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/templates"
)

var incidentEscalate = &command{words: "incident escalate", key: true, run: runEscalate}

// runEscalate tells the next name of the level's ladder.
func runEscalate(_ context.Context, r *Runner, c *call) (outcome, error) {
	if len(c.args.tokens) > 0 {
		return outcome{}, wrongUsage(c.cmd)
	}
	return c.change(r, incidents.Escalate{By: c.by()}, func(before, after incidents.Incident) templates.Message {
		told := after.Told[min(len(before.Told), len(after.Told)):]
		return r.Words.Done(templates.DoneEscalate, templates.Args{Key: after.Key(), Names: told})
	}), nil
}
