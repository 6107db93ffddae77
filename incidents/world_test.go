package incidents_test

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ai-notebook/notebookbot/incidents"
)

// dice is where a world takes its choices from: a seed, or the bytes of the fuzzer.
type dice interface {
	roll(sides int) int // 0 … sides-1
	over() bool
}

// world is a few alert groups at an Alertmanager of which the messages come late, twice, cut and in any order, with people who
// click and a bot that sleeps. It knows what really happens, and holds the incidents against it.
type world struct {
	*story
	dice
	groups []*truth
	queue  []incidents.Webhook
	steps  []string // what happened, for the report of a failure
	judge  judge
	seen   map[int64]seen
}

// seen is an incident as it was read last.
type seen struct {
	json []byte
	in   *incidents.Incident
}

// truth is what really happens in a group, and what the bot has heard of it.
type truth struct {
	incidents.Group
	alerts []incidents.Alert
	ends   map[string][]heardEnd
}

type heardEnd struct{ end, heard time.Time }

func newWorld(t testing.TB, d dice) *world {
	w := &world{story: newStory(t), dice: d}
	w.judge, w.seen = newJudge(), map[int64]seen{}
	w.store.Twice = d.roll(4) == 0
	for i := range 3 {
		g := &truth{Group: incidents.Group{Alertmanager: "main", Receiver: "r", Key: fmt.Sprint(i)}, ends: map[string][]heardEnd{}}
		for j := range 3 {
			g.alerts = append(g.alerts, incidents.Alert{
				Fingerprint: fmt.Sprintf("%d%c", i, 'a'+j), Level: incidents.Levels[(i+j)%3], StartsAt: nine.Add(-2 * time.Hour), EndsAt: nine.Add(-time.Hour),
				Labels: map[string]string{"alertname": "x"},
			})
		}
		w.groups = append(w.groups, g)
	}
	return w
}

func (w *world) step(format string, args ...any) {
	w.steps = append(w.steps, w.now.Format("15:04:05.000 ")+fmt.Sprintf(format, args...))
}

// Fatalf tells the last steps with what went wrong.
func (w *world) Fatalf(format string, args ...any) {
	w.Helper()
	for _, s := range w.steps[max(0, len(w.steps)-40):] {
		w.Log(s)
	}
	w.story.Fatalf(format, args...)
}

// live runs the world until the dice are over, or for so many steps.
func (w *world) live(steps int) {
	for range steps {
		if w.over() {
			break
		}
		switch w.roll(12) {
		case 0, 1, 2:
			w.turn()
		case 3, 4, 5:
			w.deliver()
		case 6, 7:
			w.act()
		case 8, 9:
			w.look()
		default:
			w.wait()
		}
		w.check()
	}
	w.look()
	w.check()
}

// turn begins or ends some alerts of a group, whereupon Alertmanager sends what it knows.
func (w *world) turn() {
	g := w.groups[w.roll(len(w.groups))]
	for i := range g.alerts {
		a := &g.alerts[i]
		if w.roll(2) == 0 {
			continue
		}
		if a.Firing {
			a.Firing, a.EndsAt = false, w.now
		} else {
			a.Firing, a.StartsAt, a.EndsAt = true, w.now, time.Time{}
		}
		w.now = w.now.Add(time.Millisecond) // an alert does not end and begin in one moment
	}
	hook := incidents.Webhook{Group: g.Group, Title: "t", Alerts: slices.Clone(g.alerts)}
	if w.roll(8) == 0 {
		hook.Truncated = 1 + w.roll(2)
		hook.Alerts = hook.Alerts[:3-hook.Truncated]
	}
	w.queue = append(w.queue, hook)
}

