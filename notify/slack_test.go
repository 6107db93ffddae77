package notify_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/notify"
)

// chat is a Slack that remembers: what was posted stays posted even when its answer is lost.
// hangs is how long a try that hangs takes: the outbox gives it up by then.
const hangs = 20 * time.Second

type chat struct {
	mu    sync.Mutex
	posts []sent
	edits []sent
	only  []sent // whispers
	looks int
	// fault is asked before each call; what it returns is done instead of the call, or, with after, once the call has been done.
	fault func(method string, p notify.Post) (err error, after bool)
	// hang, if set, is asked first, without the lock: a true means that no answer comes before ctx ends.
	hang func(method string, p notify.Post) bool
	busy map[string]int // tries under way, by channel
	most map[string]int // and the most of them
}

type sent struct {
	notify.Post
	At   notify.Posted
	User string
	When time.Time
}

func (c *chat) call(ctx context.Context, method string, p notify.Post, do func()) error {
	defer c.enter(p.Channel)()
	if c.hang != nil && c.hang(method, p) {
		<-ctx.Done()
		return &notify.SendError{Fate: notify.Ambiguous, Reason: "timeout", Err: ctx.Err()}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fault != nil {
		if err, after := c.fault(method, p); err != nil {
			if after {
				do()
			}
			return err
		}
	}
	do()
	return nil
}

func (c *chat) enter(channel string) (leave func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.busy == nil {
		c.busy, c.most = map[string]int{}, map[string]int{}
	}
	c.busy[channel]++
	c.most[channel] = max(c.most[channel], c.busy[channel])
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.busy[channel]--
	}
}

func (c *chat) Post(ctx context.Context, p notify.Post) (notify.Posted, error) {
	var at notify.Posted
	err := c.call(ctx, "post", p, func() {
		at = notify.Posted{Channel: p.Channel, TS: fmt.Sprintf("17000000%02d.000100", len(c.posts))}
		c.posts = append(c.posts, sent{Post: p, At: at, When: time.Now()})
	})
	if err != nil {
		return notify.Posted{}, err
	}
	return at, nil
}

func (c *chat) Edit(ctx context.Context, at notify.Posted, p notify.Post) error {
	return c.call(ctx, "edit", p, func() { c.edits = append(c.edits, sent{Post: p, At: at, When: time.Now()}) })
}

func (c *chat) Whisper(ctx context.Context, user string, p notify.Post, _ string) error {
	return c.call(ctx, "whisper", p, func() { c.only = append(c.only, sent{Post: p, User: user, When: time.Now()}) })
}

func (c *chat) Find(ctx context.Context, channel, thread, key string, _ time.Time) (notify.Posted, bool, error) {
	var at notify.Posted
	found := false
	err := c.call(ctx, "find", notify.Post{Channel: channel, Thread: thread, Key: key}, func() {
		c.looks++
		for _, s := range c.posts {
			if s.At.Channel == channel && s.Thread == thread && s.Key == key {
				at, found = s.At, true
			}
		}
	})
	return at, found, err
}

func (c *chat) snapshot() (posts, edits, only []sent) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]sent(nil), c.posts...), append([]sent(nil), c.edits...), append([]sent(nil), c.only...)
}

func refusal(f notify.Fate, reason string, after time.Duration) error {
	return &notify.SendError{Fate: f, Reason: reason, After: after, Err: errors.New("told to")}
}

// until waits for a condition.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	untilWithin(t, time.Minute, what, ok)
}

func untilWithin(t *testing.T, d time.Duration, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(d)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		<-time.After(5 * time.Millisecond)
	}
}
