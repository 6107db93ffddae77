package restore

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/postgres"
	"github.com/ai-notebook/notebookbot/internal/ops/wal"
)

// Archive is the part of the log's archive that restores use.
type Archive interface {
	Choose(moment time.Time) (*wal.Choice, error)
	Recover(ctx context.Context, key, base string, moment time.Time, progress func(done, total int64)) error
	Recovered(ctx context.Context, key string) (wal.Recovered, error)
	Copy(ctx context.Context, key string) (*postgres.Database, error)
	Discard(ctx context.Context, key string) error
}

var _ Archive = (*wal.Archive)(nil)

// The steps by which the database comes back to a moment. What follows is that of a set.
const (
	stepReplay  = "replay"  // a copy of the cluster, brought to the moment
	stepTake    = "take"    // the database out of it, into a new one beside the live one
	stepDiscard = "discard" // the copy
)

// momentArgs are the arguments of these steps.
type momentArgs struct {
	Base   string    `json:"base"`
	Moment time.Time `json:"moment"`
}

// momentLike tells what is meant as a moment, rightly written or not: ids of sets have no dashes.
var momentLike = regexp.MustCompile(`^(\d{1,4}[-/.]\d{1,2}([-/.]|$)|\d{1,2}:\d{1,2})`)

// momentForms are how a moment may be written; without a zone it is in the application's.
var momentForms = []string{
	"2006-1-2T15:04:05", "2006-1-2T15:04", "2006-1-2T15:04:05Z07:00", "2006-1-2T15:04Z07:00",
}

