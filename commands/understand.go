package commands

import (
	"cmp"
	"context"
	"strings"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/templates"
)

// The actions that are no commands of their own.
const (
	actionPage  = "incident.page"
	actionShare = "answer.share"
)

// renamed are the actions whose names the contract gives, by the command that they are.
var renamed = map[string]string{templates.ActionApprove: "operation.approve", templates.ActionReject: "operation.reject"}

// modals are the buttons that ask for words first. The others act at once.
var modals = map[string]bool{
	"incident.resolve": true, "incident.more": true, "incident.level": true, "incident.commander": true, "incident.note": true,
	"incident.reopen": true, templates.ActionReject: true, templates.CallbackReview: true,
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
func (r *Runner) worded(req Request, text, implied string) (*call, error) {
	incident, operation := numbered(implied)
	p, err := parse(text, incident)
	if err != nil {
		return nil, err
	}
	c := &call{
		cmd: p.cmd, req: req, args: p.args, number: p.number, op: p.op, text: text, now: r.Now(),
		here: incident != 0 && incident == p.number,
	}
	if c.cmd.decides {
		if c.op == 0 {
			c.op = operation
		}
		c.here = operation != 0 && c.op == operation
	}
	if c.cmd.plans && c.number == 0 { // what is asked in an incident's thread is told there
		c.number = incident
	}
	return c, nil
}

// clicked finds the command behind a button. Values were written by the bot, but old messages carry old ones: they are read as
// strictly as anything else.
func (r *Runner) clicked(ctx context.Context, req Request) (*call, error) {
	switch req.Action {
	case actionPage, actionShare:
		c, err := r.worded(req, req.Value, "")
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
	cmd := byCallback(cmp.Or(renamed[req.Action], req.Action))
	if cmd != nil && cmd.decides {
		n, hash, ok := operationIn(req.Value)
		if !ok {
			return nil, refuse(templates.Stale, templates.Args{})
		}
		return &call{
			cmd: cmd, req: req, op: n, hash: hash, modal: modals[req.Action], now: r.Now(), text: cmd.words + " " + ops.Key(n), here: true,
		}, nil
	}
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
		here: implied == incidents.Key(n) || req.Channel == "", // A button without a channel stands in the incident's modal.
	}, nil
}

// keyIn reads the incident's key out of a button's value: all of it, or what stands before a slash.
func keyIn(value string) (int64, error) {
	key, _, _ := strings.Cut(value, "/")
	return incidents.ParseKey(key)
}

// operationIn reads an operation's key out of a button's value, and the hash of the plan behind the slash.
func operationIn(value string) (number int64, hash string, ok bool) {
	key, hash, _ := strings.Cut(value, "/")
	n, err := ops.ParseKey(key)
	return n, hash, err == nil
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
	if cmd.decides {
		n, _, ok := operationIn(req.Metadata)
		if !ok {
			return nil, refuse(templates.Stale, templates.Args{})
		}
		c.op, c.here = n, true
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
