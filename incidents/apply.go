package incidents

import (
	"cmp"
	"fmt"
	"strings"
	"time"
)

// Apply brings an event to the incident: it changes the state, and gives back what the timeline keeps and what people are
// told. It is pure: the same incident, event and time lead to the same result. A repeat changes nothing and says nothing. On
// an error the incident is as it was. What ran out before the event is said first.
func (in *Incident) Apply(ev Event, now time.Time) (Result, error) {
	switch ev := ev.(type) {
	case Webhook:
		return in.alerted(ev, now), nil
	case Tick:
		return in.tick(now), nil
	case Ack:
		return in.ack(ev, now)
	case SetLevel:
		return in.setLevel(ev, now)
	case TakeCommand:
		return in.command(ev, now)
	case Escalate:
		return in.escalate(ev, now)
	case ResolveBy:
		return in.resolve(ev, now)
	case Reopen:
		return in.reopen(ev, now)
	case AddNote:
		return in.note(ev, now)
	}
	return Result{}, fmt.Errorf("incidents: event %T does not happen to an incident that exists", ev)
}

// birth is what opening leads to. The incident has its number, title, channel and members already.
func (in *Incident) birth(by Actor, p Policies, hold time.Duration, now time.Time) Result {
	var r Result
	in.State, in.Policies, in.Hold = Received, p, hold
	in.Opened, in.OpenedBy, in.Updated = now, by, now
	in.Since = now
	for _, m := range in.Members {
		if m.Firing && m.StartsAt.Before(in.Since) && !m.StartsAt.IsZero() {
			in.Since = m.StartsAt
		}
	}
	in.Respond = Clock{Started: now, Due: now.Add(in.policy().Respond)}
	in.Resolve = Clock{Started: now, Due: now.Add(in.policy().Resolve)}
	names := in.tellNext(1)
	in.planEscalation()
	in.firstCard(&r, now)
	firing := in.Firing()
	alerts := make([]Alert, min(len(firing), maxTitles))
	for i := range alerts {
		alerts[i] = firing[i].Alert
	}
	f, level := factOf(alerts, len(firing)), in.Level
	f.Count, f.To, f.Names, f.Due, f.Due2 = len(firing), &level, names, in.Respond.Due, in.Resolve.Due
	in.say(&r, Opened, by, f, now)
	return r
}

func (in *Incident) tick(now time.Time) Result {
	var r Result
	if in.State != Verifying {
		in.fire(&r, now, now)
		return r
	}
	if now.Before(in.HoldUntil) {
		return r
	}
	if in.Truncated > 0 { // an alert that was not shown may still fire, so nothing is verified
		in.back(&r, Actor{Kind: ByClock}, Fact{Late: late(in.HoldUntil, now)}, now)
		in.fireNew(&r, now)
		in.card(&r, now)
		return r
	}
	due := in.HoldUntil
	in.State, in.RecoveredAt, in.HoldUntil, in.NextEscalation = Recovered, now, time.Time{}, time.Time{}
	in.Respond.stop(in.Ended)
	in.Resolve.stop(in.Ended)
	in.say(&r, RecoveredNow, Actor{Kind: ByClock}, Fact{After: passed(in.Opened, in.Ended), Due2: in.Ended, Late: late(due, now)}, now)
	in.card(&r, now)
	return r
}

func (in *Incident) ack(ev Ack, now time.Time) (Result, error) {
	var r Result
	if !in.State.Open() {
		return r, ErrNotOpen
	}
	if !in.Acked.IsZero() {
		return r, nil
	}
	in.fire(&r, now, now)
	in.respond(ev.By, now)
	in.say(&r, Acked, ev.By, Fact{After: passed(in.Opened, now)}, now)
	in.card(&r, now)
	return r, nil
}

// respond notes who responded first; the response clock and the ladder stop. After all alerts ended the response was owed no
// longer, so that the clock stops at their end.
func (in *Incident) respond(by Actor, now time.Time) {
	in.Acked, in.AckedBy, in.NextEscalation = now, by, time.Time{}
	if in.State == Verifying {
		in.Respond.stop(in.Ended)
		return
	}
	in.Respond.stop(now)
	in.State = in.openState()
}

func (in *Incident) setLevel(ev SetLevel, now time.Time) (Result, error) {
	var r Result
	if !in.State.Open() {
		return r, ErrNotOpen
	}
	if !ev.Level.valid() {
		return r, ErrLevel
	}
	if ev.Level == in.Level {
		if !in.LevelByHand { // from now on it stays, which the timeline must tell
			in.LevelByHand = true
			in.log(&r, LevelChanged, ev.By, Fact{From: &ev.Level, To: &ev.Level, Text: ev.Reason}, now)
		}
		return r, nil
	}
	in.fire(&r, now, now)
	in.LevelByHand = true
	in.relevel(&r, ev.Level, ev.By, ev.Reason, now)
	in.card(&r, now)
	return r, nil
}

