package ops

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/ai-notebook/notebookbot/internal/access"
)

// RunnerConfig is how a Runner behaves.
type RunnerConfig struct {
	Owner    string          // names this process: unique, new with every start
	Wake     <-chan struct{} // optional: signalled when an operation may have been approved
	Poll     time.Duration   // how often it looks at least; zero: half a second
	Lease    time.Duration   // how long an operation stays its own without a sign of life; zero: 30 s
	Parallel int             // operations at the same time; zero: 4
	Progress time.Duration   // how often progress is shown at most; zero: a second
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
}

// NewRunner makes a Runner for the operations of a Service.
func NewRunner(svc *Service, cfg RunnerConfig) *Runner {
	cfg.Poll = cmp.Or(cfg.Poll, 500*time.Millisecond)
	cfg.Lease = cmp.Or(cfg.Lease, 30*time.Second)
	cfg.Parallel = cmp.Or(cfg.Parallel, 4)
	cfg.Progress = cmp.Or(cfg.Progress, time.Second)
	cfg.Retry = cmp.Or(cfg.Retry, 200*time.Millisecond)
	return &Runner{svc: svc, cfg: cfg, log: svc.log, active: map[int64]bool{}, said: map[int64]string{}}
}

// lookAt is how many due operations are looked at in one round.
const lookAt = 64

// Run carries out operations until ctx ends. Steps under way are told to stop, and what they got to is left to the next Runner,
// which looks.
func (r *Runner) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	slots := make(chan struct{}, r.cfg.Parallel)
	freed := make(chan struct{}, 1)
	tick := time.NewTicker(r.cfg.Poll)
	defer tick.Stop()
	for {
		due, err := r.svc.store.DueOperations(ctx, r.svc.now(), lookAt)
		if err != nil && ctx.Err() == nil {
			r.log.ErrorContext(ctx, "looking for operations", "err", err)
		}
		for _, n := range due {
			if len(slots) == cap(slots) || !r.take(n) {
				continue
			}
			slots <- struct{}{}
			wg.Go(func() {
				defer func() {
					r.give(n)
					<-slots
				}()
				if r.one(ctx, n) {
					select {
					case freed <- struct{}{}: // what waited for its lock may go
					default:
					}
				}
			})
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
	due, err := r.svc.store.DueOperations(ctx, r.svc.now(), lookAt)
	if err != nil {
		return false, err
	}
	for _, n := range due {
		if ctx.Err() != nil {
			break
		}
		if r.take(n) {
			worked = r.one(ctx, n) || worked
			r.give(n)
		}
	}
	return worked, nil
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

// one does what is due with one operation and tells whether it changed.
func (r *Runner) one(ctx context.Context, n int64) bool {
	log := r.log.With("operation", Key(n))
	op, err := r.svc.store.FindOperation(ctx, n)
	if err != nil {
		log.ErrorContext(ctx, "reading an operation", "err", err)
		return false
	}
	work, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	h, changed, err := r.claim(work, op)
	switch {
	case ctx.Err() != nil:
		return changed
	case errors.Is(err, ErrDecided), errors.Is(err, ErrFence), errors.Is(err, ErrExpired):
		return changed // another Runner was faster
	case err != nil:
		if r.news(n, err.Error()) {
			log.WarnContext(ctx, "claiming an operation", "err", err)
		}
		return changed
	case h == nil:
		return changed
	}
	h.stop = stop
	r.news(n, "")
	log.InfoContext(ctx, "carrying out", "word", op.Plan.Word, "fence", h.holder.Fence)
	err = r.carry(work, h)
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

// claim makes an operation this Runner's own. No hold and no error: there is nothing to carry out now.
func (r *Runner) claim(ctx context.Context, op *Operation) (*hold, bool, error) {
	now := r.svc.now()
	var ev Event
	switch {
	case op.State == Planned, op.State == Approved && !now.Before(op.StartBy), op.ToReview():
		ev = Tick{}
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
		void, err := r.allowed(ctx, op)
		if err != nil {
			return nil, false, err
		}
		if void != nil {
			ev = *void
		}
	case op.State == Running:
		// Another version of the program may still go on with it. When none did for so long, none will, and the project's lock and
		// the people must not wait for ever: a step that nobody knows ends as not known.
		if !r.knows(op) && now.Before(op.NextDue().Add(startWithin)) {
			return nil, false, errSteps
		}
	default:
		return nil, false, nil
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
		return nil, false, err
	}
	return h, changed, nil
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

// errPolicy says that the configuration asks for more than it did when the operation was asked for.
var errPolicy = errors.New("its policy asks for more approvals by now")

// lax tells whether a rule asks for more than this policy did.
func (p Policy) lax(rule access.Rule) bool {
	return rule.Approvals > p.Approvals || rule.Approvals > 0 && p.SelfApproval && !rule.SelfApproval
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
	r.said[n] = why
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

// allowed asks again, right before the start, what was asked at each click: whether those who asked and approved still may, and
// whether the target is still the same. Nil: it may start.
func (r *Runner) allowed(ctx context.Context, op *Operation) (*Voided, error) {
	people, word := r.svc.cfg.People, op.Plan.Word
	ctx, cancel := context.WithTimeout(ctx, 2*lookWithin)
	defer cancel()
	judge := func(err error) (*Voided, error) {
		if err != nil && definite(err) {
			return &Voided{Reason: err.Error()}, nil
		}
		return nil, err
	}
	if v, err := judge(r.svc.mayRun(ctx, op.By, word)); v != nil || err != nil {
		return v, err
	}
	if rule, ok := people.Rule(word); op.Alone == nil && (!ok || op.Policy.lax(rule) && op.counting(rule.SelfApproval) < rule.Approvals) {
		return &Voided{Reason: errPolicy.Error()}, nil
	}
	if op.Alone != nil {
		if v, err := judge(people.MayActAlone(ctx, op.Alone.By, word)); v != nil || err != nil {
			return v, err
		}
	} else {
		for _, vote := range op.Votes {
			if v, err := judge(people.MayApprove(ctx, vote.By, word)); v != nil || err != nil {
				return v, err
			}
		}
	}
	changed, err := r.svc.differences(ctx, op.Plan)
	if err != nil || len(changed) == 0 {
		return nil, err
	}
	return &Voided{Changed: changed}, nil
}
