package notify

import (
	"context"
	"slices"
	"sync"
	"time"
)

// job is a delivery that was claimed, may be sent now, and knows where to.
type job struct {
	Delivery
	to     Posted    // the channel, and the thread or (edits) the message
	orphan bool      // a reply without its thread
	paid   string    // the channel whose budget was spent
	room   *room     // left when the try ends
	until  time.Time // by then the try has ended
	lease  time.Time // the end of the claim
}

// round claims what can be sent now, begins to send it, and tells how long to wait for the next round.
func (o *Outbox) round(ctx, tries context.Context, wg *sync.WaitGroup) (time.Duration, error) {
	o.tend(ctx, tries, wg)
	limit := o.slots.free()
	switch what, wait := o.reach.turn(time.Now()); what {
	case ask:
		wg.Go(func() { o.question(tries) })
		return idle, nil
	case pause:
		return wait, nil
	case aFew:
		limit = min(limit, few)
	case goOn:
	}
	if limit == 0 {
		return idle, nil // a try that ends wakes us
	}
	full, opens := o.budget.full(time.Now())
	for {
		begin := time.Now()
		ds, next, err := o.claim(ctx, limit, full)
		if err != nil {
			return idle, err
		}
		sent, crowded := o.begin(ctx, tries, wg, ds, begin)
		limit -= sent
		// What could not go is behind us now: the rest may be for other channels.
		fresh := slices.DeleteFunc(crowded, func(ch string) bool { return slices.Contains(full, ch) })
		switch {
		case len(fresh) > 0 && limit > 0:
			full = append(full, fresh...)
			opens = soonest(opens, time.Now().Add(crowdedFor))
		case sent < len(ds):
			return o.until(next, opens, idle/4), nil // no slot for what is not urgent; a try that ends wakes us
		default:
			return o.until(next, opens, 0), nil
		}
	}
}

func soonest(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

// until tells how long to wait: next is of the wall clock, opens of the process's own.
func (o *Outbox) until(next, opens time.Time, least time.Duration) time.Duration {
	wait := idle
	if !next.IsZero() {
		wait = min(wait, next.Sub(o.cfg.Now()))
	}
	if !opens.IsZero() {
		wait = min(wait, time.Until(opens))
	}
	return max(wait, least, time.Millisecond)
}

// claim takes what is due. Nothing is ever put off for longer than a claim or the longest wait: what seems to be was put off by
// a clock that has been set back since, and is due.
func (o *Outbox) claim(ctx context.Context, limit int, full []string) ([]Delivery, time.Time, error) {
	now := o.cfg.Now()
	c := Claim{Owner: o.owner, Now: now, Lease: o.cfg.Lease, Limit: limit, Full: full}
	ds, next, err := o.store.Claim(ctx, c)
	if err == nil && len(ds) == 0 && next.Sub(now) > max(o.cfg.Lease, longest)+time.Minute {
		o.log.WarnContext(ctx, "the clock was set back: taking what was put off by the old one", "by_at_least", next.Sub(now)-longest)
		c.Now, c.Lease = next, now.Add(o.cfg.Lease).Sub(next)
		return o.store.Claim(ctx, c)
	}
	return ds, next, err
}

// begin starts a try for each delivery that has a slot and room in its channel, in their order, and gives the others back. It
// tells how many were dealt with, and which channels had no room.
func (o *Outbox) begin(ctx, tries context.Context, wg *sync.WaitGroup, ds []Delivery, claimed time.Time) (dealt int, crowded []string) {
	var back []Delivery
	slow := time.Since(claimed) > o.cfg.Lease/3 // too little of the claim is left
	for _, d := range ds {
		j := job{Delivery: d, until: claimed.Add(o.limit()), lease: claimed.Add(o.cfg.Lease)}
		if slow || ctx.Err() != nil || !o.slots.enter(urgent(d)) {
			back = append(back, d)
			continue
		}
		out := o.aim(ctx, &j)
		if out == nil {
			out = o.pay(&j)
		}
		switch {
		case out == nil:
		case out.Result == parkIt:
			o.slots.leave()
			o.park(tries, j, out.Reason)
			dealt++
			continue
		case out.Result == noRoom:
			o.slots.leave()
			back = append(back, d)
			if ch := d.Notice.Channel; ch != "" && !slices.Contains(crowded, ch) {
				o.budget.crowd(ch, time.Now())
				crowded = append(crowded, ch)
			}
			continue
		}
		dealt++
		wg.Go(func() {
			defer o.look()
			defer o.slots.leave()
			defer o.budget.leave(j.room)
			if out != nil {
				o.settle(tries, j, *out)
				return
			}
			o.try(tries, j)
		})
	}
	o.giveBack(tries, back)
	return dealt, crowded
}

// What becomes of a delivery that is not tried; the store never sees these.
const (
	parkIt Result = "parked"
	noRoom Result = "no room"
)

// pay spends what the delivery costs.
func (o *Outbox) pay(j *job) *Outcome {
	n, now := j.Notice, time.Now()
	switch {
	case n.Edits != "":
		if j.room = o.budget.takeEdit(j.to.Channel, urgent(j.Delivery), now); j.room == nil {
			// The worse the level the sooner it asks again; so edits that wait do not hold up posts.
			return &Outcome{Result: Again, At: o.in(time.Duration(1+n.Priority/10) * time.Second), Reason: "budget"}
		}
		return nil
	case isPageToAll(n):
		return nil // it sends nothing by itself
	}
	j.paid = j.to.Channel
	if !isDirect(j.paid) && n.User == "" && o.troubles.closed(j.paid) {
		j.paid = o.cfg.Ops // there it will go
	}
	if j.room = o.budget.take(j.paid, urgent(j.Delivery), now); j.room == nil {
		return &Outcome{Result: noRoom}
	}
	return nil
}

// giveBack returns claims untried. What cannot be given back is due when its claim runs out.
func (o *Outbox) giveBack(ctx context.Context, ds []Delivery) {
	if len(ds) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, recordWithin)
	defer cancel()
	if err := o.store.Release(ctx, ds); err != nil {
		o.log.WarnContext(ctx, "giving claims back", "deliveries", len(ds), "err", err)
	}
}
