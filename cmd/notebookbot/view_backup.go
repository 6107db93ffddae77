package main

import (
	"context"
	"errors"
	"time"

	"github.com/ai-notebook/notebookbot/commands"
	"github.com/ai-notebook/notebookbot/internal/ops/backup"
	"github.com/ai-notebook/notebookbot/internal/ops/restore"
	"github.com/ai-notebook/notebookbot/templates"
)

// backupViews is the folder of the backups as commands show it.
type backupViews struct {
	sets *backup.Sets
	dir  string // of the sets
}

var _ commands.Backups = backupViews{}

// BackupList implements commands.Backups.
func (b backupViews) BackupList(most int) (templates.BackupListView, error) {
	sets, err := b.sets.List()
	v := templates.BackupListView{Total: len(sets)}
	for _, set := range sets[:min(len(sets), most)] {
		v.Sets = append(v.Sets, backupSet(set))
	}
	return v, err
}

// BackupCopies implements commands.Backups.
func (b backupViews) BackupCopies(ctx context.Context, most int) (templates.BackupListView, error) {
	copies, err := b.sets.Copies(ctx)
	v := templates.BackupListView{Total: len(copies), Remote: true}
	for _, m := range copies[:min(len(copies), most)] {
		v.Sets = append(v.Sets, backupManifest(m))
	}
	return v, err
}

// BackupStatus implements commands.Backups.
func (b backupViews) BackupStatus() (templates.BackupStatusView, error) {
	st, err := b.sets.Status()
	v := templates.BackupStatusView{
		Loss: string(st.Loss), Age: st.Age, RPO: st.RPO, Next: st.Next, Every: st.Every, Sets: st.Sets, Proven: st.Proven, Bytes: st.Bytes,
		Free: st.Free.Bytes, Remote: st.Remote, Copied: st.Copied, Plain: st.Plain,
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
	return v, errors.Join(err, tried)
}

func backupSet(set *backup.Set) templates.BackupSet {
	s := backupManifest(&set.Manifest)
	s.Proven, s.Why, s.Copied = set.Proven(), set.Proof.Why+set.Broken, set.Upload.Set == set.ID
	if s.Proven {
		s.Sealed = set.Proof.Sealed()
	}
	s.Tried = !set.Proof.At.IsZero() || set.Broken != ""
	return s
}

func backupManifest(m *backup.Manifest) templates.BackupSet {
	return templates.BackupSet{
		ID: m.ID, At: m.At, Kind: string(m.Kind), Bytes: m.Size(), Files: int(m.Files.Count), Changed: int(m.Files.Changed),
	}
}
