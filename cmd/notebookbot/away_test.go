package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/internal/realparts"
	"github.com/ai-notebook/notebookbot/internal/slackfake"
)

// wire is a line to a server that can be frozen: what was sent is neither delivered nor refused.
type wire struct {
	addr string

	mu     sync.Mutex
	frozen chan struct{} // closed when it flows again; nil: it flows
}

func newWire(t *testing.T, to string) *wire {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // closed with the test
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{addr: ln.Addr().String()}
	var wg sync.WaitGroup
	var conns sync.Map
	t.Cleanup(func() {
		w.freeze(false)
		_ = ln.Close()
		conns.Range(func(c, _ any) bool { _ = c.(net.Conn).Close(); return true }) //nolint:errcheck,forcetypeassert // connections alone
		wg.Wait()
	})
	pump := func(from, to net.Conn) {
		defer func() { _, _ = from.Close(), to.Close() }()
		buf := make([]byte, 32<<10)
		for {
			n, err := from.Read(buf)
			w.wait()
			if _, werr := to.Write(buf[:n]); err != nil || werr != nil {
				return
			}
		}
	}
	wg.Go(func() {
		for {
			a, err := ln.Accept()
			if err != nil {
				return
			}
			b, err := net.Dial("tcp", to) //nolint:noctx // loopback
			if err != nil {
				_ = a.Close()
				continue
			}
			conns.Store(a, nil)
			conns.Store(b, nil)
			wg.Go(func() { pump(a, b) })
			wg.Go(func() { pump(b, a) })
		}
	})
	return w
}

func (w *wire) wait() {
	w.mu.Lock()
	c := w.frozen
	w.mu.Unlock()
	if c != nil {
		<-c
	}
}

func (w *wire) freeze(yes bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case yes && w.frozen == nil:
		w.frozen = make(chan struct{})
	case !yes && w.frozen != nil:
		close(w.frozen)
		w.frozen = nil
	}
}

// wired gives a fresh database behind a wire.
func wired(t *testing.T) (dsn string, w *wire) {
	t.Helper()
	u, err := url.Parse(realparts.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	w = newWire(t, u.Host)
	u.Host = w.addr
	return u.String(), w
}

// status asks for a page and gives its code; 0: no answer.
func status(addr, path string) (code int, body string) {
	resp, err := client.Get("http://" + addr + path) //nolint:noctx // bounded by the client's time-out
	if err != nil {
		return 0, ""
	}
	defer func() { _ = resp.Body.Close() }()
	b, _ := io.ReadAll(resp.Body) // what came
	return resp.StatusCode, string(b)
}

func TestSIGTERMEndsItThoughTheStoreDoesNotAnswer(t *testing.T) {
	t.Parallel()
	dsn, w := wired(t)
	l := newLab(t, dsn, "")
	p := startBot(t, realparts.Notebookbot(t), l.config, l.addr)
	if code := postWebhook(t.Context(), l.addr, "lab", alertBody("a", "critical")); code != http.StatusOK {
		t.Fatalf("answered %d", code)
	}
	until(t, "the card stands", 10*time.Second, func() bool { return len(l.slack.Roots(slackfake.Incidents)) == 1 })
	w.freeze(true)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	for i := range 3 {
		wg.Go(func() { postWebhook(ctx, l.addr, "lab", alertBody(fmt.Sprint("b", i), "critical")) })
	}
	wg.Go(func() { _, _ = l.slack.User(slackfake.Operator).Slash(slackfake.Ops, "incident ack INC-1").Wait(ctx) })
	wait(t.Context(), 500*time.Millisecond)
	begun := time.Now()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.ended: // 0 or 1: it may have ended in time
	case <-time.After(15 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("it ended %v after SIGTERM", took)
	}
}

func TestAPostgreSQLThatIsAwayForAWhileCostsADelayAndNothingElse(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("skipped: it waits for the database")
	}
	dsn, w := wired(t)
	l := newLab(t, dsn, "")
	p := startBot(t, realparts.Notebookbot(t), l.config, l.addr)
	until(t, "the sockets are open", 10*time.Second, func() bool { return l.slack.Registered() == 2 })
	me := l.slack.User(slackfake.Operator)
	if code := postWebhook(t.Context(), l.addr, "lab", alertBody("before", "critical")); code != http.StatusOK {
		t.Fatalf("answered %d", code)
	}
	until(t, "the card stands", 10*time.Second, func() bool { return len(l.slack.Roots(slackfake.Incidents)) == 1 })
	// Accepted, and perhaps not carried out when the database goes.
	if out, err := me.Slash(slackfake.Ops, "incident note INC-1 taken before").Wait(t.Context()); err != nil || len(out.Ack) > 0 {
		t.Fatalf("%v, %s", err, out.Ack)
	}
	w.freeze(true)
	refused := make(chan string, 1)
	go func() {
		out, err := me.Slash(slackfake.Ops, `incident open P1 "not taken"`).Wait(t.Context())
		refused <- fmt.Sprint(out.Ended, string(out.Ack), err)
	}()
	if said := <-refused; !strings.Contains(said, "Not taken") {
		t.Errorf("the command was answered %s", said)
	}
	codes := map[int]int{}
	for i := range 3 {
		codes[postWebhook(t.Context(), l.addr, "lab", alertBody(fmt.Sprint("during", i), "critical"))]++
	}
	if codes[http.StatusOK] > 0 {
		t.Errorf("webhooks were answered %v while nothing could be stored", codes)
	}
	if code, body := status(l.addr, "/readyz"); code != http.StatusServiceUnavailable {
		t.Errorf("/readyz = %d %s", code, body)
	}
	if code, _ := status(l.addr, "/healthz"); code != http.StatusOK {
		t.Errorf("/healthz = %d", code)
	}
	w.freeze(false)
	until(t, "webhooks are taken again", 20*time.Second, func() bool {
		return postWebhook(t.Context(), l.addr, "lab", alertBody("after", "critical")) == http.StatusOK
	})
	until(t, "it is ready again", 20*time.Second, func() bool { return get(l.addr, "/readyz") != "" })
	until(t, "everything is told", 40*time.Second, func() bool {
		return strings.Contains(get(l.addr, "/metrics"), "\nnotebookbot_outbox_depth 0\n")
	})
	var all strings.Builder
	for _, m := range l.slack.Messages(slackfake.Incidents) {
		all.WriteString(m.Text + "\n")
	}
	if s := all.String(); strings.Count(s, "taken before") != 1 || strings.Contains(s, "not taken") {
		t.Errorf("this was told:\n%s", s)
	}
	for key, at := range l.slack.PostsByKey() {
		if len(at) != 1 {
			t.Errorf("message %s stands %d times", key, len(at))
		}
	}
	p.stop(t)
}

