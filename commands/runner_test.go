package commands_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/commands"
	"github.com/ai-notebook/notebookbot/incidents"
	operations "github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/templates"
)

// run runs a Runner until the test ends or stop is called.
func run(t *testing.T, cfg commands.Config) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- commands.New(cfg).Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Run: %v", err)
			}
		case <-time.After(5 * time.Second):
			t.Error("Run does not end")
		}
	})
	t.Cleanup(stop)
	return stop
}

func (h *house) accept(r commands.Request) commands.Request {
	h.t.Helper()
	r = h.request(r)
	if err := h.store.Accept(h.t.Context(), r); err != nil {
		h.t.Fatal(err)
	}
	return r
}

// notes are the notes in an incident's timeline.
func (h *house) notes(number int64) []string {
	h.t.Helper()
	es, err := h.store.Timeline(h.t.Context(), number)
	if err != nil {
		h.t.Fatal(err)
	}
	var out []string
	for _, e := range es {
		if e.Kind == incidents.NoteAdded {
			out = append(out, e.Fact.Text)
		}
	}
	return out
}

// idle waits until nothing waits in the inbox.
func (h *house) idle() {
	h.t.Helper()
	eventually(h.t, "the inbox is empty", func() bool {
		// A lease of nothing claims nothing; far in the future, every claim has run out.
		rs, err := h.store.Pending(h.t.Context(), h.clock().Add(24*time.Hour), -48*time.Hour, 1)
		return err == nil && len(rs) == 0
	})
}

func TestTheSameRequestTwiceHasOneEffect(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "en")
	h.open("P1", "disk is full")
	r := h.accept(commands.Request{ID: "same", User: kim, Text: "incident note INC-1 once"})
	h.accept(r)
	for range 3 {
		if err := h.runner.Carry(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	if got := h.notes(1); len(got) != 1 {
		t.Errorf("notes = %q", got)
	}
	if as := answers(h.deliver()); len(as) != 1 {
		t.Errorf("%d answers", len(as))
	}
}

func TestWhatWasAcceptedBeforeACrashIsDoneAfterIt(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "en")
	h.open("P1", "disk is full")
	for i := range 5 {
		h.accept(commands.Request{User: kim, Text: fmt.Sprintf("incident note INC-1 %d", i)})
	}
	// A Runner takes them all and dies with them in its hands.
	if rs, err := h.store.Pending(t.Context(), h.clock(), time.Minute, 10); err != nil || len(rs) != 5 {
		t.Fatalf("pending = %d, %v", len(rs), err)
	}
	run(t, h.cfg)
	h.accept(commands.Request{User: lee, Text: "incident note INC-1 not claimed"})
	eventually(t, "the new request is done", func() bool { return len(h.notes(1)) > 0 })
	if got := h.notes(1); len(got) != 1 {
		t.Errorf("notes = %q: what another one has claimed is left to it while its lease runs", got)
	}
	h.pass(time.Minute)
	h.idle()
	if got := h.notes(1); !slices.Equal(got, []string{"not claimed", "0", "1", "2", "3", "4"}) {
		t.Errorf("notes = %q", got)
	}
}

// lossy is a store whose answers get lost after the commit, or which is away.
type lossy struct {
	commands.Store
	lose  atomic.Int32 // so many commits are done and reported as failed
	away  atomic.Bool
	tries atomic.Int32
}

func (l *lossy) WriteOperations(ctx context.Context, w operations.Want, fn func(operations.Tx) error) error {
	l.tries.Add(1)
	if l.away.Load() {
		return errors.New("the store is away")
	}
	err := l.Store.WriteOperations(ctx, w, fn)
	if err == nil && l.lose.Add(-1) >= 0 {
		return errors.New("the connection was lost")
	}
	return err
}

func TestALostCommitAnswerDoublesNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "en")
	h.open("P1", "disk is full")
	l := &lossy{Store: h.store}
	l.lose.Store(2)
	h.cfg.Store = l
	run(t, h.cfg)
	h.accept(commands.Request{User: kim, Text: "incident note INC-1 one"})
	h.accept(commands.Request{User: kim, Text: "incident note INC-1 two"})
	eventually(t, "both are done and acknowledged", func() bool { return len(h.notes(1)) == 2 && l.tries.Load() >= 4 })
	h.idle()
	if got := h.notes(1); !slices.Equal(got, []string{"one", "two"}) {
		t.Errorf("notes = %q", got)
	}
	if as := answers(h.deliver()); len(as) != 2 {
		t.Errorf("%d answers", len(as))
	}
}

