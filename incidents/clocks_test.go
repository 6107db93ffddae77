package incidents_test

import (
	"errors"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
)

const (
	p0, p1, p2 = incidents.P0, incidents.P1, incidents.P2
	minute     = time.Minute
)

func TestClocksFollowTheGuide(t *testing.T) {
	t.Parallel()
	tell(t, []tale{
		{"a P0 that nobody touches goes through both clocks and the whole ladder", func(s *story) {
			s.receive(firing("a", p0, s.now))
			s.wantSaid("INC-1 opened → oncall")
			s.pass(15*minute - 1)
			s.wantSaid("INC-1 clock.nudge respond 50", "INC-1 clock.nudge respond 80")
			s.pass(1)
			s.wantSaid("INC-1 clock.breach respond → ops")
			s.pass(15*minute - 1)
			s.wantSaid()
			s.pass(1)
			s.wantSaid("INC-1 escalated → management")
			s.pass(90*minute - 1)
			s.wantSaid("INC-1 clock.nudge resolve 50", "INC-1 clock.nudge resolve 80")
			s.pass(1)
			s.wantSaid("INC-1 clock.breach resolve → management")
			s.pass(1000 * time.Hour)
			s.wantSaid()
		}},
		{"a P1 that nobody touches tells ops after 30 minutes and again after four hours", func(s *story) {
			s.receive(firing("a", p1, s.now))
			s.pass(30 * minute)
			s.wantSaid("INC-1 opened → oncall", "INC-1 clock.nudge respond 50", "INC-1 clock.nudge respond 80",
				"INC-1 clock.breach respond → ops")
			s.pass(210*minute - 1)
			s.wantSaid("INC-1 clock.nudge resolve 50", "INC-1 clock.nudge resolve 80")
			s.pass(1)
			s.wantSaid("INC-1 clock.breach resolve → ops")
		}},
		{"a P2 that nobody touches misses two hours and a day", func(s *story) {
			s.receive(firing("a", p2, s.now))
			s.pass(2 * time.Hour)
			s.wantSaid("INC-1 opened → oncall", "INC-1 clock.nudge respond 50", "INC-1 clock.nudge respond 80",
				"INC-1 clock.breach respond")
			s.pass(22 * time.Hour)
			s.wantSaid("INC-1 clock.nudge resolve 50", "INC-1 clock.nudge resolve 80", "INC-1 clock.breach resolve → oncall")
		}},
		{"the clocks count from the opening, not from the alert's start", func(s *story) {
			s.receive(firing("a", p0, s.now.Add(-time.Hour)))
			in := s.incident(1)
			s.wantTime("response due", in.Respond.Due, nine.Add(15*minute))
			s.wantTime("resolution due", in.Resolve.Due, nine.Add(2*time.Hour))
			s.wantTime("since", in.Since, nine.Add(-time.Hour))
		}},
		{"an acknowledgement stops the response clock and the ladder, and not the resolution clock", func(s *story) {
			s.receive(firing("a", p0, s.now))
			s.pass(14 * minute)
			s.do(1, incidents.Ack{By: kim})
			s.said()
			s.pass(106*minute - 1)
			s.wantSaid("INC-1 clock.nudge resolve 50", "INC-1 clock.nudge resolve 80")
			s.pass(1)
			s.wantSaid("INC-1 clock.breach resolve → management")
			s.wantTime("response stopped", s.incident(1).Respond.Stopped, nine.Add(14*minute))
		}},
		{"an acknowledgement between the steps ends the ladder", func(s *story) {
			s.receive(firing("a", p0, s.now))
			s.pass(16 * minute)
			s.do(1, incidents.Ack{By: kim})
			s.said()
			s.pass(30 * minute)
			s.wantSaid()
		}},
		{"a hand that escalates takes the next name, and the one after it keeps its time", func(s *story) {
			s.receive(firing("a", p0, s.now))
			s.pass(5 * minute)
			s.do(1, incidents.Escalate{By: kim})
			s.wantSaid("INC-1 opened → oncall", "INC-1 escalated → ops")
			s.pass(10 * minute)
			s.wantSaid("INC-1 clock.nudge respond 50", "INC-1 clock.nudge respond 80", "INC-1 clock.breach respond")
			s.pass(15 * minute)
			s.wantSaid("INC-1 escalated → management")
			if err := s.try(1, incidents.Escalate{By: kim}); !errors.Is(err, incidents.ErrLadderEnd) {
				s.Errorf("a fourth escalation gives %v", err)
			}
		}},
		{"the end of the ladder is an error that changes nothing, even when a clock is due", func(s *story) {
			s.receive(firing("a", p2, s.now))
			s.said()
			s.sleep(61 * minute)
			s.quietly("the escalation", func() {
				if err := s.try(1, incidents.Escalate{By: kim}); !errors.Is(err, incidents.ErrLadderEnd) {
					s.Errorf("got %v", err)
				}
			})
		}},
		{"a click that meets the clock at the last name is no error", func(s *story) {
			s.receive(firing("a", p1, s.now))
			s.said()
			s.sleep(30 * minute)
			s.do(1, incidents.Escalate{By: kim})
			s.wantSaid("INC-1 clock.breach respond → ops")
		}},
		{"an acknowledged incident can be escalated by hand", func(s *story) {
			s.receive(firing("a", p0, s.now))
			s.do(1, incidents.Ack{By: kim})
			s.said()
			s.do(1, incidents.Escalate{By: kim})
			s.wantSaid("INC-1 escalated → ops")
			s.pass(time.Hour - 1)
			s.wantSaid()
		}},
	})
}

