package notify

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/templates"
)

const (
	// looks is how often a message that may be out is looked for.
	looks = 2
	// blindAfter is the try from which a message is posted again although it cannot be looked up: twice is better than never. It
	// comes sooner when Slack says that we may not look.
	blindAfter  = 12
	unseenAfter = 5
	// plainAfter is the try from which the words go alone: what is around them may be what Slack stumbles over.
	plainAfter = 8
)

func (o *Outbox) post(ctx context.Context, j job) Outcome {
	if j.Unknown {
		at, found, out := o.lookUp(ctx, j)
		switch {
		case out != nil:
			return *out
		case found:
			o.worked(ctx, at.Channel)
			o.refresh(ctx, j.Notice, time.Time{})
			return Outcome{Result: Sent, Where: at}
		}
	}
	n := j.Notice
	said, err := o.render(ctx, n)
	if err != nil {
		return o.unrendered(ctx, n, err)
	}
	m, shown := said.Message, said.shown
	if j.orphan {
		m = named(n, m)
	}
	if j.Attempts > plainAfter && j.Unknown && m.Summary != "" {
		m.Blocks, shown = nil, time.Time{}
	}
	at, plain, err := o.send(ctx, Post{Channel: j.to.Channel, Thread: j.to.TS, Key: n.Key, State: said.state, Message: m})
	if err != nil {
		return o.notPosted(ctx, j, err)
	}
	if plain {
		shown = time.Time{}
	}
	o.budget.met(j.to.Channel, at.Channel, time.Now())
	o.worked(ctx, j.to.Channel)
	o.refresh(ctx, n, shown)
	return Outcome{Result: Sent, Where: at}
}

// send posts a message, and its words alone when Slack refuses what is around them: our own defect must not cost a page.
func (o *Outbox) send(ctx context.Context, p Post) (at Posted, plain bool, err error) {
	at, err = o.sender.Post(ctx, p)
	if err != nil && p.Message.File != nil && aboutContent(err) { // no room, files are switched off: who waits for it is told
		o.log.WarnContext(ctx, "file refused", "key", p.Key, "channel", p.Channel, "err", err)
		p.Message = o.words.FileRefused(p.Message.Summary, fateOf(err).Reason)
		at, err = o.sender.Post(ctx, p)
		return at, true, err
	}
	if err == nil || len(p.Message.Blocks) == 0 || p.Message.Summary == "" || !aboutContent(err) {
		return at, false, err
	}
	o.log.ErrorContext(ctx, "message refused, posting its words alone", "key", p.Key, "channel", p.Channel, "err", err)
	p.Message.Blocks = nil
	at, err = o.sender.Post(ctx, p)
	return at, true, err
}

// named puts the incident's key above a reply that stands alone. What speaks of an operation names it by itself.
func named(n incidents.Notice, m templates.Message) templates.Message {
	if n.Incident == 0 || n.Operation != 0 {
		return m
	}
	key := templates.Line{{Text: incidents.Key(n.Incident), Bold: true}}
	m.Blocks = append([]templates.Block{{Kind: templates.Text, Lines: []templates.Line{key}}}, m.Blocks...)
	return m
}

// lookUp looks for a message that may be out. What was posted can take a moment to be seen, so it looks twice. An outcome says
// that it could not be told.
func (o *Outbox) lookUp(ctx context.Context, j job) (Posted, bool, *Outcome) {
	since := j.First
	if now := o.cfg.Now(); now.Before(since) {
		since = now // the clock was set back
	}
	if !o.budget.takeFinds(looks, urgent(j.Delivery), time.Now()) {
		out := o.unknown("budget", time.Second)
		return Posted{}, false, &out
	}
	for look := range looks {
		if look > 0 && !sleep(ctx, o.cfg.Settle) {
			out := o.unknown("stopped", 0)
			return Posted{}, false, &out
		}
		at, found, err := o.find(ctx, j, since.Add(-time.Minute))
		if err != nil {
			return Posted{}, false, o.notFound(ctx, j, err)
		}
		o.answered(ctx, "")
		if found {
			return at, true, nil
		}
	}
	return Posted{}, false, nil
}

// find looks once. It leaves enough of the try's time for posting.
func (o *Outbox) find(ctx context.Context, j job, since time.Time) (Posted, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, o.limit()/4)
	defer cancel()
	return o.sender.Find(ctx, j.to.Channel, j.to.TS, j.Notice.Key, since)
}

