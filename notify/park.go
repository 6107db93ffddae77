package notify

import (
	"context"
	"slices"
	"sync"
	"time"
)

// orphanAfter is how long a reply waits for a thread that does not come, because its root was given up.
const orphanAfter = 2 * time.Minute

// hopeless is how long an edit waits for a message that does not come.
const hopeless = 24 * time.Hour

// parked holds deliveries that wait for another message to be posted. They stay claimed meanwhile, so that they cost nothing,
// and are given back the moment it is.
type parked struct {
	mu     sync.Mutex
	by     map[string][]job // by the key of what they wait for
	looked time.Time
}

func (p *parked) add(j job, key string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.by == nil {
		p.by = map[string][]job{}
	}
	p.by[key] = append(p.by[key], j)
}

// take gives what waits for that message.
func (p *parked) take(key string) []job {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := p.by[key]
	delete(p.by, key)
	return out
}

// takeOld gives what was parked for so long that its claim would run out, and takeAll all.
func (p *parked) takeOld(now time.Time) []job {
	return p.takeIf(func(j job) bool { return now.After(j.until) })
}

func (p *parked) takeAll() []job { return p.takeIf(func(job) bool { return true }) }

func (p *parked) takeIf(gone func(job) bool) (out []job) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for key, js := range p.by {
		js = slices.DeleteFunc(js, func(j job) bool {
			if gone(j) {
				out = append(out, j)
				return true
			}
			return false
		})
		if p.by[key] = js; len(js) == 0 {
			delete(p.by, key)
		}
	}
	return out
}

// toLook gives the keys that something waits for, once in a while.
func (p *parked) toLook(now time.Time) (keys []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now.Sub(p.looked) < idle {
		return nil
	}
	p.looked = now
	for key := range p.by {
		keys = append(keys, key)
	}
	return keys
}

func deliveries(js []job) []Delivery {
	out := make([]Delivery, 0, len(js))
	for _, j := range js {
		out = append(out, j.Delivery)
	}
	return out
}

// tend gives back what need not wait any more: its message was posted, by this replica between two looks or by another.
func (o *Outbox) tend(ctx, tries context.Context, wg *sync.WaitGroup) {
	now := time.Now()
	if old := o.parked.takeOld(now); len(old) > 0 {
		wg.Go(func() {
			defer o.look()
			for _, j := range old {
				o.settle(tries, j, *o.later("its message is not posted yet", 0)) // not given back: how long it waits must be remembered
			}
		})
	}
	var ready []Delivery
	for _, key := range o.parked.toLook(now) {
		if _, ok, err := o.store.Posted(ctx, key); err != nil {
			break // the store's trouble shows elsewhere
		} else if ok {
			ready = append(ready, deliveries(o.parked.take(key))...)
		}
	}
	o.giveBack(tries, ready)
}

// park holds a delivery until the message of that key is posted.
func (o *Outbox) park(ctx context.Context, j job, key string) {
	o.parked.add(j, key)
	if _, ok, err := o.store.Posted(ctx, key); err == nil && ok { // in between
		o.unpark(ctx, key)
		o.look()
	}
}

// unpark gives back what waited for a message that was posted just now.
func (o *Outbox) unpark(ctx context.Context, key string) {
	o.giveBack(ctx, deliveries(o.parked.take(key)))
}

// aim finds where a delivery goes. An outcome says that it goes nowhere now.
func (o *Outbox) aim(ctx context.Context, j *job) *Outcome {
	n := j.Notice
	after := n.Edits
	switch {
	case after != "":
	case n.Root != "":
		after = n.Root
	case n.User != "" && n.Channel == "":
		j.to = Posted{Channel: n.User}
		return nil
	default:
		j.to = Posted{Channel: n.Channel, TS: n.ThreadTS}
		return nil
	}
	at, ok, err := o.store.Posted(ctx, after)
	waited := o.cfg.Now().Sub(j.First)
	switch {
	case err != nil:
		return o.later(err.Error(), retryMin)
	case ok:
		j.to = at
		return nil
	case n.Edits != "" && waited > hopeless:
		return &Outcome{Result: Skipped, Reason: "its message was never posted"}
	case n.Edits == "" && waited > orphanAfter:
		j.to, j.orphan = Posted{Channel: n.Channel, TS: n.ThreadTS}, true
		return nil
	}
	return &Outcome{Result: parkIt, Reason: after}
}
