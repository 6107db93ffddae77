package ops

import (
	"context"
	"errors"
	"sync"
	"time"
)

// hold is a lease on one operation: all that its Runner writes goes through it.
type hold struct {
	svc    *Service
	number int64
	holder Holder
	lease  time.Duration
	retry  time.Duration
	stop   context.CancelCauseFunc // ends the work

	mu       sync.Mutex
	op       *Operation // as it was committed last
	until    time.Time  // of the lease, as committed last
	progress *Progressed
}

// now is the operation as it was committed last.
func (h *hold) now() *Operation {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.op
}

func (h *hold) progressed(step int, p Progress) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.progress = &Progressed{Holder: h.holder, Step: step, Progress: p}
}

// apply commits an event. A store that is away is asked again until the lease is over: after that, somebody else may hold it.
func (h *hold) apply(ctx context.Context, ev Event) error {
	for wait := h.retry; ; wait = min(2*wait, 10*h.retry) {
		err := h.once(ctx, ev)
		switch {
		case err == nil:
			return nil
		case fatal(err):
			h.stop(err)
			return err
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case h.lost():
			h.stop(ErrFence)
			return ErrFence
		}
		h.svc.log.WarnContext(ctx, "checkpoint", "operation", Key(h.number), "err", err, "again_in", wait)
		if !pause(ctx, wait) {
			return context.Cause(ctx)
		}
	}
}

func (h *hold) once(ctx context.Context, ev Event) error {
	var op *Operation
	err := h.svc.store.WriteOperations(ctx, Want{Operations: []int64{h.number}}, func(tx Tx) error {
		var err error
		op, _, err = h.svc.applyIn(tx, h.number, ev, h.svc.now())
		return err
	})
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.op == nil || op.Revision >= h.op.Revision { // the keeper may have been a moment later
		h.op, h.until = op, op.Lease.Until
	}
	return nil
}

// fatal tells whether trying again cannot help: the lease is lost, or the engine has a defect.
func fatal(err error) bool {
	for _, known := range []error{ErrFence, ErrOrder, ErrNotFound, ErrDecided, ErrNotApproved, ErrExpired} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}

// lost tells whether the lease is over by our own clock.
func (h *hold) lost() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return !h.svc.now().Before(h.until)
}

func (h *hold) beat(ctx context.Context) error {
	return h.apply(ctx, Beat{Holder: h.holder, Until: h.svc.now().Add(h.lease)})
}

// keep keeps the lease and shows the progress, at most once a second, until ctx ends.
func (h *hold) keep(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := h.svc.now()
		h.mu.Lock()
		ev, due := h.progress, h.until.Sub(now) < h.lease*2/3
		h.progress = nil
		h.mu.Unlock()
		var err error
		switch {
		case ev != nil:
			ev.Until = now.Add(h.lease)
			err = h.once(ctx, *ev)
		case due:
			err = h.once(ctx, Beat{Holder: h.holder, Until: now.Add(h.lease)})
		}
		switch {
		case err == nil || ctx.Err() != nil:
		case fatal(err):
			h.stop(err)
			return
		case h.lost():
			h.stop(ErrFence)
			return
		default:
			h.svc.log.WarnContext(ctx, "keeping the lease", "operation", Key(h.number), "err", err)
		}
	}
}

// pause waits and tells whether ctx still goes on.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
