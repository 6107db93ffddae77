package store

import (
	"context"
	"time"
)

// health remembers the last answer for a moment, so that many who ask cost one write.
type health struct {
	turn chan struct{} // held by who looks or asks
	at   time.Time
	err  error
}

const healthFor = time.Second

var beat = both(`UPDATE counters SET value = $1 WHERE name = 'heartbeat'`)

// Healthy makes a real, tiny write and tells how it went: nil, or an ErrUnavailable that says why. An answer stands for a second.
func (s *Store) Healthy(ctx context.Context) error {
	h := &s.health
	select {
	case h.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-h.turn }()
	if !h.at.IsZero() && time.Since(h.at) < healthFor {
		return h.err
	}
	err := s.submit(&item{ctx: ctx, after: func(ctx context.Context, b *batch) error {
		b.wrote = true
		return b.ses.send(ctx, []stmt{{beat[b.d], []any{micros(now())}}})
	}})
	if ctx.Err() == nil { // an answer that was not waited for tells nothing
		h.at, h.err = time.Now(), err
	}
	return err
}

// Alone tells whether this process is the only one that can have the store open: then whatever another one began is surely over.
func (s *Store) Alone() bool {
	_, lite := s.db.(*liteDriver)
	return lite
}
