package e2e

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"
)

// application is what is watched: it serves ten requests between two scrapes, all of them well unless it is told to fail.
type application struct {
	addr string

	mu      sync.Mutex
	failing bool
	good    int
	bad     int
	srv     *http.Server
	done    chan struct{}
}

func newApplication(t *testing.T) *application {
	t.Helper()
	a := &application{}
	a.up(t, "127.0.0.1:0")
	t.Cleanup(a.goDown)
	return a
}

func (a *application) up(t *testing.T, addr string) {
	t.Helper()
	lis, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	a.addr = lis.Addr().String()
	a.srv, a.done = &http.Server{Handler: http.HandlerFunc(a.metrics), ReadHeaderTimeout: time.Second}, make(chan struct{})
	srv, done := a.srv, a.done
	go func() {
		defer close(done)
		_ = srv.Serve(lis) // ends when it is closed
	}()
}

// goDown takes the application away: nobody listens any more.
func (a *application) goDown() {
	_ = a.srv.Close()
	<-a.done
}

// comeBack brings it back at the same address.
func (a *application) comeBack(t *testing.T) {
	t.Helper()
	a.up(t, a.addr)
}

// fail makes three of ten requests fail, or none.
func (a *application) fail(yes bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.failing = yes
}

func (a *application) metrics(w http.ResponseWriter, _ *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.good += 10
	if a.failing {
		a.good, a.bad = a.good-3, a.bad+3
	}
	all := a.good + a.bad
	_, _ = fmt.Fprintf(w, `# TYPE http_requests_total counter
http_requests_total{method="GET",handler="/api/notes",status="200"} %d
http_requests_total{method="GET",handler="/api/notes",status="502"} %d
# TYPE http_request_duration_seconds histogram
http_request_duration_seconds_bucket{handler="/api/notes",le="0.5"} %d
http_request_duration_seconds_bucket{handler="/api/notes",le="+Inf"} %d
http_request_duration_seconds_sum{handler="/api/notes"} %d
http_request_duration_seconds_count{handler="/api/notes"} %d
`, a.good, a.bad, all, all, all/10, all)
}
