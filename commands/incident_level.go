package commands

import (
	"context"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/templates"
)

var incidentLevel = &command{words: "incident level", key: true, run: runLevel, form: formLevel}

// runLevel chooses the level by hand.
func runLevel(ctx context.Context, r *Runner, c *call) (outcome, error) {
	if c.wantsModal() {
		return c.open(ctx, r, r.Words.ModalLevel)
	}
	word, reason := "", ""
	switch {
	case c.values != nil:
		word, reason = c.values[templates.InputLevel], c.values[templates.InputReason]
	case len(c.args.tokens) == 0:
		return outcome{}, wrongUsage(c.cmd)
	default:
		word, reason = c.args.tokens[0].text, c.args.from(1)
	}
	level, ok := levelOf(word)
	if !ok {
		return outcome{}, refuse(templates.NotALevel, templates.Args{Word: word})
	}
	if err := tooLong(reason, maxReason); err != nil {
		return outcome{}, err
	}
	ev := incidents.SetLevel{By: c.by(), Level: level, Reason: reason}
	return c.change(r, ev, func(before, after incidents.Incident) templates.Message {
		name := templates.DoneLevel
		if before.Level == after.Level {
			name = templates.DoneSameLevel
		}
		return r.Words.Done(name, templates.Args{Key: after.Key(), Level: after.Level})
	}), nil
}

func formLevel(r *Runner, values map[string]string) map[string]string {
	return withLevel(r, values, texts(field{templates.InputReason, maxReason, false})(r, values))
}
