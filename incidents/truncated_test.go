package incidents_test

import (
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
)

func TestTruncatedGroupsRecoverOnlyWhenAllIsSeen(t *testing.T) {
	t.Parallel()
	tell(t, []tale{
		{"the end of the alerts that are shown is not the end", func(s *story) {
			s.receiveCut(20, firing("a", p0, s.now))
			if in := s.incident(1); in.Truncated != 20 {
				s.Errorf("truncated %d", in.Truncated)
			}
			s.said()
			s.receiveCut(20, ended(firing("a", p0, nine), s.now.Add(time.Second)))
			s.wantState(1, incidents.Received)
			s.wantSaid()
			s.pass(15 * minute)
			s.wantSaid("INC-1 clock.nudge respond 50", "INC-1 clock.nudge respond 80", "INC-1 clock.breach respond → ops")
		}},
		{"it is the end when the whole list is known and nothing fires", func(s *story) {
			s.receiveCut(20, firing("a", p0, s.now))
			s.receiveCut(20, ended(firing("a", p0, nine), s.now.Add(time.Second)))
			s.said()
			s.receive(ended(firing("a", p0, nine), nine.Add(time.Second)))
			s.wantSaid("INC-1 recovering")
			s.pass(hold)
			s.wantSaid("INC-1 recovered")
		}},
		{"alerts that are hidden when the hold is over were not verified: it goes back", func(s *story) {
			a := firing("a", p0, s.now)
			s.receive(a)
			s.do(1, incidents.TakeCommand{By: kim, Commander: kim.ID})
			s.sleep(minute)
			s.receive(ended(a, s.now))
			s.receiveCut(3, ended(a, s.now))
			s.said()
			s.wantState(1, incidents.Verifying)
			s.pass(hold)
			s.wantSaid("INC-1 refired → ops")
			s.wantState(1, incidents.Working)
			s.receive(ended(a, nine.Add(minute)))
			s.wantSaid("INC-1 recovering")
			s.pass(hold)
			s.wantSaid("INC-1 recovered")
		}},
		{"a cut message in the hold neither ends it nor says that it ends twice", func(s *story) {
			a := firing("a", p0, s.now)
			s.receive(a)
			s.sleep(minute)
			s.receive(ended(a, s.now))
			s.said()
			s.sleep(minute)
			s.receiveCut(3, ended(a, nine.Add(minute)))
			s.receive(ended(a, nine.Add(minute)))
			s.wantSaid()
			s.wantTime("hold", s.incident(1).HoldUntil, nine.Add(minute+hold))
		}},
		{"what recovered does not count as still firing when a person resolves it", func(s *story) {
			a := firing("a", p0, s.now)
			s.receive(a)
			s.sleep(minute)
			s.receive(ended(a, s.now))
			s.pass(hold)
			s.receiveCut(3, ended(a, nine.Add(minute)))
			s.do(1, incidents.ResolveBy{By: kim})
			if s.incident(1).StillFiring {
				s.Error("it does")
			}
		}},
		{"how many are hidden changes the card alone", func(s *story) {
			s.receiveCut(20, firing("a", p0, s.now))
			s.said()
			s.receiveCut(30, firing("a", p0, nine))
			s.wantSaid()
			if in := s.incident(1); in.Truncated != 30 {
				s.Errorf("truncated %d", in.Truncated)
			}
			s.quietly("the repeat", func() { s.receiveCut(30, firing("a", p0, nine)) })
		}},
		{"resolved by hand with hidden alerts counts as still firing", func(s *story) {
			s.receiveCut(2, firing("a", p0, s.now))
			s.receiveCut(2, ended(firing("a", p0, nine), s.now.Add(time.Second)))
			s.do(1, incidents.ResolveBy{By: kim})
			if !s.incident(1).StillFiring {
				s.Error("it does not")
			}
		}},
		{"a hidden alert that shows up after the resolution opens nothing when it began before", func(s *story) {
			s.receiveCut(2, firing("a", p0, s.now))
			s.sleep(minute)
			s.do(1, incidents.ResolveBy{By: kim})
			s.said()
			s.sleep(minute)
			s.receiveCut(1, firing("a", p0, nine), firing("b", p0, nine.Add(time.Second)))
			s.wantSaid()
			s.wantCount(1)
			s.receiveCut(1, firing("a", p0, nine), firing("c", p0, s.now))
			s.wantSaid("INC-2 opened → oncall")
		}},
	})
}
