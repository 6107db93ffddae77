package incidents_test

import (
	"errors"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
)

func TestLevels(t *testing.T) {
	t.Parallel()
	tell(t, []tale{
		{"the level is that of the worst firing alert", func(s *story) {
			s.receive(firing("a", p2, s.now), firing("b", p1, s.now), ended(firing("c", p0, s.now), s.now))
			if l := s.incident(1).Level; l != p1 {
				s.Errorf("level %s", l)
			}
		}},
		{"it rises alone, counts from the opening and says the new times", func(s *story) {
			s.receive(firing("a", p2, s.now))
			s.said()
			s.sleep(10 * minute)
			s.receive(firing("a", p2, nine), firing("b", p0, s.now))
			s.wantSaid("INC-1 more_alerts", "INC-1 level P2 to P0")
			in := s.incident(1)
			s.wantTime("response due", in.Respond.Due, nine.Add(15*minute))
			s.wantTime("resolution due", in.Resolve.Due, nine.Add(2*time.Hour))
			s.pass(5 * minute)
			s.wantSaid("INC-1 clock.nudge respond 80", "INC-1 clock.breach respond → ops")
		}},
		{"it never falls alone", func(s *story) {
			s.receive(firing("a", p0, s.now), firing("b", p2, s.now))
			s.said()
			s.receive(ended(firing("a", p0, nine), s.now.Add(time.Second)), firing("b", p2, nine))
			s.wantSaid()
			if l := s.incident(1).Level; l != p0 {
				s.Errorf("level %s", l)
			}
		}},
		{"an alert that is ranked anew raises it", func(s *story) {
			s.receive(firing("a", p1, s.now))
			s.said()
			s.receive(firing("a", p0, s.now))
			s.wantSaid("INC-1 level P1 to P0")
		}},
		{"an old message with another rank does not", func(s *story) {
			s.receive(firing("a", p1, s.now))
			s.quietly("the old message", func() { s.receive(firing("a", p0, s.now.Add(-minute))) })
		}},
		{"a choice by hand stays whatever the alerts say", func(s *story) {
			s.receive(firing("a", p1, s.now))
			s.do(1, incidents.SetLevel{By: kim, Level: p2, Reason: "one user"})
			s.wantSaid("INC-1 opened → oncall", "INC-1 level P1 to P2")
			s.receive(firing("a", p1, nine), firing("b", p0, s.now))
			s.wantSaid("INC-1 more_alerts")
			if in := s.incident(1); in.Level != p2 || !in.LevelByHand {
				s.Errorf("level %s", in.Level)
			}
		}},
		{"who chooses the level that it has fixes it, and the timeline knows who", func(s *story) {
			s.receive(firing("a", p1, s.now))
			s.said()
			s.do(1, incidents.SetLevel{By: kim, Level: p1, Reason: "looked at it"})
			s.wantSaid()
			tl, _ := s.store.Timeline(s.Context(), 1)
			last := tl[len(tl)-1]
			if last.Kind != incidents.LevelChanged || last.By != kim || last.Fact.Text != "looked at it" || *last.Fact.To != p1 {
				s.Errorf("timeline ends with %+v", last)
			}
			s.quietly("the same again", func() { s.do(1, incidents.SetLevel{By: lee, Level: p1}) })
			s.receive(firing("a", p1, nine), firing("b", p0, s.now))
			if l := s.incident(1).Level; l != p1 {
				s.Errorf("level %s", l)
			}
		}},
		{"a level that does not exist is refused", func(s *story) {
			s.receive(firing("a", p1, s.now))
			for _, l := range []incidents.Level{-1, 3} {
				if err := s.try(1, incidents.SetLevel{By: kim, Level: l}); !errors.Is(err, incidents.ErrLevel) {
					s.Errorf("level %d: %v", l, err)
				}
			}
		}},
		{"what the shorter times are past already is a breach at once, and not late", func(s *story) {
			s.receive(firing("a", p2, s.now))
			s.pass(45 * minute)
			s.said()
			s.do(1, incidents.SetLevel{By: kim, Level: p0})
			s.wantSaid("INC-1 level P2 to P0", "INC-1 clock.breach respond → ops, management")
			s.pass(15 * minute)
			s.wantSaid("INC-1 clock.nudge resolve 50")
		}},
		{"what the longer times are past already is not nudged again", func(s *story) {
			s.receive(firing("a", p0, s.now))
			s.do(1, incidents.Ack{By: kim})
			s.pass(100 * minute)
			s.said()
			s.do(1, incidents.SetLevel{By: kim, Level: p1}) // 50 % of four hours are still to come
			s.wantSaid("INC-1 level P0 to P1")
			s.pass(100 * minute)
			s.wantSaid("INC-1 clock.nudge resolve 50", "INC-1 clock.nudge resolve 80")
		}},
		{"a breach is told once per due time, however often the level goes to and fro", func(s *story) {
			s.receive(firing("a", p0, s.now))
			s.do(1, incidents.Ack{By: kim})
			s.pass(2 * time.Hour)
			s.said()
			for range 3 {
				s.do(1, incidents.SetLevel{By: kim, Level: p1})
				s.do(1, incidents.SetLevel{By: kim, Level: p0})
			}
			s.wantSaid("INC-1 level P0 to P1", "INC-1 level P1 to P0", "INC-1 level P0 to P1", "INC-1 level P1 to P0",
				"INC-1 level P0 to P1", "INC-1 level P1 to P0")
			s.do(1, incidents.SetLevel{By: kim, Level: p1})
			s.pass(2 * time.Hour)
			s.wantSaid("INC-1 level P0 to P1", "INC-1 clock.nudge resolve 80", "INC-1 clock.breach resolve → ops")
		}},
		{"the clock of the old level that ran out is said before the change", func(s *story) {
			s.receive(firing("a", p0, s.now))
			s.said()
			s.sleep(16 * minute)
			s.do(1, incidents.SetLevel{By: kim, Level: p2})
			s.wantSaid("INC-1 clock.breach respond → ops, late 1m0s", "INC-1 level P0 to P2")
		}},
		{"a stopped response clock does not move", func(s *story) {
			s.receive(firing("a", p0, s.now))
			s.sleep(minute)
			s.do(1, incidents.Ack{By: kim})
			s.do(1, incidents.SetLevel{By: kim, Level: p2})
			s.wantTime("response due", s.incident(1).Respond.Due, nine.Add(15*minute))
			s.wantTime("resolution due", s.incident(1).Resolve.Due, nine.Add(24*time.Hour))
		}},
		{"a change in the hold moves the clocks and says no breach", func(s *story) {
			s.receive(firing("a", p2, s.now))
			s.pass(20 * minute)
			s.receive(ended(firing("a", p2, nine), s.now))
			s.said()
			s.do(1, incidents.SetLevel{By: kim, Level: p0})
			s.wantSaid("INC-1 level P2 to P0")
			s.pass(minute)
			s.receive(firing("a", p2, s.now))
			s.wantSaid("INC-1 refired", "INC-1 clock.breach respond → ops")
		}},
		{"a worse alert in the hold goes back and raises the level at once", func(s *story) {
			s.receive(firing("a", p2, s.now))
			s.pass(20 * minute)
			s.receive(ended(firing("a", p2, nine), s.now))
			s.said()
			s.pass(minute)
			s.receive(firing("b", p0, s.now))
			s.wantSaid("INC-1 refired", "INC-1 level P2 to P0", "INC-1 clock.breach respond → ops")
		}},
		{"another ladder begins with its first name", func(s *story) {
			p := guide
			p.Levels[0].Escalate = []string{"chief", "oncall", "owner"}
			s.svc = s.service(p)
			s.receive(firing("a", p2, s.now))
			s.said()
			s.do(1, incidents.SetLevel{By: kim, Level: p0})
			s.wantSaid("INC-1 level P2 to P0", "INC-1 escalated → chief")
			s.pass(15 * minute)
			s.wantSaid("INC-1 clock.nudge respond 50", "INC-1 clock.nudge respond 80", "INC-1 clock.breach respond")
			s.pass(15 * minute)
			s.wantSaid("INC-1 escalated → owner")
		}},
		{"a name that stands twice in the ladder is told once and takes no step", func(s *story) {
			p := guide
			p.Levels[0].Escalate = []string{"oncall", "oncall", "ops"}
			s.svc = s.service(p)
			s.receive(firing("a", p0, s.now))
			s.pass(15 * minute)
			s.wantSaid("INC-1 opened → oncall", "INC-1 clock.nudge respond 50", "INC-1 clock.nudge respond 80",
				"INC-1 clock.breach respond → ops")
		}},
	})
}

