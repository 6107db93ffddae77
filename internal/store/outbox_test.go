package store_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/store"
	"github.com/ai-notebook/notebookbot/internal/store/storetest"
	"github.com/ai-notebook/notebookbot/notify"
)

func post(key, lane string, priority int) incidents.Notice {
	return incidents.Notice{
		Key: key, Kind: incidents.Opened, Lane: lane, Priority: priority, At: noon, Channel: "C1",
		Fact: incidents.Fact{Text: key},
	}
}

func cardEdit(key, lane, text string) incidents.Notice {
	n := post(key, lane, 50)
	n.Kind, n.Edits, n.Fact.Text = incidents.CardEdit, "card", text
	return n
}

func put(t *testing.T, s *store.Store, ns ...incidents.Notice) {
	t.Helper()
	err := s.Write(t.Context(), incidents.Want{}, func(tx incidents.Tx) error { return tx.Notify(ns...) })
	if err != nil {
		t.Fatal(err)
	}
}

const lease = time.Minute

func claimAt(t *testing.T, s *store.Store, now time.Time, limit int, full ...string) ([]notify.Delivery, time.Time) {
	t.Helper()
	ds, next, err := s.Claim(t.Context(), notify.Claim{Owner: "w", Now: now, Lease: lease, Limit: limit, Full: full})
	if err != nil {
		t.Fatal(err)
	}
	return ds, next
}

// claimOne claims everything and wants it to be that one delivery.
func claimOne(t *testing.T, s *store.Store, now time.Time, key string) notify.Delivery {
	t.Helper()
	ds, _ := claimAt(t, s, now, 10)
	if got := keys(ds); !slices.Equal(got, []string{key}) {
		t.Fatalf("claimed %v, want %s alone", got, key)
	}
	return ds[0]
}

func keys(ds []notify.Delivery) []string {
	out := make([]string, 0, len(ds))
	for _, d := range ds {
		out = append(out, d.Notice.Key)
	}
	return out
}

func settle(t *testing.T, s *store.Store, d notify.Delivery, o notify.Outcome) {
	t.Helper()
	if err := s.Settle(t.Context(), d, o); err != nil {
		t.Fatal(err)
	}
}

func sentTo(ts string) notify.Outcome {
	return notify.Outcome{Result: notify.Sent, Where: notify.Posted{Channel: "C1", TS: ts}}
}

func TestDeliveriesAreClaimedByPriorityThenByCommit(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		t.Helper()
		put(t, s, post("a", "1", 20), post("b", "2", 0), post("c", "3", 20))
		put(t, s, post("d", "", 0), post("e", "", 20)) // no lane: nobody waits for them
		ds, next := claimAt(t, s, noon, 3)
		if got, want := keys(ds), []string{"b", "d", "a"}; !slices.Equal(got, want) {
			t.Errorf("claimed %v, want %v", got, want)
		}
		if !next.Equal(noon) {
			t.Errorf("next = %v, want now: more is due", next)
		}
		if ds[0].Attempts != 1 || ds[0].Unknown || !ds[0].First.Equal(noon) || ds[0].Notice.Fact.Text != "b" {
			t.Errorf("delivery = %+v", ds[0])
		}
		if ds, _ := claimAt(t, s, noon, 10); !slices.Equal(keys(ds), []string{"c", "e"}) {
			t.Errorf("then claimed %v, want the rest", keys(ds))
		}
		if ds, next := claimAt(t, s, noon, 10); len(ds) > 0 || !next.Equal(noon.Add(lease)) {
			t.Errorf("claimed %v, next %v; want nothing before the lease is over", keys(ds), next)
		}
	})
}

func TestALaneIsSentInItsOrderAndOneAtATime(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		t.Helper()
		put(t, s, post("1", "l", 20), post("2", "l", 0))
		put(t, s, post("3", "l", 10))
		now := noon
		d := claimOne(t, s, now, "1")
		if ds, _ := claimAt(t, s, now, 10); len(ds) > 0 {
			t.Fatalf("claimed %v beside the first", keys(ds))
		}
		settle(t, s, d, notify.Outcome{Result: notify.Again, At: now.Add(time.Second), Reason: "limited"})
		if ds, next := claimAt(t, s, now, 10); len(ds) > 0 || !next.Equal(now.Add(time.Second)) {
			t.Fatalf("claimed %v, next %v; want to wait for the first", keys(ds), next)
		}
		now = now.Add(time.Second)
		d = claimOne(t, s, now, "1")
		if d.Attempts != 2 || d.Unknown || !d.First.Equal(noon) {
			t.Errorf("second try = %+v", d)
		}
		settle(t, s, d, sentTo("1.1"))
		d = claimOne(t, s, now, "2")
		settle(t, s, d, notify.Outcome{Result: notify.Failed, Reason: "channel_not_found"})
		d = claimOne(t, s, now, "3")
		settle(t, s, d, notify.Outcome{Result: notify.Skipped})
		if ds, next := claimAt(t, s, now, 10); len(ds) > 0 || !next.IsZero() {
			t.Errorf("claimed %v, next %v; want nothing and never", keys(ds), next)
		}
		if d, err := s.Depth(t.Context()); err != nil || d != (notify.Depth{Failed: 1}) {
			t.Errorf("depth = %+v, %v; want one failed", d, err)
		}
	})
}

