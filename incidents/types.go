package incidents

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Level is the urgency of an incident by the operations guide: P0 (urgent), P1 (high) or P2 (medium). A smaller value is worse.
type Level int

// The guide's three levels.
const (
	P0 Level = iota
	P1
	P2
)

// Levels lists every level, the worst first.
var Levels = [...]Level{P0, P1, P2}

// String gives "P0", "P1" or "P2".
func (l Level) String() string { return "P" + strconv.Itoa(int(l)) }

// ErrLevel says that a text is no level.
var ErrLevel = errors.New("not a level: use P0, P1 or P2")

func (l Level) valid() bool { return l >= P0 && l <= P2 }

// ParseLevel reads "P0", "p1", "P2"; anything else is ErrLevel.
func ParseLevel(s string) (Level, error) {
	switch strings.ToUpper(s) {
	case "P0":
		return P0, nil
	case "P1":
		return P1, nil
	case "P2":
		return P2, nil
	}
	return P2, fmt.Errorf("%q: %w", s, ErrLevel)
}

// MarshalText writes the level as "P0", "P1" or "P2".
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (l *Level) UnmarshalText(b []byte) error {
	v, err := ParseLevel(string(b))
	if err != nil {
		return err
	}
	*l = v
	return nil
}

// State is where an incident stands in the guide's flow.
type State string

// The states, in the order of the guide's flow. Open means neither Recovered nor Resolved.
const (
	Received     State = "received"
	Acknowledged State = "acknowledged"
	Working      State = "working"   // somebody commands it
	Verifying    State = "verifying" // all alerts ended; the hold runs
	Recovered    State = "recovered"
	Resolved     State = "resolved"
)

// Open tells whether an incident in this state still needs people or clocks.
func (s State) Open() bool { return s != Recovered && s != Resolved }

// Group is the identity of an alert group: which Alertmanager, which receiver, which groupKey. Never a summary.
type Group struct {
	Alertmanager string `json:"alertmanager"`
	Receiver     string `json:"receiver"`
	Key          string `json:"key"`
}

// ID is a fixed-length name of the group, the same for the same three parts. An incident opened by hand has no group and no ID.
func (g Group) ID() string {
	if g == (Group{}) {
		return ""
	}
	h := sha256.Sum256([]byte(g.Alertmanager + "\x00" + g.Receiver + "\x00" + g.Key))
	return hex.EncodeToString(h[:])
}

// Alert is one member of a group as a webhook told it.
type Alert struct {
	Fingerprint  string            `json:"fingerprint"`
	Firing       bool              `json:"firing"`
	StartsAt     time.Time         `json:"starts_at"`
	EndsAt       time.Time         `json:"ends_at,omitzero"` // zero while it fires
	Labels       map[string]string `json:"labels,omitempty"`
	Annotations  map[string]string `json:"annotations,omitempty"`
	GeneratorURL string            `json:"generator_url,omitempty"`
	Level        Level             `json:"level"` // by the configured matchers
}

// Member is an alert of an incident with when we last heard of its change.
type Member struct {
	Alert
	Heard   time.Time `json:"heard"`             // when the change of status was received, by our clock
	LastEnd time.Time `json:"last_end,omitzero"` // while it fires: when the same start was heard to end before
}

// ActorKind tells what sort of actor did something.
type ActorKind string

// The actors that a timeline names.
const (
	ByPerson       ActorKind = "person"
	ByAlertmanager ActorKind = "alertmanager"
	ByClock        ActorKind = "clock"
)

// Actor is who did something: a person by Slack user id, an Alertmanager by its name, or the bot's own clock.
type Actor struct {
	Kind ActorKind `json:"kind"`
	ID   string    `json:"id,omitempty"`
}

// Person is the actor for a Slack user id.
func Person(id string) Actor { return Actor{Kind: ByPerson, ID: id} }

// Policy is what a level promises.
type Policy struct {
	Respond  time.Duration `json:"respond"`
	Resolve  time.Duration `json:"resolve"`
	Escalate []string      `json:"escalate,omitempty"` // names of contacts that somebody fills, the first is told at opening
}

// Policies is the rule of every level, with a version that tells one set from the next.
type Policies struct {
	Version string              `json:"version"`
	Levels  [len(Levels)]Policy `json:"levels"`
}

// ClockKind names one of an incident's two clocks.
type ClockKind string

// The two clocks of the guide.
const (
	Respond ClockKind = "respond"
	Resolve ClockKind = "resolve"
)

