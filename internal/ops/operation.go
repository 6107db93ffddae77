package ops

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/access"
)

// State is where an operation stands.
type State string

// The states. Those from Done on are ends: an operation stays in them.
const (
	Planned   State = "planned"  // waits for its approvals
	Approved  State = "approved" // waits for a Runner, and for the project's lock
	Running   State = "running"
	Done      State = "done"      // every step was done and every check held
	Failed    State = "failed"    // Outcome tells what stays changed
	Undone    State = "undone"    // it failed, and what it had changed was put back
	Unknown   State = "unknown"   // nobody can tell whether a step was done: people must look
	Void      State = "void"      // the target or the roles changed before it began
	Rejected  State = "rejected"  // by somebody who could have approved
	Expired   State = "expired"   // too few approvals in time, or it could not begin in time
	Cancelled State = "cancelled" // by who asked, or by who had approved, before it began
)

// Over tells whether an operation in this state has ended.
func (s State) Over() bool { return s != Planned && s != Approved && s != Running }

// Told is the state as messages carry it in their metadata, which knows fewer.
func (s State) Told() string {
	switch s {
	case Approved:
		return string(Planned)
	case Rejected, Expired, Cancelled:
		return string(Void)
	}
	return string(s)
}

// Operation is the whole state of one operation. Change it through Apply only.
type Operation struct {
	Number   int64 `json:"number"` // OP-<Number>
	State    State `json:"state"`
	Revision int64 `json:"revision"` // grows with every change

	Asked  time.Time `json:"asked"`
	By     Person    `json:"by"`
	Where  Where     `json:"where"`
	Quiet  bool      `json:"quiet,omitempty"` // said to people only when it does not end well
	Plan   Plan      `json:"plan"`
	Hash   string    `json:"hash"`
	Policy Policy    `json:"policy"` // frozen when it was asked

	Expires   time.Time   `json:"expires,omitzero"` // until when the approvals must be there; zero: it needed none
	Votes     []Vote      `json:"votes,omitempty"`
	Alone     *BreakGlass `json:"alone,omitempty"` // somebody acted alone
	Approved  time.Time   `json:"approved,omitzero"`
	StartBy   time.Time   `json:"start_by,omitzero"`    // an approval is not for ever
	WaitsFor  int64       `json:"waits_for,omitempty"`  // the operation that holds the project's lock
	Waits     Waiting     `json:"waits,omitzero"`       // what cannot be found out before it may begin
	EndedBy   Person      `json:"ended_by,omitzero"`    // who rejected or cancelled
	EndReason string      `json:"end_reason,omitempty"` // what they said: hostile

	Why     Reason       `json:"why,omitzero"`      // why it is void, or did not begin in time
	Changed []Difference `json:"changed,omitempty"` // at the target, so that it is void or did not go on

	Started time.Time `json:"started,omitzero"`
	Ended   time.Time `json:"ended,omitzero"`
	Lease   Lease     `json:"lease,omitzero"`
	Steps   []Step    `json:"steps"`
	Silence Silence   `json:"silence,omitzero"`
	Outcome Outcome   `json:"outcome,omitzero"`

	Entries int64     `json:"entries"` // of the timeline so far
	Updated time.Time `json:"updated"`
}

// Person is who acts: a person with their workspace, or the bot's clock.
type Person struct {
	incidents.Actor
	Team   string `json:"team,omitempty"`
	OSUser string `json:"os_user,omitempty"` // the operating system's user, from a terminal
}

// Where is the place an operation was asked for and is told in.
type Where struct {
	Channel  string `json:"channel"`
	Thread   string `json:"thread,omitempty"`   // ts of a thread's root
	Incident int64  `json:"incident,omitempty"` // asked in its thread: told there
	Root     string `json:"root,omitempty"`     // key of that incident's card
}

// Policy is what must happen before the operation may run. Who stands in the lists is asked anew each time.
type Policy struct {
	Class        access.Class  `json:"class"`
	Run          string        `json:"run"`     // the list whose people may ask
	Approve      string        `json:"approve"` // the list whose people may approve
	Approvals    int           `json:"approvals"`
	Expires      time.Duration `json:"expires"`
	SelfApproval bool          `json:"self_approval,omitempty"`
}

// Vote is one person's approval of one plan.
type Vote struct {
	By   Person    `json:"by"`
	At   time.Time `json:"at"`
	Hash string    `json:"hash"`
}

// BreakGlass is somebody's decision to act without the approvals.
type BreakGlass struct {
	By     Person    `json:"by"`
	At     time.Time `json:"at"`
	Reason string    `json:"reason"`
	Hash   string    `json:"hash"`
	From   string    `json:"from,omitempty"` // the channel in Slack where they said so; empty: from a terminal

	Review   *Review   `json:"review,omitempty"`  // what somebody else said of it afterwards
	Reminded time.Time `json:"reminded,omitzero"` // when that was asked for last
}

// Lease says which Runner carries the operation out. A Runner that finds another fence has lost it.
type Lease struct {
	Owner string    `json:"owner,omitempty"`
	Fence int64     `json:"fence,omitempty"`
	Until time.Time `json:"until,omitzero"`
}

// Silence is what was agreed with Alertmanager for the length of the operation.
type Silence struct {
	Tried bool      `json:"tried,omitempty"`
	ID    string    `json:"id,omitempty"`
	Until time.Time `json:"until,omitzero"`  // it ends by itself when nobody keeps it up
	Short bool      `json:"short,omitempty"` // it ended too early, and people were told
	Ended bool      `json:"ended,omitempty"`
}

