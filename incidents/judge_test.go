package incidents_test

import (
	"fmt"
	"slices"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
)

// judge reads what happened and knows what must never be. It goes on where it stopped.
type judge struct {
	level   map[int64]incidents.Level // by the timeline
	byHand  map[int64]bool
	place   map[int64]incidents.NoticeKind // the last turn of the flow by the timeline
	clocks  map[string]bool                // what clocks said: incident, clock, percent, due time
	ladder  map[string]bool                // incident and name that the ladder told
	keys    map[string]bool
	hidden  map[int64]bool // open with hidden alerts when it was seen last
	entries int
	notes   int
}

func newJudge() judge {
	return judge{
		level: map[int64]incidents.Level{}, byHand: map[int64]bool{}, place: map[int64]incidents.NoticeKind{},
		clocks: map[string]bool{}, ladder: map[string]bool{}, keys: map[string]bool{},
		hidden: map[int64]bool{},
	}
}

// incidents checks that the fields of each fit its state, and that a group has one open incident at most.
func (j *judge) incidents(all []*incidents.Incident, now time.Time) error {
	open := map[string]int64{}
	for _, in := range all {
		if id := in.Group.ID(); id != "" && in.State.Open() {
			if open[id] != 0 {
				return fmt.Errorf("INC-%d and %s of one group are open", open[id], in.Key())
			}
			open[id] = in.Number
		}
		if in.State == incidents.Recovered && j.hidden[in.Number] {
			return fmt.Errorf("%s recovered though alerts were hidden", in.Key())
		}
		j.hidden[in.Number] = in.State.Open() && in.Truncated > 0
		for what, wrong := range wrongs(in, now) {
			if wrong {
				return fmt.Errorf("%s is %s: %s\n%+v", in.Key(), in.State, what, *in)
			}
		}
	}
	return nil
}

func wrongs(in *incidents.Incident, now time.Time) map[string]bool {
	verifying, recovered, resolved := in.State == incidents.Verifying, in.State == incidents.Recovered, in.State == incidents.Resolved
	isOpen := in.State.Open()
	firing := len(in.Firing())
	told := slices.Clone(in.Told)
	slices.Sort(told)
	return map[string]bool{
		"due though closed":                 !isOpen && !in.NextDue().IsZero(),
		"open and never due":                isOpen && in.NextDue().IsZero() && !in.Resolve.Breached,
		"a next name though closed":         !isOpen && !in.NextEscalation.IsZero(),
		"a next name though acknowledged":   !in.Acked.IsZero() && !in.NextEscalation.IsZero(),
		"a hold though not verifying":       verifying == in.HoldUntil.IsZero(),
		"no end though all ended":           (verifying || recovered) && in.Ended.IsZero(),
		"an end though it goes on":          isOpen && !verifying && !in.Ended.IsZero(),
		"an end after now":                  in.Ended.After(now),
		"recovered without a time":          recovered && in.RecoveredAt.IsZero(),
		"recovered and open":                isOpen && !in.RecoveredAt.IsZero(),
		"resolved without a time or person": resolved == in.ResolvedAt.IsZero() || resolved == (in.ResolvedBy == incidents.Actor{}),
		"still firing though not resolved":  in.StillFiring && !resolved,
		"recovered while alerts fire":       (verifying || recovered) && firing > 0,
		"recovered with hidden alerts":      recovered && in.Truncated > 0 && in.StillFiring,
		"a clock runs though closed":        !isOpen && (in.Respond.Running() || in.Resolve.Running()),
		"the resolution clock stands":       isOpen && !in.Resolve.Running(),
		"a response is owed twice":          !in.Acked.IsZero() && in.Respond.Running(),
		"received though acknowledged":      in.State == incidents.Received && !in.Acked.IsZero(),
		"acknowledged without a person":     in.Acked.IsZero() != (in.AckedBy == incidents.Actor{}),
		"acknowledged with a commander":     in.State == incidents.Acknowledged && (in.Acked.IsZero() || in.Commander != ""),
		"working without a commander":       in.State == incidents.Working && (in.Acked.IsZero() || in.Commander == ""),
		"a clock stopped before it began":   !in.Respond.Running() && in.Respond.Stopped.Before(in.Respond.Started),
		"a clock stopped after now":         in.Respond.Stopped.After(now) || in.Resolve.Stopped.After(now),
		"another policy":                    in.Policies.Version != "guide",
		"a name told twice":                 len(slices.Compact(told)) != len(in.Told),
		"no one was told":                   len(in.Told) == 0,
		"opened after now":                  in.Opened.After(now) || in.Updated.After(now) || in.Since.After(in.Opened),
		"a member is out of place":          outOfPlace(in),
	}
}

