package incidents

import (
	"encoding/json"
	"time"
)

// NoticeKind says what a notice or a timeline entry tells.
type NoticeKind string

// What incidents tell people. All but Card and CardEdit are replies in the incident's thread.
const (
	CardPost     NoticeKind = "card"         // the root message, rendered from the newest state
	CardEdit     NoticeKind = "card.edit"    // the same message again
	Opened       NoticeKind = "opened"       // first reply: opened, whom the ladder's first name tells; Fact.Names
	MoreAlerts   NoticeKind = "more_alerts"  // Fact.Count new firing alerts, Fact.Total firing in all
	Acked        NoticeKind = "acked"        // Fact.After since opening
	LevelChanged NoticeKind = "level"        // Fact.From → Fact.To; Fact.Due (response), Fact.Due2 (resolution); Fact.Text reason
	CommanderSet NoticeKind = "commander"    // Fact.Person commands
	ClockNudge   NoticeKind = "clock.nudge"  // Fact.Clock at Fact.Percent (50 or 80), Fact.Due
	ClockBreach  NoticeKind = "clock.breach" // Fact.Clock passed Fact.Due
	Escalated    NoticeKind = "escalated"    // to Fact.Names; by the clock or by a person
	Recovering   NoticeKind = "recovering"   // all alerts ended; Fact.Due is when the hold is over
	Refired      NoticeKind = "refired"      // Fact.Count fired again inside the hold; back to the old clocks. Count 0: not verified
	RecoveredNow NoticeKind = "recovered"    // the hold is over; Fact.After from opening to the last alert's end
	ResolvedNow  NoticeKind = "resolved"     // Fact.Report; Fact.StillFiring; again in the timeline alone: the report was added to
	ReopenedNow  NoticeKind = "reopened"     // by a person; Fact.Text reason
	NoteAdded    NoticeKind = "note"         // Fact.Text
	// Timeline only, never a message of its own.
	AlertFired NoticeKind = "alert.fired"
	AlertEnded NoticeKind = "alert.ended"
	ClockStop  NoticeKind = "clock.stop"
)

// What else travels through the same outbox.
const (
	Paged   NoticeKind = "paged"   // a direct message to whoever fills Fact.Names[0]: an incident was escalated to them
	Answer  NoticeKind = "answer"  // Message is the answer to a command, already rendered
	Trouble NoticeKind = "trouble" // the bot's own trouble, told in ops; Fact.Text names it, Fact.Count how often
)

// Fact carries what a sentence needs, frozen when it happened. Which fields are set is said at each kind.
type Fact struct {
	Names       []string      `json:"names,omitempty"`
	Person      string        `json:"person,omitempty"`
	Count       int           `json:"count,omitempty"`
	Total       int           `json:"total,omitempty"`
	Percent     int           `json:"percent,omitempty"`
	Clock       ClockKind     `json:"clock,omitempty"`
	From        *Level        `json:"from,omitempty"`
	To          *Level        `json:"to,omitempty"` // at Opened and LevelChanged: the level from then on
	Due         time.Time     `json:"due,omitzero"`
	Due2        time.Time     `json:"due2,omitzero"`
	After       time.Duration `json:"after,omitempty"`
	Late        time.Duration `json:"late,omitempty"` // how long after its time it is said; zero: in time
	Text        string        `json:"text,omitempty"` // what a person wrote or an alert carries: hostile
	Titles      []string      `json:"titles,omitempty"`
	Report      Report        `json:"report,omitzero"`
	StillFiring bool          `json:"still_firing,omitempty"`
	Listed      bool          `json:"listed,omitempty"` // of alerts: no message told it, Alertmanager's list shows it
}

// Notice is one thing to be told, once. It is committed with the change that caused it.
//
// Where it goes: Edits names the key of an earlier notice whose message is replaced; otherwise a message is posted to Channel,
// as a reply to Root (the key of an earlier notice) or to the message ThreadTS, or at the top; with User set it is ephemeral
// (for that person alone). Kind Paged has no channel: its name is resolved to a person when it is sent.
type Notice struct {
	Key      string     `json:"key"` // unique; carried in the message's metadata. Edits share one key and coalesce to the newest
	Kind     NoticeKind `json:"kind"`
	Lane     string     `json:"lane"` // notices of one lane are sent one after the other in the order of their commit
	Priority int        `json:"priority"`
	Incident int64      `json:"incident,omitempty"`
	Level    Level      `json:"level"`
	At       time.Time  `json:"at"`
	By       Actor      `json:"by,omitzero"`

	Operation int64  `json:"operation,omitempty"` // of the kinds that speak of one
	State     string `json:"state,omitempty"`     // of the operation at that moment: the message's metadata carry it

	Channel     string `json:"channel,omitempty"`
	Root        string `json:"root,omitempty"`
	ThreadTS    string `json:"thread_ts,omitempty"`
	Edits       string `json:"edits,omitempty"`
	User        string `json:"user,omitempty"`
	ResponseURL string `json:"response_url,omitempty"`

	Fact    Fact            `json:"fact,omitzero"`
	Message json.RawMessage `json:"message,omitempty"` // Kind Answer: a templates.Message
}

// Priorities: a smaller number is sent first. A P0 never waits behind a P2.
const (
	PriorityAnswer  = 5 // somebody waits for it
	PriorityTrouble = 25
)

// priority of a notice: posts of the worst level first, then replies, then edits.
func priority(kind NoticeKind, l Level) int {
	p := int(l) * 10
	switch kind {
	case CardPost, Paged:
		return p
	case ClockBreach, Escalated:
		return p + 1
	case CardEdit:
		return p + 4
	}
	return p + 2
}

// EditCard asks for the card that n posts to be shown anew.
func EditCard(n Notice, now time.Time) Notice {
	return Notice{
		Key: Key(n.Incident) + "/edit", Kind: CardEdit, Lane: Key(n.Incident) + "/edit", Priority: priority(CardEdit, n.Level),
		Incident: n.Incident, Level: n.Level, At: now, Channel: n.Channel, Edits: Key(n.Incident) + "/card",
	}
}

// TroubleNotice tells the bot's own trouble in ops, once a day for each kind and subject. f.Text is the kind, a constant of
// templates; the subject only tells one trouble from another.
func TroubleNotice(subject, ops string, f Fact, now time.Time) Notice {
	return Notice{
		Key: "trouble/" + f.Text + "/" + subject + "/" + now.UTC().Format(time.DateOnly), Kind: Trouble, Lane: "trouble",
		Priority: PriorityTrouble, At: now, Channel: ops, Fact: f,
	}
}
