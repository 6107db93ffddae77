package incidents

import (
	"cmp"
	"slices"
	"time"
)

// LateFiring is how long after an alert was heard to end a firing message with the same start is taken for an old one that
// came late. Alertmanager itself tells of a real re-fire no sooner than its group_wait (30 s by default) after the end, while
// messages overtake one another by seconds. In doubt an alert fires: a false page is better than a lost one.
const LateFiring = 30 * time.Second

// maxTitles bounds how many alert names a timeline entry lists.
const maxTitles = 10

// change of a known member by what a webhook says of it.
type change int

const (
	same change = iota
	moved
	fires
	ends
)

// compare tells what a says that m does not know. Identity is the fingerprint with its start; a message that is older than
// what was heard already changes nothing.
func compare(m *Member, a Alert, now time.Time) change {
	switch {
	case m == nil && a.Firing:
		return fires
	case m == nil:
		return ends
	case a.Firing && m.Firing:
		if a.StartsAt.After(m.StartsAt) || a.Level != m.Level && !a.StartsAt.Before(m.StartsAt) {
			return moved // it ended and began again unheard, or is ranked anew
		}
	case a.Firing:
		if a.StartsAt.After(m.EndsAt) || !m.heardLately(now) {
			return fires
		}
	case m.Firing:
		if a.EndsAt.IsZero() || !a.EndsAt.Before(m.StartsAt) && a.EndsAt.After(m.LastEnd) {
			return ends
		}
	case a.EndsAt.After(m.EndsAt):
		return moved // it began and ended again unheard
	}
	return same
}

// heardLately tells whether messages from before the change may still be under way. Clocks of replicas differ a little, so that
// a time shortly before counts as well.
func (m *Member) heardLately(now time.Time) bool { return now.Sub(m.Heard).Abs() < LateFiring }

// Firing lists the alerts that fire, the worst and then the oldest first.
func (in *Incident) Firing() []*Member { return in.members(true) }

// Quiet lists the alerts that ended, the worst and then the oldest first.
func (in *Incident) Quiet() []*Member { return in.members(false) }

func (in *Incident) members(firing bool) []*Member {
	var ms []*Member
	for _, m := range in.Members {
		if m.Firing == firing {
			ms = append(ms, m)
		}
	}
	slices.SortFunc(ms, func(a, b *Member) int {
		return cmp.Or(cmp.Compare(a.Level, b.Level), a.StartsAt.Compare(b.StartsAt), cmp.Compare(a.Fingerprint, b.Fingerprint))
	})
	return ms
}

func (in *Incident) countFiring() int {
	n := 0
	for _, m := range in.Members {
		if m.Firing {
			n++
		}
	}
	return n
}

// allEnded tells whether nothing fires as far as we know. Of alerts that were not shown we know nothing.
func (in *Incident) allEnded() bool { return in.Truncated == 0 && in.countFiring() == 0 }

// worst is the highest level among the firing members.
func (in *Incident) worst() (Level, bool) {
	l, found := P2, false
	for _, m := range in.Members {
		if m.Firing {
			l, found = min(l, m.Level), true
		}
	}
	return l, found
}

// lastEnd is when the last alert ended by Alertmanager's word, but never after now.
func (in *Incident) lastEnd(now time.Time) time.Time {
	var end time.Time
	for _, m := range in.Members {
		if m.EndsAt.After(end) {
			end = m.EndsAt
		}
	}
	if end.IsZero() || end.After(now) {
		return now
	}
	return end
}

// Name is how an alert is called among people: its name and its instance.
func (a Alert) Name() string {
	name := a.Labels["alertname"]
	if i := a.Labels["instance"]; i != "" {
		name += " " + i
	}
	if name == "" {
		return a.Fingerprint
	}
	return name
}

// merge takes over what a webhook says of the members and gives back whose state changed.
func (in *Incident) merge(w Webhook, now time.Time) (fired, ended []Alert, touched bool) {
	if in.Members == nil {
		in.Members = make(map[string]*Member, len(w.Alerts))
	}
	for _, a := range w.Alerts {
		m := in.Members[a.Fingerprint]
		c := compare(m, a, now)
		if c == same {
			continue
		}
		touched = true
		next := &Member{Alert: a, Heard: now}
		if a.Firing {
			next.EndsAt = time.Time{}
		} else if a.EndsAt.IsZero() {
			next.EndsAt = now
		}
		switch {
		case c == fires:
			if m != nil && !a.StartsAt.After(m.StartsAt) {
				next.LastEnd = m.EndsAt
			}
			fired = append(fired, a)
		case c == ends && m != nil:
			ended = append(ended, a)
		case c == moved && a.Firing:
			next.Heard, next.LastEnd = m.Heard, m.LastEnd
		}
		in.Members[a.Fingerprint] = next
	}
	if in.Truncated != w.Truncated {
		in.Truncated, touched = w.Truncated, true
	}
	return fired, ended, touched
}

