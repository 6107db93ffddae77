package commands

import (
	"context"
	"strings"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/templates"
)

var dbMaintain = &command{words: "db maintain", plans: true, run: runDBMaintain}

// runDBMaintain reads `db maintain [--all] [--dry-run] [reason]`.
func runDBMaintain(ctx context.Context, r *Runner, c *call) (outcome, error) {
	if r.Operations == nil {
		return outcome{}, refuse(templates.NotConfigured, templates.Args{Word: "target"})
	}
	req := ops.Request{Word: c.cmd.access(), By: c.person(), Where: ops.Where{Incident: c.number}}
	rest, dry := c.args, false
	for i := 0; i < len(rest.tokens); {
		word := rest.word(i)
		if !strings.HasPrefix(word, "-") && !strings.HasPrefix(word, "—") {
			i++
			continue
		}
		switch strings.TrimLeft(word, "-—") {
		case "dry-run":
			dry = true
		case "all":
			req.Args = []string{"--all"}
		default:
			return outcome{}, wrongUsage(c.cmd)
		}
		rest = rest.without(i)
	}
	if req.Reason = rest.from(0); !dry {
		return r.ask(ctx, c, req)
	}
	d, err := r.tried(ctx, c, req)
	if err != nil {
		return outcome{}, err
	}
	plan, _ := d.Plan()
	return outcome{say: r.Words.Maintain(plan)}, nil
}

// tried plans an operation that nobody is asked to approve.
func (r *Runner) tried(ctx context.Context, c *call, req ops.Request) (*ops.Decision, error) {
	var d *ops.Decision
	err := r.slowly(ctx, c, func(ctx context.Context) (err error) {
		d, err = r.Operations.Ask(ctx, req)
		return err
	})
	if err != nil {
		return nil, fromOperations(err, 0, nil)
	}
	return d, nil
}
