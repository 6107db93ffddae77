package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/ai-notebook/notebookbot/bot"
	"github.com/ai-notebook/notebookbot/commands"
	"github.com/ai-notebook/notebookbot/internal/ops/health"
	"github.com/ai-notebook/notebookbot/internal/store"
	"github.com/ai-notebook/notebookbot/internal/web"
	"github.com/ai-notebook/notebookbot/notify"
	"github.com/ai-notebook/notebookbot/templates"
)

// readyParts tells programs at /readyz, in English, what `health` tells people of the bot's own parts. Without the store alone no alert
// can be taken.
func readyParts(parts []health.Part) ([]web.Part, error) {
	words, err := templates.New(templates.English, time.UTC, templates.Options{})
	if err != nil {
		return nil, err
	}
	var out []web.Part
	for _, p := range parts {
		out = append(out, web.Part{Name: p.Name, Needed: p.Name == "store", Check: func(ctx context.Context) (web.State, string) {
			found := p.Look(ctx)
			var says []string
			for _, f := range commands.HealthFindings(found) {
				if f.Code != "bot.ok" {
					says = append(says, words.HealthReason(f))
				}
			}
			return web.State(health.Worst(found)), strings.Join(says, "; ")
		}})
	}
	return out, nil
}

func storeHealth(ctx context.Context, st *store.Store) []health.Finding {
	if err := st.Healthy(ctx); err != nil {
		return []health.Finding{{State: health.Failed, Code: "store.failed", Facts: health.Facts{Text: err.Error()}}}
	}
	return []health.Finding{{State: health.OK, Code: "bot.ok"}}
}

// slackHealth is the sockets: a warning when one of them is away, failed when all are, or the token is refused.
func slackHealth(edge *bot.Bot) []health.Finding {
	var out []health.Finding
	connected := 0
	var whys []string
	var since time.Time
	sockets := edge.Sockets()
	for _, s := range sockets {
		if s.State == bot.Connected {
			connected++
			continue
		}
		if since.IsZero() || s.Since.Before(since) {
			since = s.Since
		}
		if s.Reason != "" && !slices.Contains(whys, s.Reason) {
			whys = append(whys, s.Reason)
		}
	}
	if trouble := edge.TokenTrouble(); trouble != "" {
		out = append(out, health.Finding{State: health.Failed, Code: "slack.token", Facts: health.Facts{Text: trouble}})
	}
	f := health.Facts{Count: connected, Total: len(sockets), Text: strings.Join(whys, ", ")}
	if !since.IsZero() {
		f.Age = time.Since(since).Round(time.Second)
	}
	switch {
	case connected == 0:
		out = append(out, health.Finding{State: health.Failed, Code: "slack.away", Facts: f})
	case connected < len(sockets):
		out = append(out, health.Finding{State: health.Warning, Code: "slack.some", Facts: f})
	default:
		out = append(out, health.Finding{State: health.OK, Code: "slack.up", Facts: f})
	}
	return out
}

// outboxHealth is what waits and what cannot be told.
func outboxHealth(ctx context.Context, st *store.Store, outbox *notify.Outbox) []health.Finding {
	d, err := st.Depth(ctx)
	if err != nil {
		return []health.Finding{{State: health.Failed, Code: "store.failed", Facts: health.Facts{Text: err.Error()}}}
	}
	f := health.Facts{Count: d.Waiting}
	if !d.Oldest.IsZero() {
		f.Age = time.Since(d.Oldest).Round(time.Second)
	}
	out := []health.Finding{{State: health.OK, Code: "outbox.waiting", Facts: f}}
	if d.Failed > 0 {
		out = append(out, health.Finding{State: health.Warning, Code: "outbox.failed", Facts: health.Facts{Count: d.Failed}})
	}
	if troubles := outbox.Troubles(); len(troubles) > 0 {
		out = append(out, health.Finding{State: health.Warning, Code: "outbox.refused", Facts: health.Facts{Text: strings.Join(troubles, ", ")}})
	}
	return out
}
