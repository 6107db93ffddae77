// Package terminal is the bot at a terminal, for the day Slack is down: the same commands with the same rules and the same audit log,
// asked by a person whom break_glass vouches for and whom the operating system knows.
//
// A Session asks a House. Here is the house in this process; Remote is a running bot's, behind the socket that Serve answers at.
// What needs approvals is confirmed by typing the operation's key, and is told to everybody. Ending a session never ends an operation
// that a bot carries out; one that this process carries out stops where a bot that is started later can go on.
package terminal

import (
	"context"
	"encoding/json"

	"github.com/ai-notebook/notebookbot/internal/ops"
)

// House carries out what is asked at a terminal.
type House interface {
	// Ask carries out a command for the person of that user id.
	Ask(ctx context.Context, as, text string) (Answer, error)
	// Watch tells how an operation goes on until it is over: the last answer says how it ended. An error comes where ctx ended
	// before, or where nothing more can be told. Mine tells whether this process carried it out.
	Watch(ctx context.Context, as string, number int64, each func(Answer)) (mine bool, err error)
}

// Answer is something to be shown.
type Answer struct {
	Text      string          `json:"text,omitempty"` // ends with a newline; no control characters but newlines
	Note      bool            `json:"note,omitempty"` // beside the answer: what is going on
	Refused   bool            `json:"refused,omitempty"`
	Data      json.RawMessage `json:"data,omitempty"`      // the answer for programs, where it has a form of its own
	Operation *Operation      `json:"operation,omitempty"` // as it is now
}

// Operation is what a session needs to know of one.
type Operation struct {
	Number  int64     `json:"number"`
	State   ops.State `json:"state"`
	Missing int       `json:"missing,omitempty"` // approvals
	Title   string    `json:"title"`
	Reason  string    `json:"reason,omitempty"` // that was asked with it, or why it failed: hostile
	Steps   []Step    `json:"steps,omitempty"`
}

// Step is one step for programs.
type Step struct {
	Name    string        `json:"name"`
	State   ops.StepState `json:"state"`
	Seconds float64       `json:"seconds,omitempty"`
	Reason  string        `json:"reason,omitempty"`
}
