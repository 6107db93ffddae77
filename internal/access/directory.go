package access

import (
	"context"
	"errors"
	"sync"
	"time"
)

// How long what the chat told is believed. It counts from the moment it was asked for, so that somebody who left a group, or is
// a guest by now, keeps their rights for a minute at most.
const (
	groupTTL  = time.Minute
	personTTL = time.Minute
	errorTTL  = time.Second     // spares the chat a storm of the same question, and is over before a person tries again
	lookup    = 3 * time.Second // how long one question may take
	sweepAt   = 4096            // entries; more than that many are looked through for old ones
)

var errAborted = errors.New("the look-up was aborted")

// cache remembers answers of the directory by id. One question at a time is asked for an id; who comes meanwhile gets the same
// answer. An answer that is too old is never given, even when a new one cannot be had.
type cache[T any] struct {
	ttl   time.Duration
	now   func() time.Time
	fetch func(ctx context.Context, id string) (T, error)

	mu      sync.Mutex
	entries map[string]*entry[T]
}

type entry[T any] struct {
	done  chan struct{} // closed when value and err are set
	until time.Time     // set before done is closed
	value T
	err   error
}

func newCache[T any](ttl time.Duration, now func() time.Time, fetch func(context.Context, string) (T, error)) *cache[T] {
	return &cache[T]{ttl: ttl, now: now, fetch: fetch, entries: map[string]*entry[T]{}}
}

func (c *cache[T]) get(ctx context.Context, id string) (T, error) {
	now := c.now()
	c.mu.Lock()
	e, ok := c.entries[id]
	if ok && !e.stale(now) {
		c.mu.Unlock()
		select {
		case <-e.done:
			return e.value, e.err
		case <-ctx.Done():
			var zero T
			return zero, context.Cause(ctx)
		}
	}
	c.sweep(now)
	e = &entry[T]{done: make(chan struct{}), err: errAborted}
	c.entries[id] = e
	c.mu.Unlock()

	defer close(e.done) // A directory that panics leaves an error behind, not people who wait for ever.
	// The answer is for all who wait, so it does not end with the first one's context.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookup)
	defer cancel()
	e.value, e.err = c.fetch(ctx, id)
	e.until = now.Add(c.ttl)
	if e.err != nil {
		e.until = c.now().Add(errorTTL)
	}
	return e.value, e.err
}

// stale tells whether the answer is too old. One that is still on its way is not.
func (e *entry[T]) stale(now time.Time) bool {
	select {
	case <-e.done:
		return !now.Before(e.until)
	default:
		return false
	}
}

// forget drops what is known of an id. An answer that is on its way is kept from everybody who asks from now on.
func (c *cache[T]) forget(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.entries, id)
}

// sweep drops old answers once there are many. The caller holds the lock.
func (c *cache[T]) sweep(now time.Time) {
	if len(c.entries) < sweepAt {
		return
	}
	for id, e := range c.entries {
		if e.stale(now) {
			delete(c.entries, id)
		}
	}
}

// peek gives what is known of an id without asking, however old it is.
func (c *cache[T]) peek(id string) (T, bool) {
	var zero T
	c.mu.Lock()
	e, ok := c.entries[id]
	c.mu.Unlock()
	if !ok {
		return zero, false
	}
	select {
	case <-e.done:
		return e.value, e.err == nil
	default:
		return zero, false
	}
}