func TestAStoreThatIsAwayCostsADelayAndNoOrder(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "en")
	h.open("P1", "disk is full")
	l := &lossy{Store: h.store}
	l.away.Store(true)
	h.cfg.Store = l
	run(t, h.cfg)
	want := []string{"0", "1", "2", "3", "4"}
	for _, n := range want {
		h.accept(commands.Request{User: kim, Text: "incident note INC-1 " + n})
	}
	eventually(t, "it was tried", func() bool { return l.tries.Load() >= 2 })
	if n := l.tries.Load(); n > 4 {
		t.Errorf("%d tries in no time", n)
	}
	l.away.Store(false)
	h.idle()
	if got := h.notes(1); !slices.Equal(got, want) {
		t.Errorf("notes = %q, want %q", got, want)
	}
	contains(t, h.logged(), "request stays pending", "the store is away")
}

func TestTwoRunnersOnOneStoreDoEverythingOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "en")
	h.open("P1", "disk is full")
	// Leases that end at once make them fight for every request.
	h.cfg.Lease = time.Nanosecond
	h.cfg.Poll = time.Millisecond
	base := h.clock()
	start := time.Now()
	h.cfg.Now = func() time.Time { return base.Add(time.Since(start)) }
	run(t, h.cfg)
	run(t, h.cfg)
	const each = 40
	var wg sync.WaitGroup
	for _, user := range []string{kim, lee} {
		wg.Go(func() {
			for i := range each {
				h.accept(commands.Request{User: user, Text: fmt.Sprintf("incident note INC-1 %s-%d", user, i)})
			}
		})
		wg.Go(func() { h.accept(commands.Request{User: user, Text: "incident open P2 one of two"}) })
	}
	wg.Wait()
	h.idle()
	got := h.notes(1)
	slices.Sort(got)
	if n := len(slices.Compact(got)); n != 2*each || len(got) != 2*each {
		t.Errorf("%d notes, %d of them different, want %d", len(got), n, 2*each)
	}
	all, err := h.store.List(t.Context(), incidents.Filter{Limit: 10})
	if err != nil || len(all) != 3 {
		t.Errorf("%d incidents (%v), want 3", len(all), err)
	}
	if as := answers(h.deliver()); len(as) != 2*each+2 {
		t.Errorf("%d answers, want %d", len(as), 2*each+2)
	}
}

func TestEachPersonsOrderIsKeptAndNobodyWaitsForAnother(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "en")
	h.open("P1", "disk is full")
	slow := &slowFront{gate: make(chan struct{}), in: make(chan struct{}, 1)}
	h.cfg.Front = slow
	run(t, h.cfg)
	h.accept(commands.Request{User: kim, Text: "incident resolve INC-1", Trigger: "t"}) // waits for Slack
	<-slow.in
	var want []string
	for i := range 60 {
		h.accept(commands.Request{User: kim, Text: fmt.Sprintf("incident note INC-1 kim %d", i)})
		want = append(want, fmt.Sprintf("kim %d", i))
	}
	h.accept(commands.Request{User: lee, Text: "incident ack INC-1", Received: h.clock().Add(-time.Hour)})
	eventually(t, "lee is served", func() bool { return !h.incident(1).Acked.IsZero() })
	if got := h.notes(1); len(got) > 0 {
		t.Errorf("kim overtook himself: %q", got)
	}
	close(slow.gate)
	h.idle()
	if got := h.notes(1); !slices.Equal(got, want) {
		t.Errorf("notes = %q", got)
	}
}

func TestABrokenCommandIsAnsweredWithAReferenceAndStopsNobody(t *testing.T) {
	t.Parallel()
	for _, where := range []string{"before the transaction", "in the transaction"} {
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, "en")
			h.open("P1", "disk is full")
			if where == "in the transaction" {
				h.cfg.Domain = broken{h.domain}
			} else {
				h.cfg.Front = broken{}
			}
			run(t, h.cfg)
			h.accept(commands.Request{ID: "bad", User: kim, Text: "incident resolve INC-1", Trigger: "t"})
			if where == "in the transaction" {
				h.accept(commands.Request{User: kim, Text: "incident ack INC-1"})
			}
			h.accept(commands.Request{User: kim, Text: "incident note INC-1 alive"})
			h.idle()
			if got := h.notes(1); !slices.Equal(got, []string{"alive"}) {
				t.Errorf("notes = %q", got)
			}
			if in := h.incident(1); !in.Acked.IsZero() {
				t.Error("half of a broken command was kept")
			}
			for _, n := range answers(h.deliver()) {
				text := textOf(t, n)
				if !strings.Contains(text, "Something went wrong") {
					continue
				}
				if n.User != kim || strings.Contains(text, "boom") {
					t.Errorf("the answer is for %q: %s", n.User, text)
				}
				_, rest, _ := strings.Cut(h.logged(), "ref=")
				ref, _, _ := strings.Cut(rest, " ")
				contains(t, text, ref)
				contains(t, h.logged(), "boom", "runner_test.go")
				return
			}
			t.Error("nobody was told")
		})
	}
}

