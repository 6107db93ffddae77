package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/ai-notebook/notebookbot/internal/console"
)

// guideAlerts plays Alertmanager for the demo: it sends the guide's alerts to the real webhook, in the real format.
type guideAlerts struct {
	now    func() time.Time
	locale string
	token  Secret

	mu     sync.Mutex
	base   string               // address of the bot; empty: not listening yet
	firing map[string]time.Time // by key: since when
}

// Where the alerts say that they come from. Neither is there in the demo.
const (
	demoPrometheus   = "127.0.0.1:9090"
	demoAlertmanager = "127.0.0.1:9093"
)

// guideAlert is one rule of the guide with the instances it fires for.
type guideAlert struct {
	name, severity       string
	instances            []string
	summary, description words
	label                words
	group                string // of an alert of the sample application: its instance, which has an incident of its own
}

func (a guideAlert) key() string { return a.name + a.group }

var theGuides = []guideAlert{
	{
		name: "ServiceDown", severity: "critical",
		instances:   []string{"backend:8080"},
		summary:     words{"服务 backend:8080 宕机", "Service backend:8080 is down"},
		description: words{"服务已宕机超过1分钟", "Down for more than a minute"},
		label:       words{"服务宕机（P0）", "Service down (P0)"},
	},
	{
		name: "HighErrorRate", severity: "warning",
		instances:   []string{"backend-1:8080", "backend-2:8080", "backend-3:8080"},
		summary:     words{"高错误率检测", "High error rate"},
		description: words{"5xx错误率超过10%", "More than 10% of the answers are 5xx"},
		label:       words{"错误率过高（P1，三个实例）", "High error rate (P1, three instances)"},
	},
	{
		name: "HighResponseTime", severity: "warning",
		instances:   []string{"backend:8080"},
		summary:     words{"响应时间过长", "Slow responses"},
		description: words{"95%的请求响应时间超过2秒", "The 95th percentile is over 2 s"},
		label:       words{"响应时间过长（P1）", "Slow responses (P1)"},
	},
	{
		name: "DiskWillFill", severity: "info",
		instances:   []string{"db-1"},
		summary:     words{"磁盘使用率超过90%", "A disk is over 90% full"},
		description: words{"数据盘 /var/lib/postgresql 使用率 91%", "/var/lib/postgresql is 91% full"},
		label:       words{"磁盘将满（P2）", "Disk filling up (P2)"},
	},
}

func (g *guideAlerts) listening(base string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.base = base
}

// list is what the page offers: each alert, and the end of all.
func (g *guideAlerts) list() []console.Alert {
	var out []console.Alert
	for _, a := range theGuides {
		out = append(out, console.Alert{
			Name: a.name, Label: a.label.labels(),
			Fire: func(ctx context.Context) error { return g.send(ctx, a, true) },
		})
	}
	return append(out, console.Alert{
		Name: "end", Label: words{"✔ 结束所有告警", "✔ End all alerts"}.labels(),
		Fire: func(ctx context.Context) error {
			ended := 0
			for _, a := range theGuides {
				if !g.isFiring(a) {
					continue
				}
				if err := g.send(ctx, a, false); err != nil {
					return err
				}
				ended++
			}
			if ended == 0 {
				return console.ErrNothing
			}
			return nil
		},
	})
}

func (g *guideAlerts) isFiring(a guideAlert) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	_, yes := g.firing[a.key()]
	return yes
}

var errStarting = errors.New("the bot is still starting")

// labels are words for the page, which speaks both languages.
func (w words) labels() map[string]string { return map[string]string{localeZh: w.zh, localeEn: w.en} }

// send posts a webhook as Alertmanager does.
func (g *guideAlerts) send(ctx context.Context, a guideAlert, firing bool) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.base == "" {
		return errStarting
	}
	since, known := g.firing[a.key()]
	if !known {
		since = g.now()
	}
	body, err := json.Marshal(webhookBody(a, g.locale, firing, since, g.now()))
	if err != nil {
		return fmt.Errorf("alert %s: %w", a.name, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, g.base+"/webhooks/alertmanager", bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("alert %s: %w", a.name, err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+g.token.Reveal())
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("alert %s: %w", a.name, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		const enough = 300
		why, _ := io.ReadAll(io.LimitReader(resp.Body, enough))
		return fmt.Errorf("alert %s: the webhook answered %s: %s", a.name, resp.Status, why) //nolint:err113 // shown to the visitor
	}
	if g.firing == nil {
		g.firing = map[string]time.Time{}
	}
	if firing {
		g.firing[a.key()] = since
	} else {
		delete(g.firing, a.key())
	}
	return nil
}

func webhookBody(a guideAlert, locale string, firing bool, since, now time.Time) map[string]any {
	status, ends := "firing", time.Time{}
	if !firing {
		status, ends = "resolved", now
	}
	annotations := map[string]string{"summary": a.summary.in(locale), "description": a.description.in(locale)}
	var alerts []map[string]any
	for _, i := range a.instances {
		h := fnv.New64a()
		_, _ = h.Write([]byte(a.name + i))
		alerts = append(alerts, map[string]any{
			"status": status, "startsAt": since, "endsAt": ends, "annotations": annotations,
			"labels":       map[string]string{"alertname": a.name, "instance": i, "job": "ai-notebook", "severity": a.severity},
			"generatorURL": "http://" + demoPrometheus + "/graph?g0.expr=" + a.name, "fingerprint": fmt.Sprintf("%016x", h.Sum64()),
		})
	}
	group := map[string]string{"alertname": a.name}
	groupKey := fmt.Sprintf(`{}:{alertname=%q}`, a.name)
	if a.group != "" {
		group["instance"] = a.group
		groupKey = fmt.Sprintf(`{}:{alertname=%q, instance=%q}`, a.name, a.group)
	}
	return map[string]any{
		"version": "4", "receiver": "chatops", "status": status, "alerts": alerts, "truncatedAlerts": 0,
		"groupKey": groupKey, "externalURL": "http://" + demoAlertmanager,
		"groupLabels":  group,
		"commonLabels": map[string]string{"alertname": a.name, "job": "ai-notebook", "severity": a.severity}, "commonAnnotations": annotations,
	}
}
