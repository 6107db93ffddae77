package incidents_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
)

// reach brings INC-1 into a state at 9:10 and leaves what was said behind.
var reach = map[incidents.State]func(s *story){
	incidents.Received:     func(*story) {},
	incidents.Acknowledged: func(s *story) { s.do(1, incidents.Ack{By: kim}) },
	incidents.Working:      func(s *story) { s.do(1, incidents.TakeCommand{By: kim, Commander: kim.ID}) },
	incidents.Verifying:    func(s *story) { s.receive(ended(firing("a", p1, nine), s.now)) },
	incidents.Recovered: func(s *story) {
		s.sleep(-hold)
		s.receive(ended(firing("a", p1, nine), s.now))
		s.sleep(hold)
		s.fire()
	},
	incidents.Resolved: func(s *story) { s.do(1, incidents.ResolveBy{By: kim}) },
}

// happen is what can happen to an incident.
var happen = map[string]func(s *story) error{
	"more alerts": func(s *story) error {
		return s.svc.Receive(s.Context(), incidents.Webhook{Group: group, Alerts: []incidents.Alert{firing("b", p1, s.now)}})
	},
	"the end": func(s *story) error {
		return s.svc.Receive(s.Context(), incidents.Webhook{Group: group, Alerts: []incidents.Alert{ended(firing("a", p1, nine), s.now)}})
	},
	"a look of the clocks in time": func(s *story) error {
		_, err := s.svc.FireDue(s.Context())
		return err
	},
	"a look of the clocks an hour later": func(s *story) error {
		s.sleep(time.Hour)
		_, err := s.svc.FireDue(s.Context())
		return err
	},
	"an acknowledgement": func(s *story) error { return s.try(1, incidents.Ack{By: lee}) },
	"another level":      func(s *story) error { return s.try(1, incidents.SetLevel{By: lee, Level: p2}) },
	"a commander":        func(s *story) error { return s.try(1, incidents.TakeCommand{By: lee, Commander: lee.ID}) },
	"an escalation":      func(s *story) error { return s.try(1, incidents.Escalate{By: lee}) },
	"a resolution":       func(s *story) error { return s.try(1, incidents.ResolveBy{By: lee}) },
	"a reopening":        func(s *story) error { return s.try(1, incidents.Reopen{By: lee}) },
	"a note":             func(s *story) error { return s.try(1, incidents.AddNote{By: lee, Text: "x"}) },
}

