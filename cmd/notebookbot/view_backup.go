package main

import (
	"context"
	"errors"
	"time"

	"github.com/ai-notebook/notebookbot/commands"
	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/backup"
	"github.com/ai-notebook/notebookbot/internal/ops/restore"
	"github.com/ai-notebook/notebookbot/internal/ops/wal"
	"github.com/ai-notebook/notebookbot/templates"
)

// backupViews is the folder of the backups as commands show it.
type backupViews struct {
	sets *backup.Sets
	dir  string       // of the sets
	log  *wal.Archive // nil: none is kept
}

var _ commands.Backups = backupViews{}

// farWithin is how long the second place may take to say what lies there: what lies here is told without it.
const farWithin = 15 * time.Second

// BackupList implements commands.Backups.
func (b backupViews) BackupList(ctx context.Context, most int, far bool) (templates.BackupListView, error) {
	ctx, cancel := context.WithTimeout(ctx, farWithin)
	defer cancel()
	l, err := b.sets.Listing(ctx, most, far)
	v := templates.BackupListView{Total: l.Total, Remote: far, Away: farError(l.FarErr)}
	for _, x := range l.Sets {
		set := backupSet(x.Set)
		set.Here, set.Far = x.Here, x.Far
		v.Sets = append(v.Sets, set)
	}
	return v, err
}

// farError is what people read when the second place does not answer.
func farError(err error) string {
	if err == nil {
		return ""
	}
	if p, ok := errors.AsType[*ops.Problem](err); ok && p.Text != "" {
		return p.Text
	}
	return err.Error()
}

// BackupStatus implements commands.Backups.
func (b backupViews) BackupStatus(ctx context.Context) (templates.BackupStatusView, error) {
	st, err := b.sets.Status()
	v := templates.BackupStatusView{
		Loss: string(st.Loss), Age: st.Age, RPO: st.RPO, Next: st.Next, Every: st.Every, Sets: st.Sets, Proven: st.Proven, Bytes: st.Bytes,
		Free: st.Free.Bytes, Remote: st.Remote, Copied: st.Copied, Plain: st.Plain,
		Daily: st.Daily, Lasts: st.Lasts, Short: st.Short, Keep: st.Keep, Spare: len(st.Spare), SpareBytes: bytesOf(st.Spare),
	}
	if st.Remote {
		ctx, cancel := context.WithTimeout(ctx, farWithin)
		defer cancel()
		far, err := b.sets.Stock(ctx)
		v.Away = farError(err)
		v.FarSets, v.FarBytes, v.FarOldest, v.FarHalves = far.Sets, far.Bytes, far.Oldest, far.Halves
	}
	if st.Newest != nil {
		s := backupSet(st.Newest)
		v.Newest = &s
	}
	trial, tried := restore.LastTrial(b.dir)
	if trial != nil {
		v.Trial = &templates.RestoreTrial{
			Set: trial.Set, At: trial.At, Good: trial.Good, Took: time.Duration(trial.Took) * time.Millisecond, Rows: trial.Rows, Why: trial.Why,
		}
	}
	err = errors.Join(err, tried)
	if b.log != nil {
		view, looked := logView(b.log)
		v.Log, err = view, errors.Join(err, looked)
	}
	return v, err
}

func backupSet(set *backup.Set) templates.BackupSet {
	s := backupManifest(&set.Manifest)
	s.Proven, s.Why, s.Copied = set.Proven(), set.Proof.Why+set.Broken, set.Upload.Set == set.ID
	if s.Proven {
		s.Sealed = set.Proof.Sealed()
	}
	s.Tried = !set.Proof.At.IsZero() || set.Broken != ""
	s.Partly = len(set.Without) > 0
	return s
}

func bytesOf(sets []*backup.Set) (n int64) {
	for _, set := range sets {
		n += set.Size()
	}
	return n
}

func backupManifest(m *backup.Manifest) templates.BackupSet {
	return templates.BackupSet{
		ID: m.ID, At: m.At, Kind: string(m.Kind), Bytes: m.Size(), Files: int(m.Files.Count), Changed: int(m.Files.Changed),
	}
}
