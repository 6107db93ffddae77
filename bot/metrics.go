package bot

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	calls       *prometheus.CounterVec
	callSeconds *prometheus.HistogramVec
	envelopes   *prometheus.CounterVec
	ack         prometheus.Histogram
	unthreaded  prometheus.Counter
	acksLost    prometheus.Counter
	opens       *prometheus.CounterVec
	closes      *prometheus.CounterVec
}

func newMetrics() *metrics {
	return &metrics{
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "notebookbot_slack_calls_total", Help: "Calls of Slack's Web API by method and by what they mean for the next try.",
		}, []string{"method", "outcome"}),
		callSeconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "notebookbot_slack_call_seconds", Help: "Time of a call of Slack's Web API.",
			Buckets: []float64{.02, .05, .1, .2, .5, 1, 2, 5, 10, 15},
		}, []string{"method"}),
		envelopes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "notebookbot_envelopes_total", Help: "Socket Mode envelopes by type and by what became of them.",
		}, []string{"type", "outcome"}),
		ack: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "notebookbot_envelope_ack_seconds", Help: "Time from an envelope's arrival to its acknowledgement being written.",
			Buckets: []float64{.001, .002, .005, .01, .02, .05, .1, .2, .5, .9, 1, 2, 3},
		}),
		unthreaded: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "notebookbot_slack_unthreaded_total", Help: "Replies that Slack showed outside of their thread, whose root is gone.",
		}),
		acksLost: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "notebookbot_acks_lost_total", Help: "Acknowledgements whose socket ended before they were written.",
		}),
		opens: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "notebookbot_socket_opens_total", Help: "Tries to open a socket by outcome.",
		}, []string{"outcome"}),
		closes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "notebookbot_socket_closes_total", Help: "Ends of sockets by reason.",
		}, []string{"reason"}),
	}
}

func (m *metrics) register(reg prometheus.Registerer, sockets []*socket) error {
	all := []prometheus.Collector{
		m.calls, m.callSeconds, m.envelopes, m.ack, m.unthreaded, m.acksLost, m.opens, m.closes, socketCollector(sockets),
	}
	var errs []error
	for _, c := range all {
		errs = append(errs, reg.Register(c))
	}
	return errors.Join(errs...)
}

// socketCollector tells how the sockets stand at the time of the scrape.
type socketCollector []*socket

var (
	stateDesc = prometheus.NewDesc("notebookbot_socket_state", "1 connected, 0 connecting, -1 failed.", []string{"socket"}, nil)
	ageDesc   = prometheus.NewDesc("notebookbot_socket_age_seconds", "How long the socket is in its state.", []string{"socket"}, nil)
	pingDesc  = prometheus.NewDesc("notebookbot_socket_ping_age_seconds", "Since Slack's last ping.", []string{"socket"}, nil)
	countDesc = prometheus.NewDesc("notebookbot_socket_connections", "Sockets of the app that Slack counts, ghosts among them.",
		[]string{"socket"}, nil)
)

// Describe implements prometheus.Collector.
func (socketCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{stateDesc, ageDesc, pingDesc, countDesc} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c socketCollector) Collect(ch chan<- prometheus.Metric) {
	now := time.Now()
	for _, s := range c {
		st := s.State()
		state := 0.0
		switch st.State {
		case Connected:
			state = 1
		case Failed:
			state = -1
		}
		ch <- prometheus.MustNewConstMetric(stateDesc, prometheus.GaugeValue, state, st.Name)
		ch <- prometheus.MustNewConstMetric(ageDesc, prometheus.GaugeValue, now.Sub(st.Since).Seconds(), st.Name)
		if !st.LastPing.IsZero() {
			ch <- prometheus.MustNewConstMetric(pingDesc, prometheus.GaugeValue, now.Sub(st.LastPing).Seconds(), st.Name)
		}
		ch <- prometheus.MustNewConstMetric(countDesc, prometheus.GaugeValue, float64(st.Connections), st.Name)
	}
}
