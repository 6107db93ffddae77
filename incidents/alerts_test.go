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
