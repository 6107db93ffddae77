package cleanup

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/docker"
	"github.com/ai-notebook/notebookbot/internal/ops/target"
)

// ErrKept says that an item stays, because it is not what was approved any more, or is needed again.
var ErrKept = errors.New("it stays")

// remover removes the items of one step.
type remover interface {
	// there tells whether an item is there as it was approved. It changes nothing.
	there(ctx context.Context, i Item) (bool, error)
	// remove removes it: true when it is gone by this, false when it was gone before. ErrKept: it stays, the error says why.
	remove(ctx context.Context, i Item) (bool, error)
	close()
}

// step removes the items of its list, and nothing else. Each is looked at before it goes, so that the step may be begun again at
// any time.
type step struct {
	open func(ctx context.Context, l List) (remover, error)
}

// Removed is what a step has done so far: its output.
type Removed struct {
	Count   int      `json:"count"`
	Freed   int64    `json:"freed"`             // bytes
	Gone    int      `json:"gone,omitempty"`    // were not there any more
	Kept    int      `json:"kept,omitempty"`    // changed, or needed again
	Why     []string `json:"why,omitempty"`     // of the first that were kept
	Failed  int      `json:"failed,omitempty"`  // could not be removed
	Failure string   `json:"failure,omitempty"` // of the first
}

const (
	saidMost  = 5
	saveEvery = 50
)

// Do implements ops.Doer.
func (s step) Do(ctx context.Context, r *ops.Run) error {
	var l List
	if err := r.Args(&l); err != nil {
		return fmt.Errorf("%w: %w", ops.ErrUnchanged, err)
	}
	var done Removed
	if _, err := r.Output(r.Step.Name, &done); err != nil {
		return fmt.Errorf("%w: %w", ops.ErrUnchanged, err)
	}
	done = Removed{Count: done.Count, Freed: done.Freed} // of a try before a crash
	if err := r.Record(ctx, done); err != nil {
		return fmt.Errorf("%w: %w", ops.ErrUnchanged, err)
	}
	rm, err := s.open(ctx, l)
	if err != nil {
		if done.Count == 0 {
			return fmt.Errorf("%w: %w", ops.ErrUnchanged, err)
		}
		return err
	}
	defer rm.close()
	total := l.Size()
	var passed int64
	for n, i := range l.Items {
		if n%saveEvery == 0 {
			if err := r.Held(ctx); err != nil {
				return err
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		done.count(ctx, i, rm)
		passed += i.Size
		r.Progress(ops.Progress{Done: passed, Total: total, Unit: "bytes"})
		if n%saveEvery == saveEvery-1 {
			if err := r.Record(ctx, done); err != nil {
				return err
			}
		}
	}
	if err := r.Record(ctx, done); err != nil {
		return err
	}
	if done.Failed > 0 {
		return fmt.Errorf("%d of %d could not be removed: %s", done.Failed, len(l.Items), done.Failure)
	}
	return nil
}

func (d *Removed) count(ctx context.Context, i Item, rm remover) {
	removed, err := rm.remove(ctx, i)
	switch {
	case err == nil && removed:
		d.Count++
		d.Freed += i.Size
	case err == nil:
		d.Gone++
	case errors.Is(err, ErrKept):
		d.Kept++
		if len(d.Why) < saidMost {
			d.Why = append(d.Why, i.Name+": "+strings.TrimPrefix(err.Error(), ErrKept.Error()+": "))
		}
	default:
		d.Failed++
		if d.Failure == "" {
			d.Failure = i.Name + ": " + err.Error()
		}
	}
}

// Look implements ops.Doer: what is still there as it was approved is left to do. Beginning again takes nothing twice.
func (s step) Look(ctx context.Context, r *ops.Run) (ops.Seen, error) {
	var l List
	if err := r.Args(&l); err != nil {
		return "", err
	}
	rm, err := s.open(ctx, l)
	if err != nil {
		return "", err
	}
	defer rm.close()
	left := 0
	for _, i := range l.Items {
		there, err := rm.there(ctx, i)
		if err != nil {
			return "", err
		}
		if there {
			left++
		}
	}
	switch {
	case left == 0:
		return ops.SeenDone, nil
	case left < len(l.Items) && final(r):
		return ops.SeenPartly, nil
	}
	return ops.SeenNotDone, nil
}

// final tells whether the step will not be begun again: then what was half done is half done.
func final(r *ops.Run) bool {
	const tries = 3
	for _, st := range r.Operation.Steps {
		if st.Name == r.Step.Name {
			return st.Late || st.Tries >= tries
		}
	}
	return false
}

// Undo implements ops.Doer. What was removed is gone, and the plan says so.
func (step) Undo(context.Context, *ops.Run) error { return errors.New("what was removed is gone") }

// kept wraps what the engine says of something that is in use.
func kept(err error) error {
	if errors.Is(err, docker.ErrInUse) {
		return fmt.Errorf("%w: %w", ErrKept, err)
	}
	return target.Explain(err)
}

// sets removes backup sets.
type sets struct{ from Backups }

func (k *Kind) sets(context.Context, List) (remover, error) {
	if k.Backups == nil {
		return nil, errors.New("no backups are configured any more")
	}
	return sets{k.Backups}, nil
}

func (s sets) there(ctx context.Context, i Item) (bool, error) {
	old, err := s.from.Expired(ctx)
	for _, o := range old {
		if o.ID == i.ID {
			return true, err
		}
	}
	return false, err
}

func (s sets) remove(ctx context.Context, i Item) (bool, error) {
	return s.from.Forget(ctx, i.ID)
}

func (sets) close() {}
