package backup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/durable"
)

type prepareStep struct{ *Sets }

func (s prepareStep) Do(ctx context.Context, r *ops.Run) error {
	var args prepareArgs
	if err := r.Args(&args); err != nil {
		return err
	}
	if !known(args.Kind) {
		return fmt.Errorf("a set of the kind %q", args.Kind)
	}
	var before Draft
	if again, err := r.Output(stepPrepare, &before); err != nil {
		return err
	} else if again && CheckID(before.ID) == nil {
		if err := s.discard(before.ID); err != nil { // of an earlier try, which was cut off
			return err
		}
	}
	d, err := s.draft(args.Kind, r.Operation.Number)
	if err != nil {
		return err
	}
	if err := r.Record(ctx, d); err != nil {
		return err
	}
	if err := s.begin(ctx, d); err != nil {
		return s.failed(ctx, d.ID, err)
	}
	return nil
}

func (s prepareStep) Look(_ context.Context, r *ops.Run) (ops.Seen, error) {
	d, err := draftOf(r)
	if err != nil {
		return ops.SeenNotDone, nil //nolint:nilerr // Nothing is made before it is recorded.
	}
	var made Draft
	if durable.ReadJSON(filepath.Join(s.dir(d), runName), &made) != nil || made.ID != d.ID {
		return ops.SeenNotDone, nil
	}
	return ops.SeenDone, nil
}

func (prepareStep) Undo(ctx context.Context, r *ops.Run) error { return noUndo{}.Undo(ctx, r) }

// partStep makes one of the parts, from its beginning.
type partStep struct {
	*Sets
	do func(ctx context.Context, d Draft, r *ops.Run) (Made, error)
}

func (s partStep) Do(ctx context.Context, r *ops.Run) error {
	d, err := draftOf(r)
	if err != nil {
		return err
	}
	made, err := s.do(ctx, d, r)
	if err != nil {
		return s.failed(ctx, d.ID, err)
	}
	return r.Record(ctx, made)
}

// Look tells that a part is done when what was recorded of it lies there, and can still be opened for the proof where it is encrypted.
func (s partStep) Look(_ context.Context, r *ops.Run) (ops.Seen, error) {
	d, err := draftOf(r)
	if err != nil {
		return "", err
	}
	var made Made
	if ok, err := r.Output(r.Step.Name, &made); err != nil || !ok {
		return ops.SeenNotDone, err
	}
	keys, err := s.keysFor(d.ID)
	if err != nil {
		return "", err
	}
	for _, p := range made.Parts {
		info, err := os.Stat(filepath.Join(s.dir(d), p.Name))
		if err != nil || info.Size() != p.Size {
			return ops.SeenNotDone, nil //nolint:nilerr // It is made again.
		}
		if !p.Encrypted {
			continue
		}
		src, err := openPart(s.dir(d), p, keys, nil)
		if err != nil {
			return ops.SeenNotDone, nil //nolint:nilerr // The process that had its key is dead.
		}
		_ = src.Close()
	}
	return ops.SeenDone, nil
}

func (partStep) Undo(ctx context.Context, r *ops.Run) error { return noUndo{}.Undo(ctx, r) }

type commitStep struct{ *Sets }

func (s commitStep) Do(ctx context.Context, r *ops.Run) error {
	d, err := draftOf(r)
	if err != nil {
		return err
	}
	var made []Made
	for _, name := range partSteps {
		var m Made
		if ok, err := r.Output(name, &m); err != nil || !ok {
			return errors.Join(fmt.Errorf("the step %s recorded nothing", name), err)
		}
		made = append(made, m)
	}
	if _, err := s.commit(ctx, d, made...); err != nil {
		return s.failed(ctx, d.ID, err)
	}
	return nil
}

func (s commitStep) Look(_ context.Context, r *ops.Run) (ops.Seen, error) {
	d, err := draftOf(r)
	if err != nil {
		return "", err
	}
	set, err := s.Find(d.ID)
	if err == nil && set.Broken == "" {
		return ops.SeenDone, durable.SyncFolder(s.cfg.Dir) // the rename, before it is called done
	}
	return ops.SeenNotDone, nil
}

func (commitStep) Undo(ctx context.Context, r *ops.Run) error { return noUndo{}.Undo(ctx, r) }

type proveStep struct{ *Sets }

func (s proveStep) Do(ctx context.Context, r *ops.Run) error {
	d, err := draftOf(r)
	if err != nil {
		return err
	}
	p, err := s.Prove(ctx, d.ID, bytesOf(r))
	if err != nil {
		return err
	}
	if !p.Good {
		return notProven(p)
	}
	return r.Record(ctx, p)
}

func (s proveStep) Look(_ context.Context, r *ops.Run) (ops.Seen, error) {
	d, err := draftOf(r)
	if err != nil {
		return "", err
	}
	if set, err := s.Find(d.ID); err != nil || !set.Proven() {
		return ops.SeenNotDone, err
	}
	return ops.SeenDone, nil
}

func (proveStep) Undo(ctx context.Context, r *ops.Run) error { return noUndo{}.Undo(ctx, r) }

// verifyStep reads a set back that was made before.
type verifyStep struct{ *Sets }

func (s verifyStep) Do(ctx context.Context, r *ops.Run) error {
	p, err := s.Prove(ctx, r.Subject(), bytesOf(r))
	if err != nil {
		return err
	}
	if !p.Good {
		return notProven(p)
	}
	return r.Record(ctx, p)
}

// Look lets it be read once more.
func (verifyStep) Look(context.Context, *ops.Run) (ops.Seen, error) { return ops.SeenNotDone, nil }

func (verifyStep) Undo(ctx context.Context, r *ops.Run) error { return noUndo{}.Undo(ctx, r) }

type retentionStep struct{ *Sets }

func (s retentionStep) Do(ctx context.Context, r *ops.Run) error {
	removed, err := s.Retain(ctx)
	return errors.Join(err, r.Record(ctx, removed))
}

// Look lets it be done again: what is gone is not removed twice.
func (retentionStep) Look(context.Context, *ops.Run) (ops.Seen, error) { return ops.SeenNotDone, nil }

func (retentionStep) Undo(ctx context.Context, r *ops.Run) error { return noUndo{}.Undo(ctx, r) }

type uploadStep struct{ *Sets }

func (s uploadStep) Do(ctx context.Context, r *ops.Run) error {
	d, err := draftOf(r)
	if err != nil {
		return err
	}
	up, err := s.Send(ctx, d.ID, bytesOf(r))
	if err != nil {
		return err
	}
	if err := s.Tidy(ctx); err != nil { // a key without the right to list uploads can send all the same
		s.log.WarnContext(ctx, "clearing away uploads that were broken off", "err", err)
	}
	return r.Record(ctx, up)
}

// Look asks what was kept of the upload, which is written after everything was read back.
func (s uploadStep) Look(_ context.Context, r *ops.Run) (ops.Seen, error) {
	d, err := draftOf(r)
	if err != nil {
		return "", err
	}
	set, err := s.Find(d.ID)
	if err != nil {
		return "", err
	}
	if set.Upload.Set == d.ID {
		return ops.SeenDone, nil
	}
	return ops.SeenNotDone, nil
}

func (uploadStep) Undo(ctx context.Context, r *ops.Run) error { return noUndo{}.Undo(ctx, r) }
