package maintain

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/postgres"
)

// Rebuilt is what became of an index: the output of reindexStep.
type Rebuilt struct {
	Before int64         `json:"before"`          // bytes
	After  int64         `json:"after,omitempty"` // zero: it was not rebuilt
	Why    string        `json:"why,omitempty"`   // it was not
	Room   bool          `json:"room,omitempty"`  // it was not, because the disk has too little room beside it
	Stay   []string      `json:"stay,omitempty"`  // leftovers that could not be dropped
	Took   time.Duration `json:"took,omitempty"`
}

// patience bounds one statement.
func (k *Kind) patience(within time.Duration) postgres.Patience {
	return postgres.Patience{Lock: k.cfg.Lock, Statement: within}
}

// reindexStep builds one index anew. What keeps one from it does not keep the others: it is told at the end.
type reindexStep struct {
	noUndo
	k *Kind
}

// Do implements ops.Doer.
func (s reindexStep) Do(ctx context.Context, r *ops.Run) error {
	var a indexArgs
	var done Rebuilt
	if _, err := s.k.begin(ctx, r, &a, &done); err != nil {
		return err
	}
	began := time.Now()
	done = Rebuilt{Before: a.Size, Took: done.Took}
	if err := r.Record(ctx, done); err != nil {
		return fmt.Errorf("%w: %w", ops.ErrUnchanged, err)
	}
	if err := s.rebuild(ctx, r, &a, &done); err != nil {
		return s.k.explain(err)
	}
	done.Took += time.Since(began)
	return r.Record(ctx, done)
}

// rebuild tries twice: what kept the first try from its locks may have passed.
func (s reindexStep) rebuild(ctx context.Context, r *ops.Run, a *indexArgs, done *Rebuilt) error {
	const tries = 2
	for range tries {
		now, err := s.sweep(ctx, a, done)
		if err != nil {
			return err
		}
		if now.OID != a.Index.OID {
			if now.OID != "" && now.Valid {
				done.After, done.Why = now.Size, "" // a try that was cut off had got so far
			} else if done.Why == "" {
				done.Why = postgres.ErrMoved.Error()
			}
			return nil
		}
		if free, known, err := s.k.DB.Free(ctx); err != nil {
			return err
		} else if known && free < 2*now.Size { // the new one, and what sorting it takes
			done.Room = true
			return nil
		}
		if err := r.Held(ctx); err != nil {
			return err
		}
		err = s.k.DB.Reindex(ctx, a.Index, s.k.patience(a.Within))
		why, refused := refusal(err)
		if err != nil && !refused {
			return err
		}
		done.Why = why
		if said, ok := errors.AsType[*postgres.SQLError](err); ok && said.State != postgres.StateLockTimeout && said.State != postgres.StateTooLong {
			break // it would say so again
		}
	}
	now, err := s.sweep(ctx, a, done)
	if err == nil && now.OID != "" && now.OID != a.Index.OID && now.Valid {
		done.After, done.Why = now.Size, ""
	}
	return err
}

// sweep drops what a rebuild of this table's indexes has left, and looks at the index.
func (s reindexStep) sweep(ctx context.Context, a *indexArgs, done *Rebuilt) (*postgres.Rebuilt, error) {
	now, err := s.k.DB.Rebuilt(ctx, a.Index, a.Table)
	if err != nil {
		return nil, err
	}
	done.Stay = nil
	for _, left := range now.Leftovers {
		err := s.k.DB.DropInvalid(ctx, left, s.k.patience(shortStep))
		if why, refused := refusal(err); refused && !errors.Is(err, postgres.ErrMoved) {
			done.Stay = append(done.Stay, left.Shown+": "+why)
		} else if err != nil && !refused {
			return nil, err
		}
	}
	return now, nil
}

// Look implements ops.Doer: a rebuilt index has another number under its name.
func (s reindexStep) Look(ctx context.Context, r *ops.Run) (ops.Seen, error) {
	var a indexArgs
	if err := r.Args(&a); err != nil {
		return "", err
	}
	var done Rebuilt
	begun, err := r.Output(r.Step.Name, &done)
	if err != nil || !begun {
		return ops.SeenNotDone, err // it records before it touches anything
	}
	if err := s.k.idle(ctx); err != nil {
		return "", err
	}
	now, err := s.k.DB.Rebuilt(ctx, a.Index, a.Table)
	switch {
	case err != nil:
		return "", err
	case len(now.Leftovers) > 0, now.OID == a.Index.OID, done.After == 0 && !final(r): // the size is still to be recorded
		return ops.SeenNotDone, nil
	}
	return ops.SeenDone, nil
}
