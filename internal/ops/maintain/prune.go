package maintain

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/postgres"
)

// Pruned is what a step has deleted so far: its output.
type Pruned struct {
	Rows  int64         `json:"rows"`
	Again bool          `json:"again,omitempty"` // a bot died at it: it may have been a batch more
	Rest  bool          `json:"rest,omitempty"`  // its time was over before the last row
	Took  time.Duration `json:"took,omitempty"`
}

// pruneStep deletes the rows of a table that were older than the cut-off when the plan was made.
type pruneStep struct {
	noUndo
	k *Kind
}

// Do implements ops.Doer. Before its time is over it stops by itself, between two batches: what is left is for the next time.
func (s pruneStep) Do(ctx context.Context, r *ops.Run) error {
	var a pruneArgs
	var done Pruned
	again, err := s.k.begin(ctx, r, &a, &done)
	if err != nil {
		return err
	}
	done.Again, done.Rest = again, false
	began, before := time.Now(), done.Took
	if err := r.Record(ctx, done); err != nil {
		return fmt.Errorf("%w: %w", ops.ErrUnchanged, err)
	}
	enough := began.Add(r.Step.Deadline * 9 / 10)
	err = s.k.DB.Prune(ctx, &a.Prunable, a.Before, s.k.cfg.Batch, a.Major, func(rows int64) error {
		done.Rows += rows
		done.Took = before + time.Since(began)
		done.Rest = time.Now().After(enough)
		r.Progress(ops.Progress{Done: done.Rows, Total: max(a.Count, 0), Unit: "rows"})
		if err := r.Record(ctx, done); err != nil { // it also tells whether the lease is still held
			return err
		}
		if done.Rest {
			return postgres.ErrEnough
		}
		return ctx.Err()
	})
	switch {
	case err == nil:
		return nil
	case errors.Is(err, postgres.ErrMoved) && done.Rows == 0:
		return fmt.Errorf("%w: %w", ops.ErrUnchanged, err)
	}
	return s.k.explain(err)
}

// Look implements ops.Doer: rows that are still there are left to do. Beginning again deletes nothing else.
func (s pruneStep) Look(ctx context.Context, r *ops.Run) (ops.Seen, error) {
	var a pruneArgs
	if err := r.Args(&a); err != nil {
		return "", err
	}
	if err := s.k.idle(ctx); err != nil {
		return "", err
	}
	left, err := s.k.DB.AnyOlder(ctx, &a.Prunable, a.Before)
	switch {
	case err != nil:
		return "", err
	case !left:
		return ops.SeenDone, nil
	case final(r):
		return ops.SeenPartly, nil
	}
	return ops.SeenNotDone, nil
}