func factOf(alerts []Alert, total int) Fact {
	f := Fact{Count: len(alerts), Total: total}
	for _, a := range alerts[:min(len(alerts), maxTitles)] {
		f.Titles = append(f.Titles, a.Name())
	}
	return f
}

// explains tells whether a firing alert is no news to a closed incident: the message is an old one, or the alert was firing
// already when a person resolved the incident. Of one that was not shown then, its start tells.
func (in *Incident) explains(a Alert, now time.Time) bool {
	m := in.Members[a.Fingerprint]
	switch {
	case m == nil:
		return in.StillFiring && in.Truncated > 0 && !a.StartsAt.After(in.ResolvedAt)
	case m.Firing:
		return in.StillFiring && !a.StartsAt.After(m.StartsAt)
	}
	return compare(m, a, now) == same
}

// alerted applies a webhook to an incident that exists. What closed stays closed: new trouble in its group is a new incident,
// which Service opens; here a closed incident only learns that its alerts ended.
func (in *Incident) alerted(w Webhook, now time.Time) (r Result) {
	if w.Listed {
		defer r.listed()
	}
	if in.State == Verifying {
		r = in.tick(now) // the hold may be over
	}
	if !in.State.Open() {
		in.alertedClosed(&r, w, now)
		return r
	}
	by := Actor{Kind: ByAlertmanager, ID: w.Group.Alertmanager}
	before := in.allEnded()
	fired, ended, touched := in.merge(w, now)
	if !touched {
		return r
	}
	firing := in.countFiring()
	over := firing == 0 && in.Truncated == 0
	recovering := over && !before && in.State != Verifying
	if upTo := now; in.State != Verifying {
		if recovering {
			upTo = in.lastEnd(now)
		}
		in.fire(&r, upTo, now) // what ran out before did run out
	}
	in.logAlerts(&r, by, fired, ended, firing, now)
	refired := false
	switch {
	case recovering:
		in.Ended = in.lastEnd(now)
		in.State, in.HoldUntil = Verifying, now.Add(in.Hold)
		in.say(&r, Recovering, by, Fact{Due: in.HoldUntil, Count: len(ended)}, now)
	case over && in.State == Verifying:
		in.Ended = in.lastEnd(now)
	case in.State == Verifying && len(fired) > 0:
		refired = true
		in.back(&r, by, factOf(fired, firing), now)
	case len(fired) > 0:
		in.say(&r, MoreAlerts, by, factOf(fired, firing), now)
	}
	if worst, ok := in.worst(); ok && worst < in.Level && !in.LevelByHand {
		in.relevel(&r, worst, by, "", now)
	} else if refired {
		in.fireNew(&r, now)
	}
	in.card(&r, now)
	return r
}

func (in *Incident) alertedClosed(r *Result, w Webhook, now time.Time) {
	w.Alerts = slices.DeleteFunc(slices.Clone(w.Alerts), func(a Alert) bool { return a.Firing && !in.explains(a, now) })
	fired, ended, touched := in.merge(w, now)
	if !touched {
		return
	}
	firing := in.countFiring()
	in.logAlerts(r, Actor{Kind: ByAlertmanager, ID: w.Group.Alertmanager}, fired, ended, firing, now)
	in.StillFiring = in.StillFiring && (firing > 0 || in.Truncated > 0)
	in.card(r, now)
}

func (in *Incident) logAlerts(r *Result, by Actor, fired, ended []Alert, firing int, now time.Time) {
	if len(fired) > 0 {
		in.log(r, AlertFired, by, factOf(fired, firing), now)
	}
	if len(ended) > 0 {
		in.log(r, AlertEnded, by, factOf(ended, firing), now)
	}
}

// back goes to before the hold with the clocks as they were. When somebody had worked on it, the repair did not hold: the
// guide's flow escalates.
func (in *Incident) back(r *Result, by Actor, f Fact, now time.Time) {
	in.State, in.HoldUntil, in.Ended = in.openState(), time.Time{}, time.Time{}
	in.Reopened++
	if !in.Acked.IsZero() {
		f.Names = in.tellNext(1)
	}
	in.say(r, Refired, by, f, now)
}

// openState is where an open incident stands that is not verifying.
func (in *Incident) openState() State {
	switch {
	case in.Acked.IsZero():
		return Received
	case in.Commander != "":
		return Working
	}
	return Acknowledged
}
