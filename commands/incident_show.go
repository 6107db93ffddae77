package commands

import (
	"context"

	"github.com/ai-notebook/notebookbot/templates"
)

// showWords are also what shares the answer to a change.
const showWords = "incident show"

var incidentShow = &command{words: showWords, key: true, read: true, run: runShow}

// runShow tells all about one incident.
func runShow(ctx context.Context, r *Runner, c *call) (outcome, error) {
	if len(c.args.tokens) > 0 {
		return outcome{}, wrongUsage(c.cmd)
	}
	in, err := c.find(ctx, r)
	if err != nil {
		return outcome{}, err
	}
	v := templates.ShowView{CardView: templates.CardView{Incident: in, Now: c.now}}
	if v.Timeline, err = r.Store.Timeline(ctx, c.number); err != nil {
		return outcome{}, err
	}
	if r.Link != nil {
		at, ok, err := r.Places.Posted(ctx, in.CardKey())
		if err != nil {
			return outcome{}, err
		}
		if ok {
			v.Link = r.Link(ctx, at)
		}
	}
	return outcome{say: r.Words.Show(v), share: showWords + " " + in.Key()}, nil
}
