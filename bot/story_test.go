package bot

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ai-notebook/notebookbot/commands"
	"github.com/ai-notebook/notebookbot/internal/slackfake"
)

// workspace is a Slack with short clocks, in which the bot has the scopes and events of its own manifest and no others. A test
// that ends with something Slack would have refused fails.
func workspace(t *testing.T, change func(*slackfake.Config)) *slackfake.Server {
	t.Helper()
	cfg := slackfake.Default()
	for i := range cfg.Tokens {
		if cfg.Tokens[i].Value == slackfake.BotToken {
			cfg.Tokens[i].Scopes = Scopes()
		}
	}
	cfg.Events = events
	cfg.Times = slackfake.Times{
		Ping: 100 * time.Millisecond, Pong: 5 * time.Second, Ack: 3 * time.Second, WarningClose: 300 * time.Millisecond,
		Retry: []time.Duration{0, 50 * time.Millisecond, 100 * time.Millisecond},
	}
	if change != nil {
		change(&cfg)
	}
	s := slackfake.New(cfg)
	if err := s.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Close()
		for _, v := range s.Violations() {
			t.Errorf("Slack would have refused: %s", v)
		}
		for _, a := range s.Acks() {
			if a.Unknown || a.Duplicate || a.Elsewhere {
				t.Errorf("an acknowledgement that Slack did not wait for: %+v", a)
			}
		}
	})
	return s
}

// inbox is a store that keeps requests, and hangs or fails on demand.
type inbox struct {
	mu     sync.Mutex
	kept   []commands.Request
	known  map[string]bool
	before func(ctx context.Context, r commands.Request) error // what happens first
}

func (i *inbox) Accept(ctx context.Context, r commands.Request) error {
	i.mu.Lock()
	before := i.before
	i.mu.Unlock()
	if before != nil {
		if err := before(ctx, r); err != nil {
			return err
		}
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.known == nil {
		i.known = map[string]bool{}
	}
	if !i.known[r.ID] {
		i.known[r.ID] = true
		i.kept = append(i.kept, r)
	}
	return nil
}

func (i *inbox) set(before func(context.Context, commands.Request) error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.before = before
}

func (i *inbox) requests() []commands.Request {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Clone(i.kept)
}

func (i *inbox) texts() string {
	var out []string
	for _, r := range i.requests() {
		out = append(out, r.Text)
	}
	slices.Sort(out)
	return strings.Join(out, ",")
}

// running is a bot whose Run goes on until stop.
type running struct {
	*Bot
	inbox *inbox
	stop  func()
}

func fakeConfig(s *slackfake.Server) Config {
	return Config{APIURL: s.URL(), AppToken: slackfake.AppToken, BotToken: slackfake.BotToken, timing: quick}
}

// runBot starts a bot; at the end of the test it must stop within seconds.
func runBot(t *testing.T, s *slackfake.Server, change func(*Config)) *running {
	t.Helper()
	cfg := fakeConfig(s)
	if change != nil {
		change(&cfg)
	}
	in := &inbox{}
	r := &running{Bot: newTestBot(t, cfg, in, nil), inbox: in}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Run returned %v", err)
			}
		case <-time.After(10 * time.Second):
			t.Error("Run did not return")
		}
	})
	t.Cleanup(r.stop)
	return r
}

// connected waits until all sockets are.
func (r *running) connected(t *testing.T) {
	t.Helper()
	eventually(t, "all sockets are connected", func() bool {
		return !slices.ContainsFunc(r.Sockets(), func(s Socket) bool { return s.State != Connected })
	})
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	limit := time.NewTimer(15 * time.Second)
	defer limit.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-limit.C:
			t.Fatalf("not in time: %s", what)
		case <-tick.C:
		}
	}
}

// outcomeOf waits for the end of what a person did.
func outcomeOf(t *testing.T, in *slackfake.Interaction) slackfake.Outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	out, err := in.Wait(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func acked(t *testing.T, in *slackfake.Interaction) slackfake.Outcome {
	t.Helper()
	out := outcomeOf(t, in)
	if out.Ended != slackfake.Acked {
		t.Errorf("%s by %s ended %s: %s", in.Kind, in.User, out.Ended, out.Error)
	}
	// Half a second is what these bots give the store; the rest is for a machine that is busy with other things.
	if out.Took > 2*time.Second {
		t.Errorf("%s by %s was acknowledged after %v", in.Kind, in.User, out.Took)
	}
	return out
}

// metric adds up the values of a collector's metrics of that name; an empty name: the first.
func metric(t *testing.T, c prometheus.Collector, name string) (sum float64) {
	t.Helper()
	reg := prometheus.NewRegistry()
	if err := reg.Register(c); err != nil {
		t.Fatal(err)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if name != "" && f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return sum
}
