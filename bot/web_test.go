package bot

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ai-notebook/notebookbot/commands"
	"github.com/ai-notebook/notebookbot/notify"
	"github.com/ai-notebook/notebookbot/templates"
)

const (
	testApp = "xapp-1-A1-SECRETAPP"
	testBot = "xoxb-1-SECRETBOT"
)

// quick are waits that a test can live through.
var quick = timing{
	accept: 500 * time.Millisecond, call: 2 * time.Second, open: time.Second, silence: time.Second, leave: 500 * time.Millisecond,
	healthy: 300 * time.Millisecond, retry: 20 * time.Millisecond, retries: 200 * time.Millisecond, mend: time.Hour,
	between: 10 * time.Millisecond, flush: time.Second,
}

type acceptFunc func(context.Context, commands.Request) error

func (f acceptFunc) Accept(ctx context.Context, r commands.Request) error { return f(ctx, r) }

func newTestBot(t *testing.T, cfg Config, a Acceptor, log io.Writer) *Bot {
	t.Helper()
	if cfg.AppToken == "" {
		cfg.AppToken, cfg.BotToken = testApp, testBot
	}
	if cfg.timing == (timing{}) {
		cfg.timing = quick
	}
	if cfg.NotTaken == nil {
		cfg.NotTaken = func() string { return "not taken, try <again>" }
	}
	if a == nil {
		a = acceptFunc(func(context.Context, commands.Request) error { return nil })
	}
	if log == nil {
		log = t.Output()
	}
	b, err := New(cfg, a, prometheus.NewRegistry(), slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// respondWith is a Slack that answers everything alike.
func respondWith(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL + "/api/"
}

func hello() templates.Message {
	return templates.Message{Summary: "hello", Blocks: []templates.Block{{Kind: templates.Text, Lines: []templates.Line{say("hello")}}}}
}

func static(status int, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		io.WriteString(w, body) //nolint:errcheck // a test's answer
	}
}

func cutOff(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

func TestAnAnswerTellsWhatTheNextTryMayDo(t *testing.T) {
	t.Parallel()
	const whole, half = 5 * time.Second, 30 * time.Second
	for name, tt := range map[string]struct {
		answer     http.HandlerFunc
		post, edit notify.Fate
		reason     string
		after      time.Duration
	}{
		"429 with seconds":        {static(429, `{"ok":false,"error":"ratelimited"}`, "Retry-After", "30"), notify.Limited, notify.Limited, "ratelimited", half},
		"429 without seconds":     {static(429, `{"ok":false,"error":"rate_limited"}`), notify.Limited, notify.Limited, "ratelimited", whole},
		"429 with seconds inside": {static(429, `{"ok":false,"error":"rate_limited","retry_after":7}`), notify.Limited, notify.Limited, "ratelimited", 7 * time.Second},
		"429 with nonsense":       {static(429, `<html>`, "Retry-After", "soon"), notify.Limited, notify.Limited, "ratelimited", whole},
		"429 with minus":          {static(429, ``, "Retry-After", "-1"), notify.Limited, notify.Limited, "ratelimited", whole},
		"429 for a year":          {static(429, ``, "Retry-After", "31536000"), notify.Limited, notify.Limited, "ratelimited", limitedMax},
		"limited with status 200": {static(200, `{"ok":false,"error":"ratelimited"}`, "Retry-After", "30"), notify.Limited, notify.Limited, "ratelimited", half},
		"500 with a page":         {static(500, `<html>Server Error`), notify.Ambiguous, notify.Retry, "http_500", 0},
		"503 with a page":         {static(503, ``), notify.Ambiguous, notify.Retry, "http_503", 0},
		"200 with a page":         {static(200, `<html>Please sign in`), notify.Ambiguous, notify.Retry, "unreadable", 0},
		"200 with nothing":        {static(200, ``), notify.Ambiguous, notify.Retry, "unreadable", 0},
		"ok of the wrong type":    {static(200, `{"ok":"yes"}`), notify.Ambiguous, notify.Retry, "unreadable", 0},
		"refused without a word":  {static(200, `{"ok":false}`), notify.Ambiguous, notify.Retry, "unreadable", 0},
		"refused with a sentence": {static(200, `{"ok":false,"error":"it <b>failed</b>"}`), notify.Ambiguous, notify.Retry, "unreadable", 0},
		"a redirect":              {static(302, ``, "Location", "http://127.0.0.1:1/"), notify.Ambiguous, notify.Retry, "http_302", 0},
		"a proxy's refusal":       {static(403, `<html>`), notify.Retry, notify.Retry, "http_403", whole},
		"internal error":          {static(200, `{"ok":false,"error":"internal_error"}`), notify.Ambiguous, notify.Retry, "internal_error", 0},
		"fatal error":             {static(200, `{"ok":false,"error":"fatal_error"}`), notify.Ambiguous, notify.Retry, "fatal_error", 0},
		"service unavailable":     {static(200, `{"ok":false,"error":"service_unavailable"}`), notify.Retry, notify.Retry, "service_unavailable", 0},
		"no such channel":         {static(200, `{"ok":false,"error":"channel_not_found"}`), notify.Permanent, notify.Permanent, "channel_not_found", 0},
		"gone":                    {static(200, `{"ok":false,"error":"message_not_found"}`), notify.Permanent, notify.Permanent, "message_not_found", 0},
		"a bad token":             {static(200, `{"ok":false,"error":"invalid_auth"}`), notify.Permanent, notify.Permanent, "invalid_auth", 0},
		"a missing scope":         {static(200, `{"ok":false,"error":"missing_scope","needed":"chat:write","provided":"x"}`), notify.Permanent, notify.Permanent, "missing_scope", 0},
		"errors of any shape":     {static(200, `{"ok":false,"error":"invalid_blocks","errors":{"a":[1]},"response_metadata":7}`), notify.Permanent, notify.Permanent, "invalid_blocks", 0},
		"cut off":                 {cutOff, notify.Ambiguous, notify.Retry, "closed", 0},
		"half an answer": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, `{"ok":true`) //nolint:errcheck // cut on purpose
		}, notify.Ambiguous, notify.Retry, "closed", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newTestBot(t, Config{APIURL: respondWith(t, tt.answer)}, nil, nil)
			_, err := b.Post(t.Context(), notify.Post{Channel: "C1", Key: "k", Message: hello()})
			checkFate(t, "post", err, tt.post, tt.reason, tt.after)
			err = b.Edit(t.Context(), notify.Posted{Channel: "C1", TS: "1.1"}, notify.Post{Key: "k", Message: hello()})
			checkFate(t, "edit", err, tt.edit, tt.reason, tt.after)
		})
	}
}