// deliver brings a message, mostly the oldest, and now and then keeps it to bring it again.
func (w *world) deliver() {
	if len(w.queue) == 0 {
		return
	}
	i := 0
	if w.roll(3) == 0 {
		i = w.roll(len(w.queue))
	}
	hook := w.queue[i]
	if w.roll(4) != 0 {
		w.queue = slices.Delete(w.queue, i, i+1)
	}
	w.step("webhook %s", describe(hook))
	if err := w.svc.Receive(w.Context(), hook); err != nil {
		w.Fatalf("receive: %v", err)
	}
	g := w.groups[slices.IndexFunc(w.groups, func(g *truth) bool { return g.Group == hook.Group })]
	for _, a := range hook.Alerts {
		if !a.Firing {
			g.ends[a.Fingerprint] = append(g.ends[a.Fingerprint], heardEnd{a.EndsAt, w.now})
		}
	}
	w.held(g, hook)
	w.quietly("the repeat", func() {
		if err := w.svc.Receive(w.Context(), hook); err != nil {
			w.Fatalf("receive again: %v", err)
		}
	})
}

func describe(h incidents.Webhook) string {
	s := "of group " + h.Group.Key
	for _, a := range h.Alerts {
		if a.Firing {
			s += fmt.Sprintf(" %s since %s", a.Fingerprint, a.StartsAt.Format("15:04:05.000"))
		} else {
			s += fmt.Sprintf(" %s until %s", a.Fingerprint, a.EndsAt.Format("15:04:05.000"))
		}
	}
	if h.Truncated > 0 {
		s += fmt.Sprintf(" and %d hidden", h.Truncated)
	}
	return s
}

// held checks that every firing alert of a message is in exactly one place.
func (w *world) held(g *truth, hook incidents.Webhook) {
	w.Helper()
	in, err := w.store.read().Latest(g.ID())
	if err != nil {
		w.Fatalf("latest: %v", err)
	}
	for _, a := range hook.Alerts {
		if in == nil {
			if a.Firing && !g.stale(a, w.now) {
				w.Fatalf("%s fires and opened nothing", a.Fingerprint)
			}
			continue
		}
		m := in.Members[a.Fingerprint]
		switch {
		case a.Firing && (m == nil || !m.Firing):
			if !g.stale(a, w.now) {
				w.Fatalf("%s fires and is lost: %s is %s", a.Fingerprint, in.Key(), in.State)
			}
		case a.Firing && !in.State.Open() && !in.StillFiring:
			w.Fatalf("%s fires in %s, which is %s", a.Fingerprint, in.Key(), in.State)
		case a.Firing && !in.State.Open() && a.StartsAt.After(in.ResolvedAt):
			w.Fatalf("%s began after %s was resolved, and opened nothing", a.Fingerprint, in.Key())
		case !a.Firing && m != nil && m.Firing && !m.StartsAt.After(a.EndsAt) && w.sure(g, a):
			w.Fatalf("%s ended and fires still in %s", a.Fingerprint, in.Key())
		}
	}
	if in == nil {
		return
	}
	for n := range w.seen {
		if other := w.incident(n); other.Group == g.Group && other.Number != in.Number && (other.State.Open() || other.StillFiring) {
			w.Fatalf("%s is newer, and %s is %s, still firing: %v", in.Key(), other.Key(), other.State, other.StillFiring)
		}
	}
}

// stale tells whether a message of a firing alert came after its end was heard.
func (g *truth) stale(a incidents.Alert, now time.Time) bool {
	return slices.ContainsFunc(g.ends[a.Fingerprint], func(e heardEnd) bool {
		return !a.StartsAt.After(e.end) && now.Sub(e.heard) < incidents.LateFiring
	})
}

// sure tells whether an end was heard for the first time; one that was heard before may be from before the same start fired anew.
func (w *world) sure(g *truth, a incidents.Alert) bool {
	n := 0
	for _, e := range g.ends[a.Fingerprint] {
		if !a.EndsAt.After(e.end) {
			n++
		}
	}
	return n == 1
}

var people = []incidents.Actor{kim, lee}

