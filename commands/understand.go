package commands

import (
	"context"
	"strings"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/templates"
)

// The actions that are no commands of their own.
const (
	actionPage  = "incident.page"
	actionShare = "answer.share"
)

// modals are the buttons that ask for words first. The others act at once.
var modals = map[string]bool{
	"incident.resolve": true, "incident.more": true, "incident.level": true, "incident.commander": true, "incident.note": true,
	"incident.reopen": true,
}

// understand finds the command in whatever a person did: a click, a modal's answers and a shortcut are the same commands as the
// words.
func (r *Runner) understand(ctx context.Context, req Request) (*call, error) {
	switch req.Source {
	case Action:
		return r.clicked(ctx, req)
	case Submit:
		return r.submitted(req)
	case Shortcut:
		c := &call{cmd: byCallback(req.Callback), req: req, modal: true, now: r.Now()}
		if c.cmd != incidentOpen {
			return nil, refuse(templates.Stale, templates.Args{})
		}
		return c, nil
	}
	implied, err := r.implied(ctx, req)
	if err != nil {
		return nil, err
	}
	return r.worded(req, req.Text, implied)
}

// worded finds the command in words.
func (r *Runner) worded(req Request, text string, implied int64) (*call, error) {
	p, err := parse(text, implied)
	if err != nil {
		return nil, err
	}
	return &call{
		cmd: p.cmd, req: req, args: p.args, number: p.number, text: text, now: r.Now(),
		here: implied != 0 && implied == p.number,
	}, nil
}

// clicked finds the command behind a button. Values were written by the bot, but old messages carry old ones: they are read as
// strictly as anything else.
func (r *Runner) clicked(ctx context.Context, req Request) (*call, error) {
	switch req.Action {
	case actionPage, actionShare:
		c, err := r.worded(req, req.Value, 0)
		if err != nil || !c.cmd.read {
			return nil, refuse(templates.Stale, templates.Args{})
		}
		if req.Action == actionShare && c.cmd.private {
			return nil, refuse(templates.Stale, templates.Args{})
		}
		if req.Action == actionShare {
			c.cmd = shared(c.cmd)
		}
		return c, nil
	}
	cmd := byCallback(req.Action)
	if cmd == nil || !cmd.key {
		return nil, refuse(templates.Stale, templates.Args{})
	}
	n, err := keyIn(req.Value)
	if err != nil {
		return nil, refuse(templates.NotAnIncident, templates.Args{Word: req.Value})
	}
	implied, err := r.implied(ctx, req)
	if err != nil {
		return nil, err
	}
	return &call{
		cmd: cmd, req: req, number: n, modal: modals[req.Action], now: r.Now(), text: cmd.words + " " + incidents.Key(n),
		here: implied == n || req.Channel == "", // A button without a channel stands in the incident's modal.
	}, nil
}

// keyIn reads the incident's key out of a button's value: all of it, or what stands before a slash.
func keyIn(value string) (int64, error) {
	key, _, _ := strings.Cut(value, "/")
	return incidents.ParseKey(key)
}

// submitted finds the command behind a modal.
func (r *Runner) submitted(req Request) (*call, error) {
	cmd := byCallback(req.Callback)
	if cmd == nil || cmd.form == nil {
		return nil, refuse(templates.Stale, templates.Args{})
	}
	c := &call{cmd: cmd, req: req, values: map[string]string{}, here: cmd.key, now: r.Now()}
	for id, v := range req.Values {
		c.values[id] = strings.TrimSpace(clean(v))
	}
	if cmd.key {
		n, err := incidents.ParseKey(req.Metadata)
		if err != nil {
			return nil, refuse(templates.NotAnIncident, templates.Args{Word: req.Metadata})
		}
		c.number = n
	}
	return c, nil
}

// byCallback finds the command of an action or a callback, such as "incident.ack".
func byCallback(name string) *command { return byWords(strings.Replace(name, ".", " ", 1)) }

// Validate checks the answers of a modal before they are taken: a sentence for each wrong one, by input id. It neither waits
// nor changes anything.
func (r *Runner) Validate(req Request) map[string]string {
	if req.Source != Submit {
		return nil
	}
	c, err := r.submitted(req)
	if err != nil {
		return nil // Nothing in the form could mend that; the answer says it.
	}
	return c.cmd.form(r, c.values)
}
