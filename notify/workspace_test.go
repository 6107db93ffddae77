package notify_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ai-notebook/notebookbot/bot"
	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/slackfake"
	"github.com/ai-notebook/notebookbot/internal/store"
	"github.com/ai-notebook/notebookbot/notify"
)

// stage is a store, a Slack that behaves, the real edge between them, and outboxes that come and go.
type stage struct {
	store   *store.Store
	slack   *slackfake.Server
	service *incidents.Service
	edge    *bot.Bot
	config  notify.Config
	out     *notify.Outbox
	reg     *prometheus.Registry
	cold    bool // begin like after a restart
	hurry   bool // without Slack's limits
}

func newStage(t *testing.T, st *store.Store, change func(*slackfake.Config)) *stage {
	t.Helper()
	cfg := slackfake.Default()
	for i := range cfg.Tokens {
		if cfg.Tokens[i].Value == slackfake.BotToken {
			cfg.Tokens[i].Scopes = bot.Scopes()
		}
	}
	cfg.RateLimits = true
	if change != nil {
		change(&cfg)
	}
	s := &stage{
		store: st, slack: slackfake.New(cfg), reg: prometheus.NewRegistry(),
		config: notify.Config{Ops: slackfake.Ops, Lease: 3 * time.Second, Settle: 150 * time.Millisecond},
	}
	if err := s.slack.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.slack.Close()
		for _, v := range s.slack.Violations() {
			t.Errorf("Slack would have refused: %s", v)
		}
		for _, c := range s.slack.Calls("") {
			if c.Status == http.StatusTooManyRequests && c.Fault == "" {
				t.Errorf("%s to %q met Slack's limits", c.Method, c.Channel)
			}
		}
	})
	var err error
	s.edge, err = bot.New(bot.Config{APIURL: s.slack.URL(), AppToken: slackfake.AppToken, BotToken: slackfake.BotToken},
		nil, prometheus.NewRegistry(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	rule := incidents.Policy{Respond: time.Hour, Resolve: 2 * time.Hour, Escalate: []string{"oncall"}}
	s.service = incidents.NewService(st, incidents.Config{
		Policies: incidents.Policies{Levels: [3]incidents.Policy{rule, rule, rule}}, Hold: time.Minute, Channel: slackfake.Incidents,
	}, slog.New(slog.DiscardHandler))
	return s
}

// run starts an outbox and gives what stops it.
func (s *stage) run(t *testing.T) (stop func()) {
	t.Helper()
	// The wards of a test have nobody on call but the operator.
	reg := prometheus.NewRegistry()
	out := notify.New(s.store, s.store, s.edge, oneOnCall{}, words(t), s.config, slog.New(slog.DiscardHandler), reg)
	switch {
	case s.hurry:
		s.slack.SetRateLimits(false)
		notify.Hurry(out)
	case !s.cold:
		notify.Warm(out)
	}
	s.out, s.reg = out, reg
	return running(t, out)
}

func running(t *testing.T, out *notify.Outbox) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- out.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Run = %v", err)
			}
		case <-time.After(10 * time.Second):
			t.Error("Run did not end")
		}
	})
	t.Cleanup(stop)
	return stop
}

// open opens an incident by hand and gives its number.
func (s *stage) open(t *testing.T, level incidents.Level, title, channel string) int64 {
	t.Helper()
	var n int64
	s.write(t, func(tx incidents.Tx) error {
		in, err := s.service.OpenIn(tx, incidents.Open{By: incidents.Person(slackfake.Operator), Level: level, Title: title, Channel: channel}, time.Now())
		if err == nil {
			n = in.Number
		}
		return err
	})
	return n
}

func (s *stage) apply(t *testing.T, number int64, ev incidents.Event) {
	t.Helper()
	s.write(t, func(tx incidents.Tx) error {
		_, err := s.service.ApplyIn(tx, number, ev, time.Now())
		return err
	})
}

func (s *stage) note(t *testing.T, number int64, text string) {
	t.Helper()
	s.apply(t, number, incidents.AddNote{By: incidents.Person(slackfake.Operator), Text: text})
}

func (s *stage) write(t *testing.T, fn func(tx incidents.Tx) error) {
	t.Helper()
	if err := s.store.Write(t.Context(), incidents.Want{}, fn); err != nil {
		t.Fatal(err)
	}
}

func (s *stage) put(t *testing.T, ns ...incidents.Notice) {
	t.Helper()
	s.write(t, func(tx incidents.Tx) error { return tx.Notify(ns...) })
}

// drained waits until nothing waits, and fails when something was given up.
func (s *stage) drained(t *testing.T) {
	t.Helper()
	untilWithin(t, time.Minute, "the outbox is empty", func() bool {
		d, err := s.store.Depth(t.Context())
		return err == nil && d.Waiting == 0
	})
	if d, err := s.store.Depth(t.Context()); err != nil || d.Failed > 0 {
		t.Errorf("depth = %+v, %v: something was given up", d, err)
	}
}

// once fails for each key that was posted more than once.
func (s *stage) once(t *testing.T) {
	t.Helper()
	for key, refs := range s.slack.PostsByKey() {
		if len(refs) != 1 {
			t.Errorf("%s was posted %d times", key, len(refs))
		}
	}
}

// said are the keys of the messages in a channel, threads among them, by time.
func (s *stage) said(channel string) (out []string) {
	for _, m := range s.slack.Messages(channel) {
		out = append(out, m.Key())
	}
	return out
}

// card is the root message of an incident as it stands now.
func (s *stage) card(t *testing.T, number int64) slackfake.Message {
	t.Helper()
	at, ok, err := s.store.Posted(t.Context(), incidents.Key(number)+"/card")
	if err != nil || !ok {
		t.Fatalf("the card of INC-%d: %v, %v", number, ok, err)
	}
	m, ok := s.slack.Message(at.Channel, at.TS)
	if !ok {
		t.Fatalf("the card of INC-%d is not where it was posted", number)
	}
	return m
}

// inOrder fails unless the notes stand in the incident's thread in the order of their commit.
func (s *stage) inOrder(t *testing.T, number int64, notes []string) {
	t.Helper()
	card := s.card(t, number)
	var got []string
	for _, m := range s.slack.Thread(card.Channel, card.TS) {
		for _, n := range notes {
			if strings.Contains(fmt.Sprint(m.Blocks), "«"+n+"»") {
				got = append(got, n)
			}
		}
	}
	if !slices.Equal(got, notes) {
		t.Errorf("the thread of INC-%d says %v, want %v", number, got, notes)
	}
}

// notes adds some to an incident.
func (s *stage) notes(t *testing.T, number int64, how int) (out []string) {
	t.Helper()
	for i := range how {
		text := fmt.Sprintf("INC-%d note %d", number, i)
		s.note(t, number, "«"+text+"»")
		out = append(out, text)
	}
	return out
}

// counter is the value of notebookbot_deliveries_total for one result.
func (s *stage) counter(t *testing.T, result notify.Result) float64 {
	t.Helper()
	families, err := s.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if f.GetName() == "notebookbot_deliveries_total" && l.GetValue() == string(result) {
					return m.GetCounter().GetValue()
				}
			}
		}
	}
	return 0
}
