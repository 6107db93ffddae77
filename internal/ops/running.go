package ops

import (
	"fmt"
	"slices"
	"time"
)

// How often a step, and its way back, are begun at most. More than once only after a look that said that it was not done.
const (
	maxTries = 3
	maxUndos = 3
)

// ran brings an event of a Runner. It counts only from who holds the lease.
func (op *Operation) ran(ev Event, now time.Time) (Result, error) {
	var r Result
	switch ev := ev.(type) {
	case Beat:
		return op.held(ev.Holder, func() error { return op.keep(&r, ev.Until, now) }, &r)
	case Release:
		return op.held(ev.Holder, func() error { return op.release(&r, now) }, &r)
	case Silenced:
		return op.held(ev.Holder, func() error { return op.silenced(&r, ev, now) }, &r)
	case Extended:
		return op.held(ev.Holder, func() error { return op.extended(&r, ev, now) }, &r)
	case Unsilenced:
		return op.held(ev.Holder, func() error { return op.unsilenced(&r, ev, now) }, &r)
	case Began:
		return op.stepped(ev.Holder, ev.Step, &r, func(st *Step) error { return op.began(&r, ev.Step, st, now) })
	case Progressed:
		return op.stepped(ev.Holder, ev.Step, &r, func(st *Step) error {
			if st.State != StepRunning && st.State != StepUndoing {
				return nil // it came too late to matter
			}
			st.Progress = ev.Progress
			op.edit(&r, now)
			return op.keep(&r, ev.Until, now)
		})
	case Recorded:
		return op.stepped(ev.Holder, ev.Step, &r, func(st *Step) error {
			if st.State == StepUnclear || st.State == Pending || st.State == StepSkipped {
				return ErrOrder
			}
			st.Output = ev.Output
			op.change(&r, now)
			return nil
		})
	case Succeeded:
		return op.stepped(ev.Holder, ev.Step, &r, func(st *Step) error { return op.succeeded(&r, st, now) })
	case Broke:
		return op.stepped(ev.Holder, ev.Step, &r, func(st *Step) error { return op.broke(&r, st, ev, now) })
	case Lost:
		return op.stepped(ev.Holder, ev.Step, &r, func(st *Step) error { return op.lost(&r, st, ev, now) })
	case Looked:
		return op.stepped(ev.Holder, ev.Step, &r, func(st *Step) error { return op.looked(&r, st, ev, now) })
	case UndoBegan:
		return op.stepped(ev.Holder, ev.Step, &r, func(st *Step) error { return op.undoBegan(&r, ev.Step, st, now) })
	case UndoSucceeded:
		return op.stepped(ev.Holder, ev.Step, &r, func(st *Step) error { return op.undoSucceeded(&r, st, now) })
	case Finish:
		return op.finish(ev, now)
	}
	return r, fmt.Errorf("ops: event %T does not happen to an operation that exists", ev)
}

func (op *Operation) holds(h Holder) bool {
	return op.State == Running && h.Owner != "" && op.Lease.Owner == h.Owner && op.Lease.Fence == h.Fence
}

func (op *Operation) held(h Holder, do func() error, r *Result) (Result, error) {
	if !op.holds(h) {
		return Result{}, ErrFence
	}
	if err := do(); err != nil {
		return Result{}, err
	}
	return *r, nil
}

func (op *Operation) stepped(h Holder, i int, r *Result, do func(st *Step) error) (Result, error) {
	return op.held(h, func() error {
		if i < 0 || i >= len(op.Steps) {
			return ErrOrder
		}
		return do(&op.Steps[i])
	}, r)
}

func (op *Operation) keep(r *Result, until, now time.Time) error {
	if until.After(op.Lease.Until) {
		op.Lease.Until = until
		op.change(r, now)
	}
	return nil
}

func (op *Operation) release(r *Result, now time.Time) error {
	op.forget(now)
	op.Lease.Owner, op.Lease.Until = "", now.Add(-takeoverAfter) // whoever comes next need not wait
	op.log(r, Entry{Kind: WasReleased}, now)
	return nil
}

