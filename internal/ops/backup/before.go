package backup

import (
	"context"
	"os"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops"
)

// Before sees to the backup that comes before another operation.
func (s *Sets) Before() ops.Backups { return &before{noUndo{}, s} }

type before struct {
	noUndo
	*Sets
}

// Propose takes a proven set that is fresh enough; else one is taken first, where the database answers.
func (b *before) Propose(ctx context.Context, _ ops.Plan) (ops.Backup, error) {
	set, err := b.Newest()
	if err != nil {
		return ops.Backup{}, err
	}
	if set != nil && b.fresh(set) {
		return ops.Backup{Choice: ops.BackupSet, Set: set.ID, At: set.At, Deadline: longStep}, nil
	}
	if err := b.ready(ctx); err != nil {
		return ops.Backup{Choice: ops.BackupNone, Why: "database_away"}, nil //nolint:nilerr // The plan says so and is approved as such.
	}
	return ops.Backup{Choice: ops.BackupTaken, Deadline: longStep}, nil
}

// fresh tells whether a set counts as the backup before an operation, and is all there.
func (s *Sets) fresh(set *Set) bool {
	age := s.now().Sub(set.At)
	if !set.Proven() || age > s.cfg.Fresh || age < -time.Minute {
		return false
	}
	for _, p := range set.Parts {
		info, err := os.Stat(s.path(set.ID, p.Name))
		if err != nil || info.Size() != p.Size {
			return false
		}
	}
	return true
}

// Do makes sure that there is a proven set that is fresh, or takes one and proves it. It records the set's id.
func (b *before) Do(ctx context.Context, r *ops.Run) error {
	var id string
	again, err := r.Output(ops.BackupStep, &id)
	if err != nil {
		return err
	}
	if set, err := b.Newest(); err != nil {
		return err
	} else if set != nil && b.fresh(set) {
		return r.Record(ctx, set.ID)
	}
	if again && CheckID(id) == nil {
		if set, err := b.Find(id); err == nil && set.Proof.At.IsZero() && set.Broken == "" {
			return b.sure(ctx, r, id) // it was cut off right before the proof
		}
		if err := b.discard(id); err != nil {
			return err
		}
	}
	d, err := b.draft(Incremental, r.Operation.Number)
	if err != nil {
		return err
	}
	if err := r.Record(ctx, d.ID); err != nil {
		return err
	}
	if err := b.take(ctx, d, bytesOf(r)); err != nil {
		return err
	}
	return b.sure(ctx, r, d.ID)
}

// sure proves the set, or the step has failed.
func (b *before) sure(ctx context.Context, r *ops.Run, id string) error {
	p, err := b.Prove(ctx, id, bytesOf(r))
	if err == nil && !p.Good {
		err = notProven(p)
	}
	return err
}

// Look tells that it is done when the set that was recorded is proven.
func (b *before) Look(_ context.Context, r *ops.Run) (ops.Seen, error) {
	var id string
	if ok, err := r.Output(ops.BackupStep, &id); err != nil || !ok {
		return ops.SeenNotDone, err
	}
	if set, err := b.Find(id); err != nil || !set.Proven() {
		return ops.SeenNotDone, nil //nolint:nilerr // It is taken anew, or proven.
	}
	return ops.SeenDone, nil
}

// take makes a set from its beginning to its commit.
func (s *Sets) take(ctx context.Context, d Draft, progress func(done, total int64)) error {
	err := s.begin(ctx, d)
	var made []Made
	for _, next := range []func() (Made, error){
		func() (Made, error) { return s.dump(ctx, d, progress) },
		func() (Made, error) { return s.files(ctx, d, nil) },
		func() (Made, error) { return s.plain(ctx, d, PartConfig, s.cfg.Config, nil) },
		func() (Made, error) { return s.plain(ctx, d, PartSecrets, s.cfg.Secrets, nil) },
	} {
		if err != nil {
			break
		}
		var m Made
		m, err = next()
		made = append(made, m)
	}
	if err == nil {
		_, err = s.commit(ctx, d, made...)
	}
	if err != nil {
		return s.failed(ctx, d.ID, err)
	}
	return nil
}

// Take makes a set outside of any operation and proves it. Nobody else may work on the application meanwhile.
func (s *Sets) Take(ctx context.Context, want Kind, progress func(done, total int64)) (*Set, error) {
	d, err := s.draft(want, 0)
	if err != nil {
		return nil, err
	}
	if err := s.take(ctx, d, progress); err != nil {
		return nil, err
	}
	p, err := s.Prove(ctx, d.ID, progress)
	if err == nil && !p.Good {
		err = notProven(p)
	}
	if err != nil {
		return nil, err
	}
	return s.Find(d.ID)
}