// parseMoment reads what somebody wrote.
func parseMoment(text string, zone *time.Location) (time.Time, error) {
	for _, form := range momentForms {
		if t, err := time.ParseInLocation(form, text, zone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, &ops.Problem{Code: "wal_time", Name: text}
}

func (k *Kind) zone() *time.Location {
	if k.Config.Zone == nil {
		return time.UTC
	}
	return k.Config.Zone
}

// planMoment plans `restore TIME [database]`: the database alone, since of files there is no log.
func (k *Kind) planMoment(ctx context.Context, words []string) (ops.Plan, error) {
	if k.Archive == nil {
		return ops.Plan{}, &ops.Problem{Code: "wal_off"}
	}
	moment, err := parseMoment(words[0], k.zone())
	if err != nil {
		return ops.Plan{}, err
	}
	if len(words) > 2 || len(words) == 2 && words[1] != partDatabase {
		return ops.Plan{}, &ops.Problem{Code: "wal_part", Name: words[1]}
	}
	choice, err := k.Archive.Choose(moment)
	if err != nil {
		return ops.Plan{}, k.inZone(err)
	}
	p, err := k.begin(ctx, []string{partDatabase})
	if err != nil {
		return p, err
	}
	d := Details{
		At: moment.UTC(), Moment: k.written(moment), Base: choice.Base.ID, Copied: choice.Base.At, Log: choice.Files, Size: choice.Bytes, Parts: []string{partDatabase},
	}
	if err := k.nameAndSize(ctx, &p, &d); err != nil {
		return p, err
	}
	if err := k.roomForCopy(ctx, choice, d.Now); err != nil {
		return p, err
	}
	live, err := k.DB.OID(ctx, k.DB.Name())
	if err != nil {
		return p, err
	}
	p.Args = []string{moment.Format(time.RFC3339), partDatabase}
	p.Backup = ops.Backup{Choice: ops.BackupWanted}
	a := args(momentArgs{choice.Base.ID, moment.UTC()})
	p.Steps = []ops.StepPlan{
		{Name: stepReplay, Args: a, Changes: true, Undo: "discard_copy", Deadline: longStep},
		{Name: stepTake, Args: a, Changes: true, Undo: "drop_new_database", Deadline: longStep},
		{Name: stepVerify, Args: args(setArgs{}), Deadline: longStep},
		{Name: stepDiscard, Args: a, Deadline: shortStep},
		{Name: stepSwap, Args: args(swapArgs{Live: live}), Changes: true, Undo: "restore_old_database", Deadline: shortStep, Bound: true},
	}
	return k.end(ctx, p, d, d.Parts)
}

// written is a moment as people read it, with its zone.
func (k *Kind) written(moment time.Time) string {
	return moment.In(k.zone()).Format("2006-01-02 15:04:05 -07:00")
}

// inZone writes the moments that a refusal speaks of in the application's zone.
func (k *Kind) inZone(err error) error {
	p, ok := errors.AsType[*ops.Problem](err)
	if !ok {
		return err
	}
	out := *p
	out.Names = nil
	for _, text := range append([]string{p.Name}, p.Names...) {
		if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
			text = k.written(t)
		}
		out.Names = append(out.Names, text)
	}
	out.Name, out.Names = out.Names[0], out.Names[1:]
	return &out
}

// roomForCopy refuses to begin where the copy, its log and the new database would not fit beside what is there. The engine keeps the copy where
// it usually keeps the volume of the database too.
func (k *Kind) roomForCopy(ctx context.Context, choice *wal.Choice, live int64) error {
	free, known, err := k.DB.Free(ctx)
	if err != nil {
		return err
	}
	const mega = 1_000_000
	if need := choice.Bytes + live; known && free < need {
		return &ops.Problem{Code: "restore_space", Name: k.DB.Service(), Count: int(free / mega), Total: int(need / mega)}
	}
	return nil
}

// replayStep brings a copy of the cluster to the moment.
type replayStep struct{ k *Kind }

// Do implements ops.Doer. What an earlier try has left is removed first.
func (s replayStep) Do(ctx context.Context, r *ops.Run) error {
	var a momentArgs
	if err := r.Args(&a); err != nil {
		return err
	}
	if s.k.Archive == nil {
		return fmt.Errorf("%w: %w", ops.ErrUnchanged, ops.Caused("wal_off", "", nil))
	}
	return s.k.Archive.Recover(ctx, r.Operation.Key(), a.Base, a.Moment, func(done, total int64) {
		r.Progress(ops.Progress{Done: done, Total: total, Unit: "bytes"})
	})
}

// Look implements ops.Doer.
func (s replayStep) Look(ctx context.Context, r *ops.Run) (ops.Seen, error) {
	how, err := s.k.recovered(ctx, r)
	switch {
	case err != nil:
		return "", err
	case how == wal.RecoveredWhole && !undoing(r):
		return ops.SeenDone, nil
	case how == wal.RecoveredNot, mayGoOn(r):
		return ops.SeenNotDone, nil
	}
	return ops.SeenPartly, nil
}

// Undo implements ops.Doer.
func (s replayStep) Undo(ctx context.Context, r *ops.Run) error { return s.k.discard(ctx, r) }

func (k *Kind) recovered(ctx context.Context, r *ops.Run) (wal.Recovered, error) {
	if k.Archive == nil {
		return wal.RecoveredNot, nil
	}
	return k.Archive.Recovered(ctx, r.Operation.Key())
}

func (k *Kind) discard(ctx context.Context, r *ops.Run) error {
	if k.Archive == nil {
		return nil
	}
	return k.Archive.Discard(ctx, r.Operation.Key())
}

// takeStep dumps the database as it was straight into a new one beside the live one.
type takeStep struct{ fillStep }

// Do implements ops.Doer. What an earlier try has left is dropped first.
func (s takeStep) Do(ctx context.Context, r *ops.Run) error {
	if s.k.Archive == nil {
		return fmt.Errorf("%w: %w", ops.ErrUnchanged, ops.Caused("wal_off", "", nil))
	}
	name, err := s.k.DB.Made("new", r.Operation.Key())
	if err != nil {
		return err
	}
	from, err := s.k.Archive.Copy(ctx, r.Operation.Key())
	if err != nil {
		return fmt.Errorf("%w: %w", ops.ErrUnchanged, err)
	}
	dump, err := s.k.pour(ctx, from, name, func(done, total int64) {
		r.Progress(ops.Progress{Done: done, Total: total, Unit: "bytes"})
	})
	if err != nil {
		return err
	}
	return r.Record(ctx, taken{dump.Counts})
}

// Look implements ops.Doer. A database whose rows nobody kept the number of could not be verified: it is filled anew.
func (s takeStep) Look(ctx context.Context, r *ops.Run) (ops.Seen, error) {
	seen, err := s.fillStep.Look(ctx, r)
	if err != nil || seen != ops.SeenDone {
		return seen, err
	}
	switch known, err := r.Output(stepTake, &taken{}); {
	case err != nil:
		return "", err
	case known:
		return ops.SeenDone, nil
	case mayGoOn(r):
		return ops.SeenNotDone, nil
	}
	return ops.SeenPartly, nil
}

// taken is what takeStep records.
type taken struct {
	Rows postgres.Counts `json:"rows"`
}

// discardStep removes the copy once all that was needed of it is here.
type discardStep struct {
	noUndo
	k *Kind
}

// Do implements ops.Doer.
func (s discardStep) Do(ctx context.Context, r *ops.Run) error { return s.k.discard(ctx, r) }

// Look implements ops.Doer.
func (s discardStep) Look(ctx context.Context, r *ops.Run) (ops.Seen, error) {
	if how, err := s.k.recovered(ctx, r); err != nil || how == wal.RecoveredNot {
		return ops.SeenDone, err
	}
	return ops.SeenNotDone, nil
}