// counted is an inbox that counts how often it is asked.
type counted struct {
	commands.Inbox
	asked atomic.Int32
}

func (c *counted) Pending(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]commands.Request, error) {
	c.asked.Add(1)
	return c.Inbox.Pending(ctx, now.Add(time.Duration(c.asked.Load())*time.Second), lease, limit)
}

func TestARequestThatIsStillTriedIsNotTakenAgain(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "en")
	h.open("P1", "disk is full")
	l := &lossy{Store: h.store}
	l.away.Store(true)
	in := &counted{Inbox: h.store}
	h.cfg.Store, h.cfg.Inbox, h.cfg.Poll, h.cfg.Lease = l, in, time.Millisecond, time.Microsecond
	run(t, h.cfg)
	h.accept(commands.Request{User: kim, Text: "incident ack INC-1"})
	eventually(t, "its claim ran out many times", func() bool { return in.asked.Load() > 300 })
	l.away.Store(false)
	h.idle()
	h.accept(commands.Request{User: kim, Text: "incident note INC-1 next"})
	eventually(t, "the next one is done", func() bool { return len(h.notes(1)) == 1 })
	if n := l.tries.Load(); n > 20 {
		t.Errorf("%d tries for two requests", n)
	}
}

func TestARequestThatFailsForAWhileIsDoneInTheEnd(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "en")
	h.open("P1", "disk is full")
	f := &failing{Service: h.domain}
	f.works.Store(3)
	h.cfg.Domain = f
	run(t, h.cfg)
	h.accept(commands.Request{User: kim, Text: "incident ack INC-1"})
	h.idle()
	if in := h.incident(1); in.AckedBy.ID != kim {
		t.Errorf("acknowledged by %+v", in.AckedBy)
	}
}

func TestARequestThatNeverWorksIsGivenUpWithWords(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "en")
	h.open("P1", "disk is full")
	h.cfg.Domain = &failing{Service: h.domain}
	run(t, h.cfg)
	h.accept(commands.Request{User: kim, Text: "incident ack INC-1"})
	h.accept(commands.Request{User: lee, Text: "incident note INC-1 alive"})
	eventually(t, "the other one is done", func() bool { return len(h.notes(1)) == 1 })
	h.idle()
	for _, n := range answers(h.deliver()) {
		if strings.Contains(textOf(t, n), "Something went wrong") && n.User == kim {
			return
		}
	}
	t.Error("nobody was told")
}

type slowFront struct {
	front
	in   chan struct{}
	gate chan struct{}
}

func (f *slowFront) OpenView(ctx context.Context, trigger string, v templates.View) error {
	f.in <- struct{}{}
	<-f.gate
	return f.front.OpenView(ctx, trigger, v)
}

// broken panics when somebody acknowledges, after it wrote.
type broken struct{ *incidents.Service }

func (b broken) ApplyIn(tx incidents.Tx, number int64, ev incidents.Event, now time.Time) (*incidents.Incident, error) {
	in, err := b.Service.ApplyIn(tx, number, ev, now)
	if _, ok := ev.(incidents.Ack); ok {
		panic("boom")
	}
	return in, err
}

func (broken) OpenView(context.Context, string, templates.View) error { panic("boom") }

// failing is a domain whose store cannot take acknowledgements: not before it works, or never.
type failing struct {
	*incidents.Service
	works atomic.Int32
}

func (f *failing) ApplyIn(tx incidents.Tx, number int64, ev incidents.Event, now time.Time) (*incidents.Incident, error) {
	if _, ok := ev.(incidents.Ack); ok && f.works.Add(-1) != 0 {
		return nil, errors.New("constraint failed")
	}
	return f.Service.ApplyIn(tx, number, ev, now)
}
