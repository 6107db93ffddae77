package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/internal/realparts"
)

// Whoever takes Alertmanager's last message and loses it: Alertmanager will never tell again that the alert has ended.
func TestAnAlertWhoseEndWasLostWhileTheBotWasAwayIsRecoveredAtItsStart(t *testing.T) {
	t.Parallel()
	slack, addr := startSlack(t), realparts.FreeAddr(t)
	am := realparts.Alertmanager(t, fmt.Sprintf(`
route: {receiver: notebookbot, group_by: [alertname], group_wait: 100ms, group_interval: 1s, repeat_interval: 1h}
receivers:
  - name: notebookbot
    webhook_configs: [{url: "http://%s/webhooks/alertmanager", http_config: {authorization: {credentials: %s}}}]
`, addr, token))
	bot := startBotAt(t, slack, "sqlite:"+t.TempDir()+"/bot.db", addr, fmt.Sprintf(", url: %q, settle: 1ms", am.URL))
	tellAlertmanager(t, am.URL, `[{"labels": {"alertname": "Down", "severity": "critical"}, "annotations": {"summary": "后端宕机"}}]`)
	awaitCard(t, slack, 1, "P0", "后端宕机", "待确认")

	bot.Kill(t)
	lost := make(chan struct{}, 100)
	in, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	thief := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if b, err := io.ReadAll(r.Body); err == nil && strings.Contains(string(b), `"status":"resolved"`) {
			lost <- struct{}{}
		}
	})}
	go func() { _ = thief.Serve(in) }()
	tellAlertmanager(t, am.URL, fmt.Sprintf(`[{"labels": {"alertname": "Down", "severity": "critical"}, "endsAt": %q}]`, time.Now().UTC().Format(time.RFC3339Nano)))
	select {
	case <-lost:
	case <-time.After(soon):
		t.Fatal("Alertmanager did not tell of the end")
	}
	if err := thief.Close(); err != nil {
		t.Fatal(err)
	}

	bot.Start(t)
	awaitCard(t, slack, 1, "P0", "已恢复")
	found := false
	for _, m := range slack.Thread("C0INC", slack.Roots("C0INC")[0].TS) {
		blocks, err := json.Marshal(m.Blocks)
		found = found || err == nil && strings.Contains(string(blocks), "告警已全部结束") && strings.Contains(string(blocks), "比对 Alertmanager 的告警列表")
	}
	if !found {
		t.Error("the thread does not say how the end is known")
	}
}

func tellAlertmanager(t *testing.T, base, alerts string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/api/v2/alerts", strings.NewReader(alerts))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("Alertmanager answers %s", resp.Status)
	}
}