func TestLevelsAndKeysAreRead(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]incidents.Level{"P0": p0, "p1": p1, "P2": p2} {
		if got, err := incidents.ParseLevel(text); err != nil || got != want {
			t.Errorf("%q gives %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "P3", "P", "0", " P0", "P00"} {
		if _, err := incidents.ParseLevel(text); !errors.Is(err, incidents.ErrLevel) {
			t.Errorf("%q gives %v", text, err)
		}
		if err := new(incidents.Level).UnmarshalText([]byte(text)); !errors.Is(err, incidents.ErrLevel) {
			t.Errorf("%q unmarshals with %v", text, err)
		}
	}
	for text, want := range map[string]int64{"INC-1": 1, "inc-42": 42, " 7 ": 7, "9223372036854775807": 1<<63 - 1} {
		if got, err := incidents.ParseKey(text); err != nil || got != want {
			t.Errorf("%q gives %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "INC-", "INC-0", "-1", "+1", "INC-+1", "INC--1", "INC-INC-1", "1.5", "9223372036854775808", "1 2"} {
		if _, err := incidents.ParseKey(text); !errors.Is(err, incidents.ErrKey) {
			t.Errorf("%q gives %v", text, err)
		}
	}
	if id := (incidents.Group{}).ID(); id != "" {
		t.Errorf("no group has the id %q", id)
	}
}
