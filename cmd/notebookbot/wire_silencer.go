package main

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/alertmanager"
	"github.com/ai-notebook/notebookbot/internal/store"
	"github.com/ai-notebook/notebookbot/templates"
)

// silencer silences what operations cause; nil where no Alertmanager has an address. ended is told when silences have ended.
func (c *Config) silencer(ended func()) (*alertmanager.Silencer, error) {
	return alertmanager.NewSilencer(alertmanager.SilencerConfig{
		Servers: c.alertmanagers(), Alerts: c.Target.Alerts, Owner: c.Target.Project, Ended: ended,
	})
}

// comparer compares incidents with Alertmanager's own list; nil where no Alertmanager has an address.
func (c *Config) comparer(st *store.Store, to alertmanager.Receiver, reg prometheus.Registerer, log *slog.Logger) (*alertmanager.Comparer, error) {
	return alertmanager.NewComparer(alertmanager.CompareConfig{
		Servers: c.alertmanagers(), Severity: c.severities(), Routes: c.routes(),
		Failing: func(ctx context.Context, address string, err error, since time.Duration) {
			f := incidents.Fact{Text: templates.TroubleAlertmanagerAway, Titles: []string{address, err.Error()}, After: since.Round(time.Minute)}
			n := incidents.TroubleNotice(address, c.Slack.Channels.Ops, f, time.Now())
			if err := st.Write(ctx, incidents.Want{}, func(tx incidents.Tx) error { return tx.Notify(n) }); err != nil {
				log.WarnContext(ctx, "telling that Alertmanager is away", "err", err)
			}
		},
	}, st, to, reg, log)
}

func (c *Config) alertmanagers() []alertmanager.Server {
	var out []alertmanager.Server
	for _, a := range c.Alertmanager {
		out = append(out, alertmanager.Server{
			Name: a.Name, URLs: a.URLs, Username: a.Username, Password: strings.TrimSpace(a.Password.Reveal()),
			Token: strings.TrimSpace(a.APIToken.Reveal()), Settle: a.Settle,
		})
	}
	return out
}
