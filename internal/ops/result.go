package ops

import (
	"strconv"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
)

// EntryKind says what a timeline entry tells.
type EntryKind string

// What happens to operations.
const (
	WasAsked      EntryKind = "asked"
	WasApproved   EntryKind = "approve" // one vote
	WasAlone      EntryKind = "break_glass"
	WasReviewed   EntryKind = "review" // afterwards, by somebody else; Text: what they say
	WasRejected   EntryKind = "reject"
	WasCancelled  EntryKind = "cancel"
	WasExpired    EntryKind = "expired"
	WasVoided     EntryKind = "void"
	WasRefused    EntryKind = "refused" // Text: what and why
	WasBlocked    EntryKind = "blocked" // Text: the key of who holds the lock
	WasDeferred   EntryKind = "defer"   // Why: what cannot be found out
	WasStarted    EntryKind = "start"
	WasTaken      EntryKind = "take"    // another Runner went on
	WasReleased   EntryKind = "release" // its Runner stopped
	WasSilenced   EntryKind = "silence"
	WasUnsilenced EntryKind = "silence.end"
	StepBegan     EntryKind = "step.begin"
	StepSucceeded EntryKind = "step.done"
	StepBroke     EntryKind = "step.failed"
	StepLost      EntryKind = "step.unknown"
	StepLooked    EntryKind = "step.look" // Text: what was seen
	UndoBeginning EntryKind = "undo.begin"
	UndoDone      EntryKind = "undo.done"
	WasFinished   EntryKind = "finish" // State
)

// Entry is one line of an operation's timeline. The timeline is append-only.
type Entry struct {
	Operation int64        `json:"operation"`
	Seq       int64        `json:"seq"`
	At        time.Time    `json:"at"`
	By        Person       `json:"by"`
	Kind      EntryKind    `json:"kind"`
	State     State        `json:"state"` // of the operation from then on
	Hash      string       `json:"hash,omitempty"`
	Step      string       `json:"step,omitempty"`
	Text      string       `json:"text,omitempty"` // hostile
	Why       *Reason      `json:"why,omitempty"`
	Changed   []Difference `json:"changed,omitempty"`
}

// said is what the entry says besides its kind, in one line.
func (e Entry) said() string {
	switch {
	case e.Why == nil:
		return e.Text
	case e.Text == "":
		return e.Why.String()
	}
	return e.Text + ": " + e.Why.String()
}

// Result is what an event led to. It is committed together with the operation.
type Result struct {
	Changed bool // the operation must be saved
	Entries []Entry
	Notices []incidents.Notice
}

// CardKey is the key of the operation's message.
func (op *Operation) CardKey() string { return op.Key() + "/card" }

// clock is who acts where nobody does.
var clock = Person{Actor: incidents.Actor{Kind: incidents.ByClock}}

func (op *Operation) change(r *Result, now time.Time) {
	if !r.Changed {
		op.Revision++
	}
	r.Changed, op.Updated = true, now
}

// log keeps what happened in the timeline, and has the card shown anew.
func (op *Operation) log(r *Result, e Entry, now time.Time) {
	op.change(r, now)
	op.Entries++
	e.Operation, e.Seq, e.At, e.State = op.Number, op.Entries, now, op.State
	e.Text = short(e.Text)
	if e.By.Kind == "" {
		e.By = clock
	}
	r.Entries = append(r.Entries, e)
	op.edit(r, now)
}

// edit asks for the card to be shown anew.
func (op *Operation) edit(r *Result, now time.Time) {
	op.change(r, now)
	if op.Quiet {
		return
	}
	for i, n := range r.Notices {
		switch n.Kind {
		case incidents.OperationCard:
			r.Notices[i].State = op.State.Told()
			return
		case incidents.OperationEdit:
			r.Notices[i].State = op.State.Told()
			return
		}
	}
	r.Notices = append(r.Notices, op.EditCard(now))
}

// EditCard asks for the operation's message to be shown anew.
func (op *Operation) EditCard(now time.Time) incidents.Notice {
	n := op.notice(incidents.OperationEdit, "/edit", now)
	n.Lane, n.Priority, n.Edits = op.Key()+"/edit", incidents.PriorityProgress, op.CardKey()
	return n
}

func (op *Operation) notice(kind incidents.NoticeKind, key string, now time.Time) incidents.Notice {
	return incidents.Notice{
		Key: op.Key() + key, Kind: kind, Lane: op.Key(), Priority: incidents.PriorityOperation,
		Operation: op.Number, State: op.State.Told(), Incident: op.Where.Incident, At: now, Channel: op.Where.Channel,
	}
}

// card asks for the message that is edited ever after: in the incident's thread when it was asked there.
func (op *Operation) card(r *Result, now time.Time) {
	n := op.notice(incidents.OperationCard, "/card", now)
	n.By = op.By.Actor
	if n.Root = op.Where.Root; n.Root == "" {
		n.ThreadTS = op.Where.Thread
	}
	r.Notices = append(r.Notices, n)
	op.change(r, now)
}

// told says in a reply how it ended. An edit of the card makes nobody look.
func (op *Operation) told(r *Result, now time.Time) {
	if op.Quiet {
		if op.State == Done {
			return
		}
		op.Quiet = false // what was to be quiet and did not end well is said
		op.card(r, now)
	}
	r.Notices = append(r.Notices, op.reply(incidents.OperationResult, "/"+strconv.FormatInt(op.Entries, 10), now))
}

// reply says something in the thread that the operation's message is in, or begins.
func (op *Operation) reply(kind incidents.NoticeKind, key string, now time.Time) incidents.Notice {
	n := op.notice(kind, key, now)
	switch {
	case op.Where.Root != "":
		n.Root = op.Where.Root // Slack's threads have one level
	case op.Where.Thread != "":
		n.ThreadTS = op.Where.Thread
	default:
		n.Root = op.CardKey()
	}
	return n
}

// birth is what asking leads to.
func (op *Operation) birth(now time.Time) Result {
	var r Result
	op.State, op.Asked, op.Steps = Planned, now, op.Plan.steps()
	if op.Policy.Approvals > 0 {
		op.Expires = now.Add(op.Policy.Expires)
	} else {
		op.approved(now)
	}
	if !op.Quiet {
		op.card(&r, now)
	}
	op.log(&r, Entry{Kind: WasAsked, By: op.By, Hash: op.Hash, Text: op.Plan.Reason}, now)
	return r
}
