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
type chat struct {
	mu    sync.Mutex
	posts []sent
	edits []sent
	only  []sent // whispers
	looks int
	// fault is asked before each call; what it returns is done instead of the call, or, with after, once the call has been done.
	fault func(method string, p notify.Post) (err error, after bool)
}

type sent struct {
	notify.Post
	At   notify.Posted
	User string
	When time.Time
}

func (c *chat) call(method string, p notify.Post, do func()) error {
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

func (c *chat) Post(_ context.Context, p notify.Post) (notify.Posted, error) {
	var at notify.Posted
	err := c.call("post", p, func() {
		at = notify.Posted{Channel: p.Channel, TS: fmt.Sprintf("17000000%02d.000100", len(c.posts))}
		c.posts = append(c.posts, sent{Post: p, At: at, When: time.Now()})
	})
	if err != nil {
		return notify.Posted{}, err
	}
	return at, nil
}

func (c *chat) Edit(_ context.Context, at notify.Posted, p notify.Post) error {
	return c.call("edit", p, func() { c.edits = append(c.edits, sent{Post: p, At: at, When: time.Now()}) })
}

func (c *chat) Whisper(_ context.Context, user string, p notify.Post, _ string) error {
	return c.call("whisper", p, func() { c.only = append(c.only, sent{Post: p, User: user, When: time.Now()}) })
}

func (c *chat) Find(_ context.Context, channel, thread, key string, _ time.Time) (notify.Posted, bool, error) {
	var at notify.Posted
	found := false
	err := c.call("find", notify.Post{Channel: channel, Thread: thread, Key: key}, func() {
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
	deadline := time.Now().Add(15 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		<-time.After(5 * time.Millisecond)
	}
}
