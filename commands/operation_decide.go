package commands

import (
	"context"

	"github.com/ai-notebook/notebookbot/internal/audit"
	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/templates"
)

var (
	operationApprove = &command{words: "operation approve", decides: true, run: runApprove}
	operationReject  = &command{
		words: "operation reject", decides: true, free: true, run: runReject, form: texts(field{templates.InputReason, maxReason, true}),
	}
	operationCancel = &command{words: "operation cancel", decides: true, free: true, run: runCancel}
	operationReview = &command{
		words: "operation review", decides: true, free: true, run: runReview, form: texts(field{templates.InputReason, maxReason, true}),
	}
	operationAlone = &command{words: "operation alone", decides: true, free: true, run: runAlone}
)

// runApprove is a person's yes to the plan on the card. Who writes it in words says yes to the plan as it stands: there is only one
// for each number.
func runApprove(ctx context.Context, r *Runner, c *call) (outcome, error) {
	if r.Operations == nil {
		return outcome{}, refuse(templates.NotConfigured, templates.Args{Word: "target"})
	}
	if len(c.args.tokens) > 0 {
		return outcome{}, wrongUsage(c.cmd)
	}
	var d *ops.Decision
	err := r.slowly(ctx, c, func(ctx context.Context) (err error) {
		d, err = r.Operations.Approve(ctx, c.op, ops.Approve{By: c.person(), Hash: c.hash})
		return err
	})
	return r.decided(ctx, c, "approve", d, err, templates.DoneApprove)
}

// runReject is the no of somebody who could have approved, with a reason.
func runReject(ctx context.Context, r *Runner, c *call) (outcome, error) {
	if r.Operations == nil {
		return outcome{}, refuse(templates.NotConfigured, templates.Args{Word: "target"})
	}
	reason := c.args.from(0)
	if c.values != nil {
		reason = c.values[templates.InputReason]
	}
	if c.modal || reason == "" && c.wantsModal() {
		// Who may not reject hears so before a form is filled in.
		if _, err := r.Operations.Reject(ctx, c.op, ops.Reject{By: c.person(), Reason: "?"}); err != nil {
			return r.undecided(ctx, c, "reject", err)
		}
		op, err := r.Store.FindOperation(ctx, c.op)
		if err != nil {
			return outcome{}, fromOperations(err, c.op, nil)
		}
		return outcome{verdict: audit.Asked, target: op.Key()}, r.show(ctx, c.req, r.Words.ModalReject(op))
	}
	if err := tooLong(reason, maxReason); err != nil {
		return outcome{}, err
	}
	d, err := r.Operations.Reject(ctx, c.op, ops.Reject{By: c.person(), Reason: reason})
	return r.decided(ctx, c, "reject", d, err, templates.DoneReject)
}

// runCancel takes a request back before it begins.
func runCancel(ctx context.Context, r *Runner, c *call) (outcome, error) {
	if r.Operations == nil {
		return outcome{}, refuse(templates.NotConfigured, templates.Args{Word: "target"})
	}
	reason := c.args.from(0)
	if err := tooLong(reason, maxReason); err != nil {
		return outcome{}, err
	}
	d, err := r.Operations.Cancel(ctx, c.op, ops.Cancel{By: c.person(), Reason: reason})
	return r.decided(ctx, c, "cancel", d, err, templates.DoneCancel)
}

// runAlone breaks the glass: a named person lets an operation begin without its approvals, with a reason, and everybody is told.
func runAlone(ctx context.Context, r *Runner, c *call) (outcome, error) {
	if r.Operations == nil {
		return outcome{}, refuse(templates.NotConfigured, templates.Args{Word: "target"})
	}
	reason := c.args.from(0)
	if err := tooLong(reason, maxReason); err != nil {
		return outcome{}, err
	}
	var d *ops.Decision
	err := r.slowly(ctx, c, func(ctx context.Context) (err error) {
		d, err = r.Operations.Alone(ctx, c.op, ops.Alone{By: c.person(), Reason: reason, From: c.req.Channel})
		return err
	})
	return r.decided(ctx, c, "alone", d, err, templates.DoneAlone)
}

// runReview is what somebody who could have approved says, afterwards, of what one person did alone.
func runReview(ctx context.Context, r *Runner, c *call) (outcome, error) {
	if r.Operations == nil {
		return outcome{}, refuse(templates.NotConfigured, templates.Args{Word: "target"})
	}
	text := c.args.from(0)
	if c.values != nil {
		text = c.values[templates.InputReason]
	}
	if c.modal || text == "" && c.wantsModal() {
		if _, err := r.Operations.Review(ctx, c.op, ops.Reviewed{By: c.person(), Text: "?"}); err != nil {
			return r.undecided(ctx, c, "review", err)
		}
		op, err := r.Store.FindOperation(ctx, c.op)
		if err != nil {
			return outcome{}, fromOperations(err, c.op, nil)
		}
		return outcome{verdict: audit.Asked, target: op.Key()}, r.show(ctx, c.req, r.Words.ModalReview(op))
	}
	if err := tooLong(text, maxReason); err != nil {
		return outcome{}, err
	}
	d, err := r.Operations.Review(ctx, c.op, ops.Reviewed{By: c.person(), Text: text})
	return r.decided(ctx, c, "review", d, err, templates.DoneReview)
}