func TestFullChannelsAreLeftOut(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		t.Helper()
		busy := post("a", "1", 0)
		busy.Channel = "C2"
		put(t, s, busy, post("b", "2", 20))
		ds, next := claimAt(t, s, noon, 10, "C2")
		if !slices.Equal(keys(ds), []string{"b"}) || !next.Equal(noon.Add(lease)) {
			t.Errorf("claimed %v, next %v; want b alone, and a not counted", keys(ds), next)
		}
		if ds, _ := claimAt(t, s, noon, 10); !slices.Equal(keys(ds), []string{"a"}) {
			t.Errorf("then claimed %v, want a", keys(ds))
		}
	})
}

func TestAClaimThatRanOutComesBackUnknownAndItsOldHolderIsNotHeard(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		t.Helper()
		put(t, s, post("a", "l", 0))
		old := claimOne(t, s, noon, "a")
		later := noon.Add(lease)
		d := claimOne(t, s, later, "a")
		if !d.Unknown || d.Attempts != 2 {
			t.Errorf("delivery = %+v, want the second try, unknown", d)
		}
		settle(t, s, old, notify.Outcome{Result: notify.Failed, Reason: "late"})
		if err := s.Release(t.Context(), []notify.Delivery{old}); err != nil {
			t.Fatal(err)
		}
		if ds, _ := claimAt(t, s, later, 10); len(ds) > 0 {
			t.Errorf("an old holder gave away the new one's claim: %v", keys(ds))
		}
		settle(t, s, d, notify.Outcome{Result: notify.Unknown, At: later.Add(time.Second)})
		d = claimOne(t, s, later.Add(time.Second), "a")
		if !d.Unknown {
			t.Error("an unknown delivery comes back as known")
		}
		if err := s.Release(t.Context(), []notify.Delivery{d}); err != nil {
			t.Fatal(err)
		}
		if again := claimOne(t, s, later.Add(time.Second), "a"); !again.Unknown || again.Attempts != d.Attempts {
			t.Errorf("after release: %+v, want the same try, still unknown", again)
		}
		settle(t, s, old, sentTo("7.7")) // late, but true: it was sent
		if p, ok, err := s.Posted(t.Context(), "a"); err != nil || !ok || p.TS != "7.7" {
			t.Errorf("posted = %v, %v, %v", p, ok, err)
		}
	})
}

func TestReleaseGivesATryBack(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		t.Helper()
		put(t, s, post("a", "l", 0))
		d := claimOne(t, s, noon, "a")
		if err := s.Release(t.Context(), []notify.Delivery{d}); err != nil {
			t.Fatal(err)
		}
		later := noon.Add(time.Second)
		if d := claimOne(t, s, later, "a"); d.Attempts != 1 || d.Unknown || !d.First.Equal(later) {
			t.Errorf("delivery = %+v, want a first try", d)
		}
	})
}

