package maintain

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/postgres"
)

func cut(name string) (code, subject string) {
	code, subject, _ = strings.Cut(name, ":")
	return code, subject
}

// noUndo is a step that is not undone: what it leaves is what was wanted, and rows that are deleted are in the backup alone.
type noUndo struct{}

// Undo implements ops.Doer.
func (noUndo) Undo(context.Context, *ops.Run) error {
	return errors.New("maintenance of a database cannot be undone")
}

// begin reads a step's arguments and what an earlier try recorded, and ends what a bot that died may still have at work on the server.
// Again: it had begun before.
func (k *Kind) begin(ctx context.Context, r *ops.Run, args, recorded any) (again bool, err error) {
	if err := r.Args(args); err != nil {
		return false, fmt.Errorf("%w: %w", ops.ErrUnchanged, err)
	}
	again, err = r.Output(r.Step.Name, recorded)
	if err == nil {
		err = k.DB.EndWork(ctx)
	}
	if err != nil {
		return again, fmt.Errorf("%w: %w", ops.ErrUnchanged, k.explain(err))
	}
	return again, nil
}

// idle is an error while a session of maintenance is still at work on the server: what it comes to is not known yet.
func (k *Kind) idle(ctx context.Context) error {
	busy, err := k.DB.Work(ctx)
	if err == nil && busy {
		err = errors.New("what was begun is still under way in the database")
	}
	return err
}

// final tells whether a step will not be begun again: then what was half done is half done.
func final(r *ops.Run) bool {
	const tries = 3
	for _, st := range r.Operation.Steps {
		if st.Name == r.Step.Name {
			return st.Late || st.Tries >= tries
		}
	}
	return false
}

// refusal tells whether the server itself refused a statement, or what it is about is not there any more: others are not concerned.
func refusal(err error) (string, bool) {
	if said, ok := errors.AsType[*postgres.SQLError](err); ok {
		return said.Error(), true
	}
	if errors.Is(err, postgres.ErrMoved) {
		return postgres.ErrMoved.Error(), true
	}
	return "", false
}

// Measured is what the database takes: the output of measureStep.
type Measured struct {
	Size int64 `json:"size"` // bytes
}

// measureStep looks how big the database is.
type measureStep struct {
	noUndo
	k *Kind
}

// Do implements ops.Doer.
func (s measureStep) Do(ctx context.Context, r *ops.Run) error {
	size, err := s.k.DB.Size(ctx)
	if err != nil {
		return s.k.explain(err)
	}
	return r.Record(ctx, Measured{size})
}

// Look implements ops.Doer: it is measured again.
func (measureStep) Look(context.Context, *ops.Run) (ops.Seen, error) { return ops.SeenNotDone, nil }

// Left is what became of the leftovers: the output of leftoversStep.
type Left struct {
	Dropped []string `json:"dropped,omitempty"`
	Stay    []string `json:"stay,omitempty"` // with why
}

// leftoversStep drops the invalid indexes of the plan, and no others.
type leftoversStep struct {
	noUndo
	k *Kind
}

// Do implements ops.Doer.
func (s leftoversStep) Do(ctx context.Context, r *ops.Run) error {
	var list []leftArgs
	var done Left
	if _, err := s.k.begin(ctx, r, &list, &done); err != nil {
		return err
	}
	done.Stay = nil
	for n, a := range list {
		now, err := s.k.DB.Rebuilt(ctx, a.Index, a.Table)
		if err != nil {
			return s.k.explain(err)
		}
		if now.OID != a.Index.OID || now.Valid {
			continue
		}
		gone := slices.DeleteFunc(slices.Clone(done.Dropped), func(name string) bool { return name == a.Index.Shown })
		done.Dropped = append(slices.Clone(gone), a.Index.Shown)
		if err := r.Record(ctx, done); err != nil { // before it goes: whoever dies in the middle has told of it
			return err
		}
		err = s.k.DB.DropInvalid(ctx, a.Index, s.k.patience(shortStep))
		why, refused := refusal(err)
		switch {
		case refused:
			done.Dropped, done.Stay = gone, append(done.Stay, a.Index.Shown+": "+why)
		case err != nil:
			return s.k.explain(err)
		}
		r.Progress(ops.Progress{Done: int64(n + 1), Total: int64(len(list)), Unit: "indexes"})
	}
	return r.Record(ctx, done)
}

// Look implements ops.Doer: beginning again takes nothing twice.
func (s leftoversStep) Look(ctx context.Context, r *ops.Run) (ops.Seen, error) {
	var list []leftArgs
	if err := r.Args(&list); err != nil {
		return "", err
	}
	if err := s.k.idle(ctx); err != nil {
		return "", err
	}
	for _, a := range list {
		now, err := s.k.DB.Rebuilt(ctx, a.Index, a.Table)
		if err != nil {
			return "", err
		}
		if now.OID == a.Index.OID && !now.Valid {
			return ops.SeenNotDone, nil
		}
	}
	return ops.SeenDone, nil
}
