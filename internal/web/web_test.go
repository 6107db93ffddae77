package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/notify"
)

var silent = slog.New(slog.DiscardHandler)

// facts is a store and an outbox that tell what they are given.
type facts struct {
	open  [len(incidents.Levels)]int
	count error
	depth notify.Depth
	asked int
}

func (f *facts) counts() Counts {
	return Counts{
		Open: func(context.Context) ([len(incidents.Levels)]int, error) {
			f.asked++
			return f.open, f.count
		},
		Outbox: func(context.Context) (notify.Depth, error) { return f.depth, nil },
	}
}

func fixed(name string, needed bool, state State, reason string) Part {
	return Part{name, needed, func(context.Context) (State, string) { return state, reason }}
}

// running is a server that listens, and ends when the test says so or ends.
type running struct {
	url  string
	end  context.CancelFunc
	done chan error
}

func start(t *testing.T, f *facts, hooks http.Handler) *running {
	t.Helper()
	reg := NewRegistry()
	f.counts().Register(reg, silent)
	s := New(Config{Listen: "127.0.0.1:0", Webhooks: hooks, Registry: reg, Parts: []Part{fixed("store", true, OK, "")}}, silent)
	addr, err := s.Listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{url: "http://" + addr.String(), end: cancel, done: make(chan error, 1)}
	go func() { r.done <- s.Run(ctx) }()
	t.Cleanup(cancel)
	return r
}

func get(t *testing.T, url string) (code int, body string, header http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b), resp.Header
}

func TestEachPathAnswers(t *testing.T) {
	t.Parallel()
	hook := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "hook "+r.URL.Path) })
	s := start(t, &facts{}, hook)
	tests := []struct {
		path string
		code int
		says string
		kind string
	}{
		{"/", 200, "运维机器人", "text/html; charset=utf-8"},
		{"/healthz", 200, "ok\n", "text/plain; charset=utf-8"},
		{"/readyz", 200, `"ready": true`, "application/json"},
		{"/metrics", 200, "go_goroutines ", "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"},
		{"/metrics", 200, "process_open_fds ", "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"},
		{"/webhooks/alertmanager/a", 200, "hook /webhooks/alertmanager/a", "text/plain; charset=utf-8"},
		{"/else", 404, "", "text/plain; charset=utf-8"},
	}
	for _, tt := range tests {
		code, body, head := get(t, s.url+tt.path)
		if code != tt.code || !strings.Contains(body, tt.says) || head.Get("Content-Type") != tt.kind {
			t.Errorf("%s: %d %q %.300q, want %d %q %q", tt.path, code, head.Get("Content-Type"), body, tt.code, tt.kind, tt.says)
		}
	}
}

