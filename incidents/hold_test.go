package incidents_test

import (
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
)

func TestHoldAndRefire(t *testing.T) {
	t.Parallel()
	tell(t, []tale{
		{"all alerts ended: verifying, and recovered when the hold is over", func(s *story) {
			s.receive(firing("a", p0, s.now), firing("b", p0, s.now))
			s.sleep(4 * minute)
			s.receive(ended(firing("a", p0, nine), nine.Add(2*minute)), ended(firing("b", p0, nine), nine.Add(3*minute)))
			s.wantSaid("INC-1 opened → oncall", "INC-1 recovering")
			in := s.wantState(1, incidents.Verifying)
			s.wantTime("hold", in.HoldUntil, nine.Add(9*minute))
			s.pass(hold - 1)
			s.wantState(1, incidents.Verifying)
			s.pass(1)
			s.wantSaid("INC-1 recovered")
			in = s.wantState(1, incidents.Recovered)
			s.wantTime("end", in.Ended, nine.Add(3*minute))
			s.wantTime("response stopped", in.Respond.Stopped, nine.Add(3*minute))
			s.wantTime("resolution stopped", in.Resolve.Stopped, nine.Add(3*minute))
			s.wantTime("recovered", in.RecoveredAt, nine.Add(9*minute))
		}},
		{"an end that Alertmanager puts after now is now", func(s *story) {
			s.receive(firing("a", p0, s.now))
			s.receive(ended(firing("a", p0, nine), nine.Add(time.Hour)))
			s.wantTime("end", s.incident(1).Ended, nine)
		}},
		{"an end before the opening stops the clocks at the opening", func(s *story) {
			s.receive(firing("a", p0, s.now.Add(-time.Hour)))
			s.receive(ended(firing("a", p0, nine.Add(-time.Hour)), nine.Add(-minute)))
			s.pass(hold)
			s.wantTime("response stopped", s.incident(1).Respond.Stopped, nine)
		}},
		{"the clocks say nothing in the hold", func(s *story) {
			s.receive(firing("a", p0, s.now))
			s.pass(13 * minute)
			s.receive(ended(firing("a", p0, nine), s.now))
			s.said()
			s.pass(hold - 1)
			s.wantSaid()
		}},
		{"a re-fire in the hold goes back with the due times of the opening and says what they missed", func(s *story) {
			s.receive(firing("a", p0, s.now))
			s.pass(13 * minute)
			s.receive(ended(firing("a", p0, nine), s.now))
			s.said()
			s.pass(3 * minute)
			s.receive(firing("a", p0, s.now))
			s.wantSaid("INC-1 refired", "INC-1 clock.breach respond → ops")
			in := s.wantState(1, incidents.Received)
			s.wantTime("response due", in.Respond.Due, nine.Add(15*minute))
			s.wantTime("resolution due", in.Resolve.Due, nine.Add(2*time.Hour))
			if !in.HoldUntil.IsZero() || !in.Ended.IsZero() || in.Reopened != 1 {
				s.Errorf("%+v", in)
			}
			s.pass(15 * minute)
			s.wantSaid("INC-1 escalated → management")
			s.wantCount(1)
		}},
		{"a re-fire after somebody worked on it tells the next of the ladder", func(s *story) {
			s.receive(firing("a", p0, s.now))
			s.do(1, incidents.TakeCommand{By: kim, Commander: kim.ID})
			s.sleep(minute)
			s.receive(ended(firing("a", p0, nine), s.now))
			s.said()
			s.sleep(minute)
			s.receive(firing("a", p0, s.now))
			s.wantSaid("INC-1 refired → ops")
			s.wantState(1, incidents.Working)
		}},
		{"another alert of the group in the hold goes back as well", func(s *story) {
			s.receive(firing("a", p1, s.now))
			s.sleep(minute)
			s.receive(ended(firing("a", p1, nine), s.now))
			s.do(1, incidents.Ack{By: kim})
			s.said()
			s.sleep(minute)
			s.receive(firing("b", p1, s.now))
			s.wantSaid("INC-1 refired → ops")
			s.wantState(1, incidents.Acknowledged)
		}},
		{"a flapping alert stays one incident and each turn is told once", func(s *story) {
			s.receive(firing("a", p2, s.now))
			s.said()
			start := s.now
			for i := range 10 {
				s.sleep(minute)
				s.receive(ended(firing("a", p2, start), s.now))
				s.wantSaid("INC-1 recovering")
				s.sleep(2 * minute)
				start = s.now
				s.receive(firing("a", p2, start))
				s.wantSaid("INC-1 refired")
				if in := s.incident(1); in.Reopened != i+1 {
					s.Errorf("reopened %d", in.Reopened)
				}
			}
			s.wantCount(1)
		}},
		{"a re-fire after the hold is a new incident", func(s *story) {
			s.receive(firing("a", p0, s.now))
			s.sleep(minute)
			s.receive(ended(firing("a", p0, nine), s.now))
			s.pass(hold)
			s.said()
			s.receive(firing("a", p0, s.now))
			s.wantSaid("INC-2 opened → oncall")
			s.wantState(1, incidents.Recovered)
		}},
		{"a re-fire after the hold is a new incident also when no clock has looked yet", func(s *story) {
			s.receive(firing("a", p0, s.now))
			s.sleep(minute)
			s.receive(ended(firing("a", p0, nine), s.now))
			s.said()
			s.sleep(4 * time.Hour)
			s.receive(firing("a", p0, s.now))
			s.wantSaid("INC-1 recovered, late 3h55m0s", "INC-2 opened → oncall")
			s.wantTime("response due", s.incident(2).Respond.Due, s.now.Add(15*minute))
		}},
		{"an acknowledgement in the hold does not make a response late that was owed no longer", func(s *story) {
			s.receive(firing("a", p0, s.now))
			s.sleep(14 * minute)
			s.receive(ended(firing("a", p0, nine), s.now))
			s.sleep(2 * minute)
			s.do(1, incidents.Ack{By: kim})
			s.wantState(1, incidents.Verifying)
			s.wantTime("response stopped", s.incident(1).Respond.Stopped, nine.Add(14*minute))
		}},
		{"the incident alone ends its hold before the next alert, which it leaves to a new one", func(s *story) {
			a := firing("a", p0, s.now)
			s.receive(a)
			s.sleep(minute)
			s.receive(ended(a, s.now))
			in := s.incident(1)
			s.sleep(hold)
			r, err := in.Apply(incidents.Webhook{Group: group, Alerts: []incidents.Alert{firing("a", p0, s.now), firing("b", p0, s.now)}}, s.now)
			if err != nil || in.State != incidents.Recovered || len(r.Entries) != 1 || r.Entries[0].Kind != incidents.RecoveredNow {
				s.Errorf("%s, %+v, %v", in.State, r.Entries, err)
			}
			if len(in.Firing()) > 0 {
				s.Error("it fires")
			}
		}},
		{"an event that cannot happen to an incident is an error", func(s *story) {
			s.open(p0)
			if r, err := s.incident(1).Apply(incidents.Open{}, s.now); err == nil || r.Changed {
				s.Errorf("%+v, %v", r, err)
			}
		}},
		{"messages after the recovery change nothing", func(s *story) {
			a := firing("a", p0, s.now)
			s.receive(a)
			s.sleep(minute)
			s.receive(ended(a, s.now))
			s.pass(hold)
			s.quietly("the end again", func() { s.receive(ended(a, nine.Add(minute))) })
		}},
	})
}
