package main

import (
	"context"

	"github.com/ai-notebook/notebookbot/internal/ops/backup"
	"github.com/ai-notebook/notebookbot/internal/ops/cleanup"
	"github.com/ai-notebook/notebookbot/internal/ops/deploy"
	"github.com/ai-notebook/notebookbot/internal/ops/docker"
)

// cleanupKind is the clean-up, which asks deploys what a rollback needs.
func (c *Config) cleanupKind(o *operations) *cleanup.Kind {
	k := cleanup.New(cleanup.Config{Project: c.Target.Project, Dir: c.Target.Dir}, o.engine, o.app)
	k.Versions = deployed{o.engine, c.Target.Project}
	if o.sets != nil {
		k.Backups = oldSets{o.sets}
	}
	return k
}

// deployed are the versions that deploys have kept.
type deployed struct {
	engine  *docker.Engine
	project string
}

// Needed implements cleanup.Versions.
func (d deployed) Needed(ctx context.Context) ([]string, error) {
	kept, err := deploy.Kept(ctx, d.engine, d.project)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, k := range kept {
		if k.Needed {
			ids = append(ids, k.ID)
		}
	}
	return ids, nil
}

// oldSets are the backups that retention gives up.
type oldSets struct{ *backup.Sets }

// Expired implements cleanup.Backups.
func (s oldSets) Expired(ctx context.Context) ([]cleanup.OldSet, error) {
	old, err := s.Old(ctx)
	if err != nil {
		return nil, err
	}
	var out []cleanup.OldSet
	for _, set := range old {
		out = append(out, cleanup.OldSet{ID: set.ID, At: set.At, Size: set.Size()})
	}
	return out, nil
}
