package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/alertmanager"
	"github.com/ai-notebook/notebookbot/internal/realparts"
	"github.com/ai-notebook/notebookbot/internal/store"
)

// BenchmarkIntake measures webhooks a second, from the socket to the commit, beside a bare handler of net/http that decodes the
// same bodies with encoding/json and keeps nothing. The two take turns, in rounds, so that both meet the same machine.
//
//	go test ./internal/e2e -run '^$' -bench Intake -benchtime 4000x
//
// distinct: each body is a group of its own, so an incident, its card and its timeline are committed. repeated: one body again and
// again, as Alertmanager repeats it.
func BenchmarkIntake(b *testing.B) {
	stores := []struct {
		name string
		url  func(b *testing.B) string
	}{
		{"sqlite", func(b *testing.B) string { return "sqlite:" + b.TempDir() + "/bot.db" }},
		{"postgres", func(b *testing.B) string { return realparts.Postgres(b) }},
	}
	for _, s := range stores {
		b.Run(s.name, func(b *testing.B) {
			url := s.url(b)
			for _, kind := range []string{"distinct", "repeated"} {
				for _, workers := range []int{1, 8, 64} {
					b.Run(fmt.Sprintf("%s/c=%d", kind, workers), func(b *testing.B) { intake(b, url, kind == "distinct", workers) })
				}
			}
		})
	}
}

func intake(b *testing.B, url string, distinct bool, workers int) {
	st, err := store.Open(b.Context(), url, slog.New(slog.DiscardHandler), store.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := st.Close(); err != nil {
			b.Error(err)
		}
	}()
	policy := incidents.Policy{Respond: time.Hour, Resolve: 24 * time.Hour, Escalate: []string{"oncall"}}
	service := incidents.NewService(st, incidents.Config{
		Policies: incidents.Policies{Version: "1", Levels: [...]incidents.Policy{policy, policy, policy}}, Hold: time.Minute, Channel: "C0INC",
	}, slog.New(slog.DiscardHandler))
	handler, err := alertmanager.New(alertmanager.Config{
		Sources:  []alertmanager.Source{{}},
		Severity: []alertmanager.Severity{{Match: []string{`priority="P0"`}, Level: incidents.P0}, {Match: []string{`severity="critical"`}, Level: incidents.P0}},
	}, service, prometheus.NewRegistry(), slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	ours, bare := newLoad(b, handler, workers), newLoad(b, http.HandlerFunc(decodeOnly), workers)

	serial.Add(1)
	var next atomic.Int64
	body := func() string {
		if distinct {
			return webhook(serial.Load(), next.Add(1))
		}
		return webhook(serial.Load(), 0)
	}
	ours.run(b, workers, body) // connections are open, the repeated alert is known
	bare.run(b, workers, body)
	const perWorker = 8 // requests of a round
	var our, their time.Duration
	sent, asked := 0, 0
	round := func() {
		our += ours.run(b, asked, body)
		their += bare.run(b, asked, body)
		sent, asked = sent+asked, 0
	}
	for b.Loop() { // it decides how many requests are asked for; they are sent in rounds
		if asked++; asked == perWorker*workers {
			round()
		}
	}
	if asked > 0 {
		round()
	}
	b.ReportMetric(float64(sent)/our.Seconds(), "req/s")
	b.ReportMetric(float64(sent)/their.Seconds(), "bare-req/s")
	b.ReportMetric(their.Seconds()/our.Seconds(), "ours/bare")
	b.ReportMetric(0, "ns/op") // of both together: says nothing
}

// serial keeps the bodies of one benchmark apart from those of the next on the same store.
var serial atomic.Int64

func webhook(run, i int64) string {
	return fmt.Sprintf(`{"receiver":"chatops","status":"firing","alerts":[{"status":"firing","labels":{"alertname":"ServiceDown",`+
		`"instance":"backend-%[1]d-%[2]d:8080","job":"ai-notebook","severity":"critical"},"annotations":{"description":"服务已宕机超过1分钟",`+
		`"summary":"服务 backend-%[1]d-%[2]d:8080 宕机"},"startsAt":"2026-11-22T23:36:03.884923824Z","endsAt":"0001-01-01T00:00:00Z",`+
		`"generatorURL":"http://127.0.0.1:9090/graph?g0.expr=up+%%3D%%3D+0\u0026g0.tab=1","fingerprint":"%016[2]x"}],`+
		`"groupLabels":{"alertname":"ServiceDown"},"commonLabels":{"alertname":"ServiceDown","job":"ai-notebook","severity":"critical"},`+
		`"commonAnnotations":{"summary":"服务 backend-%[1]d-%[2]d:8080 宕机"},"externalURL":"http://vm:19093","version":"4",`+
		`"groupKey":"{}:{alertname=\"ServiceDown\", n=\"%[1]d-%[2]d\"}","truncatedAlerts":0}`, run, i)
}

// decodeOnly is the upper bound: it takes the body in and forgets it.
func decodeOnly(w http.ResponseWriter, r *http.Request) {
	var v struct {
		Alerts []struct {
			Status, Fingerprint, GeneratorURL string
			Labels, Annotations               map[string]string
			StartsAt, EndsAt                  time.Time
		}
		Version, GroupKey, Receiver, Status, ExternalURL string
		GroupLabels, CommonLabels, CommonAnnotations     map[string]string
		TruncatedAlerts                                  uint64
	}
	if err := json.NewDecoder(r.Body).Decode(&v); err != nil {
		w.WriteHeader(http.StatusBadRequest)
	}
}

// load sends to one handler over connections that stay open.
type load struct {
	url     string
	client  *http.Client
	workers int
}

func newLoad(b *testing.B, h http.Handler, workers int) *load {
	srv := httptest.NewServer(h)
	b.Cleanup(srv.Close)
	return &load{srv.URL + alertmanager.Path, &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: workers}}, workers}
}

// run sends n bodies and tells how long that took.
func (l *load) run(b *testing.B, n int, body func() string) time.Duration {
	b.Helper()
	bodies := make([]string, n)
	for i := range bodies {
		bodies[i] = body()
	}
	var at atomic.Int64
	var failed atomic.Pointer[string]
	began := time.Now()
	var wg sync.WaitGroup
	for range l.workers {
		wg.Go(func() {
			for {
				i := int(at.Add(1)) - 1
				if i >= n {
					return
				}
				if err := l.send(b.Context(), bodies[i]); err != "" {
					failed.Store(&err)
					return
				}
			}
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		b.Fatal(*err)
	}
	return time.Since(began)
}

func (l *load) send(ctx context.Context, body string) string {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, l.url, strings.NewReader(body))
	if err != nil {
		return err.Error()
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := l.client.Do(req)
	if err != nil {
		return err.Error()
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return resp.Status
	}
	return ""
}
