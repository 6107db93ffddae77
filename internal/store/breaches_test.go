package store_test

import (
	"maps"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/store"
	"github.com/ai-notebook/notebookbot/internal/store/storetest"
)

func TestMissedClocksAreCountedByClockOnceTheyAreCommitted(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		entry := func(seq int64, clock incidents.ClockKind) incidents.Entry {
			return incidents.Entry{Incident: 1, Seq: seq, At: time.Now(), Kind: incidents.ClockBreach, Fact: incidents.Fact{Clock: clock}}
		}
		for seq, clock := range []incidents.ClockKind{incidents.Respond, incidents.Resolve, incidents.Respond} {
			if err := s.Write(t.Context(), incidents.Want{}, func(tx incidents.Tx) error { return tx.Log(entry(int64(seq), clock)) }); err != nil {
				t.Fatal(err)
			}
		}
		got, err := s.CountBreaches(t.Context())
		want := map[incidents.ClockKind]int64{incidents.Respond: 2, incidents.Resolve: 1}
		if err != nil || !maps.Equal(got, want) {
			t.Errorf("CountBreaches = %v, %v, want %v", got, err, want)
		}
	})
}
