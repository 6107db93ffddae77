package commands

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/ai-notebook/notebookbot/internal/access"
	"github.com/ai-notebook/notebookbot/internal/audit"
	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/templates"
)

// wanted is what a person wants of an operation.
type wanted struct {
	args   []string
	reason string
}

// operation makes the command that asks for an operation of that word. Read says what the words behind the command mean.
func operation(words, word string, read func(c *call) (wanted, error)) *command {
	return &command{words: words, plans: true, run: func(ctx context.Context, r *Runner, c *call) (outcome, error) {
		if r.Operations == nil {
			return outcome{}, refuse(templates.NotConfigured, templates.Args{Word: "target"})
		}
		a, err := read(c)
		if err != nil {
			return outcome{}, err
		}
		return r.ask(ctx, c, ops.Request{Word: word, Args: a.args, Reason: a.reason, By: c.person(), Where: ops.Where{Incident: c.number}})
	}}
}

// person is who asks, as operations know people.
func (c *call) person() ops.Person {
	return ops.Person{Actor: c.by(), Team: c.req.Team, OSUser: c.req.OSUser}
}

// ask plans an operation and has it committed with the request. Its card tells everything; who asks elsewhere hears where it is.
func (r *Runner) ask(ctx context.Context, c *call, req ops.Request) (outcome, error) {
	if err := tooLong(req.Reason, maxReason); err != nil {
		return outcome{}, err
	}
	var d *ops.Decision
	err := r.slowly(ctx, c, func(ctx context.Context) (err error) {
		d, err = r.Operations.Ask(ctx, req)
		return err
	})
	if err != nil {
		return outcome{}, fromOperations(err, 0, nil)
	}
	want := d.Want()
	return outcome{
		numbers: want.Numbers, operations: want.Operations,
		change: func(tx ops.Tx, now time.Time) (outcome, error) {
			op, _, err := d.In(tx, now)
			if err != nil {
				return outcome{}, fromDomain(err, c.cmd, c.number, nil)
			}
			out := outcome{verdict: audit.Asked, target: op.Key(), operation: op}
			if c.req.Source == Terminal { // where nobody sees the card
				out.say = r.Words.Operation(templates.OperationView{Operation: op, Now: now, Terminal: true})
				return out, nil
			}
			if op.Where.Channel != c.req.Channel {
				out.say, out.alone = r.Words.Done(templates.DoneAsked, templates.Args{
					Key: op.Key(), Title: r.Words.OperationTitle(op.Plan.Word, op.Plan.Args), Yes: op.Where.Incident != 0, Count: op.Missing(),
				}), true
			}
			return out, nil
		},
	}, nil
}

// decided has what somebody decided about an operation committed with the request. What is a word such as "approve".
func (r *Runner) decided(ctx context.Context, c *call, what string, d *ops.Decision, err error, done string) (outcome, error) {
	if err != nil {
		return r.undecided(ctx, c, what, err)
	}
	return outcome{
		operations: d.Want().Operations,
		change: func(tx ops.Tx, now time.Time) (outcome, error) {
			op, changed, err := d.In(tx, now)
			if err != nil {
				return outcome{}, fromOperations(err, c.op, op)
			}
			out := outcome{target: op.Key(), verdict: verdictOf(op, changed), operation: op}
			if c.req.Source == Terminal && len(d.Changed) > 0 {
				out.say = r.Words.Operation(templates.OperationView{Operation: op, Now: now, Terminal: true})
			}
			if !c.here && len(d.Changed) == 0 {
				out.say, out.alone = r.Words.Done(done, templates.Args{
					Key: op.Key(), Title: r.Words.OperationTitle(op.Plan.Word, op.Plan.Args), Count: op.Missing(), Yes: !changed,
				}), true
			}
			return out, nil
		},
	}, nil
}

// verdictOf is what the audit log calls a decision.
func verdictOf(op *ops.Operation, changed bool) audit.Verdict {
	switch {
	case !changed:
		return audit.Unchanged
	case op.State == ops.Void:
		return audit.Void
	case op.State == ops.Rejected, op.State == ops.Cancelled:
		return audit.Rejected
	}
	return audit.Approved
}

// undecided answers who may not decide. That somebody tried stays in the operation's timeline.
func (r *Runner) undecided(ctx context.Context, c *call, what string, err error) (outcome, error) {
	_, denied := errors.AsType[*access.Denied](err)
	if passing(err) || !denied && !errors.Is(err, ops.ErrOwnRequest) && !errors.Is(err, ops.ErrNotYours) {
		return outcome{}, fromOperations(err, c.op, r.operationNow(ctx, c.op))
	}
	said, explained := r.outcomeOf(ctx, c.req, fromOperations(err, c.op, nil))
	if explained != nil {
		return outcome{}, explained
	}
	said.target, said.operations = ops.Key(c.op), []int64{c.op}
	answer := said
	said.change = func(tx ops.Tx, now time.Time) (outcome, error) {
		return answer, r.Operations.RefuseIn(tx, c.op, c.person(), what, err, now)
	}
	return said, nil
}

// operationNow is the operation as it is, for a refusal to tell who decided; nil: it cannot be read.
func (r *Runner) operationNow(ctx context.Context, number int64) *ops.Operation {
	op, err := r.Store.FindOperation(ctx, number)
	if err != nil {
		return nil
	}
	return op
}

// operationErrors are what an operation can say against a decision.
var operationErrors = sayings{
	{ops.ErrNotFound, templates.NoSuchOperation},
	{ops.ErrExpired, templates.OperationExpired},
	{ops.ErrStale, templates.OperationStale},
	{ops.ErrOwnRequest, templates.OwnRequest},
	{ops.ErrNotYours, templates.NotYours},
	{ops.ErrNotNeeded, templates.NoReview},
	{ops.ErrRunning, templates.OperationRuns},
	{ops.ErrNoReason, templates.NoReason},
	{ops.ErrNoTarget, templates.NoTarget},
	{ops.ErrDecided, templates.OperationDecided},
	{ops.ErrNoKind, templates.NotConfigured},
}

// fromOperations turns what operations say into a refusal; other errors come back as they are. Op is the operation as it is, or nil.
func fromOperations(err error, number int64, op *ops.Operation) error {
	if p, ok := errors.AsType[*ops.Problem](err); ok {
		return &Refusal{Name: p.Code, Err: err, problem: p}
	}
	r, ok := operationErrors.refuse(err, ops.Key(number))
	if !ok {
		return err
	}
	switch r.Name {
	case templates.NoTarget:
		r.Args.Text = strings.TrimPrefix(err.Error(), ops.ErrNoTarget.Error()+": ")
	case templates.NotConfigured:
		r.Args.Word = "target"
	}
	if op != nil {
		r.Args.Class, r.Args.By, r.Args.At = string(op.State), op.EndedBy.Actor, op.Ended
	}
	return r
}
