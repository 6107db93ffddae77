// Package commands turns words and clicks into what the bot does: one file per command, what the caller may, and errors into
// sentences.
//
// A click is a command: buttons, slash commands, mentions, modals and the terminal all become a Request. A Request is accepted
// (committed) before it is acknowledged and carried out afterwards, exactly once.
package commands

import (
	"context"
	"time"

	"github.com/ai-notebook/notebookbot/templates"
)

// Source says how a request came.
type Source string

// The sources of a Request.
const (
	Slash    Source = "slash"
	Mention  Source = "mention"
	Action   Source = "action"   // a button; Action and Value are set
	Submit   Source = "submit"   // a modal's answers; Callback, Metadata and Values are set
	Shortcut Source = "shortcut" // Callback is set; a message shortcut carries Text of the message
	Terminal Source = "terminal"
)

// Request is what one person asked once. Everything in it but the ids is what a person typed: hostile.
type Request struct {
	ID     string `json:"id"` // de-duplication key, the same when Slack delivers it again
	Source Source `json:"source"`

	User    string `json:"user"`              // Slack user id, from the authenticated envelope
	Team    string `json:"team"`              // workspace of the user; access.TerminalTeam from a terminal
	OSUser  string `json:"os_user,omitempty"` // the operating system's user, from a terminal
	Channel string `json:"channel,omitempty"`
	Thread  string `json:"thread,omitempty"`  // ts of the thread's root, when it was said or clicked in a thread
	Message string `json:"message,omitempty"` // ts of the message that holds the button or the mention
	Direct  bool   `json:"direct,omitempty"`  // a direct message with the bot

	Text string `json:"text,omitempty"` // the words after the command's name or the mention

	Action   string            `json:"action,omitempty"`
	Value    string            `json:"value,omitempty"`
	Callback string            `json:"callback,omitempty"`
	Metadata string            `json:"metadata,omitempty"`
	Values   map[string]string `json:"values,omitempty"` // by Input.ID

	Trigger     string    `json:"trigger,omitempty"` // opens a modal, for three seconds and once
	ResponseURL string    `json:"response_url,omitempty"`
	Received    time.Time `json:"received"`
}

// Inbox is the part of the store that keeps accepted requests until they are done.
type Inbox interface {
	// Accept commits a request. A request whose ID is known is not kept again and is no error. Requests that come at the same
	// time share one commit.
	Accept(ctx context.Context, r Request) error
	// Pending claims up to limit accepted requests that nobody works on, the oldest first, for the length of the lease; after
	// that, another may claim them.
	Pending(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]Request, error)
}

// Front is what commands need of the chat beside the outbox: things that only make sense now.
type Front interface {
	// OpenView opens a modal for the person whose trigger it is.
	OpenView(ctx context.Context, trigger string, v templates.View) error
}
