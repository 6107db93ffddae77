package alertmanager

import (
	"cmp"
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ai-notebook/notebookbot/incidents"
)

// CompareConfig is what a Comparer needs to know.
type CompareConfig struct {
	Servers  []Server
	Severity []Severity
	Routes   []Route
	// Every is the time from one look to the next; zero: a minute. Looks that take long are made less often.
	Every time.Duration
	// Failing is told, once in a while, that an Alertmanager could not be asked for the time that is given.
	Failing func(ctx context.Context, name string, err error, since time.Duration)
	Now     func() time.Time // nil: the system's clock
}

const (
	compareEvery   = time.Minute
	compareSettle  = 6 * time.Minute
	compareTimeout = 30 * time.Second // of one request: a list may be long
	failingAfter   = 15 * time.Minute
	restRatio      = 10 // a look of six seconds is followed by a minute of rest
	waitMargin     = 30 * time.Second
	compareAgain   = 2 * time.Second // from one look to the next at least
)

// Lister gives incidents, the newest first.
type Lister interface {
	List(ctx context.Context, f incidents.Filter) ([]*incidents.Incident, error)
}

// Comparer compares the incidents with Alertmanager's own list, because no message comes of what ends under a silence
// (alertmanager#226), nor of what Alertmanager gave up telling. What is gone from the list has ended; what is there and was never
// told is told now.
//
// Alertmanager's own messages come first: a difference counts once it is older than Alertmanager takes to tell of it, which its
// configuration says. What was silenced when it was seen last needs no such patience.
type Comparer struct {
	comparisons []*comparison
	every       time.Duration
	wake        chan struct{}
	log         *slog.Logger
	failing     func(ctx context.Context, name string, err error, since time.Duration)
	metrics     *compareMetrics
	now         func() time.Time
}

// NewComparer makes a Comparer; nil where no Alertmanager has an address. Its errors name the line of the configuration that is wrong.
func NewComparer(cfg CompareConfig, store Lister, to Receiver, reg prometheus.Registerer, log *slog.Logger) (*Comparer, error) {
	r, err := parseRules(cfg.Severity, cfg.Routes)
	if err != nil {
		return nil, err
	}
	c := &Comparer{every: cmp.Or(cfg.Every, compareEvery), wake: make(chan struct{}, 1), log: log, failing: cfg.Failing, now: cfg.Now}
	if c.now == nil {
		c.now = time.Now
	}
	for _, server := range clusters(cfg.Servers, compareTimeout) {
		c.comparisons = append(c.comparisons, &comparison{
			cluster: server, rules: r, store: store, to: to, settle: cmp.Or(server.members[0].server.Settle, compareSettle), now: c.now, log: log.With("alertmanager", server.name),
		})
	}
	if len(c.comparisons) == 0 {
		return nil, nil
	}
	c.metrics = newCompareMetrics(reg)
	return c, nil
}

// Wake asks for a look now: a silence has ended.
func (c *Comparer) Wake() {
	select {
	case c.wake <- struct{}{}:
	default: // a look is asked for already
	}
}

// Run looks at once and then again and again, until ctx ends.
func (c *Comparer) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		case <-c.wake:
		}
		began := time.Now()
		next := c.Look(ctx)
		timer.Reset(max(min(c.every, next), restRatio*time.Since(began), compareAgain))
	}
}

// Look compares with every Alertmanager once, and tells after what time a difference that it has seen would count.
func (c *Comparer) Look(ctx context.Context) (next time.Duration) {
	next = c.every
	for _, one := range c.comparisons {
		again, err := one.look(ctx)
		if ctx.Err() != nil {
			return next
		}
		if err == nil && !again.IsZero() {
			next = min(next, again.Sub(c.now()))
		}
		c.metrics.looked(one, err)
		if err == nil {
			one.failingSince = time.Time{}
			continue
		}
		c.log.WarnContext(ctx, "comparing with Alertmanager's list", "alertmanager", one.cluster.name, "err", err)
		if one.failingSince.IsZero() {
			one.failingSince = c.now()
		}
		if since := c.now().Sub(one.failingSince); since >= failingAfter && c.failing != nil {
			c.failing(ctx, one.address(), err, since)
		}
	}
	return next
}

func (c *comparison) address() string {
	var out []string
	for _, a := range c.cluster.members {
		out = append(out, a.base)
	}
	return strings.Join(out, ", ")
}

// compareMetrics count what the comparison found, by the name of the Alertmanager.
type compareMetrics struct {
	looks  *prometheus.CounterVec
	ended  *prometheus.CounterVec
	fired  *prometheus.CounterVec
	lastly *prometheus.GaugeVec
}

func newCompareMetrics(reg prometheus.Registerer) *compareMetrics {
	by := []string{"alertmanager"}
	m := &compareMetrics{
		looks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "notebookbot_comparison_looks_total", Help: "Comparisons with Alertmanager's list of alerts by outcome.",
		}, append(by, "outcome")),
		ended: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "notebookbot_comparison_ended_alerts_total", Help: "Alerts that had ended without a message.",
		}, by),
		fired: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "notebookbot_comparison_fired_alerts_total", Help: "Alerts that fired without a message.",
		}, by),
		lastly: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "notebookbot_comparison_last_success_timestamp_seconds", Help: "When Alertmanager's list was last compared.",
		}, by),
	}
	reg.MustRegister(m.looks, m.ended, m.fired, m.lastly)
	return m
}

func (m *compareMetrics) looked(c *comparison, err error) {
	name := c.cluster.name
	m.ended.WithLabelValues(name).Add(float64(c.ended))
	m.fired.WithLabelValues(name).Add(float64(c.fired))
	c.ended, c.fired = 0, 0
	if err != nil {
		m.looks.WithLabelValues(name, "failed").Inc()
		return
	}
	m.looks.WithLabelValues(name, "done").Inc()
	m.lastly.WithLabelValues(name).Set(float64(c.now().Unix()))
}
