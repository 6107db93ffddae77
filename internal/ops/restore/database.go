package restore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/backup"
	"github.com/ai-notebook/notebookbot/internal/ops/postgres"
)

// setArgs are the arguments of the steps that read a set.
type setArgs struct {
	Set   string   `json:"set"`
	Parts []string `json:"parts,omitempty"`
}

// nameAndSize looks whether the names of what is made fit, and how big the live database is.
func (k *Kind) nameAndSize(ctx context.Context, p *ops.Plan, d *Details) error {
	// The number of the operation is not known yet, and a name that is too long would fail at the very end.
	if _, err := k.DB.Made("before", "OP-1000000000"); err != nil {
		return &ops.Problem{Code: "restore_name", Name: k.DB.Name(), Err: err}
	}
	if size, err := k.DB.Size(ctx); err == nil {
		d.Now = size
	} else if !errors.Is(err, postgres.ErrNoDatabase) {
		return &ops.Problem{Code: "restore_away", Name: k.DB.Service(), Text: err.Error(), Err: err}
	} else {
		p.Notes = append(p.Notes, "restore_no_database")
	}
	return nil
}

func (k *Kind) planDatabase(ctx context.Context, p *ops.Plan, last *[]ops.StepPlan, d *Details, set *backup.Set) error {
	if err := k.nameAndSize(ctx, p, d); err != nil {
		return err
	}
	if err := k.room(ctx, set, []string{partDatabase}); err != nil {
		return err
	}
	live, err := k.DB.OID(ctx, k.DB.Name())
	if err != nil {
		return err
	}
	rows := postgres.Counts(set.Database.Rows)
	d.Tables, d.Rows = len(rows), rows.Rows()
	if len(rows) == 0 {
		p.Notes = append(p.Notes, "restore_uncounted")
	}
	p.Steps = append(p.Steps,
		ops.StepPlan{Name: stepFill, Args: args(setArgs{Set: set.ID}), Changes: true, Undo: "drop_new_database", Deadline: longStep},
		ops.StepPlan{Name: stepVerify, Args: args(setArgs{Set: set.ID}), Deadline: longStep},
	)
	*last = append(*last, ops.StepPlan{Name: stepSwap, Args: args(swapArgs{Live: live}), Changes: true, Undo: "restore_old_database", Deadline: shortStep})
	return nil
}

// room refuses to begin what would fill a disk: what comes stands beside what is there until both are exchanged.
func (k *Kind) room(ctx context.Context, set *backup.Set, wanted []string) error {
	const spare = 6 // a sixth more: the log of what is written needs room too
	refuse := func(where string, free, need int64) error {
		if free >= need+need/spare {
			return nil
		}
		const mega = 1_000_000
		return &ops.Problem{Code: "restore_space", Name: where, Count: int(free / mega), Total: int((need + need/spare) / mega)}
	}
	for _, part := range wanted {
		if part != partDatabase {
			var st unix.Statfs_t
			if err := unix.Statfs(k.Config.Root, &st); err != nil {
				return fmt.Errorf("look at the room in %s: %w", k.Config.Root, err)
			}
			need := set.Files.Bytes
			if p, ok := set.Part(stored[part]); ok && part != partFiles {
				need = p.Raw
			}
			if err := refuse(k.Config.Root, int64(st.Bavail)*int64(st.Bsize), need); err != nil { //nolint:gosec,unconvert // Sizes of disks fit; the types differ between systems.
				return err
			}
			continue
		}
		free, known, err := k.DB.Free(ctx)
		if err != nil {
			return err
		}
		dump, _ := set.Part(backup.PartDatabase)
		need := dump.Raw
		if size, err := k.DB.Size(ctx); err == nil { // with its indexes, which a dump does not hold
			need = max(need, size)
		}
		if err := refuse(k.DB.Service(), free, need); known && err != nil {
			return err
		}
	}
	return nil
}

// setStep looks once more whether the set is there and can be opened, and whether there is room.
type setStep struct {
	noUndo
	k *Kind
}

// Do implements ops.Doer.
func (s setStep) Do(ctx context.Context, r *ops.Run) error {
	var a setArgs
	if err := r.Args(&a); err != nil {
		return err
	}
	set, err := s.k.Sets.Find(a.Set)
	if err != nil {
		return err
	}
	if set.Broken != "" {
		return ops.Caused("backup_not_proven", a.Set, errors.New(set.Broken))
	}
	for _, part := range a.Parts {
		in, _, err := s.k.Sets.OpenPart(a.Set, stored[part])
		if err != nil {
			return err
		}
		if err := in.Close(); err != nil {
			return err
		}
	}
	return s.k.room(ctx, set, a.Parts)
}

// Look implements ops.Doer: it is simply looked at again.
func (setStep) Look(context.Context, *ops.Run) (ops.Seen, error) { return ops.SeenNotDone, nil }

// fillStep restores the dump into a new database beside the live one.
type fillStep struct{ k *Kind }

