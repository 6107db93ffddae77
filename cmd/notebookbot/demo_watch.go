package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/ai-notebook/notebookbot/internal/sample"
)

// For how long something must be wrong with the sample application until the demo's alert fires: Prometheus would wait a minute,
// and a version that is exchanged is none.
const (
	downFor       = 5 * time.Second
	errorsOver    = 10 // percent, as in the guide
	watchInterval = time.Second
)

// instances are the services as the guide's rules see them.
var instances = map[string]string{
	"backend": "backend:8080", "frontend": "frontend:8080", "postgres": "postgres:5432", "redis": "redis:6379", "nginx": "nginx:80",
}

// watch plays Prometheus for the sample application: what is wrong with it is sent to the bot's webhook as the guide's alerts, and so
// is its end. What could not be sent is sent a second later.
func (a *sampleApp) watch(ctx context.Context, alerts *guideAlerts, log *slog.Logger) error {
	if a.Sample == nil {
		return nil
	}
	tick := time.NewTicker(watchInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		for alert, wrong := range wrongs(a.State(), time.Now()) {
			if wrong == alerts.isFiring(ruleOf(alert)) {
				continue
			}
			if err := alerts.send(ctx, ruleOf(alert), wrong); err != nil && ctx.Err() == nil {
				log.WarnContext(ctx, "an alert of the sample application", "err", err)
			}
		}
	}
}

// ofSample is an alert of the sample application: a rule of the guide, for one instance.
type ofSample struct{ rule, instance string }

// wrongs tells of each alert whether it should fire. What is not known is not there, and stays as it is.
func wrongs(st sample.State, now time.Time) map[ofSample]bool {
	out := map[ofSample]bool{}
	switch st.Phase {
	case sample.Up:
		for _, v := range st.Services {
			down := v.State == sample.ServiceDown || v.State == sample.ServiceUnhealthy
			if !down || now.Sub(v.Since) >= downFor {
				out[ofSample{"ServiceDown", instances[v.Name]}] = down
			}
			if v.Name == "backend" {
				out[ofSample{"HighErrorRate", instances[v.Name]}] = v.State == sample.ServiceUp && st.Errors > errorsOver
			}
		}
	case sample.Offered, sample.Failed: // nothing runs, so nothing is wrong
		for _, name := range sample.Services {
			out[ofSample{"ServiceDown", instances[name]}] = false
		}
		out[ofSample{"HighErrorRate", instances["backend"]}] = false
	}
	return out
}

func ruleOf(a ofSample) guideAlert {
	r := guideAlert{
		name: a.rule, severity: "critical", instances: []string{a.instance}, group: a.instance,
		summary:     words{"服务 " + a.instance + " 宕机", "Service " + a.instance + " is down"},
		description: words{"服务已宕机超过5秒（示例应用）", "Down for more than 5 seconds (the sample application)"},
	}
	if a.rule == "HighErrorRate" {
		r.severity = "warning"
		r.summary = words{a.instance + " 错误率过高", "High error rate at " + a.instance}
		r.description = words{"最近的请求中5xx超过10%（示例应用）", "More than 10% of the last requests were answered with 5xx (the sample application)"}
	}
	return r
}