func TestAPostIsPutInOnceAndAnEditAsksAgain(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		t.Helper()
		put(t, s, post("p", "l", 0), post("p", "l", 0))
		put(t, s, post("p", "l", 0))
		d := claimOne(t, s, noon, "p")
		settle(t, s, d, sentTo("1.1"))
		put(t, s, post("p", "l", 0))
		if ds, _ := claimAt(t, s, noon, 10); len(ds) > 0 {
			t.Fatalf("a known post came again: %v", keys(ds))
		}

		put(t, s, cardEdit("e", "l", "one"), cardEdit("e", "l", "two"))
		put(t, s, cardEdit("e", "l", "three"))
		if d, err := s.Depth(t.Context()); err != nil || d.Waiting != 1 || !d.Oldest.Equal(noon) {
			t.Errorf("depth = %+v, %v; want one that waits since noon", d, err)
		}
		e := claimOne(t, s, noon, "e")
		if e.Revision != 3 || e.Notice.Fact.Text != "three" {
			t.Errorf("edit = revision %d of %q, want the newest", e.Revision, e.Notice.Fact.Text)
		}
		put(t, s, cardEdit("e", "l", "four")) // while it is being sent
		if ds, _ := claimAt(t, s, noon, 10); len(ds) > 0 {
			t.Fatalf("claimed twice: %v", keys(ds))
		}
		settle(t, s, e, notify.Outcome{Result: notify.Sent})
		e = claimOne(t, s, noon, "e")
		if e.Notice.Fact.Text != "four" || e.Attempts != 1 {
			t.Errorf("edit = %+v, want the newest, anew", e)
		}
		settle(t, s, e, notify.Outcome{Result: notify.Sent})
		if ds, next := claimAt(t, s, noon, 10); len(ds) > 0 || !next.IsZero() {
			t.Fatalf("claimed %v, want nothing", keys(ds))
		}
		put(t, s, cardEdit("e", "l", "five")) // after it was sent
		e = claimOne(t, s, noon, "e")
		put(t, s, cardEdit("e", "l", "six"))
		settle(t, s, e, notify.Outcome{Result: notify.Again, At: noon.Add(time.Second)}) // refused: Slack's wait counts
		if ds, next := claimAt(t, s, noon, 10); len(ds) > 0 || !next.Equal(noon.Add(time.Second)) {
			t.Errorf("claimed %v, next %v; want to wait", keys(ds), next)
		}
		if e := claimOne(t, s, noon.Add(time.Second), "e"); e.Notice.Fact.Text != "six" {
			t.Errorf("edit = %q, want the newest", e.Notice.Fact.Text)
		}
		put(t, s, cardEdit("p", "l", "no")) // the key of a post is no edit's
		if p, ok, err := s.Posted(t.Context(), "p"); err != nil || !ok || p.TS != "1.1" {
			t.Errorf("posted = %v, %v, %v", p, ok, err)
		}
	})
}

func TestWherePostsStandIsKnownBothWays(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		t.Helper()
		card := post("INC-1:card", "INC-1", 0)
		card.Kind = incidents.CardPost
		put(t, s, card, post("reply", "INC-1", 0))
		if _, ok, err := s.Posted(t.Context(), "INC-1:card"); ok || err != nil {
			t.Errorf("posted before it was: %v, %v", ok, err)
		}
		settle(t, s, claimOne(t, s, noon, "INC-1:card"), sentTo("1.1"))
		settle(t, s, claimOne(t, s, noon, "reply"), sentTo("1.2"))
		for range 2 {
			if p, ok, err := s.Posted(t.Context(), "INC-1:card"); err != nil || !ok || p != (notify.Posted{Channel: "C1", TS: "1.1"}) {
				t.Errorf("posted = %v, %v, %v", p, ok, err)
			}
			if key, err := s.KeyAt(t.Context(), notify.Posted{Channel: "C1", TS: "1.1"}); key != "INC-1:card" || err != nil {
				t.Errorf("key = %q, %v", key, err)
			}
			if key, err := s.KeyAt(t.Context(), notify.Posted{Channel: "C2", TS: "1.1"}); key != "" || err != nil {
				t.Errorf("key elsewhere = %q, %v", key, err)
			}
			// Cards outlive the broom, since they may be edited for as long as the incident is.
			if err := s.Prune(t.Context(), time.Now().Add(31*24*time.Hour)); err != nil {
				t.Fatal(err)
			}
		}
		if _, ok, err := s.Posted(t.Context(), "reply"); ok || err != nil {
			t.Errorf("an old reply is still there: %v, %v", ok, err)
		}
	})
}

func TestWaitersAreWokenByCommits(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		t.Helper()
		put(t, s, post("a", "l", 0))
		mustAccept(t, s, "r")
		for name, c := range map[string]<-chan struct{}{"Wake": s.Wake(), "InboxWake": s.InboxWake()} {
			select {
			case <-c:
			default:
				t.Errorf("%s is silent after its commit", name)
			}
		}
		_ = s.Write(t.Context(), incidents.Want{}, func(tx incidents.Tx) error {
			return errors.Join(tx.Notify(post("b", "l", 0)), errors.New("sad"))
		})
		select {
		case <-s.Wake():
			t.Error("woken by what was not kept")
		default:
		}
	})
}
