package commands

import (
	"context"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/templates"
)

var incidentNote = &command{
	words: "incident note", key: true, free: true, run: runNote,
	form: texts(field{templates.InputNote, maxText, true}),
}

// runNote adds a line to the timeline.
func runNote(ctx context.Context, r *Runner, c *call) (outcome, error) {
	if c.wantsModal() {
		return c.open(ctx, r, r.Words.ModalNote)
	}
	text := c.args.from(0)
	if c.values != nil {
		text = c.values[templates.InputNote]
	}
	if text == "" {
		return outcome{}, refuse(templates.EmptyText, templates.Args{Word: c.cmd.words})
	}
	if err := tooLong(text, maxText); err != nil {
		return outcome{}, err
	}
	return c.change(r, incidents.AddNote{By: c.by(), Text: text}, func(_, after incidents.Incident) templates.Message {
		return r.Words.Done(templates.DoneNote, templates.Args{Key: after.Key()})
	}), nil
}