func TestEveryEventInEveryState(t *testing.T) {
	t.Parallel()
	const (
		received     = incidents.Received
		acknowledged = incidents.Acknowledged
		working      = incidents.Working
		verifying    = incidents.Verifying
		recovered    = incidents.Recovered
		resolved     = incidents.Resolved
	)
	type row struct {
		event string
		from  incidents.State
		to    incidents.State
		said  string // joined by "; "
		err   error
	}
	rows := []row{
		{"more alerts", received, received, "more_alerts", nil},
		{"more alerts", acknowledged, acknowledged, "more_alerts", nil},
		{"more alerts", working, working, "more_alerts", nil},
		{"more alerts", verifying, received, "refired", nil},
		{"more alerts", recovered, recovered, "INC-2 opened → oncall", nil},
		{"more alerts", resolved, resolved, "INC-2 opened → oncall", nil},

		{"the end", received, verifying, "recovering", nil},
		{"the end", acknowledged, verifying, "recovering", nil},
		{"the end", working, verifying, "recovering", nil},
		{"the end", verifying, verifying, "", nil},
		{"the end", recovered, recovered, "", nil},
		{"the end", resolved, resolved, "", nil},

		{"a look of the clocks in time", received, received, "", nil},
		{"a look of the clocks in time", acknowledged, acknowledged, "", nil},
		{"a look of the clocks in time", working, working, "", nil},
		{"a look of the clocks in time", verifying, verifying, "", nil},
		{"a look of the clocks in time", recovered, recovered, "", nil},
		{"a look of the clocks in time", resolved, resolved, "", nil},

		{"a look of the clocks an hour later", received, received, "clock.breach respond → ops, late 40m0s", nil},
		{"a look of the clocks an hour later", acknowledged, acknowledged, "", nil},
		{"a look of the clocks an hour later", working, working, "", nil},
		{"a look of the clocks an hour later", verifying, recovered, "recovered, late 55m0s", nil},
		{"a look of the clocks an hour later", recovered, recovered, "", nil},
		{"a look of the clocks an hour later", resolved, resolved, "", nil},

		{"an acknowledgement", received, acknowledged, "acked", nil},
		{"an acknowledgement", acknowledged, acknowledged, "", nil},
		{"an acknowledgement", working, working, "", nil},
		{"an acknowledgement", verifying, verifying, "acked", nil},
		{"an acknowledgement", recovered, recovered, "", incidents.ErrNotOpen},
		{"an acknowledgement", resolved, resolved, "", incidents.ErrNotOpen},

		{"another level", received, received, "level P1 to P2", nil},
		{"another level", acknowledged, acknowledged, "level P1 to P2", nil},
		{"another level", working, working, "level P1 to P2", nil},
		{"another level", verifying, verifying, "level P1 to P2", nil},
		{"another level", recovered, recovered, "", incidents.ErrNotOpen},
		{"another level", resolved, resolved, "", incidents.ErrNotOpen},

		{"a commander", received, working, "commander", nil},
		{"a commander", acknowledged, working, "commander", nil},
		{"a commander", working, working, "commander", nil},
		{"a commander", verifying, verifying, "commander", nil},
		{"a commander", recovered, recovered, "", incidents.ErrNotOpen},
		{"a commander", resolved, resolved, "", incidents.ErrNotOpen},

		{"an escalation", received, received, "escalated → ops", nil},
		{"an escalation", acknowledged, acknowledged, "escalated → ops", nil},
		{"an escalation", working, working, "escalated → ops", nil},
		{"an escalation", verifying, verifying, "escalated → ops", nil},
		{"an escalation", recovered, recovered, "", incidents.ErrNotOpen},
		{"an escalation", resolved, resolved, "", incidents.ErrNotOpen},

		{"a resolution", received, resolved, "resolved", nil},
		{"a resolution", acknowledged, resolved, "resolved", nil},
		{"a resolution", working, resolved, "resolved", nil},
		{"a resolution", verifying, resolved, "resolved", nil},
		{"a resolution", recovered, resolved, "resolved", nil},
		{"a resolution", resolved, resolved, "", nil},

		{"a reopening", received, received, "", incidents.ErrOpen},
		{"a reopening", acknowledged, acknowledged, "", incidents.ErrOpen},
		{"a reopening", working, working, "", incidents.ErrOpen},
		{"a reopening", verifying, verifying, "", incidents.ErrOpen},
		{"a reopening", recovered, acknowledged, "reopened", nil},
		{"a reopening", resolved, acknowledged, "reopened", nil},

		{"a note", received, received, "note", nil},
		{"a note", acknowledged, acknowledged, "note", nil},
		{"a note", working, working, "note", nil},
		{"a note", verifying, verifying, "note", nil},
		{"a note", recovered, recovered, "note", nil},
		{"a note", resolved, resolved, "note", nil},
	}
	if len(rows) != len(reach)*len(happen) {
		t.Fatalf("%d rows for %d states and %d events", len(rows), len(reach), len(happen))
	}
	for _, row := range rows {
		t.Run(fmt.Sprintf("%s while %s", row.event, row.from), func(t *testing.T) {
			t.Parallel()
			s := newStory(t)
			s.receive(firing("a", p1, s.now))
			s.sleep(10 * minute)
			reach[row.from](s)
			s.wantState(1, row.from)
			s.said()
			before := s.store.read().incidents[1]
			if err := happen[row.event](s); !errors.Is(err, row.err) {
				s.Fatalf("error %v, want %v", err, row.err)
			}
			s.wantState(1, row.to)
			said := s.said()
			for i := range said {
				said[i] = strings.TrimPrefix(said[i], "INC-1 ")
			}
			if got := strings.Join(said, "; "); got != row.said {
				s.Errorf("says %q, want %q", got, row.said)
			}
			if after := s.store.read().incidents[1]; row.err != nil && !slices.Equal(before, after) {
				s.Errorf("was refused and changed\n%s\n%s", before, after)
			}
		})
	}
}
