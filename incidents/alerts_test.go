package incidents_test

import (
	"fmt"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ai-notebook/notebookbot/incidents"
)

func TestAlertsOfAGroupAreOneIncident(t *testing.T) {
	t.Parallel()
	tell(t, []tale{
		{"a repeat is quiet, however often and from whichever Alertmanager of the pair", func(s *story) {
			w := incidents.Webhook{Group: group, Title: "down", Alerts: []incidents.Alert{firing("a", p0, s.now), firing("b", p1, s.now)}}
			s.receiveOf(w)
			s.sleep(minute)
			s.quietly("the repeat", func() {
				for range 5 {
					s.receiveOf(w)
				}
			})
			s.wantCount(1)
		}},
		{"a repeat after Slack's night or a clock that is due is quiet all the same", func(s *story) {
			s.receive(firing("a", p0, s.now))
			s.sleep(time.Hour)
			s.quietly("the repeat", func() { s.receive(firing("a", p0, nine)) })
		}},
		{"a repeat of a part that is known is quiet", func(s *story) {
			s.receive(firing("a", p0, s.now), firing("b", p0, s.now))
			s.quietly("the part", func() { s.receive(firing("b", p0, nine)) })
		}},
		{"words that change in an annotation are no news", func(s *story) {
			s.receive(firing("a", p0, s.now))
			a := firing("a", p0, s.now)
			a.Annotations = map[string]string{"value": "97 %"}
			s.quietly("the new value", func() { s.receive(a) })
		}},
		{"another Alertmanager, receiver or group key is another incident", func(s *story) {
			s.receive(firing("a", p0, s.now))
			for i, g := range []incidents.Group{
				{Alertmanager: "other", Receiver: group.Receiver, Key: group.Key},
				{Alertmanager: group.Alertmanager, Receiver: "other", Key: group.Key},
				{Alertmanager: group.Alertmanager, Receiver: group.Receiver, Key: "other"},
			} {
				s.receiveOf(incidents.Webhook{Group: g, Title: "down", Alerts: []incidents.Alert{firing("a", p0, s.now)}})
				s.wantCount(i + 2)
			}
		}},
		{"new alerts join the incident, by name and up to ten of them", func(s *story) {
			s.receive(firing("a", p1, s.now))
			s.said()
			alerts := []incidents.Alert{firing("a", p1, s.now)}
			for i := range 12 {
				alerts = append(alerts, firing(fmt.Sprintf("b%d", i), p1, s.now))
			}
			s.receive(alerts...)
			s.wantSaid("INC-1 more_alerts")
			all := s.store.read().notices
			for _, n := range all {
				if f := n.Fact; n.Kind == incidents.MoreAlerts && (f.Count != 12 || f.Total != 13 || len(f.Titles) != 10) {
					s.Errorf("count %d, total %d, titles %v", f.Count, f.Total, f.Titles)
				}
			}
		}},
		{"an alert that ended while another fires is told by the card alone", func(s *story) {
			s.receive(firing("a", p1, s.now), firing("b", p1, s.now))
			s.said()
			s.receive(firing("a", p1, nine), ended(firing("b", p1, nine), s.now.Add(minute)))
			s.wantSaid()
			in := s.wantState(1, incidents.Received)
			if f, q := len(in.Firing()), len(in.Quiet()); f != 1 || q != 1 {
				s.Errorf("%d firing and %d quiet", f, q)
			}
			tl, _ := s.store.Timeline(s.Context(), 1)
			if last := tl[len(tl)-1]; last.Kind != incidents.AlertEnded || last.Fact.Count != 1 || last.Fact.Total != 1 {
				s.Errorf("timeline ends with %+v", last)
			}
		}},
		{"a restart that was never heard of is quiet in the open incident", func(s *story) {
			s.receive(firing("a", p1, s.now))
			s.said()
			s.sleep(10 * minute)
			s.receive(firing("a", p1, nine.Add(5*minute)))
			s.wantSaid()
			s.receive(ended(firing("a", p1, nine), nine.Add(4*minute))) // overtaken: it speaks of the first time
			s.wantState(1, incidents.Received)
		}},
		{"the worst alerts and then the oldest come first", func(s *story) {
			s.receive(firing("c", p1, s.now), firing("b", p0, s.now), firing("a", p1, s.now.Add(-minute)))
			var names []string
			for _, m := range s.incident(1).Firing() {
				names = append(names, m.Labels["alertname"])
			}
			if diff := gocmp.Diff([]string{"b", "a", "c"}, names); diff != "" {
				s.Error(diff)
			}
		}},
		{"one alert twice in a message counts once", func(s *story) {
			s.receive(firing("a", p1, s.now), firing("a", p1, s.now))
			if f := s.incident(1).Firing(); len(f) != 1 {
				s.Errorf("%d firing", len(f))
			}
		}},
		{"a firing alert with an end that the sender left in it is firing", func(s *story) {
			a := firing("a", p1, s.now)
			a.EndsAt = s.now.Add(minute)
			s.receive(a)
			if in := s.incident(1); !in.Members["a"].EndsAt.IsZero() {
				s.Error("it keeps an end")
			}
		}},
		{"an alert without a name is called by its fingerprint", func(s *story) {
			for want, a := range map[string]incidents.Alert{
				"Down backend:9100": firing("Down", p0, s.now),
				"Down":              {Labels: map[string]string{"alertname": "Down"}, Fingerprint: "f"},
				"f":                 {Fingerprint: "f"},
			} {
				if got := a.Name(); got != want {
					s.Errorf("name %q, want %q", got, want)
				}
			}
		}},
	})
}

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