func (op *Operation) silenced(r *Result, ev Silenced, now time.Time) error {
	if op.Silence.Tried {
		return nil
	}
	op.Silence = Silence{Tried: true, ID: ev.ID, Until: ev.Until, Ended: ev.ID == ""}
	op.warn(ev.Err)
	op.log(r, Entry{Kind: WasSilenced, Text: ev.ID, Why: ev.Err.orNil()}, now)
	return nil
}

// extended says nothing to people as long as it goes well.
func (op *Operation) extended(r *Result, ev Extended, now time.Time) error {
	s := &op.Silence
	if !s.Tried || s.Ended {
		return nil
	}
	if !ev.Err.IsZero() {
		if !s.Short {
			s.Short = true
			op.warn(ev.Err)
			op.log(r, Entry{Kind: WasSilenced, Why: &ev.Err}, now)
		}
		return nil
	}
	if ev.Until.After(s.Until) {
		s.ID, s.Until = ev.ID, ev.Until
		op.change(r, now)
	}
	return nil
}

func (op *Operation) unsilenced(r *Result, ev Unsilenced, now time.Time) error {
	if op.Silence.Ended {
		return nil
	}
	op.Silence.Ended = true
	op.warn(ev.Err)
	op.log(r, Entry{Kind: WasUnsilenced, Why: ev.Err.orNil()}, now)
	return nil
}

func (op *Operation) warn(why Reason) {
	if !why.IsZero() {
		op.Outcome.Warnings = append(slices.Clip(op.Outcome.Warnings), why)
	}
}

// fits tells whether that is what is to be done next: the state alone decides, not who says it.
func (op *Operation) fits(do Do, i int) bool {
	next := op.Next()
	return next.Do == do && next.Step == i
}

func (op *Operation) began(r *Result, i int, st *Step, now time.Time) error {
	if st.State == StepRunning {
		return nil
	}
	if !op.fits(DoStep, i) {
		return ErrOrder
	}
	st.State, st.Started, st.Ended, st.Progress, st.Reason = StepRunning, now, time.Time{}, Progress{}, Reason{}
	st.Tries++
	st.Touched = st.Changes
	op.log(r, Entry{Kind: StepBegan, Step: st.Name}, now)
	return nil
}

func (op *Operation) succeeded(r *Result, st *Step, now time.Time) error {
	if st.State == StepDone {
		return nil
	}
	if st.State != StepRunning {
		return ErrOrder
	}
	st.State, st.Ended = StepDone, now
	op.log(r, Entry{Kind: StepSucceeded, Step: st.Name}, now)
	return nil
}

func (op *Operation) broke(r *Result, st *Step, ev Broke, now time.Time) error {
	if st.State == StepFailed {
		return nil
	}
	if st.State != StepRunning {
		return ErrOrder
	}
	if op.Outcome.Step == "" {
		op.Changed = ev.Changed
	}
	op.fail(st, ev.Why, now)
	if ev.Unchanged {
		st.Touched = false
	}
	op.log(r, Entry{Kind: StepBroke, Step: st.Name, Why: ev.Why.orNil(), Changed: ev.Changed}, now)
	return nil
}

func (op *Operation) fail(st *Step, why Reason, now time.Time) {
	if why.IsZero() {
		why.Code = NotKnown
	}
	st.State, st.Ended, st.Reason = StepFailed, now, why
	if op.Outcome.Step == "" {
		op.Outcome.Step, op.Outcome.Reason = st.Name, st.Reason
	}
}

func (op *Operation) lost(r *Result, st *Step, ev Lost, now time.Time) error {
	if st.State == StepUnknown {
		return nil
	}
	if st.State != StepRunning && st.State != StepUndoing {
		return ErrOrder
	}
	st.State, st.Ended, st.Reason = StepUnknown, now, ev.Why
	st.Late = st.Late || ev.Late && !st.Undoing
	op.log(r, Entry{Kind: StepLost, Step: st.Name, Why: ev.Why.orNil()}, now)
	return nil
}

