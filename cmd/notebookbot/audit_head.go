package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/store"
	"github.com/ai-notebook/notebookbot/templates"
)

const (
	headEvery = 5 * time.Minute
	headHour  = 9 // of the house's day: when people are there to see it
)

// headTeller tells the end of the audit log in ops once a day. What stands in Slack cannot be written anew with the log.
type headTeller struct {
	store *store.Store
	words *templates.Templates
	ops   string
	zone  *time.Location
	log   *slog.Logger

	told string // the day that is done
}

// run tells it each day until ctx ends.
func (h *headTeller) run(ctx context.Context) error {
	tick := time.NewTicker(headEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := h.tell(ctx, time.Now()); err != nil && ctx.Err() == nil {
			h.log.WarnContext(ctx, "telling the end of the audit log", "err", err)
		}
	}
}

// tell puts the day's message into the outbox, unless it was there already: its key is the day's, on every replica and after
// every start.
func (h *headTeller) tell(ctx context.Context, now time.Time) error {
	now = now.In(h.zone)
	day := now.Format(time.DateOnly)
	if day == h.told || now.Hour() < headHour {
		return nil
	}
	head, err := h.store.Audit().Head(ctx)
	if err != nil || head.Seq == 0 {
		return err
	}
	message, err := json.Marshal(h.words.AuditHead(head.Seq, head.Hash))
	if err != nil {
		return fmt.Errorf("write the end of the audit log: %w", err)
	}
	n := incidents.Notice{
		Key: "audit/head/" + day, Kind: incidents.Answer, Lane: "audit", Priority: incidents.PriorityTrouble,
		At: now.UTC(), By: incidents.Actor{Kind: incidents.ByClock}, Channel: h.ops, Message: message,
	}
	if err := h.store.Write(ctx, incidents.Want{}, func(tx incidents.Tx) error { return tx.Notify(n) }); err != nil {
		return err
	}
	h.told = day
	return nil
}
