package slackfake_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"

	"github.com/ai-notebook/notebookbot/internal/slackfake"
)

// quick are clocks for tests.
func quick() slackfake.Times {
	return slackfake.Times{
		Ping: 50 * time.Millisecond, Pong: 5 * time.Second, Ack: 300 * time.Millisecond,
		Retry:   []time.Duration{0, 100 * time.Millisecond, 200 * time.Millisecond},
		Trigger: 2 * time.Second, WarningClose: 300 * time.Millisecond,
	}
}

// workspace starts a fake. Change alters its configuration; a test that ends with violations fails.
func workspace(t *testing.T, change func(*slackfake.Config)) *slackfake.Server {
	t.Helper()
	cfg := slackfake.Default()
	cfg.Times = quick()
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
			t.Errorf("violation: %s", v)
		}
	})
	return s
}

// violated expects violations that contain the words, each one, and no others.
func violated(t *testing.T, s *slackfake.Server, words ...string) {
	t.Helper()
	got := s.TakeViolations()
	if len(got) != len(words) {
		t.Errorf("violations = %v, want %d", got, len(words))
		return
	}
	for i, w := range words {
		if !strings.Contains(got[i].String(), w) {
			t.Errorf("violation %d = %q, want %q in it", i, got[i], w)
		}
	}
}

func client(t *testing.T, s *slackfake.Server) *slack.Client {
	t.Helper()
	return slack.New(slackfake.BotToken, slack.OptionAPIURL(s.URL()), slack.OptionAppLevelToken(slackfake.AppToken),
		slack.OptionHTTPClient(&http.Client{Timeout: 10 * time.Second}))
}

// bot is a slack-go Socket Mode client that acknowledges what its handler says.
type bot struct {
	*slack.Client
	sm *socketmode.Client

	mu     sync.Mutex
	events []socketmode.Event
	change chan struct{}
}

// startBot connects a bot and waits for hello. The handler returns whether to acknowledge, and with what.
func startBot(t *testing.T, s *slackfake.Server, handle func(socketmode.Event) (bool, any)) *bot {
	t.Helper()
	b := &bot{Client: client(t, s), change: make(chan struct{})}
	b.sm = socketmode.New(b.Client)
	if handle == nil {
		handle = func(socketmode.Event) (bool, any) { return true, nil }
	}
	before := len(s.Sockets())
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = b.sm.RunContext(ctx) })
	wg.Go(func() {
		for {
			select {
			case ev := <-b.sm.Events:
				b.mu.Lock()
				b.events = append(b.events, ev)
				close(b.change)
				b.change = make(chan struct{})
				b.mu.Unlock()
				if ev.Request == nil || ev.Request.EnvelopeID == "" {
					continue
				}
				if ack, payload := handle(ev); ack {
					_ = b.sm.AckCtx(ctx, ev.Request.EnvelopeID, payload)
				}
			case <-ctx.Done():
				return
			}
		}
	})
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	eventually(t, s, func() bool { return len(hellos(s)) > before })
	b.wait(t, socketmode.EventTypeHello, 1)
	return b
}

func hellos(s *slackfake.Server) []slackfake.Socket {
	var out []slackfake.Socket
	for _, k := range s.Sockets() {
		if k.Hello {
			out = append(out, k)
		}
	}
	return out
}

// wait waits for n events of a type and returns them.
func (b *bot) wait(t *testing.T, kind socketmode.EventType, n int) []socketmode.Event {
	t.Helper()
	late := time.After(5 * time.Second)
	for {
		b.mu.Lock()
		change := b.change
		var out []socketmode.Event
		for _, e := range b.events {
			if e.Type == kind {
				out = append(out, e)
			}
		}
		b.mu.Unlock()
		if len(out) >= n {
			return out
		}
		select {
		case <-change:
		case <-late:
			t.Fatalf("%d events of type %s, want %d", len(out), kind, n)
		}
	}
}

// eventually waits until a condition holds; it is asked again after each change of the workspace.
func eventually(t *testing.T, s *slackfake.Server, cond func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	for {
		version := s.Version()
		if cond() {
			return
		}
		if _, err := s.WaitChange(ctx, version); err != nil {
			if cond() {
				return
			}
			t.Fatalf("the condition never held: %v", err)
		}
	}
}

// ended waits for the end of an interaction and checks how it ended.
func ended(t *testing.T, in *slackfake.Interaction, want slackfake.Ending) slackfake.Outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	out, err := in.Wait(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if out.Ended != want {
		t.Fatalf("%s by %s ended as %s (%s), want %s", in.Kind, in.User, out.Ended, out.Error, want)
	}
	return out
}

// must is for calls that have to work.
func must[T any](v T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// refused checks the code of a Slack error.
func refused(t *testing.T, err error, code string) {
	t.Helper()
	if err == nil || err.Error() != code {
		t.Errorf("error = %v, want %s", err, code)
	}
}

// post posts and returns the timestamp.
func post(t *testing.T, c *slack.Client, channel string, opts ...slack.MsgOption) string {
	t.Helper()
	_, ts, err := c.PostMessageContext(t.Context(), channel, opts...)
	if err != nil {
		t.Fatalf("posting: %v", err)
	}
	return ts
}

// api calls a method with a form, without slack-go.
func api(t *testing.T, s *slackfake.Server, method, contentType, auth, body string) (int, map[string]any, http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL()+method, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	if auth != "" {
		req.Header.Set("Authorization", "Bearer "+auth)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var out map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
		t.Fatalf("%s: %v", method, err)
	}
	return resp.StatusCode, out, resp.Header
}

const form = "application/x-www-form-urlencoded"

func actions(blockID, actionID, value string) slack.Block {
	return slack.NewActionBlock(blockID,
		slack.NewButtonBlockElement(actionID, value, slack.NewTextBlockObject(slack.PlainTextType, "Ack", true, false)))
}

func asNetError(err error, target *net.Error) bool { return errors.As(err, target) }

func slackOption(blocks ...slack.Block) slack.MsgOption { return slack.MsgOptionBlocks(blocks...) }

func slackText(text string) slack.MsgOption { return slack.MsgOptionText(text, false) }

func itemAt(channel, ts string) slack.ItemRef { return slack.NewRefToMessage(channel, ts) }