func checkFate(t *testing.T, what string, err error, fate notify.Fate, reason string, after time.Duration) {
	t.Helper()
	var se *notify.SendError
	if !errors.As(err, &se) {
		t.Fatalf("%s: err = %v, want a SendError", what, err)
	}
	if se.Fate != fate || se.Reason != reason || se.After != after {
		t.Errorf("%s: fate %s, reason %s, after %v; want %s, %s, %v (%v)", what, se.Fate, se.Reason, se.After, fate, reason, after, err)
	}
}

func TestAHangingCallEndsAndIsUnknown(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	defer close(release)
	cfg := Config{APIURL: respondWith(t, func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) //nolint:errcheck // read so that the client has written all
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}), timing: quick}
	cfg.timing.call = 100 * time.Millisecond
	b := newTestBot(t, cfg, nil, nil)
	_, err := b.Post(t.Context(), notify.Post{Channel: "C1", Key: "k", Message: hello()})
	checkFate(t, "post", err, notify.Ambiguous, "timeout", 0)
	err = b.Edit(t.Context(), notify.Posted{Channel: "C1", TS: "1"}, notify.Post{Key: "k", Message: hello()})
	checkFate(t, "edit", err, notify.Retry, "timeout", 0)
}

func TestWhatWasNeverWrittenIsTriedAgain(t *testing.T) {
	t.Parallel()
	var lc net.ListenConfig
	ln, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := ln.Addr().String()
	ln.Close() //nolint:errcheck // nobody listens from now on
	b := newTestBot(t, Config{APIURL: "http://" + address + "/api"}, nil, nil)
	_, err = b.Post(t.Context(), notify.Post{Channel: "C1", Key: "k", Message: hello()})
	checkFate(t, "refused", err, notify.Retry, "refused", 0)

	b = newTestBot(t, Config{APIURL: "http://slack.invalid/api/"}, nil, nil)
	_, err = b.Post(t.Context(), notify.Post{Channel: "C1", Key: "k", Message: hello()})
	var se *notify.SendError
	if !errors.As(err, &se) || se.Fate != notify.Retry {
		t.Errorf("no such host: err = %v, want a retry", err)
	}
}

