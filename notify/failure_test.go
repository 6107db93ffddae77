package notify_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/access"
	"github.com/ai-notebook/notebookbot/internal/store"
	"github.com/ai-notebook/notebookbot/internal/store/storetest"
	"github.com/ai-notebook/notebookbot/notify"
)

// broken is a store that takes no writes of outcomes while down is set.
type broken struct {
	notify.Store
	down atomic.Bool
	lost atomic.Int64
}

func (b *broken) Settle(ctx context.Context, d notify.Delivery, o notify.Outcome) error {
	if b.down.Load() {
		b.lost.Add(1)
		return errors.New("the disk is full")
	}
	return b.Store.Settle(ctx, d, o)
}

func TestAnOutcomeThatCannotBeRecordedDoublesNothing(t *testing.T) {
	t.Parallel()
	for name, down := range map[string]time.Duration{"for a moment": 100 * time.Millisecond, "for longer than the claim": 3 * time.Second} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.Each(t, func(t *testing.T, st *store.Store) {
				t.Helper()
				b := benchOn(t, st)
				b.config.Lease = 2 * time.Second
				k := &broken{Store: st}
				b.keeper = k
				k.down.Store(true)
				b.put(t, answer("a", "a", incidentC, 0), answer("b", "a", incidentC, 0))
				b.run(t)
				until(t, "an outcome was lost", func() bool { return k.lost.Load() > 0 })
				<-time.After(down)
				k.down.Store(false)
				b.drained(t)
				if posts, _, _ := b.chat.snapshot(); !slices.Equal(keys(posts), []string{"a", "b"}) {
					t.Errorf("posts = %v, want a and b once each", keys(posts))
				}
				if b.chat.looks > 0 && down < b.config.Lease/2 {
					t.Errorf("%d look-ups: the outcome was forgotten while the claim lasted", b.chat.looks)
				}
			})
		})
	}
}

// holders notices when two tries of one delivery are under way at the same time.
type holders struct {
	mu   sync.Mutex
	now  map[string]int
	both []string
}

func (h *holders) enter(key string) (leave func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.now == nil {
		h.now = map[string]int{}
	}
	if h.now[key]++; h.now[key] > 1 {
		h.both = append(h.both, key)
	}
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.now[key]--
	}
}

// slow is a Slack that hangs in every call until it is cut.
type slow struct {
	*chat
	holders holders
	posts   atomic.Int64
}

func (s *slow) Post(ctx context.Context, p notify.Post) (notify.Posted, error) {
	defer s.holders.enter(p.Key)()
	s.posts.Add(1)
	<-ctx.Done()
	return notify.Posted{}, refusal(notify.Ambiguous, "timeout", 0)
}

func (s *slow) Find(ctx context.Context, _, _, key string, _ time.Time) (notify.Posted, bool, error) {
	if key == "question" {
		return notify.Posted{}, false, nil
	}
	defer s.holders.enter(key)()
	<-ctx.Done()
	return notify.Posted{}, false, refusal(notify.Retry, "timeout", 0)
}

func TestATryHasEndedBeforeAnybodyElseMayTakeIt(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		t.Helper()
		b := benchOn(t, st)
		s := &slow{chat: b.chat}
		for range 3 { // replicas
			running(t, notify.Hurry(notify.New(st, st, s, everybody{}, b.words, b.config, slog.New(slog.DiscardHandler), nil)))
		}
		b.put(t, answer("a", "a", incidentC, 0), answer("b", "b", incidentC, 20))
		until(t, "it was tried again", func() bool { return s.posts.Load() >= 2 })
		<-time.After(4 * b.config.Lease)
		s.holders.mu.Lock()
		defer s.holders.mu.Unlock()
		if len(s.holders.both) > 0 {
			t.Errorf("two at the same time tried %v", s.holders.both)
		}
	})
}

