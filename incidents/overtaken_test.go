package incidents_test

import (
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
)

func TestMessagesOvertakeOneAnother(t *testing.T) {
	t.Parallel()
	tell(t, []tale{
		{"resolved before firing opens nothing, and the firing message that comes late neither", func(s *story) {
			a := firing("a", p0, s.now)
			s.receive(ended(a, s.now.Add(10*time.Second)))
			s.sleep(incidents.LateFiring - 1)
			s.quietly("the late message", func() { s.receive(a) })
			s.wantCount(0)
		}},
		{"the same start after 30 seconds is taken for real", func(s *story) {
			a := firing("a", p0, s.now)
			s.receive(ended(a, s.now.Add(10*time.Second)))
			s.sleep(incidents.LateFiring)
			s.receive(a)
			s.wantSaid("INC-1 opened → oncall")
		}},
		{"a later start is real at once", func(s *story) {
			s.receive(ended(firing("a", p0, s.now), s.now.Add(10*time.Second)))
			s.receive(firing("a", p0, s.now.Add(11*time.Second)))
			s.wantCount(1)
		}},
		{"a second end is remembered like the first", func(s *story) {
			s.receive(ended(firing("a", p0, s.now), s.now.Add(time.Second)))
			second := firing("a", p0, s.now.Add(2*time.Second))
			s.receive(ended(second, s.now.Add(3*time.Second)))
			s.sleep(5 * time.Second)
			s.receive(second)
			s.wantCount(0)
		}},
		{"an end that was never heard to begin is kept once, and forgotten with the next that comes after 30 seconds", func(s *story) {
			a := ended(firing("a", p0, s.now), s.now)
			s.receive(a)
			s.quietly("the repeat", func() { s.receive(a) })
			s.sleep(time.Hour)
			s.receive(ended(firing("b", p0, s.now), s.now))
			m, _ := s.store.read().Ended(group.ID())
			if _, ok := m["b"]; !ok || len(m) != 1 {
				s.Errorf("remembers %v", m)
			}
		}},
		{"an end without a time ends now", func(s *story) {
			s.receive(ended(firing("a", p0, s.now), time.Time{}))
			m, _ := s.store.read().Ended(group.ID())
			s.wantTime("end", m["a"].EndsAt, s.now)
			s.quietly("the late message", func() { s.receive(firing("a", p0, nine)) })
		}},
		{"a late firing message of one alert does not join the incident that another one opened", func(s *story) {
			a := firing("a", p0, s.now)
			s.receive(ended(a, s.now.Add(time.Second)))
			s.sleep(2 * time.Second)
			s.receive(firing("b", p1, s.now))
			s.said()
			s.sleep(2 * time.Second)
			s.receive(a, firing("b", p1, nine.Add(2*time.Second)))
			s.wantSaid()
			if in := s.incident(1); in.Level != p1 || len(in.Firing()) != 1 {
				s.Errorf("level %s with %d firing", in.Level, len(in.Firing()))
			}
		}},
		{"a late firing message that comes with real news stays quiet in the incident that opens", func(s *story) {
			a := firing("a", p0, s.now)
			s.receive(ended(a, s.now.Add(time.Second)))
			s.sleep(2 * time.Second)
			s.receive(a, firing("b", p1, s.now))
			in := s.incident(1)
			if in.Level != p1 || len(in.Firing()) != 1 || in.Members["a"].Firing {
				s.Errorf("level %s with %d firing", in.Level, len(in.Firing()))
			}
			s.quietly("the same again", func() { s.receive(a, firing("b", p1, nine.Add(2*time.Second))) })
		}},
		{"a late firing message in the hold does not go back", func(s *story) {
			a := firing("a", p0, s.now)
			s.receive(a)
			s.sleep(minute)
			s.receive(ended(a, s.now))
			s.sleep(10 * time.Second)
			s.quietly("the late message", func() { s.receive(a) })
			s.wantState(1, incidents.Verifying)
		}},
		{"the same start after 30 seconds in the hold goes back: in doubt it fires", func(s *story) {
			a := firing("a", p0, s.now)
			s.receive(a)
			s.receive(ended(a, s.now.Add(time.Second)))
			s.sleep(incidents.LateFiring)
			s.receive(a)
			s.wantState(1, incidents.Received)
		}},
		{"an end that is told again after the same start fired anew does not end it", func(s *story) {
			a := firing("a", p0, s.now)
			s.receive(a)
			s.receive(ended(a, s.now.Add(time.Second)))
			s.sleep(minute)
			s.receive(a)
			s.quietly("the old end", func() { s.receive(ended(a, nine.Add(time.Second))) })
			s.receive(ended(a, s.now))
			s.wantState(1, incidents.Verifying)
		}},
		{"a replica whose clock is a little behind takes a late message for late", func(s *story) {
			a := firing("a", p0, s.now)
			s.receive(a)
			s.sleep(minute)
			s.receive(ended(a, s.now))
			s.sleep(-time.Second)
			s.quietly("the late message", func() { s.receive(a) })
		}},
		{"a later end of a quiet alert is noted in silence", func(s *story) {
			a := firing("a", p0, s.now)
			s.receive(a, firing("b", p0, s.now))
			s.receive(ended(a, s.now.Add(time.Second)))
			s.said()
			again := firing("a", p0, s.now.Add(2*time.Second))
			s.receive(ended(again, s.now.Add(3*time.Second)))
			s.wantSaid()
			s.quietly("the overtaken message", func() { s.receive(again) })
		}},
		{"an end of an unknown alert joins the card in silence", func(s *story) {
			s.receive(firing("a", p0, s.now))
			s.said()
			s.receive(firing("a", p0, nine), ended(firing("b", p0, nine), s.now))
			s.wantSaid()
			if q := s.incident(1).Quiet(); len(q) != 1 {
				s.Errorf("%d quiet", len(q))
			}
		}},
	})
}
