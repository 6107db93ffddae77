package store

import "context"

// scanner reads one row.
type scanner func(dest ...any) error

// driver is what the store needs of a database. There are two.
type driver interface {
	dialect() dialect
	// begin starts a write transaction. That the server is away may be found out later.
	begin(ctx context.Context) (session, error)
	// read runs a query outside of any write transaction.
	read(ctx context.Context, q query, each func(scan scanner) error, args ...any) error
	// fault says what an error means.
	fault(err error) fault
	// retired tells the driver that a transaction ended with this error, so that it can mend its connection.
	retired(err error)
	// listen waits for other replicas' news until ctx ends or the connection breaks. A store that nobody shares only waits.
	listen(ctx context.Context, got func(payload string)) error
	close() error
}

// session is one write transaction. After an error the only thing left to do is rollback.
type session interface {
	rows(ctx context.Context, q query, each func(scan scanner) error, args ...any) error
	exec(ctx context.Context, q query, args ...any) (changed int64, err error)
	// send runs statements in their order. They may wait for the next question or the commit, and so may their errors.
	send(ctx context.Context, stmts []stmt) error
	// commit fails with a refused when surely nothing was committed.
	commit(ctx context.Context) error
	rollback(ctx context.Context)
}

// fault says what to do about an error.
type fault int

const (
	broken    fault = iota // a mistake in what was asked: trying again does not help
	repeat                 // lost a race, certainly rolled back: run it again
	conflict               // a row is there already: a lost race at first, else a mistake
	full                   // the disk
	readOnly               // the file or its directory
	locked                 // by another process
	gone                   // server, connection or file
	damaged                // the file
	diskError              // the disk
)

// word is what an operator reads.
func (f fault) word() string {
	switch f {
	case full:
		return "the disk is full"
	case readOnly:
		return "it is read-only"
	case locked:
		return "it is locked by another process"
	case gone:
		return "it is gone"
	case damaged:
		return "it is damaged"
	case diskError:
		return "the disk gives errors"
	case broken, repeat, conflict:
	}
	return "it does not answer"
}
