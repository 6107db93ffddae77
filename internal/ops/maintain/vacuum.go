package maintain

import (
	"context"
	"fmt"

	"github.com/ai-notebook/notebookbot/internal/ops"
)

// Vacuumed is how far the last step is: its output.
type Vacuumed struct {
	Next   int      `json:"next"` // of the plan's list
	Failed []string `json:"failed,omitempty"`
	Why    string   `json:"why,omitempty"` // of the first that failed
}

// vacuumStep vacuums the tables one by one. It may be begun again at any time.
type vacuumStep struct {
	noUndo
	k *Kind
}

// Do implements ops.Doer.
func (s vacuumStep) Do(ctx context.Context, r *ops.Run) error {
	var list []tableArgs
	var done Vacuumed
	if _, err := s.k.begin(ctx, r, &list, &done); err != nil {
		return err
	}
	var total, passed int64
	for _, a := range list {
		total += a.Size
	}
	for n, a := range list {
		if passed += a.Size; n < done.Next {
			continue
		}
		err := s.k.DB.Vacuum(ctx, a.Table, s.k.patience(a.Within))
		if why, refused := refusal(err); refused {
			done.Failed = append(done.Failed, a.Table.Shown)
			if done.Why == "" {
				done.Why = why
			}
		} else if err != nil {
			return fmt.Errorf("%s: %w", a.Table.Shown, s.k.explain(err))
		}
		done.Next = n + 1
		if err := r.Record(ctx, done); err != nil {
			return err
		}
		r.Progress(ops.Progress{Done: passed, Total: total, Unit: "bytes"})
	}
	return nil
}

// Look implements ops.Doer.
func (s vacuumStep) Look(_ context.Context, r *ops.Run) (ops.Seen, error) {
	var list []tableArgs
	var done Vacuumed
	if err := r.Args(&list); err != nil {
		return "", err
	}
	if _, err := r.Output(r.Step.Name, &done); err != nil || done.Next < len(list) {
		return ops.SeenNotDone, err
	}
	return ops.SeenDone, nil
}
