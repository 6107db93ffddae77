package alertmanager

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	answers *prometheus.CounterVec
	seconds prometheus.Histogram
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		answers: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "notebookbot_webhook_answers_total", Help: "Answers to Alertmanager's webhooks by status code.",
		}, []string{"code"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "notebookbot_webhook_seconds", Help: "How long webhooks took from their first byte to the answer.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}),
	}
	m.answers.WithLabelValues("200") // there from the start, so that a rate can be taken
	reg.MustRegister(m.answers, m.seconds)
	return m
}

func (m *metrics) answered(code int, took time.Duration) {
	m.answers.WithLabelValues(strconv.Itoa(code)).Inc()
	m.seconds.Observe(took.Seconds())
}