// Do implements ops.Doer. What an earlier try has left is dropped first.
func (s fillStep) Do(ctx context.Context, r *ops.Run) (err error) {
	var a setArgs
	if err := r.Args(&a); err != nil {
		return err
	}
	name, err := s.k.DB.Made("new", r.Operation.Key())
	if err != nil {
		return err
	}
	in, part, err := s.k.Sets.OpenPart(a.Set, backup.PartDatabase)
	if err != nil {
		return fmt.Errorf("%w: %w", ops.ErrUnchanged, err)
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	err = s.k.DB.Fill(ctx, name, in, func(done int64) {
		r.Progress(ops.Progress{Done: done, Total: max(done, part.Raw), Unit: "bytes"})
	})
	if err != nil {
		return err
	}
	// pg_restore may end before the last byte; only at its end the part was compared with its sha256.
	_, err = io.Copy(io.Discard, in)
	return err
}

// Look implements ops.Doer.
func (s fillStep) Look(ctx context.Context, r *ops.Run) (ops.Seen, error) {
	name, err := s.k.DB.Made("new", r.Operation.Key())
	if err != nil {
		return "", err
	}
	how, err := s.k.DB.LookFilled(ctx, name)
	switch {
	case err != nil:
		return "", err
	case how == postgres.FilledWhole && !undoing(r):
		return ops.SeenDone, nil
	case how == postgres.FilledNot, mayGoOn(r):
		return ops.SeenNotDone, nil
	}
	return ops.SeenPartly, nil
}

// Undo implements ops.Doer. A database that came under the name after ours was verified is somebody else's.
func (s fillStep) Undo(ctx context.Context, r *ops.Run) error {
	name, err := s.k.DB.Made("new", r.Operation.Key())
	if err != nil {
		return err
	}
	var v verified
	if known, err := r.Output(stepVerify, &v); err != nil {
		return err
	} else if known {
		if is, err := s.k.DB.OID(ctx, name); err != nil || is != v.OID {
			return err
		}
	}
	return s.k.DB.Drop(ctx, name)
}

// verified is what the count of the rows records: which database it was that they were counted in.
type verified struct {
	OID string `json:"oid"`
}

// verifyStep compares the rows of the new database with those of the dump's moment.
type verifyStep struct {
	noUndo
	k *Kind
}

// Do implements ops.Doer.
func (s verifyStep) Do(ctx context.Context, r *ops.Run) error {
	var a setArgs
	if err := r.Args(&a); err != nil {
		return err
	}
	want, err := s.want(r, a.Set)
	if err != nil {
		return err
	}
	name, err := s.k.DB.Made("new", r.Operation.Key())
	if err != nil {
		return err
	}
	is, err := s.k.DB.OID(ctx, name)
	if err != nil {
		return err
	}
	got, err := s.k.DB.Counts(ctx, name)
	if err != nil {
		return err
	}
	if err := compare(want, got); err != nil {
		return ops.Caused("rows_differ", "", err)
	}
	return r.Record(ctx, verified{OID: is})
}

// want is which rows there should be: those of the set, or those that were counted where the database was taken out of a copy.
func (s verifyStep) want(r *ops.Run, id string) (postgres.Counts, error) {
	if id == "" {
		var t taken
		if ok, err := r.Output(stepTake, &t); err != nil || !ok {
			return nil, errors.Join(errors.New("it is not known what was taken out of the copy"), err)
		}
		return t.Rows, nil
	}
	set, err := s.k.Sets.Find(id)
	if err != nil {
		return nil, err
	}
	return set.Database.Rows, nil
}

// compare says which tables have other rows than they should.
func compare(want, got postgres.Counts) error {
	if len(want) == 0 {
		return nil // a set of somebody else's making; the plan says so
	}
	const shown = 5
	var lines []string
	differences := want.Differences(got)
	for i, d := range differences {
		if i == shown {
			lines = append(lines, fmt.Sprintf("and %d more", len(differences)-shown))
			break
		}
		lines = append(lines, fmt.Sprintf("%s has %s rows instead of %s", d.Table, rows(d.Got), rows(d.Want)))
	}
	if len(lines) > 0 {
		return fmt.Errorf("the restored database differs from the set: %s", strings.Join(lines, "; "))
	}
	return nil
}

func rows(n int64) string {
	if n < 0 {
		return "no table and no"
	}
	return fmt.Sprint(n)
}

// Look implements ops.Doer: it is counted again.
func (verifyStep) Look(context.Context, *ops.Run) (ops.Seen, error) { return ops.SeenNotDone, nil }

// state is how the Runner has the step.
func state(r *ops.Run) ops.Step {
	for _, st := range r.Operation.Steps {
		if st.Name == r.Step.Name {
			return st
		}
	}
	return ops.Step{}
}

func undoing(r *ops.Run) bool { return state(r).Undoing }

// mayGoOn tells whether a step that is half-done may be begun again, which clears away what is there. Otherwise it is undone.
func mayGoOn(r *ops.Run) bool {
	const tries = 3 // the engine begins a step no more often
	st := state(r)
	return !st.Undoing && !st.Late && st.Tries < tries
}
