package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/internal/slackfake"
)

// benchChannels is how many channels the alerts of a benchmark are spread over, so that Slack's message a second is not what
// is measured.
const benchChannels = 400

// benchBot is the whole bot in this process, on SQLite with full durability, with a workspace beside it.
func benchBot(b *testing.B) (addr string, slack *slackfake.Server) {
	b.Helper()
	ws := slackfake.Default()
	cfg := demoConfig("", filepath.Join(b.TempDir(), "bench.db"))
	for i := range benchChannels {
		id := fmt.Sprintf("C0B%03d", i)
		ws.Channels = append(ws.Channels, slackfake.Channel{ID: id, Name: id, Members: []string{slackfake.BotUser, slackfake.Operator}})
		cfg.Slack.Channels.Routes = append(cfg.Slack.Channels.Routes, Route{Match: []string{fmt.Sprintf(`channel="%d"`, i)}, Channel: id})
	}
	slack = slackfake.New(ws)
	if err := slack.Start("127.0.0.1:0"); err != nil {
		b.Fatal(err)
	}
	cfg.Slack.APIURL = slack.URL()
	cfg.OnCall.Rotation = []string{slackfake.Commander2}
	ctx, cancel := context.WithCancel(context.Background())
	up, done := make(chan net.Addr, 1), make(chan error, 1)
	go func() {
		done <- serveOn(ctx, cfg, slog.New(slog.DiscardHandler), func(a net.Addr) { up <- a })
	}()
	b.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			b.Error(err)
		}
		slack.Close()
	})
	addr = (<-up).String()
	for len(slack.Sockets()) < 2 || !slack.Sockets()[0].Hello || !slack.Sockets()[1].Hello {
		<-time.After(5 * time.Millisecond)
	}
	return addr, slack
}

func report(b *testing.B, took []time.Duration) {
	b.Helper()
	slices.Sort(took)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	b.ReportMetric(ms(took[len(took)/2]), "p50-ms")
	b.ReportMetric(ms(took[len(took)*99/100]), "p99-ms")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkAlertToPost is the time from sending a webhook until its card stands in Slack, one alert after the other.
func BenchmarkAlertToPost(b *testing.B) {
	addr, slack := benchBot(b)
	var took []time.Duration
	for i := 0; b.Loop(); i++ {
		channel := fmt.Sprintf("C0B%03d", i%benchChannels)
		before := len(slack.Roots(channel))
		body := fmt.Sprintf(`{"version":"4","groupKey":"{}:{n=\"%[1]d\"}","receiver":"r","status":"firing","truncatedAlerts":0,`+
			`"alerts":[{"status":"firing","labels":{"alertname":"Bench","severity":"critical","channel":"%[2]d"},"annotations":{"summary":"bench %[1]d"},`+
			`"startsAt":"%[3]s","endsAt":"0001-01-01T00:00:00Z","fingerprint":"%016[1]x"}]}`, i, i%benchChannels, time.Now().UTC().Format(time.RFC3339Nano))
		version := slack.Version()
		begin := time.Now()
		if code := postWebhook(b.Context(), addr, "demo", body); code != http.StatusOK {
			b.Fatalf("webhook answered %d", code)
		}
		for len(slack.Roots(channel)) == before {
			version, _ = slack.WaitChange(b.Context(), version)
		}
		took = append(took, time.Since(begin))
	}
	report(b, took)
}

// BenchmarkEnvelopeToAck is the time from Slack's sending a slash command until its acknowledgement, which comes after the
// commit, with so many in flight.
func BenchmarkEnvelopeToAck(b *testing.B) {
	for _, flight := range []int{1, 8, 200} {
		b.Run(fmt.Sprintf("flight=%d", flight), func(b *testing.B) {
			_, slack := benchBot(b)
			slots := make(chan struct{}, flight)
			var mu sync.Mutex
			var took []time.Duration
			var wg sync.WaitGroup
			for b.Loop() {
				slots <- struct{}{}
				wg.Go(func() {
					defer func() { <-slots }()
					out, err := slack.User(slackfake.Operator).Slash(slackfake.Ops, "oncall").Wait(context.Background())
					if err != nil || out.Ended != slackfake.Acked {
						b.Errorf("ended %s: %v", out.Ended, err)
						return
					}
					mu.Lock()
					took = append(took, out.Took)
					mu.Unlock()
				})
			}
			wg.Wait()
			report(b, took)
		})
	}
}
