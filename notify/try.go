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
	retryMax = 15 * time.Second
	// authWait is how long a delivery waits that failed for a reason which people must mend (a token, a scope, a channel).
	authWait = 30 * time.Second
	// rootWait is how long an edit or a reply waits for the message that it belongs to.
	rootWait = 20 * time.Second
)

// backoff grows with the tries.
func backoff(attempts int) time.Duration {
	return min(retryMax, retryMin<<min(max(attempts-1, 0), 10))
}

// try makes one attempt and records how it ended.
func (o *Outbox) try(ctx context.Context, d Delivery) {
	defer func() {
		if v := recover(); v != nil {
			o.log.ErrorContext(ctx, "delivery panicked", "key", d.Notice.Key, "panic", fmt.Sprint(v))
			o.settle(ctx, d, Outcome{Result: Unknown, At: o.cfg.Now().Add(retryMax), Reason: "panic"})
		}
	}()
	o.settle(ctx, d, o.attempt(ctx, d))
}

func (o *Outbox) settle(ctx context.Context, d Delivery, out Outcome) {
	o.metrics.tries.WithLabelValues(string(out.Result)).Inc()
	if out.Result == Sent && d.Notice.Edits == "" {
		o.metrics.latency.Observe(o.cfg.Now().Sub(d.Notice.At).Seconds())
	}
	if out.Result == Failed {
		o.log.ErrorContext(ctx, "delivery failed for good", "key", d.Notice.Key, "kind", d.Notice.Kind, "reason", out.Reason)
	}
	// A result that cannot be recorded is no loss: the claim runs out and the delivery is looked up by its key.
	if err := o.store.Settle(context.WithoutCancel(ctx), d, out); err != nil {
		o.log.ErrorContext(ctx, "recording a delivery", "key", d.Notice.Key, "result", out.Result, "err", err)
	}
}

// attempt sends one delivery, or finds out that it was sent.
func (o *Outbox) attempt(ctx context.Context, d Delivery) Outcome {
	switch n := d.Notice; {
	case n.Edits != "":
		return o.edit(ctx, d)
	case n.Kind == incidents.Paged && n.Channel == "":
		return o.fanOut(ctx, d)
	case n.User != "":
		return o.whisper(ctx, d)
	}
	return o.post(ctx, d)
}

// place finds where a post goes: to its root's thread, wherever that was posted, or to its channel.
func (o *Outbox) place(ctx context.Context, n incidents.Notice) (channel, thread string, out *Outcome) {
	if n.Root == "" {
		return n.Channel, n.ThreadTS, nil
	}
	root, ok, err := o.store.Posted(ctx, n.Root)
	switch {
	case err != nil:
		return "", "", o.later(err, retryMin)
	case !ok:
		return "", "", &Outcome{Result: Again, At: o.cfg.Now().Add(rootWait), Reason: "its thread is not posted"}
	}
	return root.Channel, root.TS, nil
}

func (o *Outbox) later(err error, wait time.Duration) *Outcome {
	return &Outcome{Result: Again, At: o.cfg.Now().Add(wait), Reason: err.Error()}
}

func (o *Outbox) post(ctx context.Context, d Delivery) Outcome {
	n := d.Notice
	channel, thread, out := o.place(ctx, n)
	if out != nil {
		return *out
	}
	if d.Unknown {
		at, found, err := o.lookUp(ctx, d, channel, thread)
		switch {
		case err != nil:
			return o.failed(ctx, d, channel, err, true)
		case found:
			o.refresh(ctx, n, time.Time{})
			return Outcome{Result: Sent, Where: at}
		}
	}
	m, updated, err := o.render(ctx, n)
	if err != nil {
		o.log.ErrorContext(ctx, "rendering", "key", n.Key, "err", err)
		return *o.later(err, retryMax)
	}
	at, err := o.sender.Post(ctx, Post{Channel: channel, Thread: thread, Key: n.Key, Message: m})
	if err != nil && fateOf(err).Reason == reasonBlocks {
		// Our own defect must not cost a page: the words alone say what matters.
		o.log.ErrorContext(ctx, "blocks refused, posting the summary alone", "key", n.Key, "err", err)
		m.Blocks = nil
		at, err = o.sender.Post(ctx, Post{Channel: channel, Thread: thread, Key: n.Key, Message: m})
	}
	if err != nil {
		return o.failed(ctx, d, channel, err, false)
	}
	o.worked(channel)
	defer o.refresh(ctx, n, updated)
	return Outcome{Result: Sent, Where: at}
}

