package store_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-notebook/notebookbot/commands"
	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/store"
	"github.com/ai-notebook/notebookbot/internal/store/storetest"
)

func pending(t *testing.T, s *store.Store, now time.Time, limit int) []commands.Request {
	t.Helper()
	rs, err := s.Pending(t.Context(), now, lease, limit)
	if err != nil {
		t.Fatal(err)
	}
	return rs
}

func finish(t *testing.T, s *store.Store, id string) (first bool) {
	t.Helper()
	err := s.Write(t.Context(), incidents.Want{}, func(tx incidents.Tx) (err error) {
		first, err = tx.Finish(id)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return first
}

func TestARequestIsAcceptedOnceClaimedForALeaseAndFinishedOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		t.Helper()
		want := commands.Request{
			ID: "r1", Source: commands.Submit, User: "U1", Team: "T1", Text: "ack \x00 <@U2>",
			Values: map[string]string{"cause": "磁盘满了"}, Received: noon,
		}
		changed := want
		changed.Text = "delivered again, changed"
		for _, r := range []commands.Request{want, changed, {ID: "r2", Received: noon.Add(time.Second)}} {
			if err := s.Accept(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		if d := cmp.Diff([]commands.Request{want}, pending(t, s, noon, 1)); d != "" {
			t.Errorf("the oldest (-want +got):\n%s", d)
		}
		if rs := pending(t, s, noon, 10); len(rs) != 1 || rs[0].ID != "r2" {
			t.Errorf("then %v, want r2", rs)
		}
		if rs := pending(t, s, noon.Add(lease-time.Second), 10); len(rs) > 0 {
			t.Errorf("claimed twice: %v", rs)
		}
		if rs := pending(t, s, noon.Add(lease), 10); len(rs) != 2 {
			t.Errorf("after the lease %v, want both", rs)
		}
		if !finish(t, s, "r1") || finish(t, s, "r1") || finish(t, s, "nobody") {
			t.Error("Finish must say true once, and false for what is done or unknown")
		}
		mustAccept(t, s, "r1") // delivered again after it was done
		later := noon.Add(time.Hour)
		if rs := pending(t, s, later, 10); len(rs) != 1 || rs[0].ID != "r2" {
			t.Errorf("pending %v, want r2 alone", rs)
		}

		if err := s.Prune(t.Context(), time.Now().Add(47*time.Hour)); err != nil {
			t.Fatal(err)
		}
		if mustAccept(t, s, "r1"); len(pending(t, s, later, 10)) != 0 {
			t.Error("a request came back within two days")
		}
		if err := s.Prune(t.Context(), time.Now().Add(49*time.Hour)); err != nil {
			t.Fatal(err)
		}
		if rs := pending(t, s, later.Add(lease), 10); len(rs) != 1 || rs[0].ID != "r2" {
			t.Errorf("pending %v: the broom took what is not done", rs)
		}
	})
}

func TestOfManyWhoFinishARequestAtOnceOneIsFirst(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		t.Helper()
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				if err := s.Accept(t.Context(), commands.Request{ID: fmt.Sprint("r", i%2), Received: noon}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		var first atomic.Int64
		for i := range 20 {
			wg.Go(func() {
				var mine bool
				err := s.Write(t.Context(), incidents.Want{}, func(tx incidents.Tx) (err error) {
					mine, err = tx.Finish(fmt.Sprint("r", i%2))
					return err
				})
				if err != nil {
					t.Error(err)
				}
				if mine {
					first.Add(1)
				}
			})
		}
		wg.Wait()
		if first.Load() != 2 {
			t.Errorf("%d were first with two requests", first.Load())
		}
	})
}