func TestWhatASlowCommitWasSaidNotToTakeIsNotDone(t *testing.T) {
	t.Parallel()
	pg := realparts.StartPostgres(t)
	l := newLab(t, pg.DSN, "")
	startBot(t, realparts.Notebookbot(t), l.config, l.addr)
	until(t, "the sockets are open", 10*time.Second, func() bool { return l.slack.Registered() == 2 })
	me := l.slack.User(slackfake.Operator)
	standby := func(name string) { // a standby that is away: every commit waits for it
		t.Helper()
		sql(t, pg.DSN, "ALTER SYSTEM SET synchronous_standby_names = '"+name+"'")
		sql(t, pg.DSN, "SELECT pg_reload_conf()")
	}
	standby("away")
	refused := ""
	until(t, "commits wait", 20*time.Second, func() bool {
		refused += "x" // a title of its own: the first ones may still be taken
		out, err := me.Slash(slackfake.Ops, "incident open P1 title-"+refused+"-end").Wait(t.Context())
		return err == nil && strings.Contains(string(out.Ack), "Not taken")
	})
	standby("")
	until(t, "commands are taken again", 30*time.Second, func() bool {
		out, err := me.Slash(slackfake.Ops, "incident open P2 last-one").Wait(t.Context())
		return err == nil && len(out.Ack) == 0
	})
	told := func(title string) bool {
		return slices.ContainsFunc(l.slack.Roots(slackfake.Incidents), func(m slackfake.Message) bool { return strings.Contains(m.Text, title) })
	}
	until(t, "the one that was taken is opened", 20*time.Second, func() bool { return told("last-one") })
	if told("title-" + refused + "-end") {
		t.Error("it was done although it was said not to be taken")
	}
}

func TestSIGTERMUnderLoadEndsItInTimeThoughSlackHangs(t *testing.T) {
	t.Parallel()
	l := newLab(t, "", "")
	p := startBot(t, realparts.Notebookbot(t), l.config, l.addr)
	until(t, "the sockets are open", 10*time.Second, func() bool { return l.slack.Registered() == 2 })
	for _, method := range []string{"chat.postMessage", "views.open", "users.info"} {
		l.slack.Fault(slackfake.Fault{Method: method, Kind: slackfake.Hang})
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	for who := range 32 {
		wg.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				postWebhook(ctx, l.addr, "lab", alertBody(fmt.Sprint(who, "-", i), "critical"))
			}
		})
	}
	for range 4 {
		wg.Go(func() {
			for ctx.Err() == nil {
				_, _ = l.slack.User(slackfake.Operator).Slash(slackfake.Ops, "incident resolve INC-1").Wait(ctx)
				wait(ctx, 50*time.Millisecond)
			}
		})
	}
	wait(ctx, 2*time.Second)
	p.stop(t)
}
