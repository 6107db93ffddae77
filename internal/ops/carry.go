package ops

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"sync"
	"time"
)

// goodbye is how long the last checkpoint may take when the program stops.
const goodbye = 2 * time.Second

// carry carries an operation out from where it stands to its end. Nil: it is over. An error: this Runner has let go of it.
func (r *Runner) carry(ctx context.Context, h *hold) error {
	keeping, enough := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { h.keep(keeping, r.cfg.Progress) })
	quiet := &quiet{r: r, h: h}
	wg.Go(func() { quiet.keep(keeping) })
	defer wg.Wait()
	defer enough()
	for {
		if ctx.Err() != nil {
			return r.leave(ctx, h)
		}
		op := h.now()
		next := op.Next()
		var err error
		switch next.Do {
		case DoSilence:
			err = quiet.begin(ctx)
		case DoStep:
			err = r.do(ctx, h, next.Step)
		case DoLook:
			err = r.look(ctx, h, next.Step)
		case DoUndo:
			err = r.undo(ctx, h, next.Step)
		case DoUnsilence:
			err = quiet.end(ctx)
		case DoFinish:
			if err = h.apply(ctx, Finish{Holder: h.holder, Facts: r.svc.tell(op)}); err == nil {
				return nil
			}
		case DoNothing:
			return fmt.Errorf("%w: step %d is on its way", ErrOrder, next.Step)
		}
		if err != nil {
			if ctx.Err() != nil {
				return r.leave(ctx, h)
			}
			return err
		}
	}
}

// leave gives the lease back when the program stops, so that the next Runner need not wait. Whoever lost it has nothing to give.
func (r *Runner) leave(ctx context.Context, h *hold) error {
	why := context.Cause(ctx)
	if errors.Is(why, ErrFence) || errors.Is(why, ErrOrder) {
		return why
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbye)
	defer cancel()
	if err := h.once(last, Release{Holder: h.holder}); err != nil {
		r.log.WarnContext(last, "giving the lease back", "operation", Key(h.number), "err", err)
	}
	return why
}

// do does a step: a checkpoint before, a checkpoint after.
func (r *Runner) do(ctx context.Context, h *hold, i int) error {
	if err := h.apply(ctx, Began{Holder: h.holder, Step: i}); err != nil {
		return err
	}
	late, err := false, r.unmoved(ctx, h, i)
	if err == nil {
		late, err = r.call(ctx, h, i, Doer.Do)
	}
	switch {
	case err == nil:
		// It was done, even when the program stops in this moment: that is worth a last checkpoint.
		last, cancel := r.lasting(ctx)
		defer cancel()
		return h.apply(last, Succeeded{Holder: h.holder, Step: i})
	case ctx.Err() != nil:
		return context.Cause(ctx) // it was told to stop; what it got to, a look will tell
	case late, errors.Is(err, ErrUnclear), errors.Is(err, errPanic):
		return h.apply(ctx, Lost{Holder: h.holder, Step: i, Why: r.svc.whyLate(err, late), Late: late})
	}
	broke := Broke{Holder: h.holder, Step: i, Why: r.svc.why(err), Unchanged: errors.Is(err, ErrUnchanged)}
	if moved, ok := errors.AsType[*MovedError](err); ok {
		broke.Changed = moved.Changed
	}
	return h.apply(ctx, broke)
}

// unmoved looks once more whether the target is what was approved, before the first step after the backup and before a step that is
// bound: what came before may have taken hours. What changed meanwhile, or cannot be looked at, ends the operation, and what has been
// prepared is undone.
func (r *Runner) unmoved(ctx context.Context, h *hold, i int) error {
	op := h.now()
	if i == 0 || op.Steps[i].Part != PartStep || op.Steps[i-1].Part != PartBackup && !op.Steps[i].Bound {
		return nil // it was looked at right before, or has been changed by us
	}
	changed, err := r.svc.differences(ctx, op.Plan)
	for try := 1; err != nil && try < maxTries && pause(ctx, r.cfg.Retry); try++ {
		changed, err = r.svc.differences(ctx, op.Plan)
	}
	if err == nil && len(changed) > 0 {
		err = &MovedError{changed}
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnchanged, err)
	}
	return nil
}