// lookUp looks for a message that may be out. What was posted can take a moment to be seen, so it looks twice.
func (o *Outbox) lookUp(ctx context.Context, d Delivery, channel, thread string) (Posted, bool, error) {
	for look := range 2 {
		if look > 0 {
			select {
			case <-ctx.Done():
				return Posted{}, false, &SendError{Fate: Ambiguous, Reason: "stopped", Err: ErrStopped}
			case <-time.After(o.cfg.Settle):
			}
		}
		at, found, err := o.sender.Find(ctx, channel, thread, d.Notice.Key, d.First.Add(-time.Minute))
		if found || err != nil {
			return at, found, err
		}
	}
	return Posted{}, false, nil
}

// refresh asks for the card to be shown anew when the incident changed while its first post was on the way.
func (o *Outbox) refresh(ctx context.Context, n incidents.Notice, rendered time.Time) {
	if n.Kind != incidents.CardPost {
		return
	}
	in, err := o.inc.Find(ctx, n.Incident)
	if err == nil && in.Updated.Equal(rendered) {
		return
	}
	e := incidents.EditCard(n, o.cfg.Now())
	if err := o.inc.Write(ctx, incidents.Want{}, func(tx incidents.Tx) error { return tx.Notify(e) }); err != nil {
		o.log.WarnContext(ctx, "asking for a fresh card", "key", n.Key, "err", err)
	}
}

func (o *Outbox) edit(ctx context.Context, d Delivery) Outcome {
	n := d.Notice
	at, ok, err := o.store.Posted(ctx, n.Edits)
	switch {
	case err != nil:
		return *o.later(err, retryMin)
	case !ok:
		// The first post shows the newest state anyway, and asks for an edit if it did not.
		return Outcome{Result: Again, At: o.cfg.Now().Add(rootWait), Reason: "its message is not posted"}
	}
	if t, ok := o.budget.takeEdit(at.Channel, o.cfg.Now()); !ok {
		return Outcome{Result: Again, At: t, Reason: "budget"}
	}
	m, _, err := o.render(ctx, n)
	if err != nil {
		o.log.ErrorContext(ctx, "rendering", "key", n.Key, "err", err)
		return *o.later(err, retryMax)
	}
	if err := o.sender.Edit(ctx, at, Post{Channel: at.Channel, Key: n.Edits, Message: m}); err != nil {
		if se := fateOf(err); se.Fate == Limited {
			until := o.cfg.Now().Add(se.After)
			o.budget.block("edit "+at.Channel, until)
			return Outcome{Result: Again, At: until, Reason: se.Reason}
		}
		return o.failed(ctx, d, at.Channel, err, true)
	}
	o.worked(at.Channel)
	return Outcome{Result: Sent, Where: at}
}

// whisper shows something to one person. Nothing tells whether it arrived, so a lost answer is taken for arrived: twice is
// worse than asking again.
func (o *Outbox) whisper(ctx context.Context, d Delivery) Outcome {
	n := d.Notice
	if d.Unknown {
		return Outcome{Result: Skipped, Reason: "may have been seen"}
	}
	m, _, err := o.render(ctx, n)
	if err != nil {
		return Outcome{Result: Failed, Reason: err.Error()}
	}
	err = o.sender.Whisper(ctx, n.User, Post{Channel: n.Channel, Thread: n.ThreadTS, Key: n.Key, Message: m}, n.ResponseURL)
	if err == nil {
		return Outcome{Result: Sent}
	}
	if fateOf(err).Fate == Ambiguous {
		o.reached(false)
		return Outcome{Result: Skipped, Reason: fateOf(err).Reason}
	}
	return o.failed(ctx, d, n.Channel, err, false)
}

// fanOut turns a page for a name into one direct message for each person behind it. The keys make a repeat harmless.
func (o *Outbox) fanOut(ctx context.Context, d Delivery) Outcome {
	n := d.Notice
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
		return *o.later(err, retryMin)
	}
	return Outcome{Result: Skipped, Reason: "a message for each person"}
}