func TestStoppingInTheMiddleLosesNothingAndLeavesNothingBehind(t *testing.T) { //nolint:paralleltest // it counts goroutines
	st := storetest.Open(t)
	b := benchOn(t, st)
	b.config.Lease = time.Minute
	b.hurry = true
	b.put(t, answer("hangs", "a", incidentC, 0), answer("next", "a", incidentC, 0), answer("waits", "w", incidentC, 20), editOf("never", 4))
	reply := answer("reply", "r", incidentC, 20)
	reply.Root = "never"
	b.put(t, reply)
	before := runtime.NumGoroutine()
	b.chat.hang = func(_ string, p notify.Post) bool { return p.Key == "hangs" }
	stop := b.run(t)
	until(t, "it hangs, and others wait", func() bool {
		b.chat.mu.Lock()
		defer b.chat.mu.Unlock()
		return b.chat.busy[incidentC] == 1 && notify.Parked(b.out) == 2
	})
	begin := time.Now()
	stop()
	if d := time.Since(begin); d > hangs/2 {
		t.Errorf("stopping took %v: it waited for what hangs", d)
	}
	until(t, "no goroutine is left", func() bool { return runtime.NumGoroutine() <= before })
	// What was parked is free at once; what was cut is looked up.
	ds, _, err := st.Claim(t.Context(), notify.Claim{Owner: "next", Now: time.Now().Add(5 * time.Second), Lease: time.Millisecond, Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	unknown := map[string]bool{}
	for _, d := range ds {
		unknown[d.Notice.Key] = d.Unknown
	}
	if want := (map[string]bool{"hangs": true, "reply": false, "never/edit": false}); len(unknown) != 3 || unknown["hangs"] != want["hangs"] || unknown["reply"] || unknown["never/edit"] {
		t.Errorf("left: %v, want %v", unknown, want)
	}
}

// after calls do once, when so many outcomes are recorded.
type after struct {
	notify.Store
	left atomic.Int64
	do   func()
}

func (a *after) Settle(ctx context.Context, d notify.Delivery, o notify.Outcome) error {
	err := a.Store.Settle(ctx, d, o)
	if a.left.Add(-1) == 0 {
		a.do()
	}
	return err
}

func TestAClockThatIsSetBackHoldsUpNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var back atomic.Int64
	b.config.Now = func() time.Time { return time.Now().Round(0).Add(time.Duration(back.Load())) }
	b.config.Lease = 2 * time.Second
	var refuse atomic.Bool
	refuse.Store(true)
	b.chat.fault = func(method string, _ notify.Post) (error, bool) {
		if method == "post" && refuse.Load() {
			return refusal(notify.Retry, "refused", 0), false
		}
		return nil, false
	}
	set := make(chan struct{})
	k := &after{Store: b.store, do: func() {
		back.Store(int64(-time.Hour)) // what waits now would wait for an hour
		refuse.Store(false)
		close(set)
	}}
	k.left.Store(2)
	b.keeper = k
	b.put(t, answer("a", "a", incidentC, 0))
	b.run(t)
	<-set
	b.put(t, answer("b", "b", incidentC, 0), answer("c", "c", incidentC, 0), answer("d", "d", incidentC, 0))
	until(t, "all are posted, and not in an hour", func() bool { posts, _, _ := b.chat.snapshot(); return len(posts) == 4 })
}

func TestWhileSlackIsAwayWhatWaitsKeepsItsPlace(t *testing.T) {
	t.Parallel()
	for _, reason := range []string{"timeout", "token_revoked"} {
		t.Run(reason, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.hurry = true
			fate := notify.Ambiguous
			if reason == "token_revoked" {
				fate = notify.Permanent
			}
			var tries atomic.Int64
			var back atomic.Bool
			b.chat.fault = func(method string, _ notify.Post) (error, bool) {
				if back.Load() {
					return nil, false
				}
				if method == "post" {
					tries.Add(1)
				}
				return refusal(fate, reason, 0), false
			}
			for i := range 200 {
				b.put(t, answer(fmt.Sprint("k", i), fmt.Sprint("k", i), fmt.Sprint("C", i), 20))
			}
			b.run(t)
			<-time.After(3 * time.Second)
			// The first claim, and a few after four questions.
			if n := tries.Load(); n > 16+4 {
				t.Errorf("%d tries while Slack was away", n)
			}
			back.Store(true)
			b.put(t, answer("p0", "p0", "CX", 0))
			b.drained(t)
			posts, _, _ := b.chat.snapshot()
			if i := slices.Index(keys(posts), "p0"); len(posts) != 201 || i > 16 {
				t.Errorf("%d posts, the urgent one as number %d", len(posts), i+1)
			}
		})
	}
}

