package store

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"
)

// item is one piece of work that waits for a commit.
type item struct {
	ctx  context.Context //nolint:containedctx // the item is the call, on its way to another goroutine
	want want
	// run decides; it may run more than once.
	run func(t *tx) error
	// after runs once the batch is written and before it is committed: for statements that choose among all rows.
	after func(ctx context.Context, b *batch) error
	// back is what the item puts in and its caller may leave while it runs: if it is kept all the same, it is taken back. Nil:
	// the caller waits.
	back *taken

	state atomic.Int32
	err   error
	done  chan struct{}
}

// The states of an item. Whoever moves it away from queued owns it. It is queued until its transaction has begun, and again
// between two tries: a caller who gives up meanwhile knows that nothing was kept. One that can be taken back is kept or abandoned
// once it was committed, whichever comes first, the commit or the caller's giving up.
const (
	queued int32 = iota
	running
	abandoned
	kept
)

// submit queues an item and waits for its end.
func (s *Store) submit(it *item) error {
	if err := it.ctx.Err(); err != nil {
		return err
	}
	it.done = make(chan struct{})
	late := time.NewTimer(s.opts.Begin)
	defer late.Stop()
	select {
	case <-s.closing:
		return ErrClosed
	default:
	}
	select {
	case s.queue <- it:
	case <-it.ctx.Done():
		return it.ctx.Err()
	case <-s.closing:
		return ErrClosed
	case <-late.C:
		return fmt.Errorf("%w: too much waits to be written", ErrUnavailable)
	}
	var why error
	select {
	case <-it.done:
		return it.err
	case <-it.ctx.Done():
		why = it.ctx.Err()
	case <-late.C:
		why = fmt.Errorf("%w: nothing was written for %s", ErrUnavailable, s.opts.Begin)
	case <-s.ended:
		why = ErrClosed
	}
	// While it runs the caller must not go on: the function is the caller's, and its work may be kept. That time is bounded.
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !it.state.CompareAndSwap(queued, abandoned) {
		if it.back != nil && it.state.CompareAndSwap(running, abandoned) {
			return why
		}
		select {
		case <-it.done:
			return it.err
		case <-tick.C:
		case <-s.ended:
			select {
			case <-it.done:
				return it.err
			default:
				return ErrClosed
			}
		}
	}
	return why
}

// commitAll is the committer: one goroutine, the only one that writes.
func (s *Store) commitAll() {
	defer close(s.ended)
	for {
		select {
		case first := <-s.queue:
			s.commitBatch(s.take(first))
			s.takeBack()
		case <-s.closing:
			for {
				select {
				case first := <-s.queue:
					s.commitBatch(s.take(first))
				default:
					s.takeBack()
					return
				}
			}
		}
	}
}

// take gathers what waits, without waiting for more.
func (s *Store) take(first *item) []*item {
	var items []*item
	add := func(it *item) {
		if it.state.Load() == queued {
			items = append(items, it)
		}
	}
	add(first)
	for len(items) < s.opts.Batch {
		select {
		case it := <-s.queue:
			add(it)
		default:
			return items
		}
	}
	return items
}

// start gives those items that nobody gave up; from here on they are not given up.
func start(items []*item) []*item {
	live := make([]*item, 0, len(items))
	for _, it := range items {
		if it.ctx.Err() != nil && it.state.CompareAndSwap(queued, abandoned) {
			it.err = it.ctx.Err()
			continue
		}
		if it.state.CompareAndSwap(queued, running) {
			it.err = nil
			live = append(live, it)
		}
	}
	return live
}

// stop lets them be given up again: their transaction is over, and another try may follow.
func stop(items []*item) {
	for _, it := range items {
		it.state.CompareAndSwap(running, queued)
	}
}

// errPanic says that the function given to Write panicked.
var errPanic = errors.New("panic in a transaction")

// guard runs a caller's function, so that its panic is its own error and not everybody's end.
func (s *Store) guard(ctx context.Context, f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			s.log.ErrorContext(ctx, "panic in a transaction", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = fmt.Errorf("%w: %v", errPanic, p)
		}
	}()
	return f()
}
