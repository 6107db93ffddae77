package notify_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/access"
	"github.com/ai-notebook/notebookbot/internal/store"
	"github.com/ai-notebook/notebookbot/internal/store/storetest"
	"github.com/ai-notebook/notebookbot/notify"
	"github.com/ai-notebook/notebookbot/templates"
)

const (
	ops       = "C0OPS"
	incidentC = "C0INC"
)

// everybody has one person on call and an ops group.
type everybody struct{}

func (everybody) ListTarget(list string) access.Target {
	return access.Target{Name: list, Users: []string{"U0BOSS"}}
}

func (everybody) Target(name string) access.Target {
	switch name {
	case access.OnCallName:
		return access.Target{Name: name, Users: []string{"U1", "U2"}}
	case "ops":
		return access.Target{Name: name, Groups: []string{"S0OPS"}, Mail: "ops@example.com"}
	}
	return access.Target{Name: name, Mail: name + "@example.com"}
}

// oneOnCall is a small company.
type oneOnCall struct{}

func (oneOnCall) ListTarget(string) access.Target { return access.Target{} }

func (oneOnCall) Target(name string) access.Target {
	if name == access.OnCallName {
		return access.Target{Name: name, Users: []string{"U01AAAA"}}
	}
	return everybody{}.Target(name)
}

type bench struct {
	store  *store.Store
	keeper notify.Store // what the outbox is given: the store, or something that fails before it
	chat   *chat
	out    *notify.Outbox
	words  *templates.Templates
	config notify.Config
	hurry  bool
}

func words(t *testing.T) *templates.Templates {
	t.Helper()
	w, err := templates.New("zh-CN", time.UTC, templates.Options{App: "AI智能记事本"})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func newBench(t *testing.T) *bench {
	t.Helper()
	return benchOn(t, storetest.Open(t))
}

func benchOn(t *testing.T, st *store.Store) *bench {
	t.Helper()
	return &bench{
		store: st, keeper: st, chat: &chat{}, words: words(t),
		config: notify.Config{Ops: ops, Settle: 20 * time.Millisecond, Lease: 900 * time.Millisecond},
	}
}

// run starts an outbox and gives what stops it.
func (b *bench) run(t *testing.T) (stop func()) {
	t.Helper()
	b.out = notify.Warm(notify.New(b.keeper, b.store, b.chat, everybody{}, b.words, b.config, slog.New(slog.DiscardHandler), nil))
	if b.hurry {
		notify.Hurry(b.out)
	}
	return running(t, b.out)
}

func (b *bench) put(t *testing.T, ns ...incidents.Notice) {
	t.Helper()
	if err := b.store.Write(t.Context(), incidents.Want{}, func(tx incidents.Tx) error { return tx.Notify(ns...) }); err != nil {
		t.Fatal(err)
	}
}

// answer is a message that is rendered already.
func answer(key, lane, channel string, prio int) incidents.Notice {
	m, err := json.Marshal(templates.Message{Summary: key})
	if err != nil {
		panic(err)
	}
	return incidents.Notice{Key: key, Kind: incidents.Answer, Lane: lane, Channel: channel, Priority: prio, At: time.Now(), Message: m}
}

func keys(list []sent) []string {
	var out []string
	for _, s := range list {
		out = append(out, s.Key)
	}
	return out
}

func TestALaneKeepsItsOrderAndAWorseLevelGoesFirst(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.put(t, answer("p2/1", "p2", "C2", 20), answer("p2/2", "p2", "C2", 20), answer("p0/1", "p0", "C0", 0), answer("p0/2", "p0", "C0", 0))
	b.run(t)
	until(t, "all four are posted", func() bool { posts, _, _ := b.chat.snapshot(); return len(posts) == 4 })
	posts, _, _ := b.chat.snapshot()
	got := keys(posts)
	if slices.Index(got, "p2/1") > slices.Index(got, "p2/2") || slices.Index(got, "p0/1") > slices.Index(got, "p0/2") {
		t.Errorf("order = %v: a lane lost its order", got)
	}
}

func TestAChannelGetsOneMessageASecondAfterAShortBurst(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for i := range 5 {
		b.put(t, answer(fmt.Sprint("m", i), fmt.Sprint("lane", i), incidentC, 20))
	}
	b.put(t, answer("urgent", "urgent", incidentC, 0))
	begin := time.Now()
	b.run(t)
	until(t, "all are posted", func() bool { posts, _, _ := b.chat.snapshot(); return len(posts) == 6 })
	posts, _, _ := b.chat.snapshot()
	if i := slices.Index(keys(posts), "urgent"); i > 2 {
		t.Errorf("order = %v: the urgent one was not in the first burst", keys(posts))
	}
	if d := posts[5].When.Sub(begin); d < 2500*time.Millisecond {
		t.Errorf("six messages to one channel took %v: faster than Slack takes them", d)
	}
}

func TestALostAnswerIsLookedUpAndNotPostedAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var once atomic.Bool
	b.chat.fault = func(method string, _ notify.Post) (error, bool) {
		if method == "post" && !once.Swap(true) {
			return refusal(notify.Ambiguous, "timeout", 0), true
		}
		return nil, false
	}
	b.run(t)
	b.put(t, answer("a", "a", ops, 0), answer("b", "a", ops, 0))
	until(t, "the second message is posted", func() bool { posts, _, _ := b.chat.snapshot(); return slices.Contains(keys(posts), "b") })
	posts, _, _ := b.chat.snapshot()
	if got := keys(posts); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("posts = %v, want a and b once each", got)
	}
	if b.chat.looks == 0 {
		t.Error("it was never looked up")
	}
}