// TestNoTokenIsEverShown makes every kind of failure with tokens and secret addresses in play, and looks through all that was
// logged, returned and printed.
func TestNoTokenIsEverShown(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	seen := func(v any) { fmt.Fprintf(&log, "%v %+v %#v %s\n", v, v, v, v) }
	const secretURL = "/response/T1/SECRETREPLY"
	for _, h := range []http.HandlerFunc{
		static(429, ""), static(500, "<html>"), static(200, "{"), static(200, `{"ok":false,"error":"invalid_auth"}`), cutOff,
		static(200, `{"ok":false,"error":"missing_scope","needed":"x"}`), static(302, "", "Location", "http://127.0.0.1:1/SECRETREPLY"),
		static(200, `{"ok":true,"url":"ws://127.0.0.1:1/link/?ticket=SECRETTICKET"}`),
		static(200, `{"ok":true,"url":"ws://127.0.0.1:1:2:%zz/?ticket=SECRETTICKET"}`),
	} {
		api := respondWith(t, h)
		cfg := Config{APIURL: api, AppToken: testApp, BotToken: testBot, timing: quick}
		b := newTestBot(t, cfg, nil, &log)
		seen(b.cfg)
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		_, err := b.Post(ctx, notify.Post{Channel: "C1", Thread: "1", Key: "k", Message: hello()})
		seen(err)
		reply := strings.TrimSuffix(api, "/api/") + secretURL
		seen(b.Whisper(ctx, "U1", notify.Post{Channel: "C1", Message: hello()}, reply))
		seen(b.Whisper(ctx, "U1", notify.Post{Channel: "C1", Message: hello()}, "https://elsewhere.example/SECRETREPLY"))
		seen(b.OpenView(ctx, "t", resolveView()))
		_, err = b.Person(ctx, "U1")
		seen(err)
		seen(b.Check(ctx, "C1"))
		seen(b.Run(ctx))
		seen(b.Sockets())
		cancel()
	}
	_, err := New(Config{AppToken: testBot, BotToken: testApp}, nil, prometheus.NewRegistry(), slog.New(slog.DiscardHandler))
	seen(err)
	if i := strings.Index(log.String(), "SECRET"); i >= 0 {
		t.Errorf("a secret is shown: …%s", log.String()[max(0, i-200):i+20])
	}
	if log.Len() < 2000 {
		t.Errorf("only %d bytes were looked through", log.Len())
	}
}

func TestARedirectDoesNotCarryTheTokenAway(t *testing.T) {
	t.Parallel()
	got := make(chan string, 1)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got <- r.URL.Path }))
	defer elsewhere.Close()
	b := newTestBot(t, Config{APIURL: respondWith(t, static(307, "", "Location", elsewhere.URL+"/steal"))}, nil, nil)
	if _, err := b.Post(t.Context(), notify.Post{Channel: "C1", Key: "k", Message: hello()}); err == nil {
		t.Error("a redirect passed for an answer")
	}
	select {
	case p := <-got:
		t.Errorf("followed to %s", p)
	default:
	}
}
