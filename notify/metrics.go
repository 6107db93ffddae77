package notify

import "github.com/prometheus/client_golang/prometheus"

// metrics count what leaves. Depth and age are read from the store by the web server.
type metrics struct {
	tries   *prometheus.CounterVec
	latency prometheus.Histogram
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		tries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "notebookbot_deliveries_total", Help: "Tries to deliver a notice, by how they ended.",
		}, []string{"result"}),
		latency: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "notebookbot_delivery_seconds", Help: "From the commit of a notice to its message, without edits.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 15, 60, 300, 3600},
		}),
	}
	if reg != nil {
		reg.MustRegister(m.tries, m.latency)
	}
	return m
}
