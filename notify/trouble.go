package notify

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/templates"
)

// scopeReasons are reasons that people mend in the app's settings. What they hold up waits.
var scopeReasons = []string{"missing_scope", "no_permission", "access_denied", "ekm_access_denied"}

// closedReasons are reasons for which a channel takes nothing. What was to go there goes to ops instead.
var closedReasons = []string{
	"channel_not_found", "not_in_channel", "is_archived", "is_inactive", "channel_is_archived",
	"restricted_action", "restricted_action_read_only_channel", "restricted_action_thread_only_channel",
	"restricted_action_non_threadable_channel", "restricted_action_thread_locked", "posting_to_channel_denied",
}

func isToken(reason string) bool  { return slices.Contains(tokenReasons, reason) }
func isClosed(reason string) bool { return slices.Contains(closedReasons, reason) }

// aboutContent tells whether a refusal may be about what a message is made of: everything that is about nothing else.
func aboutContent(err error) bool {
	se := fateOf(err)
	return se.Fate == Permanent && !isToken(se.Reason) && !isClosed(se.Reason) && !slices.Contains(scopeReasons, se.Reason) &&
		!slices.Contains([]string{
			"message_not_found", "cant_update_message", "edit_window_closed", "user_not_found",
			"user_disabled", "cannot_dm_bot", "cannot_reply_to_message", "messages_tab_disabled",
		}, se.Reason)
}

// isPerson and isDirect tell whether an id is that of a person, or of the channel between a person and us.
func isPerson(id string) bool { return strings.HasPrefix(id, "U") || strings.HasPrefix(id, "W") }
func isDirect(id string) bool { return isPerson(id) || strings.HasPrefix(id, "D") }

// trouble is something that people must mend.
type trouble struct{ Channel, Reason string }

// forgetAfter is when a trouble that did not come again counts as over.
const forgetAfter = 24 * time.Hour

// troubles are those that people were told of.
type troubles struct {
	mu   sync.Mutex
	told map[trouble]told
}

type told struct {
	day  string
	last time.Time
}

func newTroubles() *troubles { return &troubles{told: map[trouble]told{}} }

// begin notes a trouble; true: it is to be told.
func (ts *troubles) begin(t trouble, now time.Time) bool {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	maps.DeleteFunc(ts.told, func(_ trouble, v told) bool { return now.Sub(v.last) > forgetAfter })
	day := now.UTC().Format(time.DateOnly)
	news := ts.told[t].day != day
	ts.told[t] = told{day, now}
	return news
}

func (ts *troubles) end(over func(trouble) bool) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	maps.DeleteFunc(ts.told, func(t trouble, _ told) bool { return over(t) })
}

// closed tells whether a channel took nothing when it was tried last.
func (ts *troubles) closed(channel string) bool {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	for t := range ts.told {
		if t.Channel == channel && isClosed(t.Reason) {
			return true
		}
	}
	return false
}

// noToken is the outcome of what failed for a reason that stops everything. It keeps its place: the outbox rests as a whole.
func (o *Outbox) noToken(ctx context.Context, j job, se *SendError) Outcome {
	o.flag(ctx, trouble{Reason: se.Reason})
	out := *o.later(se.Reason, retryMin)
	if j.Unknown && j.Notice.User == "" {
		out.Result = Unknown
	}
	return out
}

// flag tells a trouble once a day: in the log, in ops (if that can be reached), and on /readyz until it is over.
func (o *Outbox) flag(ctx context.Context, t trouble) {
	now := o.cfg.Now()
	if !o.troubles.begin(t, now) {
		return
	}
	o.log.ErrorContext(ctx, "slack refuses for good", "channel", t.Channel, "reason", t.Reason)
	if t.Channel == o.cfg.Ops || t.Channel == "" {
		return // it could not be told there
	}
	n := incidents.TroubleNotice(t.Channel+" "+t.Reason, o.cfg.Ops,
		incidents.Fact{Text: templates.TroubleSlack, Titles: []string{t.Channel, t.Reason}}, now)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordWithin)
	defer cancel()
	if err := o.inc.Write(ctx, incidents.Want{}, func(tx incidents.Tx) error { return tx.Notify(n) }); err != nil {
		o.log.ErrorContext(ctx, "telling a trouble", "err", err)
		o.troubles.end(func(x trouble) bool { return x == t }) // the next one tells it
	}
}

// worked ends the troubles that a message in the channel disproves.
func (o *Outbox) worked(ctx context.Context, channel string) {
	o.answered(ctx, channel)
	o.troubles.end(func(t trouble) bool { return t.Channel == "" || t.Channel == channel })
}

// Troubles lists what people must mend, as "reason (channel)", for /readyz.
func (o *Outbox) Troubles() []string {
	o.troubles.mu.Lock()
	defer o.troubles.mu.Unlock()
	var out []string
	for t := range o.troubles.told {
		s := t.Reason
		if t.Channel != "" {
			s += " (" + t.Channel + ")"
		}
		out = append(out, s)
	}
	slices.Sort(out)
	return out
}

// unrendered is the outcome of a notice that has no words now. What the store could not read comes again; what will never have
// words must not hold up its lane.
func (o *Outbox) unrendered(ctx context.Context, n incidents.Notice, err error) Outcome {
	if errors.Is(err, incidents.ErrNotFound) || errors.Is(err, ops.ErrNotFound) || errors.Is(err, templates.ErrNoWords) || errors.Is(err, errNeverRendered) {
		return Outcome{Result: Failed, Reason: "no words: " + err.Error()}
	}
	o.log.WarnContext(ctx, "rendering", "key", n.Key, "err", err)
	return *o.later(err.Error(), retryMax)
}