func TestLateClocksFireOnceAndSaySo(t *testing.T) {
	t.Parallel()
	tell(t, []tale{
		{"a night of downtime says the last thing of each clock, and tells every name that was due", func(s *story) {
			s.receive(firing("a", p0, s.now))
			s.said()
			s.sleep(10 * time.Hour)
			s.fire()
			s.wantSaid("INC-1 clock.breach respond → ops, management, late 9h45m0s", "INC-1 clock.breach resolve → management, late 8h0m0s")
			s.fire()
			s.pass(1000 * time.Hour)
			s.wantSaid()
		}},
		{"80 percent that was slept over is said and 50 is not", func(s *story) {
			s.receive(firing("a", p1, s.now))
			s.said()
			s.sleep(25 * minute)
			s.fire()
			s.wantSaid("INC-1 clock.nudge respond 80, late 1m0s")
			s.fire()
			s.wantSaid()
		}},
		{"the second step of the ladder alone says how late it is", func(s *story) {
			s.receive(firing("a", p0, s.now))
			s.pass(20 * minute)
			s.said()
			s.sleep(13 * minute)
			s.fire()
			s.wantSaid("INC-1 escalated → management, late 3m0s")
		}},
		{"less than a minute is not worth a word", func(s *story) {
			s.receive(firing("a", p0, s.now))
			s.said()
			s.sleep(16*minute - 1)
			s.fire()
			s.wantSaid("INC-1 clock.breach respond → ops")
		}},
		{"what ran out before a person's word is said before it", func(s *story) {
			s.receive(firing("a", p0, s.now))
			s.said()
			s.sleep(20 * minute)
			s.do(1, incidents.Ack{By: kim})
			s.wantSaid("INC-1 clock.breach respond → ops, late 5m0s", "INC-1 acked")
			if in := s.incident(1); !in.Respond.Breached {
				s.Error("the breach is not kept")
			}
		}},
		{"what ran out before more alerts is said before them", func(s *story) {
			s.receive(firing("a", p0, s.now))
			s.said()
			s.sleep(20 * minute)
			s.receive(firing("a", p0, nine), firing("b", p0, s.now))
			s.wantSaid("INC-1 clock.breach respond → ops, late 5m0s", "INC-1 more_alerts")
		}},
		{"what ran out before the end of the alerts is said, what ran out after it is not", func(s *story) {
			s.receive(firing("a", p0, s.now))
			s.said()
			s.sleep(3 * time.Hour)
			s.receive(ended(firing("a", p0, nine), nine.Add(20*minute)))
			s.wantSaid("INC-1 clock.breach respond → ops, late 2h45m0s", "INC-1 recovering")
			s.pass(hold)
			s.wantSaid("INC-1 recovered")
			in := s.incident(1)
			s.wantTime("response stopped", in.Respond.Stopped, nine.Add(20*minute))
			s.wantTime("resolution stopped", in.Resolve.Stopped, nine.Add(20*minute))
			if in.Resolve.Breached {
				s.Error("a resolution time that was kept counts as missed")
			}
		}},
		{"who was told at a missed resolution is not told again by the ladder", func(s *story) {
			p := guide
			p.Levels[0] = incidents.Policy{Respond: time.Hour, Resolve: minute, Escalate: []string{"oncall", "ops", "management"}}
			s.svc = s.service(p)
			s.receive(firing("a", p0, s.now))
			s.sleep(minute)
			s.fire()
			s.wantSaid("INC-1 opened → oncall", "INC-1 clock.breach resolve → management")
			s.pass(10 * time.Hour)
			s.wantSaid("INC-1 clock.nudge respond 50", "INC-1 clock.nudge respond 80", "INC-1 clock.breach respond → ops")
			if told := s.incident(1).Told; len(told) != 3 {
				s.Errorf("told %v", told)
			}
		}},
		{"a recovery that was slept over says so", func(s *story) {
			s.receive(firing("a", p0, s.now))
			s.receive(ended(firing("a", p0, nine), nine.Add(minute)))
			s.said()
			s.sleep(hold + 10*minute)
			s.fire()
			s.wantSaid("INC-1 recovered, late 10m0s")
		}},
		{"the policy of the opening stays when the configuration changes", func(s *story) {
			s.receive(firing("a", p0, s.now))
			s.said()
			s.svc = s.service(incidents.Policies{Version: "new", Levels: [3]incidents.Policy{
				{Respond: minute, Resolve: 2 * minute}, {Respond: minute, Resolve: 2 * minute}, {Respond: minute, Resolve: 2 * minute},
			}})
			s.pass(15 * minute)
			s.wantSaid("INC-1 clock.nudge respond 50", "INC-1 clock.nudge respond 80", "INC-1 clock.breach respond → ops")
			if v := s.incident(1).Policies.Version; v != "guide" {
				s.Errorf("policy version %q", v)
			}
		}},
		{"an empty ladder tells nobody and the clocks run all the same", func(s *story) {
			s.svc = s.service(incidents.Policies{Levels: [3]incidents.Policy{{Respond: minute, Resolve: 2 * minute}}})
			s.receive(firing("a", p0, s.now))
			s.pass(2 * minute)
			s.wantSaid("INC-1 opened", "INC-1 clock.nudge respond 50", "INC-1 clock.nudge respond 80", "INC-1 clock.breach respond",
				"INC-1 clock.nudge resolve 50", "INC-1 clock.nudge resolve 80", "INC-1 clock.breach resolve")
		}},
	})
}
