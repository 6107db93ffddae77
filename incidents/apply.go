package incidents

import (
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
	alerts := make([]Alert, len(firing))
	for i, m := range firing {
		alerts[i] = m.Alert
	}
	f := factOf(alerts, len(firing))
	f.Names, f.Due, f.Due2 = names, in.Respond.Due, in.Resolve.Due
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
	due := in.HoldUntil
	in.State, in.RecoveredAt, in.HoldUntil, in.NextEscalation = Recovered, now, time.Time{}, time.Time{}
	in.Respond.stop(in.Ended)
	in.Resolve.stop(in.Ended)
	in.say(&r, RecoveredNow, Actor{Kind: ByClock}, Fact{After: max(0, in.Ended.Sub(in.Opened)), Due2: in.Ended, Late: late(due, now)}, now)
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
	in.say(&r, Acked, ev.By, Fact{After: now.Sub(in.Opened)}, now)
	in.card(&r, now)
	return r, nil
}

// respond notes who responded first; the response clock and the ladder stop.
func (in *Incident) respond(by Actor, now time.Time) {
	in.Acked, in.AckedBy, in.NextEscalation = now, by, time.Time{}
	in.Respond.stop(now)
	if in.State != Verifying {
		in.State = in.openState()
	}
}

func (in *Incident) setLevel(ev SetLevel, now time.Time) (Result, error) {
	var r Result
	if !in.State.Open() {
		return r, ErrNotOpen
	}
	if ev.Level == in.Level {
		if !in.LevelByHand {
			in.LevelByHand, r.Changed, in.Updated = true, true, now
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
	in.say(r, LevelChanged, by, Fact{From: &from, Due: in.Respond.Due, Due2: in.Resolve.Due, Text: reason}, now)
	in.fire(r, now, now)
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
		f.After = now.Sub(in.Opened)
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
	in.fire(&r, now, now)
	names := in.tellNext(1)
	if len(names) == 0 {
		if r.Changed {
			return r, nil // the clock was a moment faster and told the last one
		}
		return r, ErrLadderEnd
	}
	in.planEscalation()
	in.say(&r, Escalated, ev.By, Fact{Names: names}, now)
	in.card(&r, now)
	return r, nil
}

func (in *Incident) resolve(ev ResolveBy, now time.Time) (Result, error) {
	var r Result
	if in.State == Resolved {
		return r, nil
	}
	at := now
	if in.State == Verifying {
		at = in.Ended
	}
	in.fire(&r, now, now)
	firing := len(in.Firing())
	in.State, in.ResolvedAt, in.ResolvedBy, in.Report = Resolved, now, ev.By, ev.Report
	in.StillFiring = firing > 0
	in.HoldUntil, in.NextEscalation = time.Time{}, time.Time{}
	in.Respond.stop(at)
	in.Resolve.stop(at)
	in.say(&r, ResolvedNow, ev.By, Fact{Report: ev.Report, StillFiring: in.StillFiring, Count: firing, After: now.Sub(in.Opened)}, now)
	in.card(&r, now)
	return r, nil
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
	in.say(&r, ReopenedNow, ev.By, Fact{Text: ev.Reason, Due2: in.Resolve.Due, Count: len(in.Firing())}, now)
	in.card(&r, now)
	return r, nil
}

func (in *Incident) note(ev AddNote, now time.Time) (Result, error) {
	var r Result
	if strings.TrimSpace(ev.Text) == "" {
		return r, ErrEmpty
	}
	in.say(&r, NoteAdded, ev.By, Fact{Text: ev.Text}, now)
	return r, nil
}
