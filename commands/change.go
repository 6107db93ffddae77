package commands

import (
	"context"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/audit"
	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/templates"
)

// change brings an event to the incident that a call speaks of. Said gives the answer from the incident before and after it.
// What happened to the incident is told in its thread, so who asked there or by its buttons needs no answer besides.
func (c *call) change(r *Runner, ev incidents.Event, said func(before, after incidents.Incident) templates.Message) outcome {
	return outcome{
		numbers: []int64{c.number},
		change: func(tx ops.Tx, now time.Time) (outcome, error) {
			known, err := tx.Incident(c.number)
			if err != nil {
				return outcome{}, fromDomain(err, c.cmd, c.number, nil)
			}
			before := *known
			ear := &listener{Tx: tx}
			after, err := r.Domain.ApplyIn(ear, c.number, ev, now)
			if err != nil {
				return outcome{}, fromDomain(err, c.cmd, c.number, after)
			}
			out := outcome{}
			if after.Entries == before.Entries {
				out.verdict = audit.Unchanged
			}
			if ear.told && c.here {
				return out, nil
			}
			out.say, out.share, out.alone = said(before, *after), showWords+" "+after.Key(), !ear.told
			return out, nil
		},
	}
}

// listener hears whether a transaction tells something in the incident's thread.
type listener struct {
	incidents.Tx
	told bool
}

// Notify passes notices on.
func (l *listener) Notify(notices ...incidents.Notice) error {
	for _, n := range notices {
		l.told = l.told || n.Root != ""
	}
	return l.Tx.Notify(notices...)
}

// find reads the incident that a call speaks of.
func (c *call) find(ctx context.Context, r *Runner) (*incidents.Incident, error) {
	in, err := r.Store.Find(ctx, c.number)
	if err != nil {
		return nil, fromDomain(err, c.cmd, c.number, nil)
	}
	return in, nil
}

// wantsModal tells whether the answer to a call is a modal: a button that asks for one, or a slash command without its words.
// A modal needs a trigger, which mentions do not have.
func (c *call) wantsModal() bool {
	return c.modal || (c.values == nil && c.req.Source == Slash && c.req.Trigger != "" && len(c.args.tokens) == 0)
}

// open shows a modal about the call's incident. The trigger lives for three seconds and works once; when it is over, the person
// is asked to click again.
func (c *call) open(ctx context.Context, r *Runner, view func(templates.ModalView) templates.View) (outcome, error) {
	v := templates.ModalView{Now: c.now}
	if c.number != 0 {
		in, err := c.find(ctx, r)
		if err != nil {
			return outcome{}, err
		}
		v.Incident = in
		if at, ok, err := r.Places.Posted(ctx, in.CardKey()); err == nil && ok && r.Link != nil {
			v.Link = r.Link(ctx, at)
		}
	}
	return outcome{verdict: audit.Asked}, r.show(ctx, c.req, view(v))
}

// triggerLife is how long Slack lets a modal be opened after a click.
const triggerLife = 3 * time.Second

func (r *Runner) show(ctx context.Context, req Request, v templates.View) error {
	left := triggerLife - r.Now().Sub(req.Received)
	if req.Trigger == "" || r.Front == nil || left <= 0 {
		return refuse(templates.Expired, templates.Args{})
	}
	ctx, cancel := context.WithTimeout(ctx, left)
	defer cancel()
	if err := r.Front.OpenView(ctx, req.Trigger, v); err != nil {
		r.Log.WarnContext(ctx, "opening a modal", "request", req.ID, "callback", v.Callback, "err", err)
		return &Refusal{Name: templates.Expired, Err: err}
	}
	return nil
}
