package ops

import (
	"context"
	"sync"
	"time"
)

// A silence is short, and is kept up as long as the operation runs: when the bot dies, or Alertmanager cannot be reached at the end,
// it is over soon.
const (
	silenceFor   = 5 * time.Minute
	silenceAgain = 3 * time.Minute  // what is left of it when it is made longer
	partWithin   = 10 * time.Second // what Alertmanager gets to answer
)

// quiet sees to the silence of one operation. What it asks of Alertmanager it asks one after the other: a silence that is made longer
// after it was ended would be one that nobody ends.
type quiet struct {
	r *Runner
	h *hold

	asking sync.Mutex
	over   bool
}

// ask asks for the silence, or for more of it.
func (q *quiet) ask(ctx context.Context, op *Operation) (id string, until time.Time, err error) {
	within, cancel := context.WithTimeout(ctx, partWithin)
	defer cancel()
	from := q.r.svc.now()
	until = from.Add(silenceFor)
	id, err = q.r.svc.cfg.Silencer.Silence(within, SilenceRequest{Key: op.Key(), Services: op.Plan.Silence, From: from, Until: until, By: op.By})
	return id, until, err
}

func (q *quiet) begin(ctx context.Context) error {
	q.asking.Lock()
	defer q.asking.Unlock()
	ev := Silenced{Holder: q.h.holder}
	if q.r.svc.cfg.Silencer == nil {
		ev.Err.Code = SilencerIsGone
	} else {
		var err error
		if ev.ID, ev.Until, err = q.ask(ctx, q.h.now()); err != nil {
			ev.Err = Reason{Code: NotSilenced, Text: q.r.svc.reason(err)}
		}
	}
	return q.h.apply(ctx, ev)
}

// keep keeps the silence up until ctx ends, also one that a Runner which is dead has begun.
func (q *quiet) keep(ctx context.Context) {
	if q.r.svc.cfg.Silencer == nil || len(q.h.now().Plan.Silence) == 0 {
		return
	}
	for pause(ctx, q.r.cfg.Quiet) {
		q.extend(ctx)
	}
}

func (q *quiet) extend(ctx context.Context) {
	q.asking.Lock()
	defer q.asking.Unlock()
	op, now := q.h.now(), q.r.svc.now()
	s := op.Silence
	if q.over || !s.Tried || s.Ended || s.Until.Sub(now) > silenceAgain || q.h.lost() {
		return
	}
	ev := Extended{Holder: q.h.holder}
	id, until, err := q.ask(ctx, op)
	switch {
	case err == nil:
		ev.ID, ev.Until = id, until
	case ctx.Err() != nil:
		return
	case now.Before(s.Until):
		q.r.log.WarnContext(ctx, "keeping the silence up", "operation", op.Key(), "err", err)
		return // there is time to try it again
	default:
		ev.Err = Reason{Code: SilenceShort, Text: q.r.svc.reason(err)}
	}
	if err := q.h.once(ctx, ev); err != nil && ctx.Err() == nil {
		q.r.log.WarnContext(ctx, "keeping the silence up", "operation", op.Key(), "err", err)
	}
}

func (q *quiet) end(ctx context.Context) error {
	q.asking.Lock()
	defer q.asking.Unlock()
	q.over = true
	ev := Unsilenced{Holder: q.h.holder}
	if q.r.svc.cfg.Silencer == nil {
		ev.Err.Code = SilencerIsGone
	} else {
		within, cancel := context.WithTimeout(ctx, partWithin)
		defer cancel()
		if err := q.r.svc.cfg.Silencer.Unsilence(within, q.h.now().Silence.ID); err != nil {
			ev.Err = Reason{Code: SilenceStays, Text: q.r.svc.reason(err)}
		}
	}
	return q.h.apply(ctx, ev)
}