// act is a click of somebody on some incident, if need be a new one.
func (w *world) act() {
	last := w.store.read().last
	if last == 0 || w.roll(20) == 0 {
		w.step("opened by hand")
		w.open(incidents.Levels[w.roll(3)])
		return
	}
	number := last - int64(w.roll(int(min(last, 4))))
	by := people[w.roll(2)]
	ev := []incidents.Event{
		incidents.Ack{By: by},
		incidents.SetLevel{By: by, Level: incidents.Levels[w.roll(3)]},
		incidents.TakeCommand{By: by, Commander: people[w.roll(2)].ID},
		incidents.Escalate{By: by},
		incidents.ResolveBy{By: by, Report: incidents.Report{Cause: fmt.Sprint(w.roll(2))}},
		incidents.Reopen{By: by},
		incidents.AddNote{By: by, Text: "n"},
	}[w.roll(7)]
	w.step("INC-%d %T %+v", number, ev, ev)
	w.pure(number, ev)
	err := w.try(number, ev)
	for _, known := range []error{
		nil, incidents.ErrNotOpen, incidents.ErrOpen, incidents.ErrSuperseded, incidents.ErrLadderEnd,
	} {
		if errors.Is(err, known) {
			return
		}
	}
	w.Fatalf("%T: %v", ev, err)
}

// pure checks that the same incident, event and time lead to the same result, and an error to no change.
func (w *world) pure(number int64, ev incidents.Event) {
	w.Helper()
	a, b, was := w.incident(number), w.incident(number), w.incident(number)
	ra, errA := a.Apply(ev, w.now)
	rb, errB := b.Apply(ev, w.now)
	if !errors.Is(errA, errB) || !reflect.DeepEqual(ra, rb) || !reflect.DeepEqual(a, b) {
		w.Fatalf("%T gives %+v, %v and then %+v, %v", ev, ra, errA, rb, errB)
	}
	if (errA != nil || !ra.Changed) && !reflect.DeepEqual(was, a) {
		w.Fatalf("%T gives %v, changed %v, and changes\n%s", ev, errA, ra.Changed, gocmp.Diff(was, a))
	}
	if !ra.Changed && len(ra.Entries)+len(ra.Notices) > 0 {
		w.Fatalf("%T changes nothing and says %+v", ev, ra)
	}
}

// look is a look of the clocks, after which none may be due.
func (w *world) look() {
	w.step("clocks")
	w.fire()
	if due, _, _ := w.store.Due(w.Context(), w.now, 1); len(due) > 0 {
		w.Fatalf("INC-%d is due still after the clocks looked", due[0])
	}
}

// wait lets time pass: seconds, minutes, to the next due time, or a long sleep.
func (w *world) wait() {
	switch w.roll(6) {
	case 0, 1:
		w.sleep(time.Duration(w.roll(40)) * time.Second)
	case 2:
		w.sleep(time.Duration(w.roll(30)) * minute)
	case 3, 4:
		if _, next, _ := w.store.Due(w.Context(), w.now, 1); !next.IsZero() && next.After(w.now) {
			w.now = next.Add(time.Duration(w.roll(3)-1) * time.Microsecond)
		}
	default:
		w.sleep(time.Duration(w.roll(72)) * time.Hour)
	}
	w.step("time passes")
}

func (w *world) check() {
	w.Helper()
	tx := w.store.read()
	var all []*incidents.Incident
	for n, b := range tx.incidents {
		if known := w.seen[n]; known.in == nil || &known.json[0] != &b[0] {
			w.seen[n] = seen{b, w.incident(n)}
		}
		all = append(all, w.seen[n].in)
	}
	err := w.judge.incidents(all, w.now)
	if err == nil {
		err = w.judge.timeline(tx.entries)
	}
	if err == nil {
		err = w.judge.notices(tx.notices)
	}
	if err != nil {
		w.Fatalf("%v", err)
	}
}
