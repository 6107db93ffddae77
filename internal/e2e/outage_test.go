package e2e

import (
	"testing"

	"github.com/ai-notebook/notebookbot/internal/realparts"
)

// An outage and a bad release, as people see them in Slack, through a real Prometheus and two real Alertmanagers that both tell
// of everything.
func TestAnOutageBecomesOneCardAndRecovers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		pair  bool
		store func(t *testing.T) string
	}{
		{"two Alertmanagers that do not know of each other, SQLite", false, func(t *testing.T) string { return "sqlite:" + t.TempDir() + "/bot.db" }},
		{"a highly available pair, PostgreSQL", true, func(t *testing.T) string { return realparts.Postgres(t) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			realparts.Require(t, "prometheus")
			realparts.Require(t, "alertmanager")
			slack := startSlack(t)
			bot := startBot(t, slack, tt.store(t))
			app := newApplication(t)
			ams := startAlertmanagers(t, bot, token, tt.pair)
			prom := startPrometheus(t, app.addr, bot, ams)
			eventually(t, "Prometheus watches the application", func() bool {
				return figure(t, prom.URL, "prometheus_target_scrape_pool_targets") == 3 && figure(t, prom.URL, "prometheus_notifications_alertmanagers_discovered") == 2
			})

			app.goDown()
			awaitCard(t, slack, 1, "P0", "服务 "+app.addr+" 宕机", "INC-1", "待确认")
			if tt.pair {
				eventually(t, "the pair tells again", func() bool { return delivered(t, ams[0])+delivered(t, ams[1]) >= 3 })
			} else {
				eventually(t, "both tell, and tell again", func() bool { return delivered(t, ams[0]) >= 2 && delivered(t, ams[1]) >= 2 })
			}
			if n := len(cards(slack)); n != 1 {
				t.Errorf("%d cards for one outage that two Alertmanagers tell of, want 1", n)
			}
			if open := figure(t, "http://"+bot, `notebookbot_incidents_open{level="P0"}`); open != 1 {
				t.Errorf("%v incidents of P0 are open, want 1", open)
			}

			app.comeBack(t)
			awaitCard(t, slack, 1, "P0", "已恢复")

			app.fail(true)
			awaitCard(t, slack, 2, "P1", "高错误率检测", "INC-2", "待确认")
			app.fail(false)
			awaitCard(t, slack, 2, "P1", "已恢复")

			if n := len(cards(slack)); n != 2 {
				t.Errorf("%d cards in the end, want 2", n)
			}
			if refused := figure(t, "http://"+bot, "notebookbot_webhook_answers_total{code=\"4"); refused != 0 {
				t.Errorf("%v webhooks of real Alertmanagers were refused", refused)
			}
		})
	}
}
