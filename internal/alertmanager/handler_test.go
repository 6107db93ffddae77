package alertmanager

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/ai-notebook/notebookbot/incidents"
)

// recorder is a receiver that remembers, or fails as it is told.
type recorder struct {
	mu  sync.Mutex
	got []incidents.Webhook
	err error
}

func (r *recorder) Receive(_ context.Context, w incidents.Webhook) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return r.err
	}
	r.got = append(r.got, w)
	return nil
}

func (r *recorder) last(t *testing.T) incidents.Webhook {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.got) == 0 {
		t.Fatal("nothing was received")
	}
	return r.got[len(r.got)-1]
}

var silent = slog.New(slog.DiscardHandler)

// guide is the contract's severity.
var guide = []Severity{
	{[]string{`priority="P0"`}, incidents.P0},
	{[]string{`priority="P1"`}, incidents.P1},
	{[]string{`priority="P2"`}, incidents.P2},
	{[]string{`severity="critical"`}, incidents.P0},
	{[]string{`severity="warning"`}, incidents.P1},
	{nil, incidents.P2},
}

func newHandler(t testing.TB, cfg Config, to Receiver) *Handler {
	t.Helper()
	if cfg.Sources == nil {
		cfg.Sources = []Source{{}}
	}
	if cfg.Severity == nil {
		cfg.Severity = guide
	}
	h, err := New(cfg, to, prometheus.NewRegistry(), silent)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func capture(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// from makes a request as the server sees it: from a peer, with headers in pairs.
func from(peer, method, path, body string, headers ...string) *http.Request {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.RemoteAddr = peer
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

func do(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

const (
	here   = "127.0.0.1:40000"
	remote = "192.0.2.7:40000"
)

func TestWhoMaySend(t *testing.T) {
	t.Parallel()
	const secret = "right-token-123"
	one, named := []Source{{Token: secret}}, []Source{{Name: "a", Token: secret}, {Name: "b", Token: "other"}, {Name: "c"}}
	tests := []struct {
		name    string
		sources []Source
		peer    string
		path    string
		headers []string
		want    int
		says    string
	}{
		{"the right token from anywhere", one, remote, Path, []string{"Authorization", "Bearer " + secret}, 200, ""},
		{"the scheme in small letters", one, remote, Path, []string{"Authorization", "bearer " + secret}, 200, ""},
		{"the right token through a proxy", one, remote, Path, []string{"Authorization", "Bearer " + secret, "X-Forwarded-For", "192.0.2.9"}, 200, ""},
		{"a wrong token", one, remote, Path, []string{"Authorization", "Bearer wrong"}, 401, "the Bearer token is wrong"},
		{"a wrong token of this machine", one, here, Path, []string{"Authorization", "Bearer wrong"}, 401, "the Bearer token is wrong"},
		{"the beginning of the token", one, remote, Path, []string{"Authorization", "Bearer right"}, 401, "the Bearer token is wrong"},
		{"no token", one, here, Path, nil, 401, "a Bearer token is missing"},
		{"an empty token", one, here, Path, []string{"Authorization", "Bearer "}, 401, "a Bearer token is missing"},
		{"the token as a password", one, here, Path, []string{"Authorization", "Basic " + secret}, 401, "a Bearer token is missing"},
		{"no token needed on this machine", nil, here, Path, nil, 200, ""},
		{"no token needed over IPv6", nil, "[::1]:40000", Path, nil, 200, ""},
		{"no token needed over IPv4 in IPv6", nil, "[::ffff:127.0.0.1]:40000", Path, nil, 200, ""},
		{"another loopback address", nil, "127.9.8.7:40000", Path, nil, 200, ""},
		{"another machine without a token", nil, remote, Path, nil, 401, "only this machine itself may send"},
		{"another machine over IPv6", nil, "[2001:db8::1]:40000", Path, nil, 401, "only this machine itself may send"},
		{"a token does not help where none is configured", nil, remote, Path, []string{"Authorization", "Bearer x"}, 401, "only this machine itself"},
		{"a peer without an address", nil, "@", Path, nil, 401, "only this machine itself may send"},
		{"forwarded for", nil, here, Path, []string{"X-Forwarded-For", "192.0.2.9"}, 401, "forwarded (X-Forwarded-For)"},
		{"forwarded for nobody", nil, here, Path, []string{"X-Forwarded-For", ""}, 401, "forwarded (X-Forwarded-For)"},
		{"forwarded", nil, here, Path, []string{"Forwarded", "for=192.0.2.9"}, 401, "forwarded (Forwarded)"},
		{"a real address", nil, here, Path, []string{"X-Real-IP", "192.0.2.9"}, 401, "forwarded (X-Real-Ip)"},
		{"a page in a browser on this machine", nil, here, Path, []string{"Origin", "https://evil.example"}, 401, "forwarded (Origin)"},
		{"one of several by its name", named, remote, Path + "/a", []string{"Authorization", "Bearer " + secret}, 200, ""},
		{"the token of another one", named, remote, Path + "/b", []string{"Authorization", "Bearer " + secret}, 401, "wrong"},
		{"one of several without a token", named, here, Path + "/c", nil, 200, ""},
		{"an unknown name", named, here, Path + "/d", nil, 404, `no Alertmanager is configured by the name "d"`},
		{"no name where there are several", named, here, Path, nil, 404, "post to /webhooks/alertmanager/NAME"},
		{"a name below a name", named, here, Path + "/c/d", nil, 404, `"c/d"`},
		{"the only one by its name", []Source{{Name: "main"}}, here, Path + "/main", nil, 200, ""},
		{"the only one without its name", []Source{{Name: "main"}}, here, Path, nil, 200, ""},
		{"a slash at the end", nil, here, Path + "/", nil, 200, ""},
		{"a path that only begins alike", nil, here, Path + "s", nil, 404, "there is nothing here"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := &recorder{}
			w := do(newHandler(t, Config{Sources: tt.sources}, got), from(tt.peer, "POST", tt.path, capture(t, "01-firing-one-zh"), tt.headers...))
			if w.Code != tt.want || !strings.Contains(w.Body.String(), tt.says) {
				t.Errorf("answer = %d %q, want %d %q", w.Code, w.Body, tt.want, tt.says)
			}
			if taken := len(got.got) == 1; taken != (tt.want == 200) {
				t.Errorf("taken = %v with answer %d", taken, w.Code)
			}
			if strings.Contains(w.Body.String(), secret) {
				t.Errorf("the answer tells the token: %q", w.Body)
			}
			if w.Code == 401 && w.Header().Get("WWW-Authenticate") != "Bearer" {
				t.Error("a 401 does not say what it wants")
			}
		})
	}
}

func TestOtherMethodsAreRefused(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"GET", "HEAD", "PUT", "DELETE", "OPTIONS"} {
		w := do(newHandler(t, Config{}, &recorder{}), from(here, method, Path, ""))
		if w.Code != 405 || w.Header().Get("Allow") != "POST" {
			t.Errorf("%s: %d, Allow %q; want 405 with POST", method, w.Code, w.Header().Get("Allow"))
		}
	}
}

func TestWhatIsNotStoredIsToBeSentAgain(t *testing.T) {
	t.Parallel()
	to := &recorder{err: errors.New("disk full at /secret/path")}
	told := 0
	h := newHandler(t, Config{Refused: func(context.Context, string, string) error { told++; return nil }}, to)
	w := do(h, from(here, "POST", Path, capture(t, "01-firing-one-zh")))
	if w.Code != 503 || w.Header().Get("Retry-After") != "5" {
		t.Errorf("answer = %d, Retry-After %q; want 503 and 5", w.Code, w.Header().Get("Retry-After"))
	}
	if strings.Contains(w.Body.String(), "secret") {
		t.Errorf("the answer tells the inside: %q", w.Body)
	}
	if told != 0 {
		t.Error("what comes again was told as a refusal")
	}
	to.err = nil
	if w := do(h, from(here, "POST", Path, capture(t, "01-firing-one-zh"))); w.Code != 200 || w.Body.Len() != 0 {
		t.Errorf("answer = %d %q, want 200 and nothing else", w.Code, w.Body)
	}
	for _, code := range []string{"200", "503"} {
		var m dto.Metric
		if err := h.metrics.answers.WithLabelValues(code).Write(&m); err != nil || m.GetCounter().GetValue() != 1 {
			t.Errorf("counted %v answers %s (%v), want 1", m.GetCounter().GetValue(), code, err)
		}
	}
}

// A real connection: here the limits of size and time are the server's.
func TestTooMuchAndTooSlowEndTheRequest(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(newHandler(t, Config{}, &recorder{}))
	t.Cleanup(srv.Close)
	send := func(body io.Reader) int {
		req, err := http.NewRequestWithContext(t.Context(), "POST", srv.URL+Path, body)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := srv.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	big := strings.Repeat(" ", maxBody+1)
	if code := send(strings.NewReader(big)); code != 413 {
		t.Errorf("over 4 MiB with its length = %d, want 413", code)
	}
	if code := send(io.MultiReader(strings.NewReader(big))); code != 413 {
		t.Errorf("over 4 MiB in chunks = %d, want 413", code)
	}
	claim := from(here, "POST", Path, "{}")
	claim.ContentLength = 1 << 60 // must not be believed when memory is taken for it
	if w := do(newHandler(t, Config{}, &recorder{}), claim); w.Code != 413 {
		t.Errorf("a length beyond all bounds = %d, want 413", w.Code)
	}
	body := capture(t, "01-firing-one-zh")
	if code := send(strings.NewReader(body + strings.Repeat(" ", maxBody-len(body)))); code != 200 {
		t.Errorf("exactly 4 MiB = %d, want 200", code)
	}
}

// slow is a receiver that takes its time, and tells whether the request was given up meanwhile.
type slow struct{ takes time.Duration }

func (s slow) Receive(ctx context.Context, _ incidents.Webhook) error {
	select {
	case <-time.After(s.takes):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func TestTheTimeForTheBodyEndsWithTheBody(t *testing.T) {
	t.Parallel()
	h := newHandler(t, Config{}, slow{300 * time.Millisecond})
	h.within = 100 * time.Millisecond
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	dial := func(body string) string {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", srv.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		whole := capture(t, "01-firing-one-zh")
		if _, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", Path, len(whole), body); err != nil {
			t.Fatal(err)
		}
		status, err := bufio.NewReader(conn).ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(status)
	}
	if got := dial(capture(t, "01-firing-one-zh")); got != "HTTP/1.1 200 OK" {
		t.Errorf("a body that takes long to store: %q, want 200", got)
	}
	if got := dial(capture(t, "01-firing-one-zh")[:100]); got != "HTTP/1.1 503 Service Unavailable" {
		t.Errorf("a body that does not end: %q, want 503", got)
	}
}

func TestRefusalsAreToldOnceAnHour(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)
	var told []string
	h := newHandler(t, Config{
		Now:     func() time.Time { return now },
		Refused: func(_ context.Context, reason, peer string) error { told = append(told, peer+": "+reason); return nil },
	}, &recorder{})
	bad := func(peer, body string) { do(h, from(peer, "POST", Path, body)) }
	bad(here, `{"version":"3"}`)
	bad("127.0.0.1:40001", `{"version":"99"}`) // the same mistake over another connection
	if len(told) != 1 || !strings.Contains(told[0], `127.0.0.1: the version is "3"`) {
		t.Fatalf("told %q, want the version once", told)
	}
	bad(here, `{"version":"4"}`)
	if len(told) != 2 {
		t.Errorf("another mistake was not told: %q", told)
	}
	bad("[::1]:1", `{"version":"3"}`)
	if len(told) != 3 {
		t.Errorf("another sender was not told: %q", told)
	}
	now = now.Add(tellEvery)
	bad(here, `{"version":"3"}`)
	if len(told) != 4 {
		t.Errorf("after an hour it was not told again: %q", told)
	}
}

func TestARefusalThatCouldNotBeToldIsToldWithTheNextOne(t *testing.T) {
	t.Parallel()
	tries := 0
	h := newHandler(t, Config{Refused: func(context.Context, string, string) error {
		if tries++; tries == 1 {
			return errors.New("the store is away")
		}
		return nil
	}}, &recorder{})
	for range 3 {
		do(h, from(here, "POST", Path, `{"version":"3"}`))
	}
	if tries != 2 {
		t.Errorf("told %d times, want until it was heard and no more", tries)
	}
}

func TestStrangersCannotFillTheChannel(t *testing.T) {
	t.Parallel()
	var told []string
	h := newHandler(t, Config{Refused: func(_ context.Context, reason, _ string) error { told = append(told, reason); return nil }}, &recorder{})
	for i := range 200 {
		do(h, from("192.0.2."+string('0'+rune(i%10))+":1", "POST", Path, ""))
		do(h, from("[2001:db8::"+string('a'+rune(i%6))+string('a'+rune(i/6%6))+"]:1", "POST", Path, ""))
	}
	if len(told) != tellAtMost {
		t.Fatalf("told %d times, want %d", len(told), tellAtMost)
	}
	if !strings.Contains(told[tellAtMost-1], "only counted") {
		t.Errorf("the last one does not say that it is the last: %q", told[tellAtMost-1])
	}
}

func TestAWrongConfigurationNamesTheLine(t *testing.T) {
	t.Parallel()
	one := []Source{{}}
	tests := []struct {
		name string
		cfg  Config
		says string
	}{
		{"a matcher that is none", Config{Sources: one, Severity: []Severity{{}, {Match: []string{`a="b"`, `severity is critical`}}}}, `severity[1].match[1]: "severity is critical" is no matcher`},
		{"a regular expression that is none", Config{Sources: one, Routes: []Route{{Match: []string{`a=~"("`}}}}, `routes[0].match[0]`},
		{"two matchers in one", Config{Sources: one, Severity: []Severity{{Match: []string{`a="b",c="d"`}}}}, `severity[0].match[0]`},
		{"none", Config{}, "none is configured"},
		{"a name twice", Config{Sources: []Source{{Name: "a"}, {Name: "a"}}}, `alertmanager[1].name: "a" is there twice`},
		{"several without a name", Config{Sources: []Source{{Name: "a"}, {}}}, "alertmanager[1].name: needed"},
		{"a name that is a path", Config{Sources: []Source{{Name: "a/b"}}}, "slash"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := New(tt.cfg, &recorder{}, prometheus.NewRegistry(), silent)
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("error = %v, want %q", err, tt.says)
			}
		})
	}
}
