package incidents

import (
	"context"
	"time"
)

// Tx is one transaction. What is written through it is seen by later reads of the same transaction and is committed together.
// Errors of the store end the transaction; the caller returns them unchanged.
type Tx interface {
	// Incident gives the incident of that number, or ErrNotFound.
	Incident(number int64) (*Incident, error)
	// Latest gives the newest incident of a group (open or not), or nil when the group never had one.
	Latest(groupID string) (*Incident, error)
	// Ended gives the alerts of a group that were heard to end while the group had no open incident, by fingerprint.
	Ended(groupID string) (map[string]Member, error)
	// SetEnded replaces them; an empty map forgets the group.
	SetEnded(groupID string, ended map[string]Member) error
	// NextNumber takes the next incident number, without gaps.
	NextNumber() (int64, error)
	// Save writes an incident, new or known, by its number.
	Save(in *Incident) error
	// Log appends to the timeline.
	Log(entries ...Entry) error
	// Notify puts notices into the outbox. A post whose key is known already is not put in again; an edit whose key is
	// known asks for the message to be rendered anew.
	Notify(notices ...Notice) error
	// Finish marks an accepted request as done. False: it was done before, and the caller must change nothing.
	Finish(requestID string) (bool, error)
}

// Want tells a store what a transaction will read, so that the reads of many transactions become one.
type Want struct {
	Groups  []string // group ids, for Latest and Ended
	Numbers []int64
}

// Filter chooses incidents for a list. Zero fields do not filter.
type Filter struct {
	Open   bool    // neither recovered nor resolved
	Levels []Level // any of these
	Text   string  // in the key, the title, the labels or annotations of an alert, a note: case-insensitive substring
	Since  time.Time
	Before int64 // number below: the next page
	Limit  int   // at most that many, newest first; zero: 20
}

// Store keeps incidents. Write calls that come at the same time share one commit.
type Store interface {
	// Write runs fn in a transaction and returns once it is committed. fn may run more than once (a lost race is run again),
	// so it sets its results anew each time; when it returns an error, nothing it wrote is kept and Write returns that error.
	// fn must not wait for anything but the transaction.
	Write(ctx context.Context, want Want, fn func(tx Tx) error) error
	// Find gives the incident of that number, or ErrNotFound.
	Find(ctx context.Context, number int64) (*Incident, error)
	// List gives incidents, the newest first.
	List(ctx context.Context, f Filter) ([]*Incident, error)
	// Timeline gives the entries of an incident in their order.
	Timeline(ctx context.Context, number int64) ([]Entry, error)
	// Due gives the numbers of incidents whose NextDue is not after now, the most overdue first, and, when there are none,
	// the earliest NextDue of all (zero: none).
	Due(ctx context.Context, now time.Time, limit int) (numbers []int64, next time.Time, err error)
	// CountOpen counts open incidents by level over the whole store.
	CountOpen(ctx context.Context) ([len(Levels)]int, error)
}
