// Package templates holds every word that people read, in zh-CN and en, and the neutral Message that the words become.
//
// Nothing here knows Slack. A Message is built from spans whose text is only ever text: what a person typed or an alert carries
// goes into Span.Text and can therefore not ping, link or format, whatever it says. Only code of this project sets the other
// fields of a Span.
package templates

import "time"

// Span is a piece of a line. Exactly one of Text (with its styles), User, UserGroup, Channel, Time or URL carries it.
type Span struct {
	Text      string    `json:"text,omitempty"` // shown as it is; with URL: the label
	Bold      bool      `json:"bold,omitempty"`
	Italic    bool      `json:"italic,omitempty"`
	Strike    bool      `json:"strike,omitempty"`
	Code      bool      `json:"code,omitempty"`
	User      string    `json:"user,omitempty"`       // Slack user id: a mention that pings
	UserGroup string    `json:"user_group,omitempty"` // Slack user group id: a mention that pings
	Channel   string    `json:"channel,omitempty"`    // Slack channel id: leads there and pings nobody
	Time      time.Time `json:"time,omitzero"`        // shown in the reader's own time zone
	TimeStyle TimeStyle `json:"time_style,omitempty"`
	URL       string    `json:"url,omitempty"`   // http or https, ours or checked
	Emoji     string    `json:"emoji,omitempty"` // a name without colons, for example "rotating_light"
}

// TimeStyle is how much of a time is shown.
type TimeStyle string

// The styles of a time.
const (
	TimeOnly TimeStyle = ""         // 14:30
	DateTime TimeStyle = "datetime" // Jan 5, 14:30
)

// Line is one line of text.
type Line []Span

// BlockKind says what a block is.
type BlockKind string

// The blocks of a Message.
const (
	Header  BlockKind = "header"  // Lines[0], plain text only
	Text    BlockKind = "text"    // Lines
	Quote   BlockKind = "quote"   // Lines, indented: what people or alerts said
	Pre     BlockKind = "pre"     // Lines, monospaced
	List    BlockKind = "list"    // Lines, one bullet each
	Fields  BlockKind = "fields"  // Pairs
	Context BlockKind = "context" // Lines, small
	Divider BlockKind = "divider"
	Actions BlockKind = "actions" // Buttons
)

// Block is a part of a message from top to bottom.
type Block struct {
	Kind    BlockKind `json:"kind"`
	Lines   []Line    `json:"lines,omitempty"`
	Pairs   []Pair    `json:"pairs,omitempty"`
	Buttons []Button  `json:"buttons,omitempty"`
}

// Pair is a name and its value.
type Pair struct {
	Name  string `json:"name"`
	Value Line   `json:"value"`
}

// Style of a button.
type Style string

// The styles of a button.
const (
	Plain   Style = ""
	Primary Style = "primary"
	Danger  Style = "danger"
)

// Button acts (Action, Value) or opens an address (URL).
type Button struct {
	Action  string   `json:"action,omitempty"` // for example "incident.ack"
	Value   string   `json:"value,omitempty"`  // an opaque id, never a permission
	Label   string   `json:"label"`
	Style   Style    `json:"style,omitempty"`
	URL     string   `json:"url,omitempty"`
	Confirm *Confirm `json:"confirm,omitempty"`
}

// Confirm asks before a button acts.
type Confirm struct{ Title, Text, Yes, No string }

// Message is what is posted: Summary is what notifications and screen readers tell, Blocks what is shown. With a File it is the file
// that is posted, and Summary stands above it.
type Message struct {
	Summary string  `json:"summary"`
	Blocks  []Block `json:"blocks,omitempty"`
	File    *File   `json:"file,omitempty"`
}

// File is a text that is too long for a message.
type File struct {
	Name string `json:"name"` // of a-z 0-9 . _ and -, with its ending
	Text string `json:"text"` // at most MaxFile bytes
}

// MaxFile is how many bytes a file may have: it lies in the store until it is sent.
const MaxFile = 1 << 20

// InputKind says what a modal asks.
type InputKind string

// The inputs of a View.
const (
	InputText   InputKind = "text"
	InputLong   InputKind = "long" // several lines
	InputSelect InputKind = "select"
	InputUser   InputKind = "user" // a person of the workspace
)

// Option is one choice of a select.
type Option struct{ Value, Label, Description string }

// Input is a question of a modal. ID is unique in the view and names the answer in commands.Request.Values.
type Input struct {
	ID          string
	Kind        InputKind
	Label       string
	Hint        string
	Placeholder string
	Initial     string // text, option value or user id
	Optional    bool
	MaxLength   int // code points; zero: 3000
	Options     []Option
}

// View is a modal: words on top, questions, and buttons of its own.
type View struct {
	Callback string // for example "incident.resolve"
	Metadata string // comes back with the answers; never a permission
	Title    string
	Submit   string // empty: nothing to send
	Close    string
	Blocks   []Block
	Inputs   []Input
	After    []Block // below the questions
}