// relevel moves the clocks to another level's times. The rule: they still count from the opening (after a reopening: from
// that); what the new times are past already is a breach and said at once.
func (in *Incident) relevel(r *Result, l Level, by Actor, reason string, now time.Time) {
	from := in.Level
	in.Level = l
	in.Respond.move(in.policy().Respond, now)
	in.Resolve.move(in.policy().Resolve, now)
	in.planEscalation()
	in.say(r, LevelChanged, by, Fact{From: &from, To: &l, Due: in.Respond.Due, Due2: in.Resolve.Due, Text: reason}, now)
	in.fireNew(r, now)
}

func (in *Incident) command(ev TakeCommand, now time.Time) (Result, error) {
	var r Result
	if !in.State.Open() {
		return r, ErrNotOpen
	}
	if ev.Commander == "" {
		return r, ErrEmpty
	}
	if ev.Commander == in.Commander {
		return r, nil
	}
	in.fire(&r, now, now)
	in.Commander = ev.Commander
	f := Fact{Person: ev.Commander}
	if in.Acked.IsZero() && ev.By.ID == ev.Commander {
		in.respond(ev.By, now)
		f.After = passed(in.Opened, now)
	} else if in.State != Verifying {
		in.State = in.openState()
	}
	in.say(&r, CommanderSet, ev.By, f, now)
	in.card(&r, now)
	return r, nil
}

func (in *Incident) escalate(ev Escalate, now time.Time) (Result, error) {
	var r Result
	if !in.State.Open() {
		return r, ErrNotOpen
	}
	if in.ladderEnd() {
		return r, ErrLadderEnd
	}
	in.fire(&r, now, now)
	names := in.tellNext(1)
	if len(names) == 0 {
		return r, nil // the clock was a moment faster and told the last one
	}
	in.planEscalation()
	in.say(&r, Escalated, ev.By, Fact{Names: names}, now)
	in.card(&r, now)
	return r, nil
}

func (in *Incident) resolve(ev ResolveBy, now time.Time) (Result, error) {
	var r Result
	report := in.Report.with(ev.Report)
	if in.State == Resolved {
		if report != in.Report { // what the next person knows is not lost, but it is not resolved twice
			in.Report = report
			in.log(&r, ResolvedNow, ev.By, Fact{Report: ev.Report}, now)
			in.card(&r, now)
		}
		return r, nil
	}
	at := now
	if in.State == Verifying {
		at = in.Ended
	}
	in.fire(&r, now, now)
	firing := in.countFiring()
	in.StillFiring = in.State.Open() && (firing > 0 || in.Truncated > 0)
	in.State, in.ResolvedAt, in.ResolvedBy, in.Report = Resolved, now, ev.By, report
	in.HoldUntil, in.NextEscalation = time.Time{}, time.Time{}
	in.Respond.stop(at)
	in.Resolve.stop(at)
	in.say(&r, ResolvedNow, ev.By, Fact{Report: ev.Report, StillFiring: in.StillFiring, Count: firing, After: passed(in.Opened, now)}, now)
	in.card(&r, now)
	return r, nil
}

// with gives the report with what another one says. What a person wrote once is not lost by leaving it empty.
func (r Report) with(o Report) Report {
	return Report{
		Cause:      cmp.Or(o.Cause, r.Cause),
		Solution:   cmp.Or(o.Solution, r.Solution),
		Prevention: cmp.Or(o.Prevention, r.Prevention),
	}
}

// reopen begins anew with a new resolution clock. Who reopens is there, so nobody is paged and no response is awaited.
func (in *Incident) reopen(ev Reopen, now time.Time) (Result, error) {
	var r Result
	if in.State.Open() {
		return r, ErrOpen
	}
	if in.Acked.IsZero() {
		in.Acked, in.AckedBy = now, ev.By
	}
	in.State = in.openState()
	in.RecoveredAt, in.ResolvedAt, in.Ended, in.ResolvedBy, in.StillFiring = time.Time{}, time.Time{}, time.Time{}, Actor{}, false
	in.Reopened++
	in.Resolve = Clock{Started: now, Due: now.Add(in.policy().Resolve)}
	in.say(&r, ReopenedNow, ev.By, Fact{Text: ev.Reason, Due2: in.Resolve.Due, Count: in.countFiring()}, now)
	in.card(&r, now)
	return r, nil
}

func (in *Incident) note(ev AddNote, now time.Time) (Result, error) {
	var r Result
	if strings.TrimSpace(ev.Text) == "" {
		return r, ErrEmpty
	}
	in.fire(&r, now, now)
	in.say(&r, NoteAdded, ev.By, Fact{Text: ev.Text}, now)
	return r, nil
}
