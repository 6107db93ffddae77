package store_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/store"
	"github.com/ai-notebook/notebookbot/internal/store/storetest"
)

func TestListsFindWhatTheyAreAskedFor(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		t.Helper()
		ctx := t.Context()
		err := s.Write(ctx, incidents.Want{}, func(tx incidents.Tx) error {
			for n, in := range map[int64]*incidents.Incident{
				1: sample(1, "api"), 2: sample(2, "db"), 3: sample(3, "web"), 4: sample(4, "100%_done"), 5: sample(5, "last"),
			} {
				in.Opened = noon.Add(time.Duration(n) * time.Hour)
				switch n {
				case 1:
					in.State = incidents.Recovered
				case 2:
					in.Level = incidents.P0
				case 3:
					in.Level, in.Title = incidents.P2, "磁盘 FULL"
					err := tx.Log(incidents.Entry{Incident: 3, Seq: 1, Kind: incidents.NoteAdded, Fact: incidents.Fact{Text: "Called ÄRZTE"}})
					if err != nil {
						return err
					}
				case 5:
					in.State = incidents.Resolved
				}
				if err := tx.Save(in); err != nil {
					return err
				}
			}
			return tx.Log(incidents.Entry{Incident: 4, Seq: 1, Kind: incidents.ReopenedNow, Fact: incidents.Fact{Text: "no note: secretword"}})
		})
		if err != nil {
			t.Fatal(err)
		}
		for name, c := range map[string]struct {
			filter incidents.Filter
			want   []int64
		}{
			"everything, the newest first":       {incidents.Filter{}, []int64{5, 4, 3, 2, 1}},
			"a page":                             {incidents.Filter{Limit: 2, Before: 4}, []int64{3, 2}},
			"open":                               {incidents.Filter{Open: true}, []int64{4, 3, 2}},
			"by level":                           {incidents.Filter{Levels: []incidents.Level{incidents.P0, incidents.P2}}, []int64{3, 2}},
			"open by level":                      {incidents.Filter{Open: true, Levels: []incidents.Level{incidents.P1}}, []int64{4}},
			"since":                              {incidents.Filter{Since: noon.Add(4 * time.Hour)}, []int64{5, 4}},
			"by key":                             {incidents.Filter{Text: "inc-2"}, []int64{2}},
			"by title in any case":               {incidents.Filter{Text: "磁盘 full"}, []int64{3}},
			"by label":                           {incidents.Filter{Text: "job=DB"}, []int64{2}},
			"by annotation beyond ASCII":         {incidents.Filter{Text: "üNDER", Limit: 1}, []int64{5}},
			"by note beyond ASCII":               {incidents.Filter{Text: "ärzte"}, []int64{3}},
			"signs of the database mean nothing": {incidents.Filter{Text: "0%_D"}, []int64{4}},
			"and neither do these":               {incidents.Filter{Text: "%"}, []int64{4}},
			"what is no note is not found":       {incidents.Filter{Text: "secretword"}, nil},
		} {
			ins, err := s.List(ctx, c.filter)
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			var got []int64
			for _, in := range ins {
				got = append(got, in.Number)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("%s (-want +got):\n%s", name, d)
			}
		}
		if got, err := s.CountOpen(ctx); err != nil || got != [3]int{1, 1, 1} {
			t.Errorf("open = %v, %v", got, err)
		}
	})
}

func TestDueGivesTheMostOverdueFirstAndElseTheNext(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		t.Helper()
		ctx := t.Context()
		if ns, next, err := s.Due(ctx, noon, 10); len(ns) > 0 || !next.IsZero() || err != nil {
			t.Errorf("an empty store: %v, %v, %v", ns, next, err)
		}
		// A nanosecond that the database cannot hold: due must not come before its time.
		at := map[int64]time.Time{1: noon.Add(2 * time.Second), 2: noon.Add(time.Second + 1), 3: {}}
		err := s.Write(ctx, incidents.Want{}, func(tx incidents.Tx) error {
			for n, due := range at {
				in := verifying(n, due)
				if got := in.NextDue(); !got.Equal(due) {
					return fmt.Errorf("next due of the sample = %v, want %v", got, due)
				}
				if err := tx.Save(in); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		ns, next, err := s.Due(ctx, noon.Add(time.Second), 10)
		if len(ns) > 0 || next.Before(at[2]) || next.After(at[2].Add(time.Millisecond)) || err != nil {
			t.Errorf("before its time: %v, %v, %v", ns, next, err)
		}
		ns, _, err = s.Due(ctx, noon.Add(time.Minute), 10)
		if d := cmp.Diff([]int64{2, 1}, ns); d != "" || err != nil {
			t.Errorf("due: %v\n%s", err, d)
		}
		ns, _, err = s.Due(ctx, noon.Add(time.Minute), 1)
		if d := cmp.Diff([]int64{2}, ns); d != "" || err != nil {
			t.Errorf("due, one: %v\n%s", err, d)
		}
	})
}

// verifying is an incident whose only clock is its hold.
func verifying(n int64, due time.Time) *incidents.Incident {
	in := sample(n, "g")
	in.State, in.HoldUntil, in.Ended = incidents.Verifying, due, noon
	if due.IsZero() {
		in.State = incidents.Recovered
	}
	return in
}

func TestOfTwoDefaultsTheFirstStays(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		t.Helper()
		if _, ok, err := s.Setting(t.Context(), "secret"); ok || err != nil {
			t.Errorf("a setting nobody made: %v, %v", ok, err)
		}
		a, errA := s.SetDefault(t.Context(), "secret", "one")
		b, errB := s.SetDefault(t.Context(), "secret", "two")
		if a != "one" || b != "one" || errors.Join(errA, errB) != nil {
			t.Errorf("defaults = %q, %q, %v, %v", a, b, errA, errB)
		}
		if v, ok, err := s.Setting(t.Context(), "secret"); v != "one" || !ok || err != nil {
			t.Errorf("setting = %q, %v, %v", v, ok, err)
		}
	})
}

func TestASettingThatIsKeptReplacesTheOneBefore(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		t.Helper()
		for _, want := range []string{"one", "two"} {
			if err := s.KeepSetting(t.Context(), "audit/host", want); err != nil {
				t.Fatal(err)
			}
			if v, ok, err := s.Setting(t.Context(), "audit/host"); v != want || !ok || err != nil {
				t.Errorf("setting = %q, %v, %v", v, ok, err)
			}
		}
	})
}
