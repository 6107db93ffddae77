package incidents

import (
	"slices"
	"time"
)

// LateAfter is how far behind its time a clock must be told for people to hear that it is late.
const LateAfter = time.Minute

// nudgeAt is when p percent of the clock's time is used up.
func (c Clock) nudgeAt(p int) time.Time {
	return c.Started.Add(c.Due.Sub(c.Started) / 100 * time.Duration(p))
}

// next is when this clock has something to say; zero: nothing any more.
func (c Clock) next() time.Time {
	switch {
	case !c.Running() || c.Breached:
		return time.Time{}
	case !c.Half:
		return c.nudgeAt(50)
	case !c.Eighty:
		return c.nudgeAt(80)
	}
	return c.Due
}

// strike is what a clock has to say at a time: a percentage, 100 for the breach, 0 for nothing. Of several that are due only
// the last is said, and each is said once.
func (c *Clock) strike(at time.Time) (percent int, due time.Time) {
	switch {
	case !c.Running() || c.Breached:
		return 0, time.Time{}
	case !at.Before(c.Due):
		c.Half, c.Eighty, c.Breached, c.Missed = true, true, true, c.Due
		return 100, c.Due
	case !c.Eighty && !at.Before(c.nudgeAt(80)):
		c.Half, c.Eighty = true, true
		return 80, c.nudgeAt(80)
	case !c.Half && !at.Before(c.nudgeAt(50)):
		c.Half = true
		return 50, c.nudgeAt(50)
	}
	return 0, time.Time{}
}

// stop ends a clock, not before it began.
func (c *Clock) stop(at time.Time) {
	if c.Running() {
		c.Stopped = at
		if at.Before(c.Started) {
			c.Stopped = c.Started
		}
	}
}

// move gives a clock a new length. What the new time is past already is not nudged; once a breach was told, one of an earlier
// due time is no news.
func (c *Clock) move(d time.Duration, now time.Time) {
	if !c.Running() {
		return
	}
	c.Due = c.Started.Add(d)
	c.Half, c.Eighty, c.Breached = !now.Before(c.nudgeAt(50)), !now.Before(c.nudgeAt(80)), !c.Due.After(c.Missed)
}

func earliest(ts ...time.Time) time.Time {
	var e time.Time
	for _, t := range ts {
		if !t.IsZero() && (e.IsZero() || t.Before(e)) {
			e = t
		}
	}
	return e
}

// NextDue is when the clocks must look at this incident again; zero when nothing is due any more. Stores index it.
func (in *Incident) NextDue() time.Time {
	switch {
	case !in.State.Open():
		return time.Time{}
	case in.State == Verifying:
		return in.HoldUntil
	}
	return earliest(in.Respond.next(), in.Resolve.next(), in.NextEscalation)
}

func (in *Incident) policy() Policy { return in.Policies.Levels[in.Level] }

// tellNext takes the next n names of the ladder that were not told yet.
func (in *Incident) tellNext(n int) []string {
	var names []string
	for _, name := range in.policy().Escalate {
		if len(names) < n && !slices.Contains(in.Told, name) {
			names = append(names, name)
		}
	}
	in.Told = append(in.Told, names...)
	return names
}

// ladderEnd tells whether every name of the ladder was told.
func (in *Incident) ladderEnd() bool {
	return !slices.ContainsFunc(in.policy().Escalate, func(name string) bool { return !slices.Contains(in.Told, name) })
}

// planEscalation sets when the next name is due while nobody acknowledges: the ladder's first at the opening (or when the level
// brings another ladder), the second at the missed response time, one more after each further response time.
func (in *Incident) planEscalation() {
	in.NextEscalation = time.Time{}
	if !in.Acked.IsZero() || !in.State.Open() {
		return
	}
	ladder := in.policy().Escalate
	step := 0
	for i, name := range ladder {
		if slices.Contains(ladder[:i], name) {
			continue
		}
		if !slices.Contains(in.Told, name) {
			in.NextEscalation = in.Respond.Started.Add(in.policy().Respond * time.Duration(step))
			return
		}
		step++
	}
}

// passed is the time between two moments, never below zero when a clock was set back.
func passed(from, to time.Time) time.Duration { return max(0, to.Sub(from)) }

// late is how much too late something is said; zero while that is not worth a word.
func late(due, now time.Time) time.Duration {
	if d := now.Sub(due); d >= LateAfter {
		return d
	}
	return 0
}

// fire says what ran out up to a time. The clocks of an incident that is verifying wait for the hold.
func (in *Incident) fire(r *Result, upTo, now time.Time) {
	if !in.State.Open() || in.State == Verifying {
		return
	}
	by := Actor{Kind: ByClock}
	var names []string
	var stepDue time.Time
	for !in.NextEscalation.IsZero() && !upTo.Before(in.NextEscalation) {
		stepDue = in.NextEscalation
		names = append(names, in.tellNext(1)...)
		in.planEscalation()
	}
	said := false
	if p, due := in.Respond.strike(upTo); p > 0 {
		f := Fact{Clock: Respond, Percent: p, Due: in.Respond.Due, Late: late(due, now)}
		kind := ClockNudge
		if p == 100 {
			kind, f.Names, said = ClockBreach, names, true
		}
		in.say(r, kind, by, f, now)
	}
	if len(names) > 0 && !said {
		in.say(r, Escalated, by, Fact{Names: names, Due: stepDue, Late: late(stepDue, now)}, now)
	}
	if p, due := in.Resolve.strike(upTo); p > 0 {
		f := Fact{Clock: Resolve, Percent: p, Due: in.Resolve.Due, Late: late(due, now)}
		kind := ClockNudge
		if ladder := in.policy().Escalate; p == 100 {
			kind = ClockBreach
			if len(ladder) > 0 {
				last := ladder[len(ladder)-1]
				f.Names = []string{last}
				if !slices.Contains(in.Told, last) {
					in.Told = append(in.Told, last)
					in.planEscalation()
				}
			}
		}
		in.say(r, kind, by, f, now)
	}
	if r.Changed {
		in.card(r, now)
	}
}

// fireNew says what a change of the incident, and not the time alone, made due now: it comes after its time, but not late.
func (in *Incident) fireNew(r *Result, now time.Time) {
	entries, notices := len(r.Entries), len(r.Notices)
	in.fire(r, now, now)
	for i := range r.Entries[entries:] {
		r.Entries[entries+i].Fact.Late = 0
	}
	for i := range r.Notices[notices:] {
		r.Notices[notices+i].Fact.Late = 0
	}
}
