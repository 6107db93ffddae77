package backup

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// aged is a set of that age in hours. Its id is its name.
func aged(id string, hours int, proven bool, chain ...string) *Set {
	s := &Set{Manifest: Manifest{ID: id, At: noon.Add(-time.Duration(hours) * time.Hour), Chain: chain}}
	s.Proof.Good = proven
	return s
}

func ids(sets []*Set) []string {
	out := []string{}
	for _, s := range sets {
		out = append(out, s.ID)
	}
	return out
}

func TestRetentionKeepsWhatIsNeeded(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		sets []*Set
		want []string
	}{
		{"young sets stay", []*Set{aged("a", 1, true), aged("b", 2, true), aged("c", 3, true), aged("d", 9, true)}, []string{}},
		{"old ones go", []*Set{aged("a", 1, true), aged("b", 2, true), aged("c", 3, true), aged("d", 20, true), aged("e", 11, true)}, []string{"d", "e"}},
		{"three proven ones stay, however old", []*Set{aged("a", 50, true), aged("b", 60, true), aged("c", 70, true), aged("d", 80, true)}, []string{"d"}},
		{"sets that are not proven do not count", []*Set{aged("a", 1, false), aged("b", 2, false), aged("c", 3, false), aged("d", 70, true), aged("e", 80, true)}, []string{}},
		{"and go once there are enough others", []*Set{aged("a", 1, true), aged("b", 2, true), aged("c", 3, true), aged("x", 20, false)}, []string{"x"}},
		{
			"what a young one builds on stays",
			[]*Set{aged("a", 1, true, "f", "e"), aged("b", 2, true), aged("c", 3, true), aged("e", 20, true, "f"), aged("f", 30, true), aged("g", 30, true)},
			[]string{"g"},
		},
		{
			"what builds on others goes before them",
			[]*Set{aged("a", 1, true), aged("b", 2, true), aged("c", 3, true), aged("d", 20, true), aged("e", 19, true, "d"), aged("f", 18, true, "d", "e")},
			[]string{"f", "e", "d"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := ids(Expired(c.sets, Keep{All: 10 * time.Hour}, noon)); !slices.Equal(got, c.want) {
				t.Errorf("expired = %v, want %v", got, c.want)
			}
		})
	}
}

func TestRetentionNeverTakesWhatASetNeeds(t *testing.T) {
	t.Parallel()
	for range 2000 {
		var sets []*Set
		for i := range rand.IntN(20) {
			s := aged(fmt.Sprintf("%03d", i), 100-5*i-rand.IntN(3), rand.IntN(4) > 0)
			if i > 0 && rand.IntN(3) > 0 {
				base := sets[rand.IntN(i)]
				s.Chain = append(slices.Clone(base.Chain), base.ID)
			}
			sets = append(sets, s)
		}
		newest, gone := newestProven(slices.SortedFunc(slices.Values(sets), func(a, b *Set) int { return b.At.Compare(a.At) })), map[string]bool{}
		for _, s := range Expired(sets, Keep{All: 40 * time.Hour}, noon) {
			for _, other := range sets {
				if !gone[other.ID] && other != s && slices.Contains(other.Chain, s.ID) {
					t.Fatalf("%s goes before %s, which builds on it", s.ID, other.ID)
				}
			}
			gone[s.ID] = true
		}
		if newest != nil && gone[newest.ID] {
			t.Fatal("the newest proven set goes")
		}
		proven := 0
		for _, s := range sets {
			if s.Proven() && !gone[s.ID] {
				proven++
			}
		}
		if len(gone) > 0 && proven < leastKept {
			t.Fatalf("%d proven sets are left", proven)
		}
	}
}

func TestOldSetsGoAndTheRestStillRestores(t *testing.T) {
	t.Parallel()
	s := newStory(t, func(c *Config) { c.Retention = time.Hour })
	old := s.take(Full)
	s.take(Incremental)
	s.pass(2 * time.Hour)
	base := s.take(Full)
	s.take(Incremental)
	last := s.take(Incremental)
	if gone, err := s.sets.Forget(t.Context(), old.ID); gone || err != nil {
		t.Errorf("a base was removed before what builds on it: %v, %v", gone, err)
	}
	removed, err := s.sets.Retain(t.Context())
	if err != nil || len(removed) != 2 || removed[1] != old.ID {
		t.Errorf("removed %v, %v", removed, err)
	}
	if got := s.names(); len(got) != 3 || got[0] != base.ID {
		t.Errorf("left %v", got)
	}
	s.unpacked(last.ID)
	// A removal that was cut off is finished at the next start.
	if err := os.Rename(s.sets.path(last.ID), s.sets.path(last.ID+removing)); err != nil {
		t.Fatal(err)
	}
	if err := s.sets.Sweep(t.Context()); err != nil || len(s.names()) != 2 {
		t.Errorf("left %v, %v", s.names(), err)
	}
}

func TestOnlyWhatADeadRunLeftIsSweptAway(t *testing.T) {
	t.Parallel()
	alive := map[int64]bool{7: true}
	s := newStory(t, nil)
	s.cfg.Alive = nil
	begin := func(operation int64) Draft {
		t.Helper()
		d, err := s.sets.draft(Full, operation)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.sets.begin(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		return d
	}
	living := begin(0)
	other, err := Open(s.cfg, s.server, nil, s.sets.log)
	if err != nil {
		t.Fatal(err)
	}
	sweep := func(want ...string) {
		t.Helper()
		if err := other.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := s.names(); !slices.Equal(got, want) {
			t.Errorf("left %v, want %v", got, want)
		}
	}
	sweep(living.ID + partial)
	if _, err := other.hold(living.ID); err == nil {
		t.Error("two processes hold the same set")
	}
	if _, err := s.sets.dump(t.Context(), living, nil); err != nil {
		t.Fatal(err)
	}
	s.sets.release(living.ID) // as the kernel does when a process is killed
	sweep()
	// One of an operation that a next process will go on with stays.
	other.cfg.Alive = func(_ context.Context, n int64) (bool, error) { return alive[n], nil }
	waiting := begin(7)
	s.sets.release(waiting.ID)
	sweep(waiting.ID + partial)
	alive[7] = false
	sweep()
}
