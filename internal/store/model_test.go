package store_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/store"
	"github.com/ai-notebook/notebookbot/internal/store/storetest"
	"github.com/ai-notebook/notebookbot/notify"
)

// outbox is what the store's outbox should do, written as plainly as possible.
type outbox struct{ rows []*row }

type row struct {
	notice   incidents.Notice
	result   notify.Result // empty: unfinished
	head     bool
	revision int64
	attempts int
	next     time.Time
	claimed  bool
	unknown  bool
}

func (o *outbox) row(key string) *row {
	for _, r := range o.rows {
		if r.notice.Key == key {
			return r
		}
	}
	return nil
}

// promote lets the first of each lane go that has nobody in front.
func (o *outbox) promote() {
	taken := map[string]bool{}
	for _, r := range o.rows {
		taken[r.notice.Lane] = taken[r.notice.Lane] || r.head
	}
	for _, r := range o.rows {
		if r.result == "" && !taken[r.notice.Lane] {
			r.head, taken[r.notice.Lane] = true, true
		}
	}
}

func (o *outbox) notify(n incidents.Notice) {
	r := o.row(n.Key)
	switch {
	case r == nil:
		o.rows = append(o.rows, &row{notice: n, revision: 1})
	case n.Edits != "" && r.notice.Edits != "":
		r.notice = n
		r.revision++
		if r.result != "" {
			r.result, r.attempts, r.next, r.unknown = "", 0, time.Time{}, false
		}
	}
}

func (o *outbox) claim(now time.Time, limit int, full string) (out []*row) {
	for _, r := range o.rows {
		if r.head && !r.next.After(now) && r.notice.Channel != full {
			out = append(out, r)
		}
	}
	slices.SortStableFunc(out, func(a, b *row) int { return cmp.Compare(a.notice.Priority, b.notice.Priority) })
	out = out[:min(limit, len(out))]
	for _, r := range out {
		r.attempts++
		r.unknown = r.unknown || r.claimed
		r.claimed, r.next = true, now.Add(lease)
	}
	return out
}

func (o *outbox) settle(d notify.Delivery, out notify.Outcome) {
	r := o.row(d.Notice.Key)
	if r.result != "" || r.attempts != d.Attempts && out.Result != notify.Sent {
		return
	}
	switch out.Result {
	case notify.Again, notify.Unknown:
		if r.claimed {
			r.claimed, r.next, r.unknown = false, out.At, d.Unknown || out.Result == notify.Unknown
		}
		return
	case notify.Sent, notify.Failed, notify.Skipped:
	}
	r.claimed, r.next, r.unknown = false, time.Time{}, false
	if r.revision > d.Revision {
		r.attempts = 0
	} else {
		r.result, r.head = out.Result, false
	}
	o.promote()
}

func (o *outbox) release(d notify.Delivery) {
	r := o.row(d.Notice.Key)
	if r.result == "" && r.attempts == d.Attempts && r.claimed {
		r.claimed, r.next, r.unknown, r.attempts = false, time.Time{}, d.Unknown, r.attempts-1
	}
}

func TestTheOutboxDoesWhatItsPlainModelDoes(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		t.Helper()
		seed := rand.Uint64()
		rnd := rand.New(rand.NewPCG(seed, 1))
		var model outbox
		var held []notify.Delivery
		now := noon
		for i := range 600 {
			switch rnd.IntN(7) {
			case 0, 1:
				var ns []incidents.Notice
				for range 1 + rnd.IntN(3) {
					l := rnd.IntN(4)
					n := post(fmt.Sprint("post ", rnd.IntN(60)), fmt.Sprint("lane ", l), rnd.IntN(3)*10)
					if rnd.IntN(2) == 0 {
						n = cardEdit(fmt.Sprint("edit ", l), n.Lane, fmt.Sprint(i))
					} else if known := model.row(n.Key); known != nil {
						n.Lane = known.notice.Lane
					}
					n.Channel = fmt.Sprint("C", rnd.IntN(3))
					ns = append(ns, n)
					model.notify(n)
				}
				model.promote() // once for what one transaction puts in: of those, the oldest row of a lane goes first
				put(t, s, ns...)
			case 2, 3:
				limit, full := 1+rnd.IntN(3), fmt.Sprint("C", rnd.IntN(4))
				want := model.claim(now, limit, full)
				got, _ := claimAt(t, s, now, limit, full)
				var a, b []string
				for _, r := range want {
					a = append(a, fmt.Sprint(r.notice.Key, " ", r.notice.Fact.Text, " ", r.attempts, r.revision, r.unknown))
				}
				for _, d := range got {
					b = append(b, fmt.Sprint(d.Notice.Key, " ", d.Notice.Fact.Text, " ", d.Attempts, d.Revision, d.Unknown))
				}
				if !slices.Equal(a, b) {
					t.Fatalf("seed %d, step %d: claim %d without %s:\n got %v\nwant %v", seed, i, limit, full, b, a)
				}
				held = append(held, got...)
			case 4, 5:
				if len(held) == 0 {
					continue
				}
				k := rnd.IntN(len(held))
				d := held[k]
				if rnd.IntN(10) > 0 { // now and then a worker settles twice
					held = slices.Delete(held, k, k+1)
				}
				if rnd.IntN(6) == 0 {
					model.release(d)
					if err := s.Release(t.Context(), []notify.Delivery{d}); err != nil {
						t.Fatal(err)
					}
					continue
				}
				results := []notify.Result{notify.Sent, notify.Sent, notify.Sent, notify.Again, notify.Unknown, notify.Failed, notify.Skipped}
				o := notify.Outcome{Result: results[rnd.IntN(len(results))], At: now.Add(time.Duration(rnd.IntN(90)) * time.Second)}
				model.settle(d, o)
				settle(t, s, d, o)
			default:
				now = now.Add(time.Duration(rnd.IntN(40)) * time.Second)
			}
			var want notify.Depth
			for _, r := range model.rows {
				switch r.result {
				case "":
					want.Waiting++
				case notify.Failed:
					want.Failed++
				}
			}
			got, err := s.Depth(t.Context())
			if got.Oldest = (time.Time{}); err != nil || got != want {
				t.Fatalf("seed %d, step %d: depth = %+v, %v, want %+v", seed, i, got, err, want)
			}
		}
		// Whatever happened, all of it is sent in the end.
		for range 1000 {
			now = now.Add(2 * lease)
			ds, next := claimAt(t, s, now, 10)
			if next.IsZero() {
				break
			}
			for _, d := range ds {
				settle(t, s, d, notify.Outcome{Result: notify.Sent})
			}
		}
		if d, err := s.Depth(t.Context()); err != nil || d.Waiting != 0 {
			t.Errorf("seed %d: in the end %+v, %v", seed, d, err)
		}
	})
}
