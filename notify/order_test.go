package notify_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/store"
	"github.com/ai-notebook/notebookbot/internal/store/storetest"
	"github.com/ai-notebook/notebookbot/notify"
)

func (b *bench) posted(key string) func() bool {
	return func() bool { posts, _, _ := b.chat.snapshot(); return slices.Contains(keys(posts), key) }
}

// drained waits until nothing waits.
func (b *bench) drained(t *testing.T) {
	t.Helper()
	untilWithin(t, 2*time.Minute, "the outbox is empty", func() bool {
		d, err := b.store.Depth(t.Context())
		return err == nil && d.Waiting == 0
	})
}

func TestAnUrgentMessageDoesNotWaitForSlowOnesElsewhere(t *testing.T) {
	t.Parallel()
	for name, prio := range map[string]int{"that are not urgent": 20, "that are urgent too": 0} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.config.Lease = 30 * time.Second // a hanging try takes twenty
			b.hurry = true
			b.chat.hang = func(method string, p notify.Post) bool { return method == "post" && p.Channel == "CDEAD" }
			for i := range 40 {
				b.put(t, answer(fmt.Sprint("slow", i), fmt.Sprint("slow", i), "CDEAD", prio))
			}
			b.run(t)
			until(t, "the dead channel keeps workers", func() bool { b.chat.mu.Lock(); defer b.chat.mu.Unlock(); return b.chat.busy["CDEAD"] >= 2 })
			<-time.After(time.Second) // as many as it can
			begin := time.Now()
			b.put(t, answer("p0", "p0", "CLIVE", 0), answer("p2", "p2", "CLIVE", 20))
			until(t, "the urgent one is posted", b.posted("p0"))
			if d := time.Since(begin); d > hangs/2 {
				t.Errorf("it waited for %v, with those that hang for %v", d, hangs)
			}
			until(t, "the other one is posted", b.posted("p2"))
			if most := b.chat.most["CDEAD"]; most > 4 {
				t.Errorf("%d tries at the same time in one channel", most)
			}
		})
	}
}

func TestAnUrgentMessageDoesNotWaitForManyDeadChannels(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.config.Lease = 30 * time.Second
	b.chat.hang = func(method string, p notify.Post) bool {
		return method == "post" && strings.HasPrefix(p.Channel, "CDEAD")
	}
	for i := range 40 {
		b.put(t, answer(fmt.Sprint("slow", i), fmt.Sprint("slow", i), fmt.Sprint("CDEAD", i), 20))
	}
	b.run(t)
	until(t, "twelve are under way", func() bool { b.chat.mu.Lock(); defer b.chat.mu.Unlock(); return len(b.chat.busy) >= 12 })
	begin := time.Now()
	b.put(t, answer("p0", "p0", "CLIVE", 0))
	until(t, "the urgent one is posted", b.posted("p0"))
	if d := time.Since(begin); d > hangs/2 {
		t.Errorf("it waited for %v, with those that hang for %v", d, hangs)
	}
}

func TestAnUrgentMessageGoesAtOnceWhereThePatientOnesWait(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for i := range 30 {
		b.put(t, answer(fmt.Sprint("p2/", i), fmt.Sprint("p2/", i), incidentC, 20))
	}
	b.run(t)
	until(t, "some are posted", b.posted("p2/2"))
	before, _, _ := b.chat.snapshot()
	b.put(t, answer("p0", "p0", incidentC, 0))
	until(t, "the urgent one is posted", b.posted("p0"))
	after, _, _ := b.chat.snapshot()
	if n := slices.Index(keys(after), "p0") - len(before); n > 2 { // one may be under way, and one more be chosen already
		t.Errorf("it waited behind %d that are not urgent", n)
	}
}

func editOf(of string, prio int) incidents.Notice {
	e := answer(fmt.Sprint(of, "/edit"), fmt.Sprint(of, "/edit"), incidentC, prio)
	e.Edits = of
	return e
}

func TestPostsDoNotWaitForEdits(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.hurry = true
	for i := range 40 {
		b.put(t, answer(fmt.Sprint("card", i), fmt.Sprint("card", i), incidentC, 10))
	}
	stop := b.run(t)
	b.drained(t)
	stop()
	for i := range 40 {
		b.put(t, editOf(fmt.Sprint("card", i), 4+i%2*10))
	}
	b.run(t)
	until(t, "the edits are spent", func() bool { _, es, _ := b.chat.snapshot(); return len(es) >= 10 })
	_, before, _ := b.chat.snapshot()
	b.put(t, answer("p1", "p1", incidentC, 10), answer("p2", "p2", incidentC, 20))
	until(t, "the posts are out", func() bool { return b.posted("p1")() && b.posted("p2")() })
	if _, after, _ := b.chat.snapshot(); len(after)-len(before) > 15 { // of the thirty that wait
		t.Errorf("posts waited behind %d edits", len(after)-len(before))
	}
	<-time.After(3 * time.Second)
	_, es, _ := b.chat.snapshot()
	if n := len(es); n > 22 {
		t.Errorf("%d edits within seconds: more than Slack takes", n)
	}
}

