// Package notify is the outbox: to whom, where, in which order, and when again.
//
// A notice is in the store before anybody hears of it, and stays until somebody has. One lane is sent in its order and one at a
// time; a channel's budget is spent on what matters most first. A lost answer makes a delivery unknown: it is looked up by its
// key before it is posted again. So a crash loses nothing, and a lost answer doubles nothing.
package notify

import (
	"context"
	"errors"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/templates"
)

// Delivery is a notice on its way.
type Delivery struct {
	ID       int64
	Notice   incidents.Notice
	Revision int64     // grows when an edit is asked for again; Settle compares it
	Attempts int       // tries begun, this one included
	First    time.Time // when the first try began
	// Unknown says that an earlier try may have arrived: look it up by its key first.
	Unknown bool
}

// Posted is where a message stands.
type Posted struct{ Channel, TS string }

// Claim says which deliveries a worker can take now.
type Claim struct {
	Owner string // the process; its claims end with the lease
	Now   time.Time
	Lease time.Duration
	Limit int
	Full  []string // channels whose budget is spent: take nothing for these
}

// Result is how a try ended.
type Result string

// The results of a try.
const (
	Sent    Result = "sent"    // Where is set for posts
	Again   Result = "again"   // refused for now or not tried; at At
	Unknown Result = "unknown" // may have arrived; look it up at At
	Failed  Result = "failed"  // never again; Reason says why
	Skipped Result = "skipped" // nothing to do any more
)

// Outcome is what Settle records.
type Outcome struct {
	Result Result
	Where  Posted
	At     time.Time
	Reason string
}

// Depth describes what waits.
type Depth struct {
	Waiting int
	Failed  int
	Oldest  time.Time // commit time of the oldest that waits; zero: none
}

// Store is the part of the store that keeps the outbox.
type Store interface {
	// Claim takes deliveries that are due, by Priority, then by commit. Of each lane only the first unfinished one can be
	// taken, and not while it is claimed. It also returns when the next one is due (zero: nothing waits). A delivery whose
	// claim ran out comes with Unknown set.
	Claim(ctx context.Context, c Claim) (ds []Delivery, next time.Time, err error)
	// Settle records how a try ended and gives the claim back. An edit that was asked for again meanwhile stays due.
	Settle(ctx context.Context, d Delivery, o Outcome) error
	// Release gives claims back untried.
	Release(ctx context.Context, ds []Delivery) error
	// Posted tells where the message of that key stands; false: not posted (yet).
	Posted(ctx context.Context, key string) (Posted, bool, error)
	// Root tells which notice key was posted at that place; empty: none of ours.
	KeyAt(ctx context.Context, p Posted) (string, error)
	// Depth counts.
	Depth(ctx context.Context) (Depth, error)
	// Wake is signalled after a commit that put notices into the outbox, by any replica.
	Wake() <-chan struct{}
}

// Post is a message to be posted.
type Post struct {
	Channel string // a channel or user id
	Thread  string // ts of the root, or empty
	Key     string // unique; goes into the metadata
	State   string // of an operation, or empty; goes into the metadata
	Message templates.Message
}

// Sender posts, edits and finds messages. Errors are *SendError.
type Sender interface {
	Post(ctx context.Context, p Post) (Posted, error)
	Edit(ctx context.Context, at Posted, p Post) error
	// Whisper shows a message to one person alone; nothing tells whether it was seen. With a response URL that still lives, it
	// goes there.
	Whisper(ctx context.Context, user string, p Post, responseURL string) error
	// Find looks for the message with that key, in the thread or, with Thread empty, in the channel, not older than since.
	Find(ctx context.Context, channel, thread, key string, since time.Time) (Posted, bool, error)
}

// Fate is what a failed try means for the next.
type Fate string

// The fates of a failed try.
const (
	Retry     Fate = "retry"     // surely not done: again after After
	Limited   Fate = "limited"   // 429: nothing to that channel (or by that method) before After is over
	Ambiguous Fate = "ambiguous" // may be done: look it up
	Permanent Fate = "permanent" // never will be
)

// SendError is why a try failed.
type SendError struct {
	Fate   Fate
	After  time.Duration
	Reason string // Slack's error code or a short constant, for metrics and people
	Err    error
}

func (e *SendError) Error() string {
	if e.Err != nil {
		return e.Reason + ": " + e.Err.Error()
	}
	return e.Reason
}

func (e *SendError) Unwrap() error { return e.Err }

// ErrStopped says that the outbox is shutting down.
var ErrStopped = errors.New("stopped")