// Outcome is what an operation that ran has led to.
type Outcome struct {
	Step      string   `json:"step,omitempty"`      // that failed or is not known
	Reason    Reason   `json:"why,omitzero"`        // why
	Unchanged bool     `json:"unchanged,omitempty"` // it failed before it changed anything
	Left      []string `json:"left,omitempty"`      // steps whose changes stay although it did not end well
	Warnings  []Reason `json:"warned,omitempty"`    // what went wrong beside the steps
	Facts     []Fact   `json:"facts,omitempty"`     // what it has changed or made
}

// Part says to which part of a plan a step belongs.
type Part string

// The parts, in their order.
const (
	PartBackup Part = "backup"
	PartStep   Part = "step"
	PartCheck  Part = "check"
)

// StepState is where a step stands.
type StepState string

// The states of a step.
const (
	Pending     StepState = "pending"
	StepRunning StepState = "running"
	StepDone    StepState = "done"
	StepFailed  StepState = "failed"
	StepUnknown StepState = "unknown" // it may or may not have been done (or undone): somebody has to look
	StepUnclear StepState = "unclear" // and looking could not tell
	StepUndoing StepState = "undoing"
	StepUndone  StepState = "undone"
	StepKept    StepState = "kept"    // it could not be undone
	StepSkipped StepState = "skipped" // never begun
)

// Step is a step of the plan and how far it is.
type Step struct {
	StepPlan
	Part     Part            `json:"part"`
	State    StepState       `json:"state"`
	Started  time.Time       `json:"started,omitzero"`
	Ended    time.Time       `json:"ended,omitzero"`
	Progress Progress        `json:"progress,omitzero"`
	Output   json.RawMessage `json:"output,omitempty"` // what it recorded, for later steps, for its own look and for the way back
	Reason   Reason          `json:"why,omitzero"`     // why it failed or is not known

	Touched   bool `json:"touched,omitempty"` // it may have changed the application, and that was not undone
	WasUndone bool `json:"was_undone,omitempty"`
	Late      bool `json:"late,omitempty"`    // it ran out of its time: it is not begun again
	Undoing   bool `json:"undoing,omitempty"` // the way back was begun
	Tries     int  `json:"tries,omitempty"`
	Undos     int  `json:"undos,omitempty"` // how often its undo was begun
}

// Progress is how far a step is, where it can be known.
type Progress struct {
	Done  int64  `json:"done,omitempty"`
	Total int64  `json:"total,omitempty"` // zero: not known
	Unit  string `json:"unit,omitempty"`  // "bytes", or what is counted
}

// Key is the name people use: "OP-7".
func (op *Operation) Key() string { return Key(op.Number) }

// Key is the name people use for the operation of that number: "OP-7".
func Key(number int64) string { return "OP-" + strconv.FormatInt(number, 10) }

// ErrKey says that a text is no operation's key.
var ErrKey = errors.New("not an operation: use a key such as OP-7")

// ParseKey reads "OP-7" or "op-7".
func ParseKey(s string) (int64, error) {
	t, ok := strings.CutPrefix(strings.ToUpper(strings.TrimSpace(s)), "OP-")
	n, err := strconv.ParseInt(t, 10, 64)
	if err != nil || n <= 0 || !ok || strings.HasPrefix(t, "+") {
		return 0, fmt.Errorf("%q: %w", s, ErrKey)
	}
	return n, nil
}

// Missing is how many approvals are still missing.
func (op *Operation) Missing() int {
	if op.Alone != nil {
		return 0
	}
	return max(0, op.Policy.Approvals-op.approvals())
}

// approvals counts the people who approved this very plan.
func (op *Operation) approvals() int { return op.counting(op.Policy.SelfApproval) }

func (op *Operation) counting(self bool) int {
	people := map[string]bool{}
	for _, v := range op.Votes {
		if v.Hash == op.Hash && v.By.ID != "" && (self || v.By.ID != op.By.ID) {
			people[v.By.ID] = true
		}
	}
	return len(people)
}

// voted tells whether somebody has approved.
func (op *Operation) voted(by Person) bool {
	return slices.ContainsFunc(op.Votes, func(v Vote) bool { return v.By.ID == by.ID })
}

// NextDue is when the operation is to be looked at by a Runner; zero: never again.
func (op *Operation) NextDue() time.Time {
	switch op.State {
	case Planned:
		return op.Expires
	case Approved:
		return op.dueAgain()
	case Running:
		return op.Lease.Until.Add(takeoverAfter)
	}
	return op.reviewDue()
}

// takeoverAfter is how long after the end of a lease another Runner takes over: more than two machines' clocks differ.
const takeoverAfter = 5 * time.Second

// Took is how long an operation ran.
func (op *Operation) Took() time.Duration {
	if op.Started.IsZero() || op.Ended.IsZero() {
		return 0
	}
	return max(0, op.Ended.Sub(op.Started))
}

// clone is a copy that shares nothing which Apply changes.
func (op *Operation) clone() *Operation {
	c := *op
	c.Votes, c.Steps = slices.Clone(op.Votes), slices.Clone(op.Steps)
	c.Outcome.Warnings = slices.Clone(op.Outcome.Warnings)
	return &c
}

// short keeps what programs say within what a message and a row should hold. Its end tells most.
func short(s string) string {
	const most = 4000
	if len(s) <= most {
		return s
	}
	return "…" + strings.ToValidUTF8(s[len(s)-most:], "")
}

// channelOf is where an operation's notices go.
func (w Where) channelOf(ops string) string { return cmp.Or(w.Channel, ops) }
