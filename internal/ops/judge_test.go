package ops_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/store"
	"github.com/ai-notebook/notebookbot/internal/store/storetest"
)

// check holds what the bot says against what is.
func (w *world) check() {
	w.Helper()
	for _, wrong := range w.app.wrongs() {
		w.fail("%s", wrong)
	}
	holders := map[int64]bool{}
	for _, project := range []string{"0", "1"} {
		l, err := w.store.LockOf(w.Context(), project)
		if err != nil {
			w.fail("%v", err)
		}
		holders[l.Operation] = true
	}
	for _, n := range w.ops {
		op := w.find(&ops.Operation{Number: n})
		if was := w.over[n]; was != nil {
			if !reflect.DeepEqual(was, op) {
				w.fail("%s was over and changed:\n%s", op.Key(), cmp.Diff(was, op))
			}
			continue
		}
		if holders[n] != (op.State == ops.Running) {
			w.fail("%s is %s; it holds a lock: %v", op.Key(), op.State, holders[n])
		}
		if op.State.Over() {
			w.over[n] = op
			w.ended(op)
		}
	}
}

// ended checks that an end is what it is called, and that people can be told why.
func (w *world) ended(op *ops.Operation) {
	w.Helper()
	switch op.State {
	case ops.Failed, ops.Undone, ops.Unknown:
		if !slices.Contains(ops.Reasons(), op.Outcome.Reason.Code) {
			w.fail("%s is %s because of %+v, for which nobody has words", op.Key(), op.State, op.Outcome.Reason)
		}
	case ops.Void, ops.Expired:
		if !slices.Contains(ops.Reasons(), op.Why.Code) {
			w.fail("%s is %s because of %+v, for which nobody has words", op.Key(), op.State, op.Why)
		}
	}
	for _, why := range op.Outcome.Warnings {
		if !slices.Contains(ops.Reasons(), why.Code) {
			w.fail("%s warns of %+v, for which nobody has words", op.Key(), why)
		}
	}
	changed := false
	for _, st := range op.Steps {
		th := w.app.thing(op.Number, st.Name)
		is := th.done || th.partly
		if op.State == ops.Done && (!th.done || th.partly) {
			w.fail("%s is done, and %s is not", op.Key(), st.Name)
		}
		if st.Touched && st.Undo != "" && st.State != ops.StepKept && (op.State == ops.Failed || op.State == ops.Undone) {
			w.fail("%s is %s, and nobody tried to undo %s, which is %s", op.Key(), op.State, st.Name, st.State)
		}
		if !st.Changes || !is {
			continue
		}
		changed = true
		if op.State != ops.Done && !slices.Contains(op.Outcome.Left, st.Name) {
			w.fail("%s is %s and does not say that %s stays changed: %+v", op.Key(), op.State, st.Name, op.Outcome)
		}
	}
	if changed && (op.State == ops.Undone || op.Outcome.Unchanged || op.Started.IsZero()) {
		w.fail("%s is %s, and something is changed: %+v", op.Key(), op.State, op.Outcome)
	}
	kinds := w.kinds(op)
	ends := 0
	for _, k := range kinds {
		if slices.Contains([]ops.EntryKind{ops.WasFinished, ops.WasRejected, ops.WasCancelled, ops.WasExpired, ops.WasVoided}, k) {
			ends++
		}
	}
	if ends != 1 {
		w.fail("%s ended %d times: %v", op.Key(), ends, kinds)
	}
}

// TestNothingIsDoneTwiceAndNothingHalfDoneIsCalledDone lives through random worlds. A failure names its seed; give it to -ops.seed.
func TestNothingIsDoneTwiceAndNothingHalfDoneIsCalledDone(t *testing.T) {
	t.Parallel()
	n, first := *worlds, rand.Uint64()
	if testing.Short() {
		n = min(n, 5)
	}
	if *seed != 0 {
		n, first = 1, *seed
	}
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		t.Helper()
		for i := range uint64(n) {
			t.Run(fmt.Sprintf("seed %d", first+i), func(t *testing.T) { newWorld(t, s, first+i).live(80) })
		}
	})
}