func TestReadyMeansThatAlertsCanBeTaken(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		parts []Part
		code  int
		want  string
	}{
		{"all is well", []Part{fixed("store", true, OK, ""), fixed("slack", false, OK, "2 sockets")}, 200, `{"ready":true,"checks":[{"name":"store","state":"ok","reason":""},{"name":"slack","state":"ok","reason":"2 sockets"}]}`},
		{"Slack is away", []Part{fixed("store", true, OK, ""), fixed("slack", false, Failed, "no socket")}, 200, `{"ready":true,"checks":[{"name":"store","state":"ok","reason":""},{"name":"slack","state":"failed","reason":"no socket"}]}`},
		{"the store is slow", []Part{fixed("store", true, Warning, "900 ms")}, 200, `{"ready":true,"checks":[{"name":"store","state":"warning","reason":"900 ms"}]}`},
		{"the store is read-only", []Part{fixed("store", true, Failed, "read-only"), fixed("slack", false, OK, "")}, 503, `{"ready":false,"checks":[{"name":"store","state":"failed","reason":"read-only"},{"name":"slack","state":"ok","reason":""}]}`},
		{"nobody knows of the store", []Part{fixed("store", true, Unchecked, "closing")}, 503, `{"ready":false,"checks":[{"name":"store","state":"unchecked","reason":"closing"}]}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := httptest.NewRecorder()
			(&readiness{parts: tt.parts}).serve(w, httptest.NewRequest("GET", "/readyz", nil))
			var got bytes.Buffer
			if err := json.Compact(&got, w.Body.Bytes()); err != nil {
				t.Fatal(err)
			}
			if w.Code != tt.code || got.String() != tt.want {
				t.Errorf("answer = %d %s\nwant   %d %s", w.Code, &got, tt.code, tt.want)
			}
		})
	}
}

func TestAPartThatHangsHoldsNobodyForLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		r := &readiness{parts: []Part{{"slack", false, func(ctx context.Context) (State, string) {
			asked++
			<-ctx.Done()
			return Failed, "no answer"
		}}}}
		began := time.Now()
		if !r.ask(t.Context()).Ready {
			t.Error("not ready although the store takes writes")
		}
		if took := time.Since(began); took != checkWithin {
			t.Errorf("took %v, want %v", took, checkWithin)
		}
		r.ask(t.Context())
		if asked != 1 {
			t.Errorf("asked %d times within a second, want once", asked)
		}
		time.Sleep(checkEvery)
		r.ask(t.Context())
		if asked != 2 {
			t.Errorf("asked %d times, want anew after a second", asked)
		}
	})
}

func TestTheStoreIsCountedForMetrics(t *testing.T) {
	t.Parallel()
	s := start(t, &facts{
		open: [...]int{2, 0, 5}, depth: notify.Depth{Waiting: 3, Failed: 1, Oldest: time.Now().Add(-95 * time.Second)},
	}, http.NotFoundHandler())
	_, body, _ := get(t, s.url+"/metrics")
	for _, line := range []string{
		`notebookbot_incidents_open{level="P0"} 2`, `notebookbot_incidents_open{level="P1"} 0`, `notebookbot_incidents_open{level="P2"} 5`,
		"notebookbot_outbox_depth 3", "notebookbot_outbox_failed 1", "notebookbot_outbox_oldest_seconds 95.",
	} {
		if !strings.Contains(body, line) {
			t.Errorf("missing %q in\n%s", line, body)
		}
	}
}

func TestHoweverManyScrapeTheStoreIsAskedOnceASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &facts{}
		c := &collector{counts: f.counts(), log: silent}
		for range 5 {
			c.metrics()
		}
		if f.asked != 1 {
			t.Errorf("five scrapes in a moment asked the store %d times, want once", f.asked)
		}
		time.Sleep(countEvery)
		f.count = errors.New("store away")
		if n := len(c.metrics()); f.asked != 2 || n != 3 {
			t.Errorf("asked %d times for %d figures, want anew and those three of the outbox alone", f.asked, n)
		}
	})
}

func TestAWebhookThatIsBeingStoredIsAnsweredBeforeTheEnd(t *testing.T) {
	t.Parallel()
	entered, store := make(chan struct{}), make(chan struct{})
	s := start(t, &facts{}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-store
		w.WriteHeader(http.StatusOK)
	}))
	answered := make(chan int, 1)
	go func() {
		code, _, _ := get(t, s.url+"/webhooks/alertmanager")
		answered <- code
	}()
	<-entered
	s.end()
	awaitRefused(t, s.url)
	close(store)
	if code := <-answered; code != 200 {
		t.Errorf("answer = %d, want 200", code)
	}
	if err := <-s.done; err != nil {
		t.Errorf("Run = %v, want nil", err)
	}
}

// awaitRefused waits until nobody listens any more.
func awaitRefused(t *testing.T, url string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", strings.TrimPrefix(url, "http://"))
		if ctx.Err() != nil {
			t.Fatal("it still listens")
		}
		if err != nil {
			return
		}
		_ = conn.Close()
	}
}

func TestWhatHangsIsCutOffWithinFiveSeconds(t *testing.T) {
	t.Parallel()
	entered := make(chan struct{})
	s := start(t, &facts{}, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done()
	}))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/webhooks/", nil)
	if err != nil {
		t.Fatal(err)
	}
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		if resp, err := http.DefaultClient.Do(req); err == nil {
			_ = resp.Body.Close()
		}
	}()
	<-entered
	began := time.Now()
	s.end()
	if err := <-s.done; err != nil {
		t.Errorf("Run = %v, want nil", err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("ended after %v, want within 5 s", took)
	}
	<-gone
}

func TestABusyAddressIsAnErrorThatNamesIt(t *testing.T) {
	t.Parallel()
	addr := strings.TrimPrefix(start(t, &facts{}, http.NotFoundHandler()).url, "http://")
	other := New(Config{Listen: addr, Webhooks: http.NotFoundHandler(), Registry: NewRegistry()}, silent)
	if err := other.Run(t.Context()); err == nil || !strings.Contains(err.Error(), addr) {
		t.Errorf("error = %v, want one that names %s", err, addr)
	}
}
