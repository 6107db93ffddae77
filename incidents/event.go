package incidents

import "errors"

// Event is something that happens to an incident. Apply knows every kind.
type Event interface{ event() }

// Webhook is what one POST of an Alertmanager told of one group.
type Webhook struct {
	Group       Group
	Title       string // plain words for the group, from its annotations or labels
	Channel     string // where the card goes
	ExternalURL string
	Alerts      []Alert
	Truncated   int // alerts of the group that are not in Alerts
	// Listed: no message told this, it was seen in Alertmanager's list of alerts.
	Listed bool
}

// Open opens an incident by hand.
type Open struct {
	By      Actor
	Level   Level
	Title   string
	Channel string // empty: the configured channel for incidents
}

// Ack says that somebody has seen it and responds; it stops the response clock.
type Ack struct{ By Actor }

// SetLevel is a person's choice of the level; it stays whatever the alerts say afterwards.
type SetLevel struct {
	By     Actor
	Level  Level
	Reason string
}

// TakeCommand names who commands the incident. Who takes it himself has responded thereby.
type TakeCommand struct {
	By        Actor
	Commander string // Slack user id
}

// Escalate tells the next name of the ladder, by hand.
type Escalate struct{ By Actor }

// ResolveBy is a person's word that it is over, and what was learned.
type ResolveBy struct {
	By     Actor
	Report Report
}

// Reopen is a person's word that it is not over after all.
type Reopen struct {
	By     Actor
	Reason string
}

// AddNote adds a line to the timeline and the thread.
type AddNote struct {
	By   Actor
	Text string
}

// Tick lets the clocks look at the time.
type Tick struct{}

func (Webhook) event()     {}
func (Open) event()        {}
func (Ack) event()         {}
func (SetLevel) event()    {}
func (TakeCommand) event() {}
func (Escalate) event()    {}
func (ResolveBy) event()   {}
func (Reopen) event()      {}
func (AddNote) event()     {}
func (Tick) event()        {}

// Errors that say why an event does not fit.
var (
	// ErrNotOpen says that the incident has recovered or was resolved.
	ErrNotOpen = errors.New("the incident is not open any more")
	// ErrOpen says that an open incident cannot be opened again.
	ErrOpen = errors.New("the incident is open already")
	// ErrSuperseded says that the group has a newer incident, which is the one to act on.
	ErrSuperseded = errors.New("the group has a newer incident")
	// ErrLadderEnd says that every name of the ladder was told already.
	ErrLadderEnd = errors.New("everybody whom the level names has been told")
	// ErrEmpty says that a text that must not be empty is.
	ErrEmpty = errors.New("the text is empty")
)
