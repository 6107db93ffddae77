package store_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/store"
	"github.com/ai-notebook/notebookbot/internal/store/storetest"
	"github.com/ai-notebook/notebookbot/notify"
)

func TestReplicasThatOpenTheSameGroupsOpenEachOnce(t *testing.T) {
	t.Parallel()
	address := storetest.Postgres(t)
	replicas := []*store.Store{storetest.OpenURL(t, address), storetest.OpenURL(t, address), storetest.OpenURL(t, address)}
	const groups = 40
	var wg sync.WaitGroup
	var mu sync.Mutex
	fresh := map[string]int{}
	for _, s := range replicas {
		for g := range groups {
			wg.Go(func() {
				name := fmt.Sprint("group ", g)
				_, isNew, err := open(t.Context(), s, name)
				if err != nil {
					t.Errorf("open: %v", err)
				}
				if isNew {
					mu.Lock()
					fresh[name]++
					mu.Unlock()
				}
			})
		}
	}
	wg.Wait()
	ins, err := replicas[0].List(t.Context(), incidents.Filter{Open: true, Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	if len(ins) != groups || len(fresh) != groups {
		t.Errorf("%d open incidents and %d openers, want %d", len(ins), len(fresh), groups)
	}
	for i, in := range ins {
		if in.Number != int64(groups-i) {
			t.Errorf("incident %d has number %d: a gap", i, in.Number)
		}
	}
}

// What is read in one order here and in another there makes the replicas wait for each other; the database breaks the knot and
// the store ties it anew.
func TestReplicasThatReadInOppositeOrderBothSucceed(t *testing.T) {
	t.Parallel()
	address := storetest.Postgres(t)
	a, b := storetest.OpenURL(t, address), storetest.OpenURL(t, address)
	one, two := mustOpen(t, a, "one"), mustOpen(t, a, "two")
	met := make(chan struct{}, 2)
	bump := func(s *store.Store, first, second int64) error {
		once := false
		return s.Write(t.Context(), incidents.Want{}, func(tx incidents.Tx) error {
			for i, n := range []int64{first, second} {
				in, err := tx.Incident(n)
				if err != nil {
					return err
				}
				in.Reopened++
				if err := tx.Save(in); err != nil {
					return err
				}
				if i == 0 && !once {
					once = true
					met <- struct{}{}
					for deadline := time.Now().Add(5 * time.Second); len(met) < 2 && time.Now().Before(deadline); {
						time.Sleep(time.Millisecond) // until the other holds its first
					}
				}
			}
			return nil
		})
	}
	var wg sync.WaitGroup
	var errA, errB error
	wg.Go(func() { errA = bump(a, one, two) })
	wg.Go(func() { errB = bump(b, two, one) })
	wg.Wait()
	if err := errors.Join(errA, errB); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int64{one, two} {
		if in, err := a.Find(t.Context(), n); err != nil || in.Reopened != 2 {
			t.Errorf("INC-%d was changed %d times (%v), want 2: one change overwrote the other", n, in.Reopened, err)
		}
	}
}

func TestReplicasShareTheOutboxAndSendEachLaneInOrder(t *testing.T) {
	t.Parallel()
	address := storetest.Postgres(t)
	replicas := []*store.Store{storetest.OpenURL(t, address), storetest.OpenURL(t, address)}
	const lanes, each = 5, 12
	var wg sync.WaitGroup
	for l := range lanes {
		wg.Go(func() { // one lane is written by one after the other, by turns
			for i := range each {
				put(t, replicas[i%2], post(fmt.Sprintf("%d/%02d", l, i), fmt.Sprint("lane ", l), 0))
			}
		})
	}
	var mu sync.Mutex
	sent := map[string][]string{}
	for r, s := range replicas {
		for w := range 2 {
			wg.Go(func() {
				for {
					ds, _, err := s.Claim(t.Context(), notify.Claim{Owner: fmt.Sprint(r, w), Now: noon, Lease: lease, Limit: 2})
					if err != nil {
						t.Error(err)
						return
					}
					for _, d := range ds {
						mu.Lock()
						sent[d.Notice.Lane] = append(sent[d.Notice.Lane], d.Notice.Key)
						mu.Unlock()
						if err := s.Settle(t.Context(), d, sentTo(d.Notice.Key)); err != nil {
							t.Error(err)
							return
						}
					}
					mu.Lock()
					n := 0
					for _, keys := range sent {
						n += len(keys)
					}
					mu.Unlock()
					if n >= lanes*each {
						return
					}
				}
			})
		}
	}
	wg.Wait()
	for l := range lanes {
		got := sent[fmt.Sprint("lane ", l)]
		for i, key := range got {
			if want := fmt.Sprintf("%d/%02d", l, i); key != want {
				t.Fatalf("lane %d was sent as %v", l, got)
			}
		}
		if len(got) != each {
			t.Errorf("lane %d: %d sent, want %d", l, len(got), each)
		}
	}
}

// One replica puts a row behind another while a second replica takes that other away: whoever comes later must see the first.
func TestARowThatIsPutInWhileItsLaneEmptiesIsNotForgotten(t *testing.T) {
	t.Parallel()
	address := storetest.Postgres(t)
	a, b := storetest.OpenURL(t, address), storetest.OpenURL(t, address)
	put(t, a, post("first", "l", 0))
	d := claimOne(t, b, noon, "first")
	settled := make(chan error, 1)
	err := store.NotifyAndHold(t, a, post("second", "l", 0), func() {
		go func() { settled <- b.Settle(context.Background(), d, sentTo("1")) }()
		select {
		case err := <-settled:
			settled <- err
		case <-time.After(500 * time.Millisecond): // it waits for us, as it should
		}
	})
	if err := errors.Join(err, <-settled); err != nil {
		t.Fatal(err)
	}
	claimOne(t, b, noon, "second")
}

func TestABrokenConnectionCostsNothing(t *testing.T) {
	t.Parallel()
	address := storetest.Postgres(t)
	s := storetest.OpenURL(t, address)
	for i := range 5 {
		mustOpen(t, s, fmt.Sprint("group ", i))
		cut(t, address)
		mustAccept(t, s, fmt.Sprint("request ", i)) // asks nothing before it writes
		cut(t, address)
		if _, err := s.List(t.Context(), incidents.Filter{}); err != nil {
			cut(t, address)
			if _, err := s.List(t.Context(), incidents.Filter{}); err != nil {
				t.Errorf("reading after a break: %v", err)
			}
		}
	}
	// Cut in the middle of a transaction: it runs again.
	runs := 0
	err := s.Write(t.Context(), incidents.Want{}, func(tx incidents.Tx) error {
		runs++
		if runs == 1 {
			cut(t, address)
		}
		n, err := tx.NextNumber()
		if err != nil {
			return err
		}
		return tx.Save(sample(n, "cut"))
	})
	if err != nil || runs != 2 {
		t.Errorf("cut in the middle: %v after %d runs", err, runs)
	}
	if in, err := s.Find(t.Context(), 6); err != nil || in.Group.Key != "cut" {
		t.Errorf("found %v, %v", in, err)
	}
}

// cut ends all connections of a test's stores, as a restart of the server does.
func cut(t *testing.T, address string) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	name := u.Query().Get("application_name")
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	c, err := pgx.Connect(ctx, u.Scheme+"://"+u.User.String()+"@"+u.Host+u.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(ctx) }()
	const kill = `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = $1`
	if _, err := c.Exec(ctx, kill, name); err != nil {
		t.Fatal(err)
	}
}
