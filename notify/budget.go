package notify

import (
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Slack takes about one message a second in a channel, with short bursts, and fifty of edits and of look-ups a minute in a
// workspace (docs.slack.dev, rate limits). We stay below: a refused P0 costs more than a patient P2.
const (
	postsPerSecond = 1
	postBurst      = 3
	editsPerSecond = 0.75
	editBurst      = 15
	findsPerSecond = 0.5
	findBurst      = 30 // look-ups come in spikes, after an outage

	// The last ones of a burst are kept for what is urgent, so that a P0 does not even wait for the P2 before it.
	postsKept = 1
	editsKept = 5
	findsKept = 6

	// A channel that answers slowly must not keep all workers: so many tries at the same time there, and so many that are not
	// urgent.
	seatsUrgent  = 4
	seatsPatient = 2

	// crowdedFor is how long what is not urgent is not even claimed for a channel that had no room for it.
	crowdedFor = 250 * time.Millisecond

	mostDirect = 10000 // direct channels whose person is remembered
)

// room is what a channel can take.
type room struct {
	tokens  *rate.Limiter
	blocked time.Time // Slack said to wait until then
	busy    int       // tries under way
}

// budget spends what Slack allows. Its times are the process's own, so that a wall clock that is set changes nothing.
type budget struct {
	mu      sync.Mutex
	rooms   map[string]*room
	crowded map[string]time.Time
	edits   method
	finds   method
	person  map[string]string // D… → U…: the same channel by two names
	direct  map[string]string // U… → D…
	begun   time.Time
	rate    rate.Limit // of posts to a channel
}

// method is a method that Slack counts for the whole workspace.
type method struct {
	tokens  *rate.Limiter
	blocked time.Time
}

func newBudget(now time.Time) *budget {
	return &budget{
		begun: now, rate: postsPerSecond,
		rooms: map[string]*room{}, crowded: map[string]time.Time{}, person: map[string]string{}, direct: map[string]string{},
		edits: method{tokens: rate.NewLimiter(editsPerSecond, editBurst)},
		finds: method{tokens: rate.NewLimiter(findsPerSecond, findBurst)},
	}
}

func (b *budget) room(channel string, now time.Time) *room {
	if u := b.person[channel]; u != "" {
		channel = u
	}
	r := b.rooms[channel]
	if r == nil {
		r = &room{tokens: rate.NewLimiter(b.rate, postBurst)}
		if now.Sub(b.begun) < postBurst*time.Second/postsPerSecond {
			r.tokens.AllowN(now, postBurst-1) // who ran before us may have spent it
		}
		b.rooms[channel] = r
	}
	return r
}

// take spends one post to a channel; nil: not now. leave ends the try.
func (b *budget) take(channel string, urgent bool, now time.Time) *room {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.room(channel, now)
	need, seats := 1.0, seatsUrgent
	if !urgent {
		need, seats = 1+postsKept, seatsPatient
	}
	if now.Before(r.blocked) || r.busy >= seats || r.tokens.TokensAt(now) < need {
		return nil
	}
	r.tokens.AllowN(now, 1)
	r.busy++
	return r
}

// takeEdit is take for an edit, which spends nothing of its channel's posts.
func (b *budget) takeEdit(channel string, urgent bool, now time.Time) *room {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.room("edit "+channel, now)
	need, seats := 1.0, seatsUrgent
	if !urgent {
		need, seats = 1+editsKept, seatsPatient
	}
	if now.Before(b.edits.blocked) || r.busy >= seats || b.edits.tokens.TokensAt(now) < need {
		return nil
	}
	b.edits.tokens.AllowN(now, 1)
	r.busy++
	return r
}

// takeFinds spends all the looks of a look-up: one that could not be ended would be for nothing.
func (b *budget) takeFinds(looks int, urgent bool, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	need := float64(looks)
	if !urgent {
		need += findsKept
	}
	if now.Before(b.finds.blocked) || b.finds.tokens.TokensAt(now) < need {
		return false
	}
	return b.finds.tokens.AllowN(now, looks)
}

// leave ends a try that take began.
func (b *budget) leave(r *room) {
	if r == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	r.busy--
}

// block stops posts to a channel for some time.
func (b *budget) block(channel string, now time.Time, d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if r := b.room(channel, now); now.Add(d).After(r.blocked) {
		r.blocked = now.Add(d)
	}
}

// blockEdits and blockFinds stop all edits and look-ups until a time.
func (b *budget) blockEdits(until time.Time) { b.blockMethod(&b.edits, until) }
func (b *budget) blockFinds(until time.Time) { b.blockMethod(&b.finds, until) }

func (b *budget) blockMethod(m *method, until time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if until.After(m.blocked) {
		m.blocked = until
	}
}

// met learns that what was posted to a person stands in that direct channel.
func (b *budget) met(user, channel string, now time.Time) {
	if user == channel || !isPerson(user) {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.direct[user] == channel {
		return
	}
	if len(b.direct) >= mostDirect {
		clear(b.direct)
		clear(b.person)
	}
	if old := b.rooms[channel]; old != nil { // what was spent under the other name is spent
		delete(b.rooms, channel)
		spent := postBurst - int(math.Floor(old.tokens.TokensAt(now)))
		r := b.room(user, now)
		r.tokens.ReserveN(now, min(max(spent, 0), postBurst))
		if old.blocked.After(r.blocked) {
			r.blocked = old.blocked
		}
	}
	b.person[channel], b.direct[user] = user, channel
}

// crowd leaves a channel alone for a moment.
func (b *budget) crowd(channel string, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.crowded[channel] = now.Add(crowdedFor)
}

// full lists the channels that nothing can be posted to now, and when the first of them opens again.
func (b *budget) full(now time.Time) (channels []string, opens time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	until := func(t time.Time) {
		if opens.IsZero() || t.Before(opens) {
			opens = t
		}
	}
	for ch, r := range b.rooms {
		tokens := r.tokens.TokensAt(now)
		switch {
		case now.Before(r.blocked):
			until(r.blocked)
		case tokens < 1:
			until(now.Add(time.Duration((1-tokens)/float64(b.rate)*float64(time.Second)) + time.Millisecond))
		case r.busy >= seatsUrgent: // a try that ends wakes us
		case r.busy == 0 && tokens >= postBurst:
			delete(b.rooms, ch) // as good as new: so the map does not grow with every person written to
			continue
		default:
			continue
		}
		channels = append(channels, ch)
		if d := b.direct[ch]; d != "" {
			channels = append(channels, d)
		}
	}
	for ch, t := range b.crowded {
		if !now.Before(t) {
			delete(b.crowded, ch)
			continue
		}
		channels = append(channels, ch)
		until(t)
	}
	return channels, opens
}
