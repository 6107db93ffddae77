package ops

import (
	"context"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
)

// Tx is one transaction. It is a transaction of incidents as well, so that the end of a request and the notices are committed
// with the operation.
type Tx interface {
	incidents.Tx
	// Operation gives the operation of that number, or ErrNotFound.
	Operation(number int64) (*Operation, error)
	// NextOperation takes the next number, without gaps.
	NextOperation() (int64, error)
	// SaveOperation writes an operation, new or known, by its number.
	SaveOperation(op *Operation) error
	// LogOperation appends to the timelines.
	LogOperation(entries ...Entry) error
	// Lock gives a project's lock; nobody else changes it before the transaction is over.
	Lock(project string) (Lock, error)
	// SetLock writes it.
	SetLock(l Lock) error
}

// Lock is a project's lock. Its fence only ever grows.
type Lock struct {
	Project   string
	Operation int64 // that holds it; 0: nobody does
	Owner     string
	Fence     int64
	Since     time.Time
}

// Want tells a store what a transaction will read.
type Want struct {
	incidents.Want
	Operations []int64
}

// Filter chooses operations for a list. Zero fields do not filter.
type Filter struct {
	Open     bool // not over
	Word     string
	Incident int64
	Before   int64 // number below: the next page
	Limit    int   // at most that many, newest first; zero: 20
}

// Due is an operation that is to be looked at.
type Due struct {
	At     time.Time
	Number int64
}

// Store keeps operations.
type Store interface {
	// WriteOperations runs fn in a transaction and returns once it is committed. It has the promises of incidents.Store.Write.
	WriteOperations(ctx context.Context, want Want, fn func(tx Tx) error) error
	// FindOperation gives the operation of that number, or ErrNotFound.
	FindOperation(ctx context.Context, number int64) (*Operation, error)
	// ListOperations gives operations, the newest first.
	ListOperations(ctx context.Context, f Filter) ([]*Operation, error)
	// OperationTimeline gives the entries of an operation in their order.
	OperationTimeline(ctx context.Context, number int64) ([]Entry, error)
	// DueOperations gives operations whose NextDue is not after now, those that have waited longest first, and of them those that come
	// behind after; the zero Due is before all.
	DueOperations(ctx context.Context, now time.Time, after Due, limit int) ([]Due, error)
	// TookOperations gives how long the newest operations of a word on a project took that were done.
	TookOperations(ctx context.Context, word, project string, limit int) ([]time.Duration, error)
	// LockOf tells who holds a project's lock.
	LockOf(ctx context.Context, project string) (Lock, error)
}