// MovedError says what of the target is not any more what was approved. A step that finds that out itself, before it changed anything,
// fails with it and ErrUnchanged.
type MovedError struct{ Changed []Difference }

func (e *MovedError) Error() string {
	return "this was approved for another target: " + strings.Join(e.names(), ", ")
}

func (e *MovedError) names() []string {
	var out []string
	for _, d := range e.Changed {
		what := d.Name
		if what == "" {
			what = d.What
		}
		out = append(out, fmt.Sprintf("%s (%s → %s)", what, d.Was, d.Is))
	}
	return out
}

// lasting is a context that outlives the program's end for a moment, but not the loss of the lease.
func (r *Runner) lasting(ctx context.Context) (context.Context, context.CancelFunc) {
	if why := context.Cause(ctx); why == nil || errors.Is(why, ErrFence) {
		return ctx, func() {}
	}
	return context.WithTimeout(context.WithoutCancel(ctx), goodbye)
}

// undo undoes a step. When it fails, a look tells what is left, and it is tried again a few times.
func (r *Runner) undo(ctx context.Context, h *hold, i int) error {
	if tries := h.now().Steps[i].Undos; tries > 0 && !pause(ctx, min(time.Duration(tries)*5*r.cfg.Retry, 10*time.Second)) {
		return context.Cause(ctx)
	}
	if err := h.apply(ctx, UndoBegan{Holder: h.holder, Step: i}); err != nil {
		return err
	}
	late, err := r.call(ctx, h, i, Doer.Undo)
	switch {
	case err == nil:
		last, cancel := r.lasting(ctx)
		defer cancel()
		return h.apply(last, UndoSucceeded{Holder: h.holder, Step: i})
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return h.apply(ctx, Lost{Holder: h.holder, Step: i, Why: r.svc.whyLate(err, late), Late: late})
}

// look looks at the world until it tells something, at most for the step's deadline. Then people have to look.
func (r *Runner) look(ctx context.Context, h *hold, i int) error {
	seen, why := SeenUnclear, Reason{}
	until := time.Now().Add(h.now().Steps[i].Deadline)
	for wait := r.cfg.Retry; ; wait = min(2*wait, 10*time.Second) {
		_, err := r.call(ctx, h, i, func(d Doer, ctx context.Context, run *Run) error {
			var err error
			seen, err = d.Look(ctx, run)
			return err
		})
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err == nil {
			break
		}
		seen, why = SeenUnclear, Reason{Code: CannotLook, Text: r.svc.why(err).String()}
		if time.Now().Add(wait).After(until) || errors.Is(err, errPanic) || errors.Is(err, errNoStep) {
			break
		}
		if !pause(ctx, wait) {
			return context.Cause(ctx)
		}
	}
	switch seen {
	case SeenDone, SeenNotDone, SeenPartly:
		why = Reason{}
	case SeenUnclear:
	default:
		seen, why = SeenUnclear, Reason{Code: CannotLook, Text: fmt.Sprintf("it saw %q", seen)}
	}
	return h.apply(ctx, Looked{Holder: h.holder, Step: i, Seen: seen, Why: why})
}

// errPanic says that a step broke: it may have done anything.
var errPanic = errors.New("panic")

// errNoStep says that this program has no such step, and never will.
var errNoStep = errors.New("this program has no step")

// call calls a step's function with its deadline. late: the deadline is why it failed.
func (r *Runner) call(ctx context.Context, h *hold, i int, f func(d Doer, ctx context.Context, run *Run) error) (late bool, err error) {
	op := h.now()
	st := op.Steps[i]
	d, ok := r.svc.doer(op.Plan.Word, st)
	if !ok {
		return false, fmt.Errorf("%w: %w %s", ErrUnchanged, errNoStep, st.Name)
	}
	within, cancel := context.WithTimeout(ctx, st.Deadline)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			r.log.ErrorContext(ctx, "panic in a step", "operation", op.Key(), "step", st.Name, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = fmt.Errorf("%w: %v", errPanic, p)
		}
	}()
	err = f(d, within, &Run{Operation: *op.clone(), Step: st.StepPlan, index: i, hold: h})
	return err != nil && within.Err() != nil && ctx.Err() == nil, err
}
