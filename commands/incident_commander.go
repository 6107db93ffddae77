package commands

import (
	"context"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/templates"
)

var incidentCommander = &command{words: "incident commander", key: true, run: runCommander, form: formCommander}

// runCommander names who commands: a person of the workspace, or the caller when nobody is named.
func runCommander(ctx context.Context, r *Runner, c *call) (outcome, error) {
	if c.modal {
		return c.open(ctx, r, r.Words.ModalCommander)
	}
	var who, word string
	switch {
	case c.values != nil:
		word = c.values[templates.InputPerson]
	case len(c.args.tokens) == 0:
		word = "me"
	case len(c.args.tokens) > 1:
		return outcome{}, wrongUsage(c.cmd)
	default:
		word = c.args.tokens[0].text
	}
	switch named, ok := personOf(word); {
	case fold(word) == "me" || fold(word) == "我":
		who = c.req.User
	case ok:
		who = named
	default:
		return outcome{}, refuse(templates.NotAPerson, templates.Args{Word: word})
	}
	// Who commands must be one of us; a guest or a program cannot.
	if err := r.Access.Allow(ctx, who, "", help.access()); err != nil {
		return outcome{}, &Refusal{Name: templates.NotAPerson, Args: templates.Args{Word: word}, Err: err}
	}
	ev := incidents.TakeCommand{By: c.by(), Commander: who}
	return c.change(r, ev, func(before, after incidents.Incident) templates.Message {
		if c.here && before.Commander == after.Commander {
			return templates.Message{}
		}
		return r.Words.Done(templates.DoneCommander, templates.Args{Key: after.Key(), Person: after.Commander})
	}), nil
}

func formCommander(r *Runner, values map[string]string) map[string]string {
	wrong := map[string]string{}
	if _, ok := personOf(values[templates.InputPerson]); !ok {
		wrong[templates.InputPerson] = r.Words.PlainSentence(templates.NotAPerson, templates.Args{Word: values[templates.InputPerson]})
	}
	return wrong
}