func TestWhatWaitsForAMessageFollowsItAtOnceAndCostsNothing(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		t.Helper()
		b := benchOn(t, st)
		b.config.Lease = time.Minute
		count := &counting{Store: st}
		b.keeper = count
		reply := answer("reply", "other lane", incidentC, 20)
		reply.Root = "root"
		for i := range 30 {
			e := editOf("root", 24)
			e.Key, e.Lane = fmt.Sprint("edit", i), fmt.Sprint("edit", i)
			b.put(t, e)
		}
		b.put(t, reply)
		b.run(t)
		until(t, "all are taken", func() bool {
			return count.claimed.Load() >= 31
		})
		settled := count.settled.Load()
		<-time.After(1500 * time.Millisecond)
		if n := count.settled.Load() - settled; n > 0 || count.claimed.Load() > 31 {
			t.Errorf("waiting cost %d writes, %d claims", n, count.claimed.Load())
		}
		begin := time.Now()
		b.put(t, answer("root", "root", incidentC, 20))
		until(t, "the reply is in the thread", func() bool {
			posts, es, _ := b.chat.snapshot()
			return len(es) > 0 && slices.ContainsFunc(posts, func(s sent) bool { return s.Key == "reply" && s.Thread == posts[0].At.TS })
		})
		if d := time.Since(begin); d > b.config.Lease/2 {
			t.Errorf("it followed after %v: not by being woken", d)
		}
	})
}

func TestAReplyWhoseRootWasPostedByAnotherReplicaFollows(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.config.Lease = time.Minute
	reply := answer("reply", "other lane", incidentC, 20)
	reply.Root = "root"
	b.put(t, reply)
	b.run(t)
	until(t, "it is taken", func() bool { return notify.Parked(b.out) == 1 })
	// The other one's claim, message and record, of which this one hears nothing.
	other := answer("root", "root", "CELSE", 20)
	b.chat.hang = func(_ string, p notify.Post) bool { return p.Key == "root" }
	b.put(t, other)
	until(t, "it waits", func() bool { b.chat.mu.Lock(); defer b.chat.mu.Unlock(); return b.chat.busy["CELSE"] == 1 })
	if err := b.store.Settle(t.Context(), notify.Delivery{ID: 2, Revision: 1, Attempts: 1, Notice: other},
		notify.Outcome{Result: notify.Sent, Where: notify.Posted{Channel: "CELSE", TS: "5.5"}}); err != nil {
		t.Fatal(err)
	}
	until(t, "the reply is in its thread", func() bool {
		posts, _, _ := b.chat.snapshot()
		return slices.ContainsFunc(posts, func(s sent) bool { return s.Key == "reply" && s.Channel == "CELSE" && s.Thread == "5.5" })
	})
}

func TestEditsShowTheNewestAndNeverTwoAtATime(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.hurry = true
	b.put(t, answer("card", "card", incidentC, 0))
	b.run(t)
	until(t, "the card is posted", b.posted("card"))
	version := func(i int) incidents.Notice {
		e := answer(fmt.Sprint("v", i), "card/edit", incidentC, 4)
		e.Key, e.Edits = "card/edit", "card"
		return e
	}
	began := time.Now()
	for i := range 200 {
		b.put(t, version(i))
	}
	b.drained(t)
	most := 20 + int(time.Since(began)/time.Second) // a burst, and less than one a second after it
	_, es, _ := b.chat.snapshot()
	last := -1
	for _, e := range es {
		var v int
		if _, err := fmt.Sscanf(e.Message.Summary, "v%d", &v); err != nil || v < last {
			t.Errorf("after v%d came %q: %v", last, e.Message.Summary, err)
		}
		last = v
	}
	if last != 199 || len(es) > min(most, 190) {
		t.Errorf("%d edits, want %d at most, the last of version %d", len(es), most, last)
	}
}

func TestAPageGoesOnceToEachPerson(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.hurry = true
	page := answer("INC-1/1/page/oncall", "INC-1/page/oncall", "", 0)
	page.Kind, page.Fact = incidents.Paged, incidents.Fact{Names: []string{"oncall"}}
	b.put(t, page)
	stop := b.run(t)
	b.drained(t)
	stop()
	// A crash after the pages were put in and before that was recorded: the same name is looked up again.
	for _, user := range []string{"U1", "U2"} {
		p := page
		p.Key, p.Lane, p.Channel = page.Key+"/"+user, page.Lane+"/"+user, user
		b.put(t, p)
	}
	b.run(t)
	b.drained(t)
	posts, _, _ := b.chat.snapshot()
	got := keys(posts)
	slices.Sort(got)
	if want := []string{page.Key + "/U1", page.Key + "/U2"}; !slices.Equal(got, want) {
		t.Errorf("pages = %v, want %v", got, want)
	}
}

func TestWithManyPeopleTheMemoryStaysFlat(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.hurry = true
	for i := range 300 {
		b.put(t, answer(fmt.Sprint("k", i), fmt.Sprint("k", i), fmt.Sprint("U", i), 0))
	}
	b.run(t)
	b.drained(t)
	until(t, "nothing is remembered of them", func() bool { return notify.Rooms(b.out) == 0 })
}

// counting counts what an outbox asks of its store.
type counting struct {
	notify.Store
	claimed, settled atomic.Int64
}

func (c *counting) Claim(ctx context.Context, q notify.Claim) ([]notify.Delivery, time.Time, error) {
	ds, next, err := c.Store.Claim(ctx, q)
	c.claimed.Add(int64(len(ds)))
	return ds, next, err
}

func (c *counting) Settle(ctx context.Context, d notify.Delivery, o notify.Outcome) error {
	c.settled.Add(1)
	return c.Store.Settle(ctx, d, o)
}
