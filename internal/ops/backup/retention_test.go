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

func TestOfOlderDaysOneSetIsKeptWhereThatIsWanted(t *testing.T) {
	t.Parallel()
	// A month of sets every half hour: a full one at midnight, and incrementals that build on all before them of the day.
	var sets []*Set
	for day := range 30 {
		var chain []string
		for half := range 48 {
			at := noon.Truncate(24*time.Hour).AddDate(0, 0, -day).Add(time.Duration(half) * 30 * time.Minute)
			if at.After(noon) {
				break
			}
			set := &Set{Manifest: Manifest{ID: newID(at, 0), At: at, Kind: Full, Chain: slices.Clone(chain)}, Proof: Proof{Good: true}}
			if half > 0 {
				set.Kind = Incremental
			}
			chain = append(chain, set.ID)
			sets = append(sets, set)
		}
	}
	rule := Keep{All: 720 * time.Hour, Thin: 48 * time.Hour}
	gone := map[string]bool{}
	for i, set := range Expired(sets, rule, noon) {
		gone[set.ID] = true
		if age := noon.Sub(set.At); age <= rule.Thin || set.Kind == Full {
			t.Errorf("%d: %s of %s goes, %s old", i, set.ID, set.Kind, age)
		}
	}
	byDay := map[string]int{}
	for _, set := range sets {
		if gone[set.ID] {
			continue
		}
		byDay[set.At.Format(time.DateOnly)]++
		for _, id := range set.Chain {
			if gone[id] {
				t.Errorf("%s stays without %s", set.ID, id)
			}
		}
	}
	if len(byDay) != 30 || byDay["2026-11-24"] != 25 || byDay["2026-11-23"] != 48 || byDay["2026-11-22"] != 48 || byDay["2026-11-21"] != 1 || byDay["2026-10-26"] != 1 {
		t.Errorf("kept are %v", byDay)
	}
	if n := len(Expired(sets, Keep{All: 720 * time.Hour}, noon)); n != 0 {
		t.Errorf("%d go although all are to be kept", n)
	}
	// A day without a full set keeps its newest, and what that builds on.
	sets = []*Set{
		aged("a", 1, true), aged("b", 2, true), aged("c", 3, true),
		aged("e", 50, true, "g"), aged("f", 51, true, "g"), aged("g", 90, true), aged("x", 52, false),
	}
	for _, set := range sets {
		set.Kind = Incremental
	}
	sets[5].Kind = Full
	if got := ids(Expired(sets, rule, noon)); !slices.Equal(got, []string{"f", "x"}) {
		t.Errorf("expired = %v", got)
	}
}

func TestADiskThatIsTooSmallForAllIsForeseen(t *testing.T) {
	t.Parallel()
	const gb = int64(1e9)
	for _, c := range []struct {
		name  string
		days  int // that sets lie here
		free  int64
		thin  time.Duration
		short bool
	}{
		{"room for the month", 10, 1000 * gb, 0, false},
		{"not for the rest of it", 10, 900 * gb, 0, true},
		{"the month is over: each new one takes the room of an old one", 31, 5 * gb, 0, false},
		{"but the next one must have room", 31, 1 * gb, 0, true},
		{"one a day takes little", 10, 100 * gb, 48 * time.Hour, false},
		{"but not nothing", 10, 10 * gb, 48 * time.Hour, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var sets []*Set
			for i := range c.days * 48 {
				set := aged(fmt.Sprint(i), 0, true)
				set.At, set.Kind = noon.Add(-time.Duration(i)*30*time.Minute), Full
				set.Parts = []Part{{Size: gb}}
				sets = append(sets, set)
			}
			s := &Sets{cfg: Config{Retention: 720 * time.Hour, Thin: c.thin}}
			st := Status{Newest: sets[0], Free: Space{Bytes: c.free}}
			s.foresee(&st, sets, noon)
			if st.Short != c.short || st.Daily < 48*gb || st.Daily > 49*gb {
				t.Errorf("it is %v, a day takes %d, it lasts %s", st.Short, st.Daily, st.Lasts)
			}
			if want := c.short && c.thin == 0; want != (len(st.Spare) > 0) {
				t.Errorf("%d would go", len(st.Spare))
			}
		})
	}
}
