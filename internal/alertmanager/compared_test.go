package alertmanager

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/store"
)

// compared is a bot's side of an Alertmanager: what takes webhooks, where they go, and what compares.
type compared struct {
	t       *testing.T
	store   *store.Store
	service *incidents.Service
	hook    string // address of the webhook
	deaf    atomic.Bool
	heard   atomic.Int64 // messages, also while deaf
	ahead   atomic.Int64 // how far the comparer's clock is ahead
	look    *Comparer
	reg     *prometheus.Registry
}

func newCompared(t *testing.T) *compared {
	t.Helper()
	c := &compared{t: t, reg: prometheus.NewRegistry()}
	var err error
	if c.store, err = store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "bot.db"), slog.New(slog.DiscardHandler), store.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.store.Close(); err != nil {
			t.Error(err)
		}
	})
	policies := incidents.Policies{Version: "1"}
	for l := range policies.Levels {
		policies.Levels[l] = incidents.Policy{Respond: time.Hour, Resolve: 2 * time.Hour}
	}
	c.service = incidents.NewService(c.store, incidents.Config{Policies: policies, Hold: time.Hour, Channel: "C0INC"}, slog.New(slog.DiscardHandler))
	h, err := New(Config{Sources: []Source{{}}}, c.service, c.reg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !c.deaf.Load() {
			h.ServeHTTP(w, r)
		}
		c.heard.Add(1)
	}))
	t.Cleanup(s.Close)
	c.hook = s.URL + Path
	return c
}

// config is an Alertmanager's, made quick. more are lines of the webhook.
func (c *compared) config(more string) string {
	return fmt.Sprintf(`
route: {receiver: bot, group_by: [alertname], group_wait: 100ms, group_interval: 500ms, repeat_interval: 1h}
receivers:
  - name: bot
    webhook_configs: [{url: "%s", send_resolved: true%s}]
`, c.hook, more)
}

func (c *compared) with(settle time.Duration, urls ...string) {
	c.t.Helper()
	var err error
	c.look, err = NewComparer(CompareConfig{
		Servers: []Server{{URLs: urls, Settle: settle}}, Now: func() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) },
	}, c.store, c.service, c.reg, slog.New(slog.NewTextHandler(c.t.Output(), nil)))
	if err != nil {
		c.t.Fatal(err)
	}
}

// later looks again, when so much time has passed.
func (c *compared) later(d time.Duration) {
	c.ahead.Add(int64(d))
	c.look.Look(c.t.Context())
}

func (c *compared) all() []*incidents.Incident {
	c.t.Helper()
	list, err := c.store.List(c.t.Context(), incidents.Filter{})
	if err != nil {
		c.t.Fatal(err)
	}
	return list
}

// opened waits for so many incidents, and gives the newest.
func (c *compared) opened(n int) *incidents.Incident {
	c.t.Helper()
	eventually(c.t, fmt.Sprintf("%d incidents", n), func() bool { return len(c.all()) == n })
	return c.all()[0]
}

// listed tells from the timeline what was seen in the list.
func (c *compared) listed(number int64) []incidents.NoticeKind {
	c.t.Helper()
	entries, err := c.store.Timeline(c.t.Context(), number)
	if err != nil {
		c.t.Fatal(err)
	}
	var out []incidents.NoticeKind
	for _, e := range entries {
		if e.Fact.Listed {
			out = append(out, e.Kind)
		}
	}
	return out
}

func (c *compared) counted(name string) (sum float64) {
	c.t.Helper()
	families, err := c.reg.Gather()
	if err != nil {
		c.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			for _, m := range f.GetMetric() {
				sum += m.GetCounter().GetValue()
			}
		}
	}
	return sum
}

// firing begins alerts, ending ends them; each is a name, or a name and an instance with a space between.
func firingAt(t *testing.T, url string, names ...string) { tellAlerts(t, url, time.Time{}, names) }
func endingAt(t *testing.T, url string, names ...string) { tellAlerts(t, url, time.Now(), names) }

func tellAlerts(t *testing.T, url string, end time.Time, names []string) {
	t.Helper()
	var list []map[string]any
	for _, name := range names {
		name, instance, _ := strings.Cut(name, " ")
		one := map[string]any{"labels": map[string]string{"alertname": name, "instance": instance, "severity": "critical"}}
		if !end.IsZero() {
			one["endsAt"] = end
		}
		list = append(list, one)
	}
	b, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	a := &api{base: url, client: httpClient(10 * time.Second)}
	if err := a.call(t.Context(), http.MethodPost, "/api/v2/alerts", b, nil); err != nil {
		t.Fatal(err)
	}
	eventually(t, "its list of groups shows it", func() bool { // it is a little behind
		n := 0
		err := a.groups(t.Context(), func(g *listedGroup) {
			for _, one := range g.Alerts {
				if slices.Contains(names, strings.TrimSpace(one.Labels["alertname"]+" "+one.Labels["instance"])) {
					n++
				}
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		return end.IsZero() && n == len(names) || !end.IsZero() && n == 0
	})
}

// passes lets so many rounds of an Alertmanager pass: alerts of their own, one after the other, are told each.
func (c *compared) passes(url string, rounds int) {
	c.t.Helper()
	for i := range rounds {
		before := c.heard.Load()
		firingAt(c.t, url, fmt.Sprintf("Round%d", i))
		eventually(c.t, "an alert is told", func() bool { return c.heard.Load() > before })
		before = c.heard.Load()
		endingAt(c.t, url, fmt.Sprintf("Round%d", i))
		eventually(c.t, "its end is told", func() bool { return c.heard.Load() > before })
	}
}
