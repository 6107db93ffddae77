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

	state atomic.Int32
	err   error
	done  chan struct{}
}

// The states of an item. Whoever moves it away from queued owns it.
const (
	queued int32 = iota
	running
	abandoned
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
	if it.state.CompareAndSwap(queued, abandoned) {
		return why
	}
	// It runs: its time is bounded, and the caller must not go on while its function does.
	select {
	case <-it.done:
		return it.err
	case <-s.ended:
		select {
		case <-it.done:
			return it.err
		default:
			return ErrClosed
		}
	}
}

// commitAll is the committer: one goroutine, the only one that writes.
func (s *Store) commitAll() {
	defer close(s.ended)
	for {
		select {
		case first := <-s.queue:
			s.commitBatch(s.take(first))
		case <-s.closing:
			for {
				select {
				case first := <-s.queue:
					s.commitBatch(s.take(first))
				default:
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
		if it.ctx.Err() == nil && it.state.CompareAndSwap(queued, running) {
			items = append(items, it)
			return
		}
		if it.state.CompareAndSwap(queued, abandoned) {
			it.err = it.ctx.Err()
			close(it.done)
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

// errPanic says that the function given to Write panicked.
var errPanic = errors.New("panic in a transaction")

// guard runs a caller's function, so that its panic is its own error and not everybody's end.
func guard(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v\n%s", errPanic, p, debug.Stack())
		}
	}()
	return f()
}
