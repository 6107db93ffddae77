package commands

import (
	"context"
	"strconv"
	"strings"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/templates"
)

var (
	cleanup        = &command{words: "cleanup", plans: true, run: runCleanup}
	operationItems = &command{words: "operation items", decides: true, read: true, run: runItems}
)

// runCleanup reads `cleanup [--dry-run] [reason]`.
func runCleanup(ctx context.Context, r *Runner, c *call) (outcome, error) {
	if r.Operations == nil {
		return outcome{}, refuse(templates.NotConfigured, templates.Args{Word: "target"})
	}
	rest, dry := c.args, false
	for i := 0; i < len(rest.tokens); {
		word := rest.word(i)
		if !strings.HasPrefix(word, "-") && !strings.HasPrefix(word, "—") {
			i++
			continue
		}
		if strings.TrimLeft(word, "-—") != "dry-run" {
			return outcome{}, wrongUsage(c.cmd)
		}
		dry, rest = true, rest.without(i)
	}
	req := ops.Request{Word: "cleanup", Reason: rest.from(0), By: c.person(), Where: ops.Where{Incident: c.number}}
	if !dry {
		return r.ask(ctx, c, req)
	}
	d, err := r.tried(ctx, c, req)
	if err != nil {
		return outcome{}, err
	}
	plan, _ := d.Plan()
	return outcome{say: r.Words.Cleanup(templates.CleanupView{Plan: plan})}, nil
}

// runItems shows `operation items OP-7 [AFTER]`: item by item what a clean-up removes, which is what is approved.
func runItems(ctx context.Context, r *Runner, c *call) (outcome, error) {
	op, err := r.Store.FindOperation(ctx, c.op)
	if err != nil {
		return outcome{}, fromOperations(err, c.op, nil)
	}
	v := templates.CleanupView{Plan: op.Plan, Key: op.Key()}
	if op.Plan.Word != cleanup.words {
		return outcome{}, refuse(templates.NoItems, templates.Args{Key: op.Key()})
	}
	switch len(c.args.tokens) {
	case 0:
	case 1:
		if v.From, err = strconv.Atoi(c.args.word(0)); err != nil || v.From < 0 {
			return outcome{}, refuse(templates.NotANumber, templates.Args{Word: c.args.tokens[0].text, Text: "0 … 6,000"})
		}
	default:
		return outcome{}, wrongUsage(c.cmd)
	}
	return outcome{say: r.Words.Cleanup(v), target: op.Key(), share: c.text}, nil
}
