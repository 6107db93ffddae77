package notify

import (
	"context"
	"fmt"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
)

// When a try is repeated.
const (
	retryMin = 500 * time.Millisecond
	// retryMax is short, because the whole outbox rests while Slack is away: it is how long what is urgent may lag behind what is
	// not when Slack comes back.
	retryMax = 5 * time.Second
	// mendWait is how long a delivery waits that failed for a reason which people must mend (a scope, a channel).
	mendWait = 30 * time.Second
	// recordWithin is how long one try to record an outcome may take.
	recordWithin = 5 * time.Second
	// refreshWithin is how long asking for a fresh card may take.
	refreshWithin = 5 * time.Second
)

// backoff grows with the tries.
func backoff(attempts int) time.Duration {
	return min(retryMax, retryMin<<min(max(attempts-1, 0), 10))
}

// isPageToAll tells whether a notice is a page for a name, to be turned into one for each person behind it.
func isPageToAll(n incidents.Notice) bool {
	return n.Kind == incidents.Paged && n.Channel == "" && n.User == "" && n.Edits == ""
}

// try makes one attempt and records how it ended. It ends well before the claim does, whatever Slack does: nobody else may take
// the delivery while it is on its way.
func (o *Outbox) try(ctx context.Context, j job) {
	within, cancel := context.WithDeadline(ctx, j.until)
	defer cancel()
	o.settle(ctx, j, o.attempt(within, j))
}

// attempt sends one delivery, or finds out that it was sent.
func (o *Outbox) attempt(ctx context.Context, j job) (out Outcome) {
	defer func() {
		if v := recover(); v != nil {
			o.log.ErrorContext(ctx, "delivery panicked", "key", j.Notice.Key, "panic", fmt.Sprint(v))
			out = Outcome{Result: Unknown, At: o.in(mendWait), Reason: "panic"}
		}
	}()
	switch n := j.Notice; {
	case ctx.Err() != nil:
		return *o.later("stopped", 0)
	case n.Edits != "":
		return o.edit(ctx, j)
	case isPageToAll(n):
		return o.fanOut(ctx, j)
	case n.User != "":
		return o.whisper(ctx, j)
	}
	return o.post(ctx, j)
}

// settle records how a try ended. While the store cannot be written it tries again for as long as the claim lasts; after that
// the delivery is looked up by its key, so that nothing is posted twice.
func (o *Outbox) settle(ctx context.Context, j job, out Outcome) {
	n := j.Notice
	o.metrics.tries.WithLabelValues(string(out.Result)).Inc()
	if out.Result == Sent && n.Edits == "" {
		o.metrics.latency.Observe(max(0, o.cfg.Now().Sub(n.At).Seconds()))
	}
	switch {
	case out.Result == Failed:
		o.log.ErrorContext(ctx, "delivery failed for good", "key", n.Key, "kind", n.Kind, "reason", out.Reason)
	case out.Result == Skipped && out.Reason != "" && !isPageToAll(n):
		o.log.WarnContext(ctx, "delivery skipped", "key", n.Key, "kind", n.Kind, "reason", out.Reason)
	}
	for wait := retryMin; ; wait = min(2*wait, retryMax) {
		err := o.record(ctx, j.Delivery, out)
		if err == nil {
			break
		}
		o.log.ErrorContext(ctx, "recording a delivery", "key", n.Key, "result", out.Result, "err", err)
		if time.Now().Add(wait).After(j.lease) || !sleep(ctx, wait) {
			return
		}
	}
	if out.Result == Sent && n.Edits == "" {
		o.unpark(ctx, n.Key)
	}
}

func (o *Outbox) record(ctx context.Context, d Delivery, out Outcome) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordWithin)
	defer cancel()
	return o.store.Settle(ctx, d, out)
}

// sleep waits; false: it was cut short.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

func (o *Outbox) later(reason string, wait time.Duration) *Outcome {
	return &Outcome{Result: Again, At: o.in(wait), Reason: reason}
}

// unknown is the outcome of what may be out.
func (o *Outbox) unknown(reason string, wait time.Duration) Outcome {
	return Outcome{Result: Unknown, At: o.in(wait), Reason: reason}
}

// whisper shows something to one person. Nothing tells whether it arrived, so a lost answer is taken for arrived: twice is
// worse than asking again. What cannot be shown to that person is not shown to anybody else.
func (o *Outbox) whisper(ctx context.Context, j job) Outcome {
	n := j.Notice
	if j.Unknown {
		return Outcome{Result: Skipped, Reason: "may have been seen"}
	}
	m, err := o.render(ctx, n)
	if err != nil {
		return o.unrendered(ctx, n, err)
	}
	err = o.sender.Whisper(ctx, n.User, Post{Channel: n.Channel, Thread: n.ThreadTS, Key: n.Key, State: m.state, Message: m.Message}, n.ResponseURL)
	if err == nil {
		o.answered(ctx, "")
		return Outcome{Result: Sent}
	}
	se := o.judge(ctx, err)
	switch {
	case se.Fate == Limited:
		o.budget.block(j.to.Channel, time.Now(), se.After)
		return *o.later(se.Reason, se.After)
	case se.Fate == Retry:
		return *o.later(se.Reason, max(backoff(j.Attempts), se.After))
	case se.Fate == Ambiguous:
		return Outcome{Result: Skipped, Reason: se.Reason}
	case isToken(se.Reason):
		return o.noToken(ctx, j, se)
	}
	return Outcome{Result: Skipped, Reason: se.Reason}
}

// fanOut turns a page for a name into one direct message for each person behind it. The keys make a repeat harmless.
func (o *Outbox) fanOut(ctx context.Context, j job) Outcome {
	n := j.Notice
	var to []incidents.Notice
	for _, name := range n.Fact.Names {
		for _, user := range o.people.Target(name).Users {
			p := n
			p.Key, p.Lane, p.Channel = n.Key+"/"+user, n.Lane+"/"+user, user
			to = append(to, p)
		}
	}
	if len(to) == 0 {
		return Outcome{Result: Skipped, Reason: "nobody to write to"}
	}
	if err := o.inc.Write(ctx, incidents.Want{}, func(tx incidents.Tx) error { return tx.Notify(to...) }); err != nil {
		return *o.later(err.Error(), retryMin)
	}
	return Outcome{Result: Skipped, Reason: "a message for each person"}
}
