package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/postgres"
	"github.com/ai-notebook/notebookbot/internal/ops/restore"
	"github.com/ai-notebook/notebookbot/internal/store"
	"github.com/ai-notebook/notebookbot/templates"
)

// restores wires what puts backup sets back; nil: there is nothing that could be.
func (c *Config) restores(o *operations) (*restore.Kind, error) {
	if o.sets == nil {
		return nil, nil
	}
	db, err := postgres.Open(o.engine, postgres.Config{Service: c.Database.Service, Name: c.Database.Name, User: c.Database.User})
	if err != nil {
		return nil, err
	}
	k := &restore.Kind{DB: db, Sets: o.sets, Engine: o.engine, App: o.app, Config: restore.Config{
		Root: c.Target.Dir, Files: c.Backup.Files, Config: c.Backup.Config, Secrets: c.Backup.Secrets, Zone: c.App.Location,
	}}
	if o.archive != nil {
		k.Archive = o.archive
	}
	return k, nil
}

// restoreKeeper tries restores by time until ctx ends, and drops what was kept long enough. As with backups, only where the configuration
// names an application.
func (c *Config) restoreKeeper(ctx context.Context, o *operations, st *store.Store, log *slog.Logger) error {
	_, target := c.lines["target"]
	_, configured := c.lines["backup"]
	if o.restores == nil || !target && !configured {
		return nil
	}
	keeper := &restore.Keeper{Kind: o.restores, Sets: c.Backup.Dir, Every: c.Backup.Rehearse, RTO: c.Backup.RTO, Log: log}
	keeper.Tell = func(ctx context.Context, t restore.Trial) error {
		f := incidents.Fact{Text: templates.TroubleRestore, Titles: []string{t.Set, t.Why}, After: time.Duration(t.Took) * time.Millisecond}
		n := incidents.TroubleNotice("", c.Slack.Channels.Ops, f, time.Now())
		n.Key = "trouble/" + templates.TroubleRestore + "/" + t.Set + "/" + t.At.Format(time.DateOnly)
		return st.WriteOperations(ctx, ops.Want{}, func(tx ops.Tx) error { return tx.Notify(n) })
	}
	keeper.Open = func(ctx context.Context) (bool, error) {
		open, err := st.ListOperations(ctx, ops.Filter{Open: true, Word: o.restores.Word(), Limit: 1})
		return len(open) > 0, err
	}
	return keeper.Run(ctx)
}
