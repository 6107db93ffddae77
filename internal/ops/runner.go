package ops

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// RunnerConfig is how a Runner behaves.
type RunnerConfig struct {
	Owner    string          // names this process: unique, new with every start
	Wake     <-chan struct{} // optional: signalled when an operation may have been approved
	Poll     time.Duration   // how often it looks at least; zero: half a second
	Lease    time.Duration   // how long an operation stays its own without a sign of life; zero: 30 s
	Parallel int             // operations at the same time; zero: 4
	Progress time.Duration   // how often progress is shown at most; zero: a second
	Quiet    time.Duration   // how often it looks whether a silence is to be made longer; zero: 10 s
	Retry    time.Duration   // the first wait before something is tried again; zero: 200 ms
	// Only tells which operations it looks at; nil: at all. Who works for one operation leaves the others to the bot.
	Only func(number int64) bool
}

// Runner carries out what is approved, and ends what waited too long.
type Runner struct {
	svc *Service
	cfg RunnerConfig
	log *slog.Logger

	mu     sync.Mutex
	active map[int64]bool
	said   map[int64]string // why an operation could not be claimed, as it was logged last
	slots  chan struct{}    // one for each operation that is carried out
}

// NewRunner makes a Runner for the operations of a Service.
func NewRunner(svc *Service, cfg RunnerConfig) *Runner {
	cfg.Poll = cmp.Or(cfg.Poll, 500*time.Millisecond)
	cfg.Lease = cmp.Or(cfg.Lease, 30*time.Second)
	cfg.Parallel = cmp.Or(cfg.Parallel, 4)
	cfg.Progress = cmp.Or(cfg.Progress, time.Second)
	cfg.Quiet = cmp.Or(cfg.Quiet, 10*time.Second)
	cfg.Retry = cmp.Or(cfg.Retry, 200*time.Millisecond)
	return &Runner{
		svc: svc, cfg: cfg, log: svc.log, active: map[int64]bool{}, said: map[int64]string{}, slots: make(chan struct{}, cfg.Parallel),
	}
}

const (
	pageOf  = 64 // due operations are read in pages of so many
	looksAt = 32 // so many are looked at at once: where the engine hangs, a look takes long, and others must not wait for it
)

// Run carries out operations until ctx ends. Steps under way are told to stop, and what they got to is left to the next Runner,
// which looks.
func (r *Runner) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	looks := make(chan struct{}, looksAt)
	freed := make(chan struct{}, 1)
	tick := time.NewTicker(r.cfg.Poll)
	defer tick.Stop()
	for {
		err := r.each(ctx, func(n int64) {
			select {
			case looks <- struct{}{}:
			case <-ctx.Done():
				r.give(n)
				return
			}
			wg.Go(func() {
				defer r.give(n)
				h, worked := r.one(ctx, n)
				<-looks
				if r.work(ctx, h) || worked {
					select {
					case freed <- struct{}{}: // what waited for its lock may go
					default:
					}
				}
			})
		})
		if err != nil && ctx.Err() == nil {
			r.log.ErrorContext(ctx, "looking for operations", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-r.cfg.Wake:
		case <-freed:
		case <-tick.C:
		}
	}
}

// each takes every operation that is due, page by page, so that those which cannot go on never hide the others.
func (r *Runner) each(ctx context.Context, do func(n int64)) error {
	now, last := r.svc.now(), Due{}
	for {
		page, err := r.svc.store.DueOperations(ctx, now, last, pageOf)
		if err != nil {
			return err
		}
		for _, d := range page {
			if ctx.Err() == nil && r.take(d.Number) {
				do(d.Number)
			}
		}
		if len(page) < pageOf || ctx.Err() != nil {
			return nil
		}
		last = page[len(page)-1]
	}
}