// Clock is a promise with an absolute due time.
type Clock struct {
	Started  time.Time `json:"started"`
	Due      time.Time `json:"due"`
	Stopped  time.Time `json:"stopped,omitzero"` // zero while it runs
	Half     bool      `json:"half,omitempty"`   // the 50 % nudge was said or is past saying
	Eighty   bool      `json:"eighty,omitempty"` // likewise 80 %
	Breached bool      `json:"breached,omitempty"`
	Missed   time.Time `json:"missed,omitzero"` // the latest due time whose passing was told, also at a level before
}

// Running tells whether the clock still counts.
func (c Clock) Running() bool { return !c.Started.IsZero() && c.Stopped.IsZero() }

// Report is what a person writes when an incident is resolved.
type Report struct {
	Cause      string `json:"cause,omitempty"`
	Solution   string `json:"solution,omitempty"`
	Prevention string `json:"prevention,omitempty"`
}

// Incident is the whole state of one incident. Change it through Apply only.
type Incident struct {
	Number int64 `json:"number"` // INC-<Number>
	Group  Group `json:"group"`  // zero when opened by hand
	State  State `json:"state"`

	Title       string `json:"title"`
	Channel     string `json:"channel"` // Slack channel of its card
	ExternalURL string `json:"external_url,omitempty"`

	Level       Level `json:"level"`
	LevelByHand bool  `json:"level_by_hand,omitempty"`

	Members   map[string]*Member `json:"members,omitempty"` // by fingerprint
	Truncated int                `json:"truncated,omitempty"`

	Since     time.Time `json:"since"`  // when the first alert began, as Alertmanager tells it
	Opened    time.Time `json:"opened"` // when we committed it; the clocks start here
	OpenedBy  Actor     `json:"opened_by"`
	Acked     time.Time `json:"acked,omitzero"`
	AckedBy   Actor     `json:"acked_by,omitzero"`
	Commander string    `json:"commander,omitempty"` // Slack user id

	Policies Policies `json:"policies"` // frozen at opening
	Respond  Clock    `json:"respond"`
	Resolve  Clock    `json:"resolve"`
	// Told lists the names of the ladder that were told, in that order; NextEscalation is when the next one is due (zero: none).
	Told           []string  `json:"told,omitempty"`
	NextEscalation time.Time `json:"next_escalation,omitzero"`

	HoldUntil   time.Time `json:"hold_until,omitzero"` // while verifying
	Ended       time.Time `json:"ended,omitzero"`      // the last alert's end, while all have ended
	RecoveredAt time.Time `json:"recovered_at,omitzero"`
	ResolvedAt  time.Time `json:"resolved_at,omitzero"`
	ResolvedBy  Actor     `json:"resolved_by,omitzero"`
	StillFiring bool      `json:"still_firing,omitempty"` // resolved by hand while alerts fired
	Report      Report    `json:"report,omitzero"`

	Reopened int           `json:"reopened,omitempty"` // how often it went back
	Entries  int64         `json:"entries"`            // timeline entries so far; the next entry's Seq is Entries+1
	Updated  time.Time     `json:"updated"`
	Hold     time.Duration `json:"hold"` // frozen like the policies
}

// Key is the name people use: "INC-42".
func (in *Incident) Key() string { return Key(in.Number) }

// Key is the name people use for the incident of that number: "INC-42".
func Key(number int64) string { return "INC-" + strconv.FormatInt(number, 10) }

// ErrKey says that a text is no incident key.
var ErrKey = errors.New("not an incident: use a key such as INC-42")

// ParseKey reads "INC-42", "inc-42" or "42".
func ParseKey(s string) (int64, error) {
	t := strings.TrimPrefix(strings.ToUpper(strings.TrimSpace(s)), "INC-")
	n, err := strconv.ParseInt(t, 10, 64)
	if err != nil || n <= 0 || strings.HasPrefix(t, "+") {
		return 0, fmt.Errorf("%q: %w", s, ErrKey)
	}
	return n, nil
}

// Entry is one line of the timeline. The timeline is append-only.
type Entry struct {
	Incident int64      `json:"incident"`
	Seq      int64      `json:"seq"`
	At       time.Time  `json:"at"`
	By       Actor      `json:"by"`
	Kind     NoticeKind `json:"kind"`
	Fact     Fact       `json:"fact,omitzero"`
}

// ErrNotFound says that there is no such incident.
var ErrNotFound = errors.New("no such incident")
