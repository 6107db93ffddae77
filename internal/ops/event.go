package ops

import (
	"encoding/json"
	"errors"
	"time"
)

// Event is something that happens to an operation. Apply knows every kind.
type Event interface{ event() }

// Approve is one person's yes. Hash is that of the plan they saw; empty only where the front cannot carry it.
type Approve struct {
	By   Person
	Hash string
}

// Alone is the decision of somebody who may break the glass to act without approvals.
type Alone struct {
	By     Person
	Hash   string
	Reason string
	From   string // the channel in Slack where they said so; empty: from a terminal
}

// Reject is the no of somebody who could have approved.
type Reject struct {
	By     Person
	Reason string
}

// Cancel is the word of who asked, or of who had approved, that it shall not begin.
type Cancel struct {
	By     Person
	Reason string
}

// Voided says that the plan does not fit the world any more: the target changed, or somebody lost their role.
type Voided struct {
	Changed []Difference
	Why     Reason
}

// Refused keeps in the timeline that somebody tried what they may not.
type Refused struct {
	By   Person
	What string // "approve", "reject", …
	Why  Reason
}

// Tick lets the operation look at the time.
type Tick struct{}

// Holder is the Runner that says something, by the lease that it holds.
type Holder struct {
	Owner string
	Fence int64
}

// Start begins an approved operation.
type Start struct {
	Holder
	Until time.Time
}

// Take goes on with an operation whose Runner died.
type Take struct {
	Holder
	Until time.Time
}

// Blocked says that another operation holds the project's lock.
type Blocked struct{ By int64 }

// Beat keeps the lease.
type Beat struct {
	Holder
	Until time.Time
}

// Release gives the lease back in the middle: the Runner stops.
type Release struct{ Holder }

// Silenced says what came of silencing the alerts.
type Silenced struct {
	Holder
	ID    string
	Until time.Time
	Err   Reason
}

// Extended says that the silence is there for longer, or why it is not.
type Extended struct {
	Holder
	ID    string
	Until time.Time
	Err   Reason
}

// Unsilenced says that the silence ended, or why it did not.
type Unsilenced struct {
	Holder
	Err Reason
}

// Began says that a step begins. It is committed before the step does anything.
type Began struct {
	Holder
	Step int
}

// Progressed says how far a running step is, and keeps the lease.
type Progressed struct {
	Holder
	Step     int
	Progress Progress
	Until    time.Time
}

// Recorded keeps what a running step wants to be known of it.
type Recorded struct {
	Holder
	Step   int
	Output json.RawMessage
}

// Succeeded says that a step was done.
type Succeeded struct {
	Holder
	Step int
}

// Broke says that a step failed. Unchanged: surely before it changed anything. Changed: because the target is another one by now.
type Broke struct {
	Holder
	Step      int
	Why       Reason
	Unchanged bool
	Changed   []Difference
}

// Lost says that it is not known whether a step (or its undo) was done.
type Lost struct {
	Holder
	Step int
	Why  Reason
	Late bool // it ran out of its time
}

// Looked says what a look at the world told of an unknown step.
type Looked struct {
	Holder
	Step int
	Seen Seen
	Why  Reason // why it could not tell
}

// UndoBegan says that the way back of a step begins.
type UndoBegan struct {
	Holder
	Step int
}

// UndoSucceeded says that a step was undone.
type UndoSucceeded struct {
	Holder
	Step int
}

// Finish ends an operation of which nothing is left to do. What it has led to follows from its steps.
type Finish struct {
	Holder
	Facts []Fact // what the operation has led to
}

func (Approve) event()       {}
func (Alone) event()         {}
func (Reject) event()        {}
func (Cancel) event()        {}
func (Voided) event()        {}
func (Refused) event()       {}
func (Tick) event()          {}
func (Start) event()         {}
func (Take) event()          {}
func (Blocked) event()       {}
func (Beat) event()          {}
func (Release) event()       {}
func (Silenced) event()      {}
func (Extended) event()      {}
func (Unsilenced) event()    {}
func (Began) event()         {}
func (Progressed) event()    {}
func (Recorded) event()      {}
func (Succeeded) event()     {}
func (Broke) event()         {}
func (Lost) event()          {}
func (Looked) event()        {}
func (UndoBegan) event()     {}
func (UndoSucceeded) event() {}
func (Finish) event()        {}

// Seen is what a look at the world tells of a step.
type Seen string

// What can be seen.
const (
	SeenDone    Seen = "done"
	SeenNotDone Seen = "not_done" // nothing of it
	SeenPartly  Seen = "partly"   // something of it: it is to be undone
	SeenUnclear Seen = "unclear"  // it cannot be told
)

// Errors that say why an event does not fit.
var (
	// ErrNotFound says that there is no such operation.
	ErrNotFound = errors.New("no such operation")
	// ErrOwnRequest says that somebody wants to approve what they asked for.
	ErrOwnRequest = errors.New("you cannot approve your own request")
	// ErrExpired says that the time to decide is over.
	ErrExpired = errors.New("the request has expired")
	// ErrDecided says that somebody else decided before.
	ErrDecided = errors.New("it is decided already")
	// ErrStale says that the click was made on another plan than the one in force.
	ErrStale = errors.New("that was another plan")
	// ErrRunning says that it has begun and cannot be taken back any more.
	ErrRunning = errors.New("it has begun")
	// ErrNotYours says that only who asked and who approved may cancel.
	ErrNotYours = errors.New("only who asked or approved can cancel")
	// ErrNoReason says that a reason is needed.
	ErrNoReason = errors.New("a reason is needed")
	// ErrNotNeeded says that no approval is needed.
	ErrNotNeeded = errors.New("no approval is needed")
	// ErrNotApproved says that approvals are missing, or were given to another plan.
	ErrNotApproved = errors.New("the approvals are missing")
	// ErrNobody says that a decision names nobody.
	ErrNobody = errors.New("a decision needs a person")
	// ErrFence says that the Runner does not hold the operation any more: it must stop at once.
	ErrFence = errors.New("another runner holds the operation")
	// ErrOrder says that an event of a Runner does not fit the steps. It is a defect.
	ErrOrder = errors.New("not the order of the steps")
)
