package notify

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Slack takes about one message a second in a channel, with short bursts, and fifty edits a minute in a workspace (docs.slack.dev,
// rate limits). We stay below: a refused P0 costs more than a patient P2.
const (
	postsPerSecond = 1
	postBurst      = 3
	editsPerSecond = 0.75
	editBurst      = 15
)

// budget spends what Slack allows. Posting counts for each channel, editing for the workspace.
type budget struct {
	mu      sync.Mutex
	posts   map[string]*rate.Limiter
	edits   *rate.Limiter
	blocked map[string]time.Time // by channel: Slack said to wait until then
}

func newBudget() *budget {
	return &budget{posts: map[string]*rate.Limiter{}, edits: rate.NewLimiter(editsPerSecond, editBurst), blocked: map[string]time.Time{}}
}

// take spends one post to a channel; false: not now.
func (b *budget) take(channel string, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if now.Before(b.blocked[channel]) {
		return false
	}
	l := b.posts[channel]
	if l == nil {
		l = rate.NewLimiter(postsPerSecond, postBurst)
		b.posts[channel] = l
	}
	return l.AllowN(now, 1)
}

// takeEdit spends one edit and tells when the next one may be tried if there was none to spend.
func (b *budget) takeEdit(channel string, now time.Time) (time.Time, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if t := b.blocked["edit "+channel]; now.Before(t) {
		return t, false
	}
	if b.edits.AllowN(now, 1) {
		return time.Time{}, true
	}
	return now.Add(time.Second), false
}

// block stops posts to a channel (or, with "edit " before it, edits there) until a time.
func (b *budget) block(channel string, until time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if until.After(b.blocked[channel]) {
		b.blocked[channel] = until
	}
}

// full lists the channels that nothing can be posted to now, and when the first of them opens again.
func (b *budget) full(now time.Time) (channels []string, opens time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	add := func(ch string, t time.Time) {
		channels = append(channels, ch)
		if opens.IsZero() || t.Before(opens) {
			opens = t
		}
	}
	for ch, l := range b.posts {
		tokens := l.TokensAt(now)
		switch {
		case now.Before(b.blocked[ch]):
			add(ch, b.blocked[ch])
		case tokens < 1:
			add(ch, now.Add(time.Duration((1-tokens)/postsPerSecond*float64(time.Second))+time.Millisecond))
		case tokens >= postBurst:
			delete(b.posts, ch) // as good as new: so the map does not grow with every person written to
		}
	}
	for ch, t := range b.blocked {
		if !now.Before(t) {
			delete(b.blocked, ch)
		}
	}
	return channels, opens
}