// Adopt takes the leases of Runners that are surely dead, so that what they were at goes on at once instead of when its lease is
// over. It may be called only where no other process can be alive: a store that one process alone may open.
func (r *Runner) Adopt(ctx context.Context) error {
	open, err := r.svc.store.ListOperations(ctx, Filter{Open: true, Limit: 1000})
	if err != nil {
		return err
	}
	for _, op := range open {
		if op.State != Running || op.Lease.Owner == "" || op.Lease.Owner == r.cfg.Owner {
			continue
		}
		dead := Release{Holder: Holder{Owner: op.Lease.Owner, Fence: op.Lease.Fence}}
		err := r.svc.store.WriteOperations(ctx, Want{Operations: []int64{op.Number}}, func(tx Tx) error {
			_, _, err := r.svc.applyIn(tx, op.Number, dead, r.svc.now())
			return err
		})
		if err != nil && !errors.Is(err, ErrFence) {
			return err
		}
	}
	return nil
}

// Once looks at everything that is due now, carries it out, one after the other, and tells whether anything was done.
func (r *Runner) Once(ctx context.Context) (worked bool, err error) {
	err = r.each(ctx, func(n int64) {
		defer r.give(n)
		h, changed := r.one(ctx, n)
		worked = r.work(ctx, h) || changed || worked
	})
	return worked, err
}

func (r *Runner) take(n int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.active[n] || r.cfg.Only != nil && !r.cfg.Only(n) {
		return false
	}
	r.active[n] = true
	return true
}

func (r *Runner) give(n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.active, n)
}

// one does what is due with one operation and tells whether it changed. A hold: it is to be carried out.
func (r *Runner) one(ctx context.Context, n int64) (*hold, bool) {
	log := r.log.With("operation", Key(n))
	op, err := r.svc.store.FindOperation(ctx, n)
	if err != nil {
		if ctx.Err() == nil {
			log.ErrorContext(ctx, "reading an operation", "err", err)
		}
		return nil, false
	}
	h, changed, err := r.claim(ctx, op)
	switch {
	case err == nil, ctx.Err() != nil:
	case errors.Is(err, ErrDecided), errors.Is(err, ErrFence), errors.Is(err, ErrExpired): // another Runner was faster
	case r.news(n, err.Error()):
		log.WarnContext(ctx, "claiming an operation", "err", err)
	}
	return h, changed
}

// work carries a claimed operation out and tells whether there was one.
func (r *Runner) work(ctx context.Context, h *hold) bool {
	if h == nil {
		return false
	}
	defer func() { <-r.slots }()
	work, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	h.stop = stop
	r.news(h.number, "")
	log := r.log.With("operation", Key(h.number))
	log.InfoContext(ctx, "carrying out", "word", h.now().Plan.Word, "fence", h.holder.Fence)
	err := r.carry(work, h)
	switch {
	case err == nil:
		log.InfoContext(ctx, "over", "state", string(h.now().State), "took", h.now().Took())
	case ctx.Err() != nil:
		log.InfoContext(ctx, "left to the next runner")
	default:
		log.ErrorContext(ctx, "stopped", "err", err)
	}
	return true
}

