package store

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

const (
	batchWithin = 8 * time.Second // a server that does not answer for so long is gone
	againWithin = 2 * time.Second // a server that refused for so long is not asked again for this batch
	tries       = 5
)

// commitBatch runs items in one transaction and answers each.
func (s *Store) commitBatch(items []*item) {
	if len(items) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), batchWithin)
	defer cancel()
	var err error
	begun := time.Now()
	for try := range tries {
		if try > 0 {
			stop(items)
			pause(try)
		}
		if err = s.attempt(ctx, items); err == nil || !s.again(err, try, begun) {
			break
		}
	}
	if f := s.db.fault(err); err != nil && (f == broken || f == conflict) && len(items) > 1 {
		// One of them asks for what the database refuses. Alone, it harms nobody else.
		stop(items)
		for i := range items {
			s.commitBatch(items[i : i+1])
		}
		return
	}
	for _, it := range items {
		if err != nil && it.state.Load() != abandoned {
			it.err = s.explain(err)
		}
		close(it.done)
	}
}

// again tells whether a batch that ended with this error is surely rolled back and worth another try.
func (s *Store) again(err error, try int, begun time.Time) bool {
	switch s.db.fault(err) {
	case repeat:
		return true
	case conflict:
		return try == 0
	case gone:
		// A connection that the server closed while it was idle is only found out by using it. A new one is worth a try, unless
		// the commit was on its way: then nobody knows whether it took effect.
		var c *commitError
		return try < 2 && time.Since(begun) < againWithin && !errors.As(err, &c)
	case broken, full, readOnly, locked, damaged, diskError:
	}
	return false
}

// pause lets the other replica of a lost race finish.
func pause(try int) {
	time.Sleep(time.Duration(try)*2*time.Millisecond + rand.N(5*time.Millisecond)) //nolint:gosec // jitter
}

// attempt runs items in one transaction. An error is everybody's; what is one item's own stands in the item.
func (s *Store) attempt(ctx context.Context, items []*item) (err error) {
	ses, err := s.db.begin(ctx)
	if err != nil {
		s.db.retired(err)
		return err
	}
	open := true
	defer func() {
		if open {
			ses.rollback(ctx)
		}
		if err != nil {
			s.db.retired(err)
		}
	}()

	if items = start(items); len(items) == 0 && len(s.regrets) == 0 {
		return nil
	}
	b := newBatch(ctx, ses, s.db.dialect())
	b.regrets = s.regrets
	if err := b.prefetch(items); err != nil {
		return err
	}
	for _, it := range items {
		if it.run == nil || it.back != nil && it.state.Load() == abandoned {
			continue
		}
		t := &tx{b: b}
		it.err = s.guard(ctx, func() error { return it.run(t) })
		t.over = true
		if b.err != nil {
			return b.err
		}
		if it.err == nil {
			b.merge(t)
		}
	}
	if err := b.flush(); err != nil {
		return err
	}
	for _, it := range items {
		if it.after == nil || it.err != nil {
			continue
		}
		if err := it.after(ctx, b); err != nil {
			return err
		}
	}
	if !b.wrote {
		return nil // nothing to keep: the rollback costs nothing
	}
	open = false
	if err := ses.commit(ctx); err != nil {
		if no, ok := errors.AsType[*refused](err); ok {
			return no.err
		}
		s.regret(items, true)
		return &commitError{err}
	}
	s.regrets = nil
	s.regret(items, false)
	s.commits.Add(1)
	for _, it := range items {
		if it.err == nil {
			s.writes.Add(1)
		}
	}
	if b.newsOutbox || b.freed {
		signal(s.wake)
	}
	if b.newsInbox {
		signal(s.inboxWake)
	}
	return nil
}
