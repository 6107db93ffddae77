package ops

import (
	"context"

	"github.com/ai-notebook/notebookbot/internal/access"
)

// lax tells whether a rule asks for more than this policy did.
func (p Policy) lax(rule access.Rule) bool {
	return rule.Approvals > p.Approvals || rule.Approvals > 0 && p.SelfApproval && !rule.SelfApproval
}

// allowed asks again, right before the start, what was asked at each click: whether those who asked and approved still may, and
// whether the target is still the same. Nil: it may start. Deferred: it could not be found out.
func (r *Runner) allowed(ctx context.Context, op *Operation) (Event, error) {
	within, cancel := context.WithTimeout(ctx, 2*lookWithin)
	defer cancel()
	if ev := r.people(within, op); ev != nil {
		return ev, context.Cause(ctx) // what stops says nothing about anybody
	}
	changed, err := r.svc.differences(within, op.Plan)
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return Deferred{For: Reason{Code: TargetAway, Text: r.svc.reason(err)}}, nil
	case len(changed) > 0:
		return Voided{Changed: changed, Why: Reason{Code: TargetChanged}}, nil
	}
	return nil, nil
}

// people asks whether those who asked and decided still may. Nil: they may.
func (r *Runner) people(ctx context.Context, op *Operation) Event {
	people, word := r.svc.cfg.People, op.Plan.Word
	judge := func(err error, code string, who Person) Event {
		switch {
		case err == nil:
			return nil
		case definite(err):
			return Voided{Why: Reason{Code: code, Name: who.ID}}
		}
		return Deferred{For: Reason{Code: PeopleAway, Name: who.ID, Text: r.svc.reason(err)}}
	}
	if ev := judge(r.svc.mayRun(ctx, op.By, word), RequesterMayNot, op.By); ev != nil {
		return ev
	}
	if op.Alone != nil {
		return judge(people.MayActAlone(ctx, op.Alone.By, word), AloneMayNot, op.Alone.By)
	}
	if rule, ok := people.Rule(word); !ok || op.Policy.lax(rule) && op.counting(rule.SelfApproval) < rule.Approvals {
		return Voided{Why: Reason{Code: PolicyStricter, Count: rule.Approvals}}
	}
	for _, vote := range op.Votes {
		if ev := judge(people.MayApprove(ctx, vote.By, word), ApproverMayNot, vote.By); ev != nil {
			return ev
		}
	}
	return nil
}
