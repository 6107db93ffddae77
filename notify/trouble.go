package notify

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/templates"
)

// Reasons that the outbox decides by. A Sender uses these words.
const (
	reasonBlocks = "invalid_blocks"
)

// nobodysMessage are reasons for which no message at all can be sent: the token or the app. Everything waits until people have
// mended it; nothing is given up.
var nobodysMessage = []string{"invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "missing_scope",
	"not_allowed_token_type", "no_permission", "access_denied", "org_login_required", "team_access_not_granted"}

// closedChannel are reasons for which this channel takes nothing. What was to go there goes to ops instead.
var closedChannel = []string{"channel_not_found", "not_in_channel", "is_archived", "restricted_action", "channel_is_archived"}

// trouble is something that people must mend, told once.
type trouble struct{ Channel, Reason string }

// failed decides what a failed try means for the delivery. repeatable: trying again can do no harm.
func (o *Outbox) failed(ctx context.Context, d Delivery, channel string, err error, repeatable bool) Outcome {
	now := o.cfg.Now()
	se := fateOf(err)
	switch se.Fate {
	case Limited:
		o.budget.block(channel, now.Add(se.After))
		o.log.WarnContext(ctx, "slack asks to wait", "channel", channel, "after", se.After)
		return Outcome{Result: Again, At: now.Add(se.After), Reason: se.Reason}
	case Retry:
		o.reached(false)
		return Outcome{Result: o.stillUnknown(d, repeatable), At: now.Add(backoff(d.Attempts)), Reason: se.Reason}
	case Ambiguous:
		o.reached(false)
		if repeatable {
			return Outcome{Result: o.stillUnknown(d, repeatable), At: now.Add(backoff(d.Attempts)), Reason: se.Reason}
		}
		return Outcome{Result: Unknown, At: now.Add(min(o.cfg.Settle, time.Second)), Reason: se.Reason}
	}
	return o.permanent(ctx, d, channel, se, repeatable)
}

// stillUnknown keeps a delivery unknown whose look-up failed: it may be out all the same.
func (o *Outbox) stillUnknown(d Delivery, repeatable bool) Result {
	if d.Unknown && repeatable && d.Notice.Edits == "" {
		return Unknown
	}
	return Again
}

func (o *Outbox) permanent(ctx context.Context, d Delivery, channel string, se *SendError, repeatable bool) Outcome {
	n, now := d.Notice, o.cfg.Now()
	switch {
	case slices.Contains(nobodysMessage, se.Reason):
		o.flag(ctx, trouble{Reason: se.Reason})
		o.rests(now.Add(5 * time.Second))
		return Outcome{Result: o.stillUnknown(d, repeatable), At: now.Add(authWait), Reason: se.Reason}
	case slices.Contains(closedChannel, se.Reason):
		o.flag(ctx, trouble{Channel: channel, Reason: se.Reason})
		if n.Edits == "" && n.User == "" && n.Root == "" && channel != o.cfg.Ops && channel == n.Channel {
			return o.divert(ctx, d)
		}
		if n.User != "" {
			return Outcome{Result: Failed, Reason: se.Reason}
		}
		return Outcome{Result: o.stillUnknown(d, repeatable), At: now.Add(authWait), Reason: se.Reason}
	}
	o.flag(ctx, trouble{Channel: channel, Reason: se.Reason})
	return Outcome{Result: Failed, Reason: se.Reason}
}

// divert posts to ops what its own channel does not take, under the same key. What may be out already is looked up there.
func (o *Outbox) divert(ctx context.Context, d Delivery) Outcome {
	d.Notice.Channel, d.Notice.ThreadTS = o.cfg.Ops, ""
	return o.post(ctx, d)
}

func (o *Outbox) rests(until time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if until.After(o.rest) {
		o.rest = until
	}
}

// flag tells a trouble once: in the log, in ops (if that can be reached), and on /readyz until it is over.
func (o *Outbox) flag(ctx context.Context, t trouble) {
	now := o.cfg.Now()
	o.mu.Lock()
	_, known := o.troubles[t]
	if !known {
		o.troubles[t] = now
	}
	o.mu.Unlock()
	if known {
		return
	}
	o.log.ErrorContext(ctx, "slack refuses for good", "channel", t.Channel, "reason", t.Reason)
	if t.Channel == o.cfg.Ops || t.Channel == "" {
		return // it could not be told there
	}
	err := o.inc.Write(ctx, incidents.Want{}, func(tx incidents.Tx) error {
		return tx.Notify(incidents.TroubleNotice(t.Channel+" "+t.Reason, o.cfg.Ops,
			incidents.Fact{Text: templates.TroubleSlack, Titles: []string{t.Channel, t.Reason}}, now))
	})
	if err != nil {
		o.log.ErrorContext(ctx, "telling a trouble", "err", err)
	}
}

// worked ends the troubles that a message to the channel disproves.
func (o *Outbox) worked(channel string) {
	o.reached(true)
	o.mu.Lock()
	defer o.mu.Unlock()
	maps.DeleteFunc(o.troubles, func(t trouble, _ time.Time) bool { return t.Channel == "" || t.Channel == channel })
}

// Troubles lists what people must mend, as "reason (channel)", for /readyz.
func (o *Outbox) Troubles() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	var out []string
	for t := range o.troubles {
		s := t.Reason
		if t.Channel != "" {
			s += " (" + t.Channel + ")"
		}
		out = append(out, s)
	}
	slices.Sort(out)
	return out
}
