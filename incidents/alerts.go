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
		if a.StartsAt.After(m.StartsAt) || a.Level != m.Level {
			return moved // it ended and began again unheard, or is ranked anew
		}
	case a.Firing:
		if a.StartsAt.After(m.EndsAt) || now.Sub(m.Heard) >= LateFiring || now.Before(m.Heard) {
			return fires
		}
	case m.Firing:
		if a.EndsAt.IsZero() || a.EndsAt.After(m.StartsAt) {
			return ends
		}
	}
	return same
}

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

// worst is the highest level among the firing members.
func (in *Incident) worst() (Level, bool) {
	l, any := P2, false
	for _, m := range in.Members {
		if m.Firing {
			l, any = min(l, m.Level), true
		}
	}
	return l, any
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
	for _, a := range w.Alerts {
		m := in.Members[a.Fingerprint]
		c := compare(m, a, now)
		if c == same {
			continue
		}
		touched = true
		if c == moved {
			m.Alert = a
			continue
		}
		if in.Members == nil {
			in.Members = map[string]*Member{}
		}
		if c == ends && a.EndsAt.IsZero() {
			a.EndsAt = now
		}
		if a.Firing {
			a.EndsAt = time.Time{}
		}
		in.Members[a.Fingerprint] = &Member{Alert: a, Heard: now}
		if c == fires {
			fired = append(fired, a)
		} else if m != nil {
			ended = append(ended, a)
		}
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

// alerted applies a webhook to an incident that exists. What closed stays closed: new trouble in its group is a new incident,
// which Service opens; here a closed incident only learns that its alerts ended.
func (in *Incident) alerted(w Webhook, now time.Time) Result {
	var r Result
	by := Actor{Kind: ByAlertmanager, ID: w.Group.Alertmanager}
	fired, ended, touched := in.merge(w, now)
	if !touched {
		return r
	}
	firing := len(in.Firing())
	if len(fired) > 0 {
		in.log(&r, AlertFired, by, factOf(fired, firing), now)
	}
	if len(ended) > 0 {
		in.log(&r, AlertEnded, by, factOf(ended, firing), now)
	}
	if !in.State.Open() {
		in.StillFiring = in.StillFiring && firing > 0
		in.card(&r, now)
		return r
	}
	over := firing == 0 && in.Truncated == 0
	switch {
	case over && in.State != Verifying:
		in.Ended = in.lastEnd(now)
		in.fire(&r, in.Ended, now) // what ran out before the end did run out
		in.State, in.HoldUntil = Verifying, now.Add(in.Hold)
		in.say(&r, Recovering, by, Fact{Due: in.HoldUntil, Count: len(ended)}, now)
	case over:
		in.Ended = in.lastEnd(now)
	case in.State == Verifying && len(fired) > 0:
		in.refire(&r, by, fired, now)
	case len(fired) > 0:
		in.say(&r, MoreAlerts, by, factOf(fired, firing), now)
	}
	if worst, any := in.worst(); any && worst < in.Level && !in.LevelByHand {
		in.relevel(&r, worst, by, "", now)
	}
	in.card(&r, now)
	return r
}

// refire goes back to before the hold with the clocks as they were. When somebody had worked on it, the repair did not hold:
// the guide's flow escalates.
func (in *Incident) refire(r *Result, by Actor, fired []Alert, now time.Time) {
	in.State, in.HoldUntil, in.Ended = in.openState(), time.Time{}, time.Time{}
	in.Reopened++
	f := factOf(fired, len(in.Firing()))
	if !in.Acked.IsZero() {
		f.Names = in.tellNext(1)
	}
	in.say(r, Refired, by, f, now)
	in.fire(r, now, now)
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