func TestWhatSurelyDidNotArriveIsPostedAgainAfterTwoLooks(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var once atomic.Bool
	b.chat.fault = func(method string, _ notify.Post) (error, bool) {
		if method == "post" && !once.Swap(true) {
			return refusal(notify.Ambiguous, "reset", 0), false
		}
		return nil, false
	}
	b.run(t)
	b.put(t, answer("a", "a", ops, 0))
	until(t, "it is posted", func() bool { posts, _, _ := b.chat.snapshot(); return len(posts) == 1 })
	if b.chat.looks != 2 {
		t.Errorf("looks = %d, want 2", b.chat.looks)
	}
}

func TestACrashBetweenPostAndRecordPostsOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.put(t, answer("a", "a", ops, 0))
	// What a process does that is killed right after Slack took the message: claim, post, nothing more.
	ds, _, err := b.store.Claim(t.Context(), notify.Claim{Owner: "dead", Now: time.Now(), Lease: 50 * time.Millisecond, Limit: 1})
	if err != nil || len(ds) != 1 {
		t.Fatalf("Claim = %v, %v", ds, err)
	}
	if _, err := b.chat.Post(t.Context(), notify.Post{Channel: ops, Key: "a"}); err != nil {
		t.Fatal(err)
	}
	b.run(t)
	until(t, "it is recorded", func() bool { _, ok, err := b.store.Posted(t.Context(), "a"); return ok && err == nil })
	if posts, _, _ := b.chat.snapshot(); len(posts) != 1 {
		t.Errorf("posts = %d, want 1", len(posts))
	}
}

func TestRetryAfterHoldsThatChannelAlone(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var once atomic.Bool
	b.chat.fault = func(_ string, p notify.Post) (error, bool) {
		if p.Channel == "CSLOW" && !once.Swap(true) {
			return refusal(notify.Limited, "ratelimited", time.Second), false
		}
		return nil, false
	}
	b.run(t)
	begin := time.Now()
	b.put(t, answer("slow", "slow", "CSLOW", 0), answer("other", "other", "COTHER", 20))
	until(t, "both are posted", func() bool { posts, _, _ := b.chat.snapshot(); return len(posts) == 2 })
	posts, _, _ := b.chat.snapshot()
	if posts[0].Key != "other" || posts[1].When.Sub(begin) < time.Second {
		t.Errorf("posts = %v, the slow one after %v", keys(posts), posts[1].When.Sub(begin))
	}
}

