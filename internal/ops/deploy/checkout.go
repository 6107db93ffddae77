package deploy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops"
)

// checkout puts the files of the version in place.
type checkout struct{ *Kind }

// Do implements ops.Doer. The commit that was approved is what counts, whatever its tag leads to by now; a tag that was moved ends it.
func (s checkout) Do(ctx context.Context, r *ops.Run) error {
	var a checkoutArgs
	if err := r.Args(&a); err != nil {
		return fmt.Errorf("%w: %w", ops.ErrUnchanged, err)
	}
	if a.Tag {
		tags, err := s.repo.tags(ctx)
		if err != nil {
			return fmt.Errorf("%w: %w", ops.ErrUnchanged, err)
		}
		for _, t := range tags {
			if t.name == a.Version.Name && t.commit != a.Version.Commit {
				return fmt.Errorf("%w: %w", ops.ErrUnchanged,
					ops.Caused("tag_moved", t.name, fmt.Errorf("from %s to %s", short(a.Version.Commit), short(t.commit))))
			}
		}
	}
	changed, err := s.repo.changed(ctx)
	if err == nil && len(changed) > 0 {
		err = ops.Caused("files_changed", s.cfg.Dir, errors.New(strings.Join(changed[:min(len(changed), 10)], ", ")))
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ops.ErrUnchanged, err)
	}
	if err := r.Record(ctx, checkoutRecord{From: a.From}); err != nil {
		return err
	}
	return s.repo.checkout(ctx, head{Commit: a.Version.Commit}, false)
}

// Look implements ops.Doer.
func (s checkout) Look(ctx context.Context, r *ops.Run) (ops.Seen, error) {
	var a checkoutArgs
	if err := r.Args(&a); err != nil {
		return ops.SeenUnclear, err
	}
	now, err := s.repo.head(ctx)
	if err != nil {
		return ops.SeenUnclear, err
	}
	changed, err := s.repo.changed(ctx)
	if err != nil {
		return ops.SeenUnclear, err
	}
	var rec checkoutRecord
	found, err := r.Output(r.Step.Name, &rec)
	switch {
	case err != nil:
		return ops.SeenUnclear, err
	case !found:
		return ops.SeenNotDone, nil
	case len(changed) > 0:
		return ops.SeenPartly, nil
	case now.Commit == a.From.Commit && (a.From.Commit != a.Version.Commit || !undoing(r) || now.Branch == a.From.Branch):
		return ops.SeenNotDone, nil
	case now.Commit == a.Version.Commit:
		return ops.SeenDone, nil
	}
	return ops.SeenPartly, nil
}

// Undo implements ops.Doer.
func (s checkout) Undo(ctx context.Context, r *ops.Run) error { return s.restoreFiles(ctx, r) }

// restoreFiles puts the files back that were in place before. It may be asked again.
func (k *Kind) restoreFiles(ctx context.Context, r *ops.Run) error {
	var rec checkoutRecord
	if found, err := r.Output(stepCheckout, &rec); err != nil || !found {
		return err
	}
	now, err := k.repo.head(ctx)
	if err != nil {
		return err
	}
	changed, err := k.repo.changed(ctx)
	if err != nil {
		return err
	}
	if now == rec.From && len(changed) == 0 {
		return nil
	}
	if err := k.unlock(ctx); err != nil {
		return err
	}
	return k.repo.checkout(ctx, rec.From, true)
}

// A git that was killed leaves its lock behind, which no later one takes away.
const lockOld = 10 * time.Second

// unlock removes the lock of a git that was killed. One that is young may be that of a git that runs.
func (k *Kind) unlock(ctx context.Context) error {
	out, err := k.repo.run(ctx, "rev-parse", "--git-path", "index.lock")
	if err != nil {
		return err
	}
	name := strings.TrimSpace(out)
	if !filepath.IsAbs(name) {
		name = filepath.Join(k.cfg.Dir, name)
	}
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		info, err := os.Stat(name)
		if err != nil {
			return nil //nolint:nilerr // There is none: the usual case. What else is wrong, git will say.
		}
		if time.Since(info.ModTime()) > lockOld {
			return os.Remove(name)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// undoing tells whether this step is on its way back.
func undoing(r *ops.Run) bool {
	for _, st := range r.Operation.Steps {
		if st.Name == r.Step.Name {
			return st.Undoing
		}
	}
	return false
}