func TestWhatHasNoWordsHoldsUpNobody(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	bad := answer("bad", "lane", incidentC, 0)
	bad.Message = json.RawMessage(`"no message"`)
	none := incidents.Notice{Key: "none", Kind: incidents.Opened, Lane: "lane", Channel: incidentC, Incident: 77, At: time.Now()}
	b.put(t, bad, none, answer("good", "lane", incidentC, 0))
	b.run(t)
	until(t, "the next one is posted", b.posted("good"))
	if d, err := b.store.Depth(t.Context()); err != nil || d.Failed != 2 {
		t.Errorf("depth = %+v, %v", d, err)
	}
}

func TestAMessageThatSlackNeverTakesGoesPlainThenToOpsThenIsGivenUp(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.hurry = true
	var mu sync.Mutex
	var tried []string
	b.chat.fault = func(method string, p notify.Post) (error, bool) {
		if method != "post" || p.Key != "a" {
			return nil, false
		}
		mu.Lock()
		defer mu.Unlock()
		word := " whole"
		if len(p.Message.Blocks) == 0 {
			word = " plain"
		}
		tried = append(tried, p.Channel+word)
		return refusal(notify.Permanent, "metadata_too_large", 0), false
	}
	a := answer("a", "lane", incidentC, 0)
	a.Message = json.RawMessage(`{"summary":"s","blocks":[{"kind":"divider"}]}`)
	b.put(t, a, answer("b", "lane", incidentC, 0))
	b.run(t)
	until(t, "the next one is posted", b.posted("b"))
	mu.Lock()
	defer mu.Unlock()
	if want := []string{incidentC + " whole", incidentC + " plain", ops + " whole", ops + " plain"}; !slices.Equal(tried, want) {
		t.Errorf("tried %v, want %v", tried, want)
	}
	if d, err := b.store.Depth(t.Context()); err != nil || d.Failed != 1 {
		t.Errorf("depth = %+v, %v", d, err)
	}
}

func TestATroubleIsToldAgainOnTheNextDay(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.hurry = true
	var ahead atomic.Int64
	begin, noon := time.Now(), time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)
	b.config.Now = func() time.Time { return noon.Add(time.Since(begin) + time.Duration(ahead.Load())) }
	b.chat.fault = func(_ string, p notify.Post) (error, bool) {
		if p.Channel == "CGONE" {
			return refusal(notify.Permanent, "is_archived", 0), false
		}
		return nil, false
	}
	b.run(t)
	for day := range 3 {
		ahead.Store(int64(day) * int64(24*time.Hour-time.Minute))
		for _, k := range []string{"a", "b", "c"} {
			b.put(t, answer(k+string(rune('0'+day)), k, "CGONE", 0))
		}
		b.drained(t)
	}
	posts, _, _ := b.chat.snapshot()
	told := 0
	for _, p := range posts {
		if strings.HasPrefix(p.Key, "trouble/") {
			told++
		}
	}
	if told != 3 || len(posts) != 12 {
		t.Errorf("told %d times in three days, %d messages", told, len(posts))
	}
}

func TestAPanicHoldsUpNobodyElse(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.chat.hang = func(_ string, p notify.Post) bool {
		if p.Key == "bang" {
			panic("told to")
		}
		return false
	}
	b.put(t, answer("bang", "bang", incidentC, 0), answer("fine", "fine", incidentC, 20))
	b.run(t)
	until(t, "the other one is posted", b.posted("fine"))
}

// gone is nobody at all.
type gone struct{}

func (gone) ListTarget(string) access.Target { return access.Target{} }

func (gone) Target(name string) access.Target { return access.Target{Name: name} }

func TestAPageForNobodyEnds(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	running(t, notify.New(b.store, b.store, b.chat, gone{}, b.words, b.config, slog.New(slog.DiscardHandler), nil))
	b.put(t, incidents.Notice{Key: "p", Kind: incidents.Paged, Lane: "p", At: time.Now(), Fact: incidents.Fact{Names: []string{"x"}}})
	b.drained(t)
}