// notFound decides what follows from a look-up that failed. Nil: post.
func (o *Outbox) notFound(ctx context.Context, j job, err error) *Outcome {
	se := o.judge(ctx, err)
	out := o.unknown(se.Reason, max(backoff(j.Attempts), se.After))
	switch {
	case se.Fate == Limited:
		o.budget.blockFinds(time.Now().Add(se.After))
		return &out
	case se.Fate == Permanent && isToken(se.Reason):
		out = o.noToken(ctx, j, se)
		return &out
	case se.Fate == Permanent && isClosed(se.Reason):
		return nil // posting will find the same, and a place that is open
	case se.Fate == Permanent:
		o.flag(ctx, trouble{Channel: j.to.Channel, Reason: se.Reason})
	}
	if (j.Attempts >= blindAfter || se.Fate == Permanent && j.Attempts >= unseenAfter) && ctx.Err() == nil {
		o.log.ErrorContext(ctx, "posting what may be out already: it cannot be looked up", "key", j.Notice.Key, "err", err)
		return nil
	}
	return &out
}

// notPosted decides what follows from a post that failed.
func (o *Outbox) notPosted(ctx context.Context, j job, err error) Outcome {
	se := o.judge(ctx, err)
	n, wait := j.Notice, max(backoff(j.Attempts), se.After)
	switch {
	case se.Fate == Limited:
		o.log.WarnContext(ctx, "slack asks to wait", "channel", j.to.Channel, "after", se.After)
		o.budget.block(j.to.Channel, time.Now(), se.After)
		return *o.later(se.Reason, max(se.After, retryMin))
	case se.Fate == Retry:
		return *o.later(se.Reason, wait)
	case se.Fate == Ambiguous:
		return o.unknown(se.Reason, max(wait, min(o.cfg.Settle, time.Second)))
	case isToken(se.Reason):
		return o.noToken(ctx, j, se)
	}
	o.flag(ctx, trouble{Channel: j.to.Channel, Reason: se.Reason})
	switch {
	case slices.Contains(scopeReasons, se.Reason):
		return *o.later(se.Reason, mendWait)
	case isDirect(j.to.Channel) && n.Kind == incidents.Answer:
		return Outcome{Result: Skipped, Reason: se.Reason} // it was for that person alone
	case isDirect(j.to.Channel):
		return Outcome{Result: Failed, Reason: se.Reason}
	case j.to.Channel != o.cfg.Ops && o.cfg.Ops != "":
		return o.divert(ctx, j)
	case isClosed(se.Reason):
		return *o.later(se.Reason, mendWait) // the last place of all: wait until it is mended
	}
	return Outcome{Result: Failed, Reason: se.Reason}
}

// divert posts to ops what its own channel does not take, under the same key. What may be out already is looked up there. A
// reply to a card that stands elsewhere goes without its thread.
func (o *Outbox) divert(ctx context.Context, j job) Outcome {
	if j.paid != o.cfg.Ops {
		room := o.budget.take(o.cfg.Ops, urgent(j.Delivery), time.Now())
		if room == nil {
			return *o.later("budget", crowdedFor) // next time it will be paid before it is tried
		}
		defer o.budget.leave(room)
		j.paid = o.cfg.Ops
	}
	j.orphan = j.Notice.Root != ""
	j.to = Posted{Channel: o.cfg.Ops}
	return o.post(ctx, j)
}

// refresh asks for the card to be shown anew when what it shows changed while its first post was on the way.
func (o *Outbox) refresh(ctx context.Context, n incidents.Notice, shown time.Time) {
	if n.Kind != incidents.CardPost && n.Kind != incidents.OperationCard {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), refreshWithin)
	defer cancel()
	e, stale, err := o.fresh(ctx, n, shown)
	if err == nil && !stale {
		return
	}
	if err == nil {
		err = o.inc.Write(ctx, incidents.Want{}, func(tx incidents.Tx) error { return tx.Notify(e) })
	}
	if err != nil {
		o.log.WarnContext(ctx, "asking for a fresh card", "key", n.Key, "err", err)
	}
}

// fresh gives the edit that would show a card anew, and whether it is needed. What cannot be read is shown anew in any case.
func (o *Outbox) fresh(ctx context.Context, n incidents.Notice, shown time.Time) (incidents.Notice, bool, error) {
	if n.Operation != 0 {
		op, err := o.inc.FindOperation(ctx, n.Operation)
		if err != nil {
			return n, false, err
		}
		return op.EditCard(o.cfg.Now()), !op.Updated.Equal(shown), nil
	}
	in, err := o.inc.Find(ctx, n.Incident)
	switch {
	case errors.Is(err, incidents.ErrNotFound):
		return n, false, nil
	case err == nil:
		n.Level, n.Channel = in.Level, in.Channel
	}
	return incidents.EditCard(n, o.cfg.Now()), err != nil || !in.Updated.Equal(shown), nil
}
