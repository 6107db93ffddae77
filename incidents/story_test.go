package incidents_test

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ai-notebook/notebookbot/incidents"
)

// nine is when stories begin.
var nine = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

const hold = 5 * time.Minute

var (
	kim  = incidents.Person("U01KIM")
	lee  = incidents.Person("U01LEE")
	none []string
)

// guide is the operations guide's rule with the contract's ladders.
var guide = incidents.Policies{Version: "guide", Levels: [3]incidents.Policy{
	{Respond: 15 * time.Minute, Resolve: 2 * time.Hour, Escalate: []string{"oncall", "ops", "management"}},
	{Respond: 30 * time.Minute, Resolve: 4 * time.Hour, Escalate: []string{"oncall", "ops"}},
	{Respond: 2 * time.Hour, Resolve: 24 * time.Hour, Escalate: []string{"oncall"}},
}}

// story is a Service over a store in memory, with a clock that only the test moves.
type story struct {
	testing.TB
	now   time.Time
	store *memStore
	svc   *incidents.Service
	heard int // notices that said gave out already
}

func newStory(t testing.TB) *story {
	s := &story{TB: t, now: nine, store: newMemStore()}
	s.store.Twice = true
	s.svc = s.service(guide)
	return s
}

func (s *story) service(p incidents.Policies) *incidents.Service { return s.serviceOver(s.store, p) }

func (s *story) serviceOver(store incidents.Store, p incidents.Policies) *incidents.Service {
	cfg := incidents.Config{Policies: p, Hold: hold, Channel: "C0INC", Now: func() time.Time { return s.now }}
	return incidents.NewService(store, cfg, slog.New(slog.DiscardHandler))
}

type tale struct {
	name string
	run  func(s *story)
}

func tell(t *testing.T, tales []tale) {
	t.Helper()
	for _, tale := range tales {
		t.Run(tale.name, func(t *testing.T) {
			t.Parallel()
			tale.run(newStory(t))
		})
	}
}

var group = incidents.Group{Alertmanager: "main", Receiver: "notebookbot", Key: `{}:{alertname="Down"}`}

// firing is an alert that began when the story was at t.
func firing(name string, l incidents.Level, t time.Time) incidents.Alert {
	return incidents.Alert{
		Fingerprint: name, Firing: true, StartsAt: t, Level: l,
		Labels: map[string]string{"alertname": name, "instance": "backend:9100"},
	}
}

// ended is the alert with its end.
func ended(a incidents.Alert, t time.Time) incidents.Alert {
	a.Firing, a.EndsAt = false, t
	return a
}

func (s *story) receive(alerts ...incidents.Alert) {
	s.Helper()
	s.receiveCut(0, alerts...)
}

// receiveCut is a webhook that does not show so many alerts of its group.
func (s *story) receiveCut(truncated int, alerts ...incidents.Alert) {
	s.Helper()
	s.receiveOf(incidents.Webhook{Group: group, Title: "down", Alerts: alerts, Truncated: truncated})
}

func (s *story) receiveOf(w incidents.Webhook) {
	s.Helper()
	if err := s.svc.Receive(s.Context(), w); err != nil {
		s.Fatalf("receive: %v", err)
	}
}

// try brings an event to an incident.
func (s *story) try(number int64, ev incidents.Event) error {
	return s.store.Write(s.Context(), incidents.Want{}, func(tx incidents.Tx) error {
		_, err := s.svc.ApplyIn(tx, number, ev, s.now)
		return err
	})
}

func (s *story) do(number int64, ev incidents.Event) {
	s.Helper()
	if err := s.try(number, ev); err != nil {
		s.Fatalf("%T: %v", ev, err)
	}
}

func (s *story) open(l incidents.Level) {
	s.Helper()
	err := s.store.Write(s.Context(), incidents.Want{}, func(tx incidents.Tx) error {
		_, err := s.svc.OpenIn(tx, incidents.Open{By: kim, Level: l, Title: "by hand"}, s.now)
		return err
	})
	if err != nil {
		s.Fatalf("open: %v", err)
	}
}

// fire is one look of the clocks.
func (s *story) fire() {
	s.Helper()
	if _, err := s.svc.FireDue(s.Context()); err != nil {
		s.Fatalf("clocks: %v", err)
	}
}

