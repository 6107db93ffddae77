package wal

import (
	"testing"
	"time"
)

const size16 = 16 << 20

func TestNamesOfTheLogAreReadAndWritten(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		size int64
		want segment
		ok   bool
	}{
		{"000000010000000000000002", size16, segment{1, 2}, true},
		{"0000000200000001000000FF", size16, segment{2, 511}, true},
		{"000000010000000000000100", size16, segment{}, false}, // 4 GiB have 256 files
		{"000000010000000000000FFF", 1 << 20, segment{1, 4095}, true},
		{"000000000000000000000002", size16, segment{}, false},
		{"00000001000000000000000a", size16, segment{}, false},
		{"00000002.history", size16, segment{}, false},
		{"000000010000000000000002", 3 << 20, segment{}, false},
		{"../../../../etc/passwd", size16, segment{}, false},
	} {
		got, ok := parseSegment(c.name, c.size)
		if got != c.want || ok != c.ok {
			t.Errorf("%s: %+v, %v", c.name, got, ok)
		}
		if ok && got.name(c.size) != c.name {
			t.Errorf("%s is written as %s", c.name, got.name(c.size))
		}
	}
	if place, ok := parsePlace("1/16B3748"); !ok || place != 1<<32|0x16B3748 || at(place, size16) != 257 {
		t.Errorf("a place: %x, %v", place, ok)
	}
}

func FuzzSegment(f *testing.F) {
	f.Add("000000010000000000000002", int64(size16))
	f.Add("FFFFFFFFFFFFFFFFFFFFFFFF", int64(1<<30))
	f.Fuzz(func(t *testing.T, name string, size int64) {
		if s, ok := parseSegment(name, size); ok && s.name(size) != name {
			t.Errorf("%q becomes %q", name, s.name(size))
		}
	})
}

func TestTheLogIsFollowedAsFarAsItHasNoGap(t *testing.T) {
	t.Parallel()
	have := stock{}
	for _, s := range []segment{{1, 2}, {1, 3}, {1, 4}, {2, 3}, {2, 4}, {2, 5}, {2, 7}} {
		have[s] = true
	}
	for from, want := range map[segment]segment{{1, 2}: {1, 4}, {2, 3}: {2, 5}} {
		if last, ok := have.reach(from); !ok || last != want || !have.beyond(last) {
			t.Errorf("%+v leads to %+v, %v", from, last, ok)
		}
	}
	if last, ok := have.reach(segment{2, 7}); !ok || last.Number != 7 || have.beyond(last) {
		t.Errorf("the newest leads to %+v, %v", last, ok)
	}
	if _, ok := have.reach(segment{1, 1}); ok {
		t.Error("what is not there leads somewhere")
	}
}

func TestMomentsAreChosenFromWhatThereIs(t *testing.T) {
	t.Parallel()
	at := func(h int) time.Time { return time.Date(2026, 11, 24, h, 0, 0, 0, time.UTC) }
	chains := []chain{
		{Base: &Base{ID: "c", At: at(20)}, to: at(22)},
		{Base: &Base{ID: "b", At: at(14)}, to: at(16), gap: true},
		{Base: &Base{ID: "a", At: at(8)}, to: at(16), gap: true},
		{Base: &Base{ID: "-", At: at(7)}, gap: true}, // its log is gone
	}
	for hour, want := range map[int]string{8: "a", 9: "a", 14: "b", 15: "b", 20: "c", 21: "c"} {
		if ch, err := choose(chains, at(hour), at(23)); err != nil || ch.ID != want {
			t.Errorf("at %d: %+v, %v", hour, ch, err)
		}
	}
	for hour, want := range map[int]string{6: "wal_before", 7: "wal_before", 16: "wal_gap", 19: "wal_gap", 22: "wal_after", 30: "wal_future"} {
		if _, err := choose(chains, at(hour), at(23)); code(err) != want {
			t.Errorf("at %d: %v, want %s", hour, err, want)
		}
	}
	if got := spans(chains); len(got) != 2 || !got[0].From.Equal(at(8)) || !got[0].To.Equal(at(16)) || !got[1].To.Equal(at(22)) {
		t.Errorf("the window is %v", got)
	}
}

func TestACopyIsKeptAsLongAsAMomentNeedsIt(t *testing.T) {
	t.Parallel()
	day := func(d int) *Base { return &Base{At: time.Date(2026, 11, d, 0, 0, 0, 0, time.UTC)} }
	bases := []*Base{day(24), day(23), day(22), day(21)}
	limit := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	keep, gone := kept(bases, limit, true)
	if len(keep) != 3 || len(gone) != 1 || gone[0] != bases[3] {
		t.Errorf("kept %d, gone %d", len(keep), len(gone))
	}
	if keep, _ := kept(bases, limit.AddDate(1, 0, 0), true); len(keep) != 1 || keep[0] != bases[0] {
		t.Errorf("of a cluster that is archived %d are kept", len(keep))
	}
	if keep, _ := kept(bases, limit.AddDate(1, 0, 0), false); len(keep) != 0 {
		t.Errorf("of one that is gone %d are kept", len(keep))
	}
}