func outOfPlace(in *incidents.Incident) bool {
	for f, m := range in.Members {
		if f != m.Fingerprint || m.Firing != m.EndsAt.IsZero() || m.Heard.IsZero() {
			return true
		}
	}
	return false
}

// timeline checks the order of things: no clock in the hold or after the end, and no level that falls alone.
func (j *judge) timeline(entries []incidents.Entry) error {
	for _, e := range entries[j.entries:] {
		n := e.Incident
		clock := e.By.Kind == incidents.ByClock
		switch e.Kind {
		case incidents.ClockNudge, incidents.ClockBreach, incidents.Escalated:
			if at := j.place[n]; clock && (at == incidents.Recovering || at == incidents.RecoveredNow || at == incidents.ResolvedNow) {
				return fmt.Errorf("INC-%d: %s by the clock after %s", n, e.Kind, at)
			}
		case incidents.Opened:
			if j.place[n] != "" {
				return fmt.Errorf("INC-%d is opened twice", n)
			}
			j.place[n], j.level[n], j.byHand[n] = e.Kind, *e.Fact.To, e.By.Kind == incidents.ByPerson
		case incidents.Recovering, incidents.Refired, incidents.RecoveredNow, incidents.ResolvedNow, incidents.ReopenedNow:
			if !follows(j.place[n], e.Kind) {
				return fmt.Errorf("INC-%d: %s after %s", n, e.Kind, j.place[n])
			}
			j.place[n] = e.Kind
		case incidents.LevelChanged:
			if err := j.levelChanged(e); err != nil {
				return err
			}
		}
	}
	j.entries = len(entries)
	return nil
}

func follows(last, next incidents.NoticeKind) bool {
	closed := last == incidents.RecoveredNow || last == incidents.ResolvedNow
	switch next {
	case incidents.Recovering:
		return !closed && last != incidents.Recovering
	case incidents.Refired, incidents.RecoveredNow:
		return last == incidents.Recovering
	case incidents.ReopenedNow:
		return closed
	}
	return true
}

func (j *judge) levelChanged(e incidents.Entry) error {
	n, person := e.Incident, e.By.Kind == incidents.ByPerson
	from, to := *e.Fact.From, *e.Fact.To
	switch {
	case from != j.level[n]:
		return fmt.Errorf("INC-%d changes its level from %s, which was %s", n, from, j.level[n])
	case !person && to >= from:
		return fmt.Errorf("INC-%d falls alone from %s to %s", n, from, to)
	case !person && j.byHand[n]:
		return fmt.Errorf("INC-%d changes its level alone though a person chose it", n)
	}
	j.level[n], j.byHand[n] = to, j.byHand[n] || person
	return nil
}

// notices checks that nothing is said twice.
func (j *judge) notices(all []incidents.Notice) error {
	for _, n := range all[j.notes:] {
		if n.Kind != incidents.CardEdit {
			if j.keys[n.Key] {
				return fmt.Errorf("the key %s is used twice", n.Key)
			}
			j.keys[n.Key] = true
		}
		f := n.Fact
		if n.Kind == incidents.ClockNudge || n.Kind == incidents.ClockBreach {
			said := fmt.Sprintf("%s %s %d %s", incidents.Key(n.Incident), f.Clock, f.Percent, f.Due)
			if j.clocks[said] {
				return fmt.Errorf("said twice: %s", said)
			}
			j.clocks[said] = true
		}
		if n.Kind == incidents.Opened || n.Kind == incidents.Escalated || n.Kind == incidents.ClockBreach && f.Clock == incidents.Respond {
			for _, name := range f.Names {
				told := incidents.Key(n.Incident) + " " + name
				if j.ladder[told] {
					return fmt.Errorf("the ladder told twice: %s", told)
				}
				j.ladder[told] = true
			}
		}
		if f.Late < 0 || f.After < 0 || f.Count < 0 {
			return fmt.Errorf("%s carries a negative: %+v", n.Key, f)
		}
	}
	j.notes = len(all)
	return nil
}