func TestAClosedChannelIsToldOnceAndItsPostsGoToOps(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.chat.fault = func(_ string, p notify.Post) (error, bool) {
		if p.Channel == "CGONE" {
			return refusal(notify.Permanent, "channel_not_found", 0), false
		}
		return nil, false
	}
	b.run(t)
	b.put(t, answer("a", "a", "CGONE", 0), answer("b", "b", "CGONE", 0))
	until(t, "both went to ops and the trouble was told", func() bool { posts, _, _ := b.chat.snapshot(); return len(posts) == 3 })
	posts, _, _ := b.chat.snapshot()
	told := 0
	for _, p := range posts {
		if p.Channel != ops {
			t.Errorf("%s was posted to %s", p.Key, p.Channel)
		}
		if p.Key != "a" && p.Key != "b" {
			told++
		}
	}
	if told != 1 {
		t.Errorf("the trouble was told %d times", told)
	}
	if got := b.out.Troubles(); !slices.Equal(got, []string{"channel_not_found (CGONE)"}) {
		t.Errorf("Troubles = %v", got)
	}
}

func TestARevokedTokenKeepsEverythingUntilItIsMended(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.chat.fault = func(string, notify.Post) (error, bool) {
		return refusal(notify.Permanent, "token_revoked", 0), false
	}
	stop := b.run(t)
	b.put(t, answer("a", "a", ops, 0))
	until(t, "it is flagged", func() bool { return slices.Equal(b.out.Troubles(), []string{"token_revoked"}) })
	stop()
	d, err := b.store.Depth(t.Context())
	if err != nil || d.Waiting != 1 || d.Failed != 0 {
		t.Errorf("Depth = %+v, %v: the message was given up", d, err)
	}
}

func TestRefusedBlocksStillTellTheSummary(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.chat.fault = func(_ string, p notify.Post) (error, bool) {
		if len(p.Message.Blocks) > 0 {
			return refusal(notify.Permanent, "invalid_blocks", 0), false
		}
		return nil, false
	}
	b.run(t)
	n := answer("a", "a", ops, 0)
	n.Message, _ = json.Marshal(templates.Message{Summary: "P0", Blocks: []templates.Block{{Kind: templates.Divider}}})
	b.put(t, n)
	until(t, "the summary is posted", func() bool { posts, _, _ := b.chat.snapshot(); return len(posts) == 1 })
}

func TestWhoWaitsForAFileThatSlackRefusesIsTold(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.chat.fault = func(_ string, p notify.Post) (error, bool) {
		if p.Message.File != nil {
			return refusal(notify.Permanent, "storage_limit_reached", 0), false
		}
		return nil, false
	}
	b.run(t)
	n := answer("a", "a", "U1", 0)
	n.Message, _ = json.Marshal(templates.Message{Summary: "the log", File: &templates.File{Name: "a.log", Text: "x"}})
	b.put(t, n)
	until(t, "it is told", func() bool {
		posts, _, _ := b.chat.snapshot()
		return len(posts) == 1 && strings.Contains(posts[0].Message.Summary, "storage_limit_reached")
	})
}

func TestAnAnswerForOnePersonIsNotRepeatedWhenItsFateIsUnknown(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.chat.fault = func(method string, p notify.Post) (error, bool) {
		if method == "whisper" && p.Key == "a" {
			return refusal(notify.Ambiguous, "timeout", 0), true
		}
		return nil, false
	}
	b.run(t)
	a, z := answer("a", "u", ops, 0), answer("z", "u", ops, 0)
	a.User, z.User = "U1", "U1"
	b.put(t, a, z)
	until(t, "the next one is shown", func() bool { _, _, only := b.chat.snapshot(); return slices.Contains(keys(only), "z") })
	if _, _, only := b.chat.snapshot(); len(only) != 2 {
		t.Errorf("shown = %v", keys(only))
	}
}
