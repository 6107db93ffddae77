package bot

import (
	"context"
	"math/rand/v2"
	"time"

	"golang.org/x/time/rate"
)

// gate lets one socket at a time open, and not often: apps.connections.open is scarce, and while one socket opens the others
// carry the traffic.
type gate struct {
	turn  chan struct{}
	limit *rate.Limiter
}

func newGate(between time.Duration) gate {
	return gate{turn: make(chan struct{}, 1), limit: rate.NewLimiter(rate.Every(between), 2)}
}

func (g gate) enter(ctx context.Context) error {
	select {
	case g.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := g.limit.Wait(ctx); err != nil {
		<-g.turn
		return err
	}
	return nil
}

func (g gate) leave() { <-g.turn }

// backoff grows from first to longest, each wait somewhere in its upper half so that replicas do not come back together.
type backoff struct {
	first, longest time.Duration
	n              int
}

func (b *backoff) next() time.Duration {
	d := b.longest
	if b.n < 20 {
		d = min(b.first<<b.n, b.longest)
	}
	b.n++
	return jitter(d)
}

func (b *backoff) reset() { b.n = 0 }

// atLeast begins further up, where the cause is known not to pass soon.
func (b *backoff) atLeast(n int) { b.n = max(b.n, n) }

func jitter(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return d/2 + rand.N(d/2+1) //nolint:gosec // spreading, not secrecy
}

// wait returns after d, or at once when ctx ends.
func wait(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
