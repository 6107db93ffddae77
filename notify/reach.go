package notify

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

const (
	// So many tries in a row that Slack did not answer mean that it is away, not that one message has bad luck.
	awayAfter = 3
	restMin   = 250 * time.Millisecond
	restMax   = 5 * time.Second
	askWithin = 5 * time.Second
	// After so many questions without an answer a few deliveries are tried: the question may be what fails.
	fewAfter = 4
	few      = 4
)

// tokenReasons are reasons for which no message at all can be sent until people have mended the token. Nothing is given up.
var tokenReasons = []string{
	"invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "not_allowed_token_type",
	"org_login_required", "two_factor_setup_required", "team_access_not_granted",
}

// reach knows whether Slack can be reached. While it is away, or takes no token of ours, deliveries keep their places, so that
// none becomes unknown for nothing and the most urgent go first afterwards; now and then one harmless question is asked instead.
type reach struct {
	mu       sync.Mutex
	failures int  // tries in a row that were not answered
	away     bool // nothing is tried
	asking   bool // a question is under way
	asked    int  // questions in a row without a good answer
	token    bool // the answer was that the token is refused
	rest     time.Time
	good     string // where a message was taken last
}

// turn says what the next round may do.
type turn int

const (
	goOn  turn = iota // send
	ask               // ask whether Slack is back
	aFew              // try a few deliveries
	pause             // wait
)

func (r *reach) turn(now time.Time) (turn, time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case !r.away:
		return goOn, 0
	case r.asking:
		return pause, idle
	case now.Before(r.rest):
		return pause, min(idle, r.rest.Sub(now))
	case r.asked > 0 && r.asked%fewAfter == 0 && !r.token:
		r.asked++
		r.sleep(now)
		return aFew, 0
	}
	r.asking = true
	return ask, 0
}

func (r *reach) sleep(now time.Time) {
	d := min(restMax, restMin<<min(r.asked, 10))
	r.rest = now.Add(d/2 + rand.N(d/2)) //nolint:gosec // spreads questions, guards nothing
}

// failed notes a try that Slack did not answer.
func (r *reach) failed() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failures++; r.failures >= awayAfter {
		r.away = true
	}
}

// refused notes that Slack does not take our token.
func (r *reach) refused() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.away {
		r.away, r.asked, r.rest = true, 0, time.Now().Add(restMin)
	}
}

// answered notes that Slack can be reached. It tells whether that is news.
func (r *reach) answered(channel string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	news := r.away
	r.failures, r.away, r.asked, r.token, r.rest = 0, false, 0, false, time.Time{}
	if channel != "" {
		r.good = channel
	}
	return news
}

// silent notes a question that had no good answer.
func (r *reach) silent(token bool, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked++
	r.token = token
	r.sleep(now)
}

// whom gives the channel to ask about: by turns the bot's own and the one that worked last, as one of them alone may be what
// does not answer.
func (r *reach) whom(ops string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.good != "" && (r.asked%2 == 0 || ops == "") {
		return r.good
	}
	return ops
}

// question asks Slack for something harmless, and notes whether it answers.
func (o *Outbox) question(ctx context.Context) {
	defer o.look()
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	_, _, err := o.sender.Find(ctx, o.reach.whom(o.cfg.Ops), "", "question", time.Now())
	o.reach.mu.Lock()
	o.reach.asking = false
	o.reach.mu.Unlock()
	if err != nil {
		se := fateOf(err)
		token := se.Fate == Permanent && slices.Contains(tokenReasons, se.Reason)
		if token || se.Fate == Retry || se.Fate == Ambiguous {
			o.reach.silent(token, time.Now())
			return
		}
	}
	o.answered(ctx, "")
}

// answered notes that Slack answers us; then a trouble with the token is over.
func (o *Outbox) answered(ctx context.Context, channel string) {
	if o.reach.answered(channel) {
		o.log.InfoContext(ctx, "slack answers again")
		o.troubles.end(func(t trouble) bool { return t.Channel == "" })
	}
}

// judge reads what a failed call to Slack tells about Slack itself.
func (o *Outbox) judge(ctx context.Context, err error) *SendError {
	se := fateOf(err)
	switch {
	case ctx.Err() != nil && context.Cause(ctx) == ErrStopped: //nolint:errorlint // it is set as it is
		// We cut it ourselves.
	case se.Fate == Retry, se.Fate == Ambiguous:
		o.reach.failed()
	case se.Fate == Permanent && slices.Contains(tokenReasons, se.Reason):
		o.reach.refused()
	default:
		o.answered(ctx, "")
	}
	return se
}