// looked goes on from what was seen.
func (op *Operation) looked(r *Result, st *Step, ev Looked, now time.Time) error {
	if st.State != StepUnknown {
		return ErrOrder
	}
	why := ev.Why
	if why.IsZero() {
		why = st.Reason
	}
	if why.IsZero() {
		why.Code = NotKnown
	}
	switch {
	case ev.Seen == SeenUnclear:
		st.State, st.Reason = StepUnclear, why
		if op.Outcome.Step == "" {
			op.Outcome.Step, op.Outcome.Reason = st.Name, st.Reason
		}
	case st.Undoing && ev.Seen == SeenNotDone:
		st.State, st.Touched, st.WasUndone = StepUndone, false, true
	case st.Undoing && st.Undos >= maxUndos:
		st.State, st.Reason = StepKept, why
	case st.Undoing:
		st.State = StepFailed // its way back is begun once more
	case ev.Seen == SeenDone:
		st.State = StepDone
	case ev.Seen == SeenPartly:
		op.fail(st, why, now)
	case ev.Seen == SeenNotDone && (st.Late || st.Tries >= maxTries):
		st.Touched = false
		op.fail(st, why, now)
	case ev.Seen == SeenNotDone:
		st.State, st.Touched = Pending, false
	default:
		return fmt.Errorf("%w: a look saw %q", ErrOrder, ev.Seen)
	}
	op.log(r, Entry{Kind: StepLooked, Step: st.Name, Text: string(ev.Seen), Why: ev.Why.orNil()}, now)
	return nil
}

func (op *Operation) undoBegan(r *Result, i int, st *Step, now time.Time) error {
	if st.State == StepUndoing {
		return nil
	}
	if !op.fits(DoUndo, i) {
		return ErrOrder
	}
	st.State, st.Undoing, st.Progress = StepUndoing, true, Progress{}
	st.Undos++
	op.skip()
	op.log(r, Entry{Kind: UndoBeginning, Step: st.Name}, now)
	return nil
}

// skip gives up what was not begun.
func (op *Operation) skip() {
	for i := range op.Steps {
		if op.Steps[i].State == Pending {
			op.Steps[i].State = StepSkipped
		}
	}
}

func (op *Operation) undoSucceeded(r *Result, st *Step, now time.Time) error {
	if st.State == StepUndone {
		return nil
	}
	if st.State != StepUndoing {
		return ErrOrder
	}
	st.State, st.Ended, st.Touched, st.WasUndone = StepUndone, now, false, true
	op.log(r, Entry{Kind: UndoDone, Step: st.Name}, now)
	return nil
}

func (op *Operation) finish(ev Finish, now time.Time) (Result, error) {
	var r Result
	h := ev.Holder
	if op.State.Over() && op.Lease.Owner == h.Owner && op.Lease.Fence == h.Fence {
		return r, nil
	}
	if !op.holds(h) {
		return r, ErrFence
	}
	if op.Next().Do != DoFinish {
		return r, ErrOrder
	}
	op.skip()
	op.State = op.verdict()
	op.Ended = now
	if op.State != Undone && !op.Outcome.Unchanged {
		op.Outcome.Facts = ev.Facts
	}
	op.log(&r, Entry{Kind: WasFinished, Step: op.Outcome.Step, Why: op.Outcome.Reason.orNil()}, now)
	op.told(&r, now)
	return r, nil
}

// verdict says what the steps have led to, and fills the outcome.
func (op *Operation) verdict() State {
	unclear, failed, undone := false, false, false
	for _, st := range op.Steps {
		unclear = unclear || st.State == StepUnclear
		failed = failed || st.State != StepDone
		undone = undone || st.WasUndone
		if st.Touched {
			op.Outcome.Left = append(op.Outcome.Left, st.Name)
		}
	}
	switch {
	case unclear:
		return Unknown
	case !failed:
		op.Outcome.Left = nil
		return Done
	case len(op.Outcome.Left) > 0:
		return Failed
	case undone:
		return Undone
	}
	op.Outcome.Unchanged = true
	return Failed
}
