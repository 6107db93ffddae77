package commands

import (
	"context"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/templates"
)

var incidentOpen = &command{words: "incident open", run: runOpen, form: formOpen}

// runOpen opens an incident by hand.
func runOpen(ctx context.Context, r *Runner, c *call) (outcome, error) {
	if c.wantsModal() {
		return c.open(ctx, r, func(v templates.ModalView) templates.View {
			v.Policies = r.policies()
			return r.Words.ModalOpen(v, clean(c.req.Text))
		})
	}
	var level incidents.Level
	var title string
	if c.values != nil {
		if wrong := c.cmd.form(r, c.values); len(wrong) > 0 {
			return outcome{}, wrongUsage(c.cmd)
		}
		level, _ = levelOf(c.values[templates.InputLevel])
		title = c.values[templates.InputTitle]
	} else {
		if len(c.args.tokens) == 0 {
			return outcome{}, wrongUsage(c.cmd)
		}
		var ok bool
		if level, ok = levelOf(c.args.word(0)); !ok {
			return outcome{}, refuse(templates.NotALevel, templates.Args{Word: c.args.tokens[0].text})
		}
		title = oneLine(c.args.from(1))
	}
	if title == "" {
		return outcome{}, refuse(templates.EmptyText, templates.Args{Word: c.cmd.words})
	}
	if err := tooLong(title, maxTitle); err != nil {
		return outcome{}, err
	}
	open := incidents.Open{By: c.by(), Level: level, Title: title}
	return outcome{change: func(tx ops.Tx, now time.Time) (outcome, error) {
		in, err := r.Domain.OpenIn(tx, open, now)
		if err != nil {
			return outcome{}, fromDomain(err, c.cmd, 0, nil)
		}
		said := r.Words.Done(templates.DoneOpen, templates.Args{Key: in.Key(), Level: in.Level, Title: in.Title})
		return outcome{say: said, share: showWords + " " + in.Key(), target: in.Key()}, nil
	}}, nil
}

func formOpen(r *Runner, values map[string]string) map[string]string {
	wrong := texts(field{templates.InputTitle, maxTitle, true})(r, values)
	return withLevel(r, values, wrong)
}

// withLevel adds what is wrong with a level.
func withLevel(r *Runner, values, wrong map[string]string) map[string]string {
	if _, ok := levelOf(values[templates.InputLevel]); !ok {
		wrong[templates.InputLevel] = r.Words.PlainSentence(templates.NotALevel, templates.Args{Word: values[templates.InputLevel]})
	}
	return wrong
}

// policies are the times of the levels in force.
func (r *Runner) policies() *[3]templates.PolicyText {
	var out [3]templates.PolicyText
	for l, p := range r.Ladders.Levels {
		out[l] = templates.PolicyText{Respond: p.Respond, Resolve: p.Resolve}
	}
	return &out
}
