package health

import (
	"context"
	"time"
)

// Part is something of the bot's own.
type Part struct {
	Name string // store, slack, outbox
	// Look gives at least one finding.
	Look func(ctx context.Context) []Finding
}

func lookBot(ctx context.Context, s *scene) []Check {
	var out []Check
	for _, p := range s.Bot {
		found := p.Look(ctx)
		for i := range found {
			found[i].Facts.Text = s.text(found[i].Facts.Text, shortText)
		}
		out = append(out, Check{Name: "bot", Subject: p.Name, Findings: found})
	}
	return out
}

// Worst is the worst state of findings.
func Worst(found []Finding) State {
	worst := OK
	for _, f := range found {
		if f.State.Rank() < worst.Rank() {
			worst = f.State
		}
	}
	return worst
}

// Rehearsal is the last time that a backup set was restored for a try.
type Rehearsal struct {
	Set  string
	At   time.Time
	Took time.Duration
	Rows int64
	Good bool
	Why  string // it is not
}

// lookRehearsal holds the last restore for a try against the promise: how long a real one would take.
func lookRehearsal(_ context.Context, s *scene) []Check {
	k := check{name: "rehearsal"}
	if s.Rehearsed == nil {
		return []Check{k.unchecked("off", Facts{Word: "backup.rehearse"})}
	}
	last, err := s.Rehearsed()
	switch {
	case err != nil:
		return []Check{k.unchecked("unseen", Facts{Text: s.text(err.Error(), shortText)})}
	case last == nil:
		return []Check{k.unchecked("rehearsal.none", Facts{})}
	}
	f := Facts{
		Word: s.text(last.Set, 60), At: last.At, Age: s.Now().Sub(last.At), Took: last.Took, Promise: s.RTO, Count: int(min(last.Rows, 1<<53)),
		Text: s.text(last.Why, shortText),
	}
	switch {
	case !last.Good:
		return []Check{k.one(Warning, "rehearsal.failed", f)}
	case s.RTO > 0 && last.Took > s.RTO:
		return []Check{k.one(Warning, "rehearsal.slow", f)}
	case s.Rehearse > 0 && f.Age > 2*s.Rehearse:
		return []Check{k.one(Warning, "rehearsal.old", f)}
	}
	return []Check{k.one(OK, "rehearsal", f)}
}
