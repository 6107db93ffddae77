package incidents

import (
	"fmt"
	"time"
)

// Result is what an event led to. It is committed together with the incident.
type Result struct {
	Changed bool // the incident must be saved
	Entries []Entry
	Notices []Notice
}

// CardKey is the key of an incident's root message.
func (in *Incident) CardKey() string { return in.Key() + "/card" }

// log keeps a fact in the timeline.
func (in *Incident) log(r *Result, kind NoticeKind, by Actor, f Fact, now time.Time) int64 {
	in.Entries++
	in.Updated = now
	r.Changed = true
	r.Entries = append(r.Entries, Entry{Incident: in.Number, Seq: in.Entries, At: now, By: by, Kind: kind, Fact: f})
	return in.Entries
}

// say keeps a fact in the timeline and tells it in the thread. The number of the timeline's entry makes its key unique.
func (in *Incident) say(r *Result, kind NoticeKind, by Actor, f Fact, now time.Time) {
	seq := in.log(r, kind, by, f, now)
	r.Notices = append(r.Notices, Notice{
		Key: fmt.Sprintf("%s/%d", in.Key(), seq), Kind: kind, Lane: in.Key(), Priority: priority(kind, in.Level),
		Incident: in.Number, Level: in.Level, At: now, By: by, Channel: in.Channel, Root: in.CardKey(), Fact: f,
	})
	for _, name := range f.Names {
		r.Notices = append(r.Notices, Notice{
			Key: fmt.Sprintf("%s/%d/page/%s", in.Key(), seq, name), Kind: Paged, Lane: in.Key() + "/page/" + name,
			Priority: priority(Paged, in.Level), Incident: in.Number, Level: in.Level, At: now, By: by,
			Fact: Fact{Names: []string{name}, Text: string(kind), Late: f.Late},
		})
	}
}

// listed marks what alerts led to as seen in Alertmanager's list.
func (r *Result) listed() {
	mark := func(k NoticeKind, f *Fact) {
		switch k {
		case Opened, MoreAlerts, Recovering, Refired, AlertFired, AlertEnded:
			f.Listed = true
		default:
		}
	}
	for i := range r.Entries {
		mark(r.Entries[i].Kind, &r.Entries[i].Fact)
	}
	for i := range r.Notices {
		mark(r.Notices[i].Kind, &r.Notices[i].Fact)
	}
}

// card asks for the root message: posted at first, edited in place ever after.
func (in *Incident) card(r *Result, now time.Time) {
	r.Changed = true
	in.Updated = now
	for _, n := range r.Notices {
		if n.Kind == CardEdit {
			return
		}
	}
	r.Notices = append(r.Notices, Notice{
		Key: in.Key() + "/edit", Kind: CardEdit, Lane: in.Key() + "/edit", Priority: priority(CardEdit, in.Level),
		Incident: in.Number, Level: in.Level, At: now, Channel: in.Channel, Edits: in.CardKey(),
	})
}

func (in *Incident) firstCard(r *Result, now time.Time) {
	r.Changed = true
	r.Notices = append(r.Notices, Notice{
		Key: in.CardKey(), Kind: CardPost, Lane: in.Key(), Priority: priority(CardPost, in.Level),
		Incident: in.Number, Level: in.Level, At: now, Channel: in.Channel,
	})
}