// sleep lets time pass while the bot is down.
func (s *story) sleep(d time.Duration) { s.now = s.now.Add(d) }

// pass lets time pass with the clocks fired when they are due, and does not let them spin.
func (s *story) pass(d time.Duration) {
	s.Helper()
	end := s.now.Add(d)
	for range 1000 {
		_, next, _ := s.store.Due(s.Context(), s.now, 1)
		if next.IsZero() || next.After(end) {
			s.now = end
			return
		}
		s.now = next
		s.fire()
		if due, _, _ := s.store.Due(s.Context(), s.now, 1); len(due) > 0 {
			s.Fatalf("INC-%d is due at %s still after it fired", due[0], s.now)
		}
	}
	s.Fatal("the clocks never rest")
}

func (s *story) incident(number int64) *incidents.Incident {
	s.Helper()
	in, err := s.svc.Find(s.Context(), number)
	if err != nil {
		s.Fatalf("INC-%d: %v", number, err)
	}
	return in
}

// said gives what was told in threads since it was last asked, one line each. Pages are checked against the names of the line
// that they belong to, and cards are left out.
func (s *story) said() []string {
	s.Helper()
	var lines []string
	var names []string
	all := s.store.read().notices
	for _, n := range all[s.heard:] {
		switch n.Kind {
		case incidents.CardPost, incidents.CardEdit:
		case incidents.Paged:
			if len(names) == 0 || n.Fact.Names[0] != names[0] {
				s.Fatalf("%s pages %v, want %v", n.Key, n.Fact.Names, names)
			}
			names = names[1:]
		default:
			if len(names) > 0 {
				s.Fatalf("%v are not paged", names)
			}
			names = n.Fact.Names
			lines = append(lines, line(n))
		}
	}
	if len(names) > 0 {
		s.Fatalf("%v are not paged", names)
	}
	s.heard = len(all)
	return lines
}

// line shortens a notice: "INC-1 clock.breach respond → ops, late 3m0s".
func line(n incidents.Notice) string {
	f := n.Fact
	text := incidents.Key(n.Incident) + " " + string(n.Kind)
	if f.Clock != "" {
		text += " " + string(f.Clock)
	}
	if n.Kind == incidents.ClockNudge {
		text += fmt.Sprintf(" %d", f.Percent)
	}
	if n.Kind == incidents.LevelChanged {
		text += fmt.Sprintf(" %s to %s", f.From, f.To)
	}
	if len(f.Names) > 0 {
		text += " → " + strings.Join(f.Names, ", ")
	}
	if f.Late != 0 {
		text += ", late " + f.Late.String()
	}
	return text
}

func (s *story) wantSaid(want ...string) {
	s.Helper()
	if diff := gocmp.Diff(slices.Concat(none, want), s.said()); diff != "" {
		s.Fatalf("said (-want +got):\n%s", diff)
	}
}

// quietly runs something that must neither say, log nor change anything.
func (s *story) quietly(what string, f func()) {
	s.Helper()
	before := s.store.read().memData
	f()
	after := s.store.read().memData
	if len(after.notices) != len(before.notices) {
		s.Fatalf("%s says %v", what, after.notices[len(before.notices):])
	}
	if len(after.entries) != len(before.entries) {
		s.Fatalf("%s logs %v", what, after.entries[len(before.entries):])
	}
	same := func(a, b []byte) bool { return string(a) == string(b) }
	if !maps.EqualFunc(before.incidents, after.incidents, same) || !maps.EqualFunc(before.ended, after.ended, same) {
		s.Fatalf("%s changes an incident:\n%s", what, gocmp.Diff(before.incidents, after.incidents))
	}
}

func (s *story) wantState(number int64, want incidents.State) *incidents.Incident {
	s.Helper()
	in := s.incident(number)
	if in.State != want {
		s.Fatalf("%s is %s, want %s", in.Key(), in.State, want)
	}
	return in
}

func (s *story) wantTime(what string, got, want time.Time) {
	s.Helper()
	if !got.Equal(want) {
		s.Errorf("%s is %s, want %s", what, got.Format(time.TimeOnly), want.Format(time.TimeOnly))
	}
}

// wantCount checks how many incidents there are.
func (s *story) wantCount(want int) {
	s.Helper()
	if got := len(s.store.read().incidents); got != want {
		s.Fatalf("%d incidents, want %d", got, want)
	}
}
