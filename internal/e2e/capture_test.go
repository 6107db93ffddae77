package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/alertmanager"
	"github.com/ai-notebook/notebookbot/internal/realparts"
)

var record = flag.Bool("record", false, "write what a real Alertmanager sends into internal/alertmanager/testdata")

// tap keeps what an Alertmanager sends and what our handler made of it.
type tap struct {
	handler *alertmanager.Handler

	mu     sync.Mutex
	bodies [][]byte
	groups []incidents.Webhook
	codes  []int
}

func (p *tap) Receive(_ context.Context, w incidents.Webhook) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.groups = append(p.groups, w)
	return nil
}

func (p *tap) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	rec := httptest.NewRecorder()
	p.handler.ServeHTTP(rec, r)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bodies, p.codes = append(p.bodies, body), append(p.codes, rec.Code)
	w.WriteHeader(rec.Code)
}

// await waits for the first webhook after the first n that cond takes, and gives its place.
func (p *tap) await(t *testing.T, what string, n int, cond func(w incidents.Webhook) bool) int {
	t.Helper()
	at := -1
	eventually(t, what, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		for i := n; i < min(len(p.groups), len(p.bodies)); i++ {
			if cond(p.groups[i]) {
				at = i
				return true
			}
		}
		return false
	})
	return at
}

func (p *tap) body(i int) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.bodies[i]
}

func (p *tap) save(t *testing.T, name string, i int) {
	t.Helper()
	if !*record {
		return
	}
	if err := os.WriteFile(filepath.Join("..", "alertmanager", "testdata", name+".json"), p.body(i), 0o644); err != nil {
		t.Fatal(err)
	}
}

// firing counts the alerts that fire.
func firing(w incidents.Webhook) (n int) {
	for _, a := range w.Alerts {
		if a.Firing {
			n++
		}
	}
	return n
}

// post gives alerts to an Alertmanager as Prometheus would: all at once, those of ended with their end.
func post(t *testing.T, am *realparts.HTTPServer, name string, began time.Time, instances []int, ended func(i int) bool) {
	t.Helper()
	type alert struct {
		Labels       map[string]string `json:"labels"`
		Annotations  map[string]string `json:"annotations"`
		StartsAt     time.Time         `json:"startsAt"`
		EndsAt       time.Time         `json:"endsAt,omitzero"`
		GeneratorURL string            `json:"generatorURL"`
	}
	var all []alert
	for _, i := range instances {
		instance := fmt.Sprintf("backend-%d:8080", i)
		a := alert{
			Labels:      map[string]string{"alertname": name, "instance": instance, "job": "ai-notebook", "severity": "critical", "priority": "P0"},
			Annotations: map[string]string{"summary": "服务 " + instance + " 宕机", "description": "服务已宕机超过1分钟"},
			StartsAt:    began, GeneratorURL: "http://127.0.0.1:9090/graph?g0.expr=up+%3D%3D+0&g0.tab=1",
		}
		if ended(i) {
			a.EndsAt = time.Now()
		}
		all = append(all, a)
	}
	b, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, am.URL+"/api/v2/alerts", bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("alertmanager answers %s", resp.Status)
	}
}

// What a real Alertmanager sends in the life of a group, as our handler takes it. With -record it becomes the handler's captures.
func TestEverythingThatARealAlertmanagerSendsIsTaken(t *testing.T) {
	t.Parallel()
	p := &tap{}
	var err error
	p.handler, err = alertmanager.New(alertmanager.Config{
		Sources: []alertmanager.Source{{Name: "main"}}, Severity: []alertmanager.Severity{{Match: []string{`priority="P0"`}, Level: incidents.P0}},
	}, p, prometheus.NewRegistry(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(p)
	t.Cleanup(srv.Close)
	am := realparts.Alertmanager(t, fmt.Sprintf(`
route:
  receiver: notebookbot
  group_by: [alertname, job]
  group_wait: 200ms
  group_interval: 500ms
  repeat_interval: 1s
  routes: [{receiver: few, matchers: ['alertname="Flood"']}]
receivers:
  - {name: notebookbot, webhook_configs: [{url: '%[1]s', send_resolved: true}]}
  - {name: few, webhook_configs: [{url: '%[1]s', send_resolved: true, max_alerts: 2}]}
`, srv.URL+alertmanager.Path))

	began := time.Now().Add(-time.Minute).Truncate(time.Millisecond)
	none, all := func(int) bool { return false }, func(int) bool { return true }
	post(t, am, "ServiceDown", began, []int{1, 2}, none)
	first := p.await(t, "a group of two", 0, func(w incidents.Webhook) bool { return firing(w) == 2 })
	p.save(t, "10-firing-grouped-2", first)
	repeat := p.await(t, "its repeat", first+1, func(w incidents.Webhook) bool { return firing(w) == 2 })
	p.save(t, "11-firing-grouped-repeat", repeat)
	if !bytes.Equal(p.body(first), p.body(repeat)) {
		t.Errorf("a repeat differs:\n%s\n%s", p.body(first), p.body(repeat))
	}
	post(t, am, "ServiceDown", began, []int{1, 2, 3}, func(i int) bool { return i == 1 })
	partly := p.await(t, "one ended, one more fires", repeat+1, func(w incidents.Webhook) bool { return len(w.Alerts) == 3 && firing(w) == 2 })
	p.save(t, "12-partly-resolved", partly)
	post(t, am, "ServiceDown", began, []int{2, 3}, all)
	over := p.await(t, "all ended", partly+1, func(w incidents.Webhook) bool { return firing(w) == 0 })
	p.save(t, "13-resolved-grouped", over)

	post(t, am, "Flood", began, []int{1, 2, 3, 4, 5}, none)
	few := p.await(t, "a truncated group", over+1, func(w incidents.Webhook) bool { return w.Truncated > 0 })
	p.save(t, "14-truncated", few)

	p.mu.Lock()
	defer p.mu.Unlock()
	for i, code := range p.codes {
		if code != http.StatusOK {
			t.Errorf("answer %d = %d to %s", i, code, p.bodies[i])
		}
	}
	for i, w := range p.groups {
		for _, a := range w.Alerts {
			if !a.StartsAt.Equal(began) || a.Level != incidents.P0 || a.Firing != a.EndsAt.IsZero() || w.Group.Alertmanager != "main" {
				t.Errorf("webhook %d: %+v of %+v", i, a, w.Group)
			}
		}
	}
	if w := p.groups[few]; w.Truncated != 3 || len(w.Alerts) != 2 || w.Group.Receiver != "few" {
		t.Errorf("truncated: %d alerts and %d more for %q, want 2 and 3 for few", len(w.Alerts), w.Truncated, w.Group.Receiver)
	}
	if got, want := p.groups[first].Title, "ServiceDown backend-1:8080, backend-2:8080"; got != want {
		t.Errorf("title = %q, want %q", got, want)
	}
}
