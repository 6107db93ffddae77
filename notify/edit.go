package notify

import (
	"context"
	"slices"
	"time"
)

// edit shows a message anew. There is one edit of a message at a time, rendered from what is true then, so that an older state
// never replaces a newer one. Only a try whose answer was lost may still be done later, by Slack: after it the newest state is
// sent once more when that must be over.
func (o *Outbox) edit(ctx context.Context, j job) Outcome {
	n := j.Notice
	m, err := o.render(ctx, n)
	if err != nil {
		return o.unrendered(ctx, n, err)
	}
	p := Post{Channel: j.to.Channel, Key: n.Edits, State: m.state, Message: m.Message}
	err = o.sender.Edit(ctx, j.to, p)
	if err != nil && len(m.Blocks) > 0 && m.Summary != "" && aboutContent(err) {
		o.log.ErrorContext(ctx, "edit refused, showing its words alone", "key", n.Key, "err", err)
		p.Message.Blocks = nil
		err = o.sender.Edit(ctx, j.to, p)
	}
	if err != nil {
		return o.notEdited(ctx, j, err)
	}
	o.worked(ctx, j.to.Channel)
	if j.Unknown && o.first(j.ID) {
		return *o.later("once more, after a try that may be late", o.confirmAfter())
	}
	return Outcome{Result: Sent, Where: j.to}
}

// confirmAfter is when a request whose answer was lost is surely over.
func (o *Outbox) confirmAfter() time.Duration { return 5 * o.cfg.Settle }

// first tells whether an edit was not confirmed yet, and remembers that it will be.
func (o *Outbox) first(id int64) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.confirm[id] {
		delete(o.confirm, id)
		return false
	}
	o.confirm[id] = true
	return true
}

func (o *Outbox) forget(id int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.confirm, id)
}

// notEdited decides what follows from an edit that failed. Nothing is tried for ever: the next change of the incident asks for
// another edit.
func (o *Outbox) notEdited(ctx context.Context, j job, err error) Outcome {
	se := o.judge(ctx, err)
	switch {
	case se.Fate == Limited:
		o.log.WarnContext(ctx, "slack asks to wait with edits", "after", se.After)
		o.budget.blockEdits(time.Now().Add(se.After))
		return *o.later(se.Reason, max(se.After, retryMin))
	case se.Fate == Retry, se.Fate == Ambiguous:
		o.forget(j.ID) // this one may be late, too
		return o.unknown(se.Reason, max(backoff(j.Attempts), se.After))
	case isToken(se.Reason):
		return o.noToken(ctx, j, se)
	case slices.Contains(scopeReasons, se.Reason):
		o.flag(ctx, trouble{Channel: j.to.Channel, Reason: se.Reason})
		return *o.later(se.Reason, mendWait)
	case isClosed(se.Reason):
		o.flag(ctx, trouble{Channel: j.to.Channel, Reason: se.Reason})
	}
	o.forget(j.ID)
	return Outcome{Result: Skipped, Reason: se.Reason} // for example a message that somebody deleted
}
