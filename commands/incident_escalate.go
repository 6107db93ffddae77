package commands

import (
	"context"
	"strings"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/templates"
)

var incidentEscalate = &command{words: "incident escalate", key: true, run: runEscalate}

// runEscalate tells the next name of the level's ladder.
func runEscalate(_ context.Context, r *Runner, c *call) (outcome, error) {
	if len(c.args.tokens) > 0 {
		return outcome{}, wrongUsage(c.cmd)
	}
	out := c.change(r, incidents.Escalate{By: c.by()}, func(before, after incidents.Incident) templates.Message {
		told := after.Told[min(len(before.Told), len(after.Told)):]
		return r.Words.Done(templates.DoneEscalate, templates.Args{Key: after.Key(), Names: told})
	})
	if _, name, ok := strings.Cut(c.req.Value, "/"); ok && c.req.Source == Action {
		out.change = c.onlyTo(name, out.change)
	}
	return out, nil
}

// onlyTo lets a click tell whom its question named, and nobody else: of two people who press the button at once, or of a person
// and the clock, the second one meant the step that was just taken.
func (c *call) onlyTo(name string, escalate change) change {
	return func(tx ops.Tx, now time.Time) (outcome, error) {
		in, err := tx.Incident(c.number)
		if err != nil {
			return outcome{}, fromDomain(err, c.cmd, c.number, nil)
		}
		if in.State.Open() {
			if _, err := in.Apply(incidents.Tick{}, now); err != nil { // what the clock owes at this moment; not saved here
				return outcome{}, err
			}
			if templates.NextName(in) != name {
				return outcome{}, refuse(templates.Stale, templates.Args{Key: in.Key(), State: in.State})
			}
		}
		return escalate(tx, now)
	}
}