// claim makes an operation this Runner's own: its hold comes with one of the slots. No hold and no error: there is nothing to carry
// out now.
func (r *Runner) claim(ctx context.Context, op *Operation) (*hold, bool, error) {
	now := r.svc.now()
	var ev Event
	switch {
	case op.State == Planned, op.State == Approved && !now.Before(op.StartBy), op.ToReview():
		ev = Tick{}
	case op.State.Over(), len(r.slots) == cap(r.slots):
		return nil, false, nil
	case op.State == Approved:
		if !r.knows(op) {
			return nil, false, errSteps // it expires
		}
		other, err := r.held(ctx, op)
		if err != nil || other != 0 && other == op.WaitsFor {
			return nil, false, err
		}
		if other != 0 {
			ev = Blocked{By: other}
			break
		}
		if ev, err = r.allowed(ctx, op); err != nil {
			return nil, false, err
		}
	case op.State == Running:
		// Another version of the program may still go on with it. When none did for so long, none will, and the project's lock and
		// the people must not wait for ever: a step that nobody knows ends as not known.
		if !r.knows(op) && now.Before(op.NextDue().Add(startWithin)) {
			return nil, false, errSteps
		}
	}
	if ev == nil {
		select {
		case r.slots <- struct{}{}:
		default:
			return nil, false, nil // others were faster
		}
	}
	var h *hold
	changed := false
	err := r.svc.store.WriteOperations(ctx, Want{Operations: []int64{op.Number}}, func(tx Tx) error {
		h, changed = nil, false
		var err error
		if ev != nil {
			_, changed, err = r.svc.applyIn(tx, op.Number, ev, r.svc.now())
			return err
		}
		h, changed, err = r.grab(tx, op.Number)
		return err
	})
	if err != nil {
		h, changed = nil, false
	}
	if ev == nil && h == nil {
		<-r.slots
	}
	return h, changed, err
}

// grab takes the project's lock and the lease, in one transaction.
func (r *Runner) grab(tx Tx, n int64) (*hold, bool, error) {
	now := r.svc.now()
	op, err := tx.Operation(n)
	if err != nil {
		return nil, false, err
	}
	holder := Holder{Owner: r.cfg.Owner, Fence: op.Lease.Fence + 1}
	project := op.Plan.Project
	if project != "" && (op.State == Approved || op.State == Running) {
		l, err := tx.Lock(project)
		if err != nil {
			return nil, false, err
		}
		switch {
		case l.Operation != 0 && l.Operation != n && op.State == Running:
			return nil, false, ErrFence // the lock was never given up: this cannot be
		case l.Operation != 0 && l.Operation != n:
			_, changed, err := r.svc.applyIn(tx, n, Blocked{By: l.Operation}, now)
			return nil, changed, err
		}
		holder.Fence = max(l.Fence, op.Lease.Fence) + 1
		since := l.Since
		if l.Operation != n {
			since = now
		}
		l = Lock{Project: project, Operation: n, Owner: holder.Owner, Fence: holder.Fence, Since: since}
		if err := tx.SetLock(l); err != nil {
			return nil, false, err
		}
	}
	var ev Event = Start{Holder: holder, Until: now.Add(r.cfg.Lease)}
	if op.State == Running {
		ev = Take{Holder: holder, Until: now.Add(r.cfg.Lease)}
	}
	op, changed, err := r.svc.applyIn(tx, n, ev, now)
	if err != nil {
		return nil, false, err // the lock is not taken either
	}
	return &hold{
		svc: r.svc, number: n, holder: holder, lease: r.cfg.Lease, retry: r.cfg.Retry, stop: func(error) {},
		op: op, until: op.Lease.Until,
	}, changed, nil
}

// errSteps says that a plan was made by another version of the program.
var errSteps = errors.New("this program does not know all its steps")

// held gives the other operation that holds the project's lock: as long as one does, nothing else need be looked at.
func (r *Runner) held(ctx context.Context, op *Operation) (int64, error) {
	if op.Plan.Project == "" {
		return 0, nil
	}
	l, err := r.svc.store.LockOf(ctx, op.Plan.Project)
	if err != nil || l.Operation == op.Number {
		return 0, err
	}
	return l.Operation, nil
}

// news tells whether a reason is another one than last time. What is tried twice a second is not logged twice a second.
func (r *Runner) news(n int64, why string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	was := r.said[n]
	if r.said[n] = why; why == "" {
		delete(r.said, n)
	}
	return was != why
}

// knows tells whether this program has every step of an operation.
func (r *Runner) knows(op *Operation) bool {
	for _, st := range op.Steps {
		if _, ok := r.svc.doer(op.Plan.Word, st); !ok {
			return false
		}
	}
	return true
}
