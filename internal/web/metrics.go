package web

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/notify"
)

// NewRegistry gives a registry of our own with Go's and the process's figures in it.
func NewRegistry() *prometheus.Registry {
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return reg
}

// Counts are the figures that only the store knows, so that every replica tells the same of the whole.
type Counts struct {
	Open   func(ctx context.Context) ([len(incidents.Levels)]int, error) // incidents.Store.CountOpen
	Outbox func(ctx context.Context) (notify.Depth, error)               // notify.Store.Depth
	// Breaches counts the clocks that were missed since the store was made. Nil: not told.
	Breaches func(ctx context.Context) (map[incidents.ClockKind]int64, error)
}

// Register adds the figures of the store to a registry.
func (c Counts) Register(reg prometheus.Registerer, log *slog.Logger) {
	reg.MustRegister(&collector{counts: c, log: log})
}

const (
	countWithin = 2 * time.Second
	countEvery  = time.Second
)

// collector asks the store when it is scraped, and not more often than each second however many scrape. What cannot be asked is
// missing from the answer: an old figure would look like a true one.
type collector struct {
	counts Counts
	log    *slog.Logger

	mu    sync.Mutex
	asked time.Time
	last  []prometheus.Metric
}

var (
	openDesc   = prometheus.NewDesc("notebookbot_incidents_open", "Open incidents in the whole store.", []string{"level"}, nil)
	depthDesc  = prometheus.NewDesc("notebookbot_outbox_depth", "Messages that wait to be sent.", nil, nil)
	failedDesc = prometheus.NewDesc("notebookbot_outbox_failed", "Messages that can never be sent.", nil, nil)
	breachDesc = prometheus.NewDesc("notebookbot_clock_breaches_total", "Response and resolution times that were missed, in the whole store.", []string{"clock"}, nil)
	oldestDesc = prometheus.NewDesc("notebookbot_outbox_oldest_seconds", "How long the oldest message waits to be sent.", nil, nil)
)

// Describe tells which figures there are.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{openDesc, depthDesc, failedDesc, oldestDesc, breachDesc} {
		out <- d
	}
}

// Collect asks the store.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	for _, m := range c.metrics() {
		out <- m
	}
}

func (c *collector) metrics() []prometheus.Metric {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.asked.IsZero() && time.Since(c.asked) < countEvery {
		return c.last
	}
	ctx, cancel := context.WithTimeout(context.Background(), countWithin)
	defer cancel()
	c.last = nil
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		c.last = append(c.last, prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...))
	}
	if open, err := c.counts.Open(ctx); err != nil {
		c.log.WarnContext(ctx, "open incidents not counted", "err", err)
	} else {
		for _, l := range incidents.Levels {
			gauge(openDesc, float64(open[l]), l.String())
		}
	}
	if d, err := c.counts.Outbox(ctx); err != nil {
		c.log.WarnContext(ctx, "outbox not counted", "err", err)
	} else {
		gauge(depthDesc, float64(d.Waiting))
		gauge(failedDesc, float64(d.Failed))
		oldest := 0.0
		if !d.Oldest.IsZero() {
			oldest = max(0, time.Since(d.Oldest).Seconds())
		}
		gauge(oldestDesc, oldest)
	}
	if c.counts.Breaches != nil {
		missed, err := c.counts.Breaches(ctx)
		if err != nil {
			c.log.WarnContext(ctx, "missed clocks not counted", "err", err)
		}
		for _, clock := range slices.Sorted(maps.Keys(missed)) {
			c.last = append(c.last, prometheus.MustNewConstMetric(breachDesc, prometheus.CounterValue, float64(missed[clock]), string(clock)))
		}
	}
	c.asked = time.Now()
	return c.last
}
