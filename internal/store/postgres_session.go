package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// lost is an error that cost the connection, or that kept us from getting one.
type lost struct{ err error }

func (e *lost) Error() string { return e.err.Error() }
func (e *lost) Unwrap() error { return e.err }

// pgSession is one transaction on the connection that writes. What it is sent waits for the next question, or for the commit, and
// goes with that in one round trip.
type pgSession struct {
	conn     *pgxpool.Conn
	waiting  []stmt
	answered bool // the server has answered: it knows of the transaction
}

// refused is an error of a statement before the commit, which therefore did not happen.
type refused struct{ err error }

func (e *refused) Error() string { return e.err.Error() }
func (e *refused) Unwrap() error { return e.err }

func (s *pgSession) wrap(err error) error {
	if err != nil && (s.conn == nil || s.conn.Conn().IsClosed()) {
		return &lost{err}
	}
	return err
}

func (s *pgSession) rows(ctx context.Context, q query, each func(scan scanner) error, args ...any) error {
	if len(s.waiting) == 0 {
		return s.wrap(readRows(ctx, s.conn.Conn(), q[postgres], each, args))
	}
	return s.trip(ctx, func(b *pgx.Batch) {
		b.Queue(q[postgres], args...).Query(func(rows pgx.Rows) error { return eachPgRow(rows, each) })
	})
}

// trip sends what waits, and then what last adds.
func (s *pgSession) trip(ctx context.Context, last func(b *pgx.Batch)) error {
	if !s.answered { // a server that does not even begin is not waited for
		within, cancel := context.WithTimeout(ctx, beginWithin)
		defer cancel()
		ctx = within
	}
	b := &pgx.Batch{}
	for _, st := range s.waiting {
		b.Queue(st.text, st.args...)
	}
	s.waiting = nil
	if last != nil {
		last(b)
	}
	err := s.wrap(s.conn.SendBatch(ctx, b).Close())
	s.answered = s.answered || err == nil
	return err
}

func readRows(ctx context.Context, c *pgx.Conn, text string, each func(scan scanner) error, args []any) error {
	rows, err := c.Query(ctx, text, args...)
	if err != nil {
		return err
	}
	return eachPgRow(rows, each)
}

func eachPgRow(rows pgx.Rows, each func(scan scanner) error) error {
	defer rows.Close()
	for rows.Next() {
		if err := each(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (s *pgSession) exec(ctx context.Context, q query, args ...any) (changed int64, err error) {
	err = s.trip(ctx, func(b *pgx.Batch) {
		b.Queue(q[postgres], args...).Exec(func(tag pgconn.CommandTag) error {
			changed = tag.RowsAffected()
			return nil
		})
	})
	return changed, err
}

func (s *pgSession) send(_ context.Context, stmts []stmt) error {
	s.waiting = append(s.waiting, stmts...)
	return nil
}

func (s *pgSession) commit(ctx context.Context) error {
	// Until the server has answered, the connection may be one that it closed long ago. That must be found out while it is sure
	// that nothing was committed, since then a new connection is worth a try.
	if !s.answered {
		if err := s.trip(ctx, nil); err != nil {
			s.rollback(ctx)
			return &refused{err}
		}
	}
	done, all := 0, len(s.waiting)
	var tag pgconn.CommandTag
	b := &pgx.Batch{}
	for _, st := range s.waiting {
		b.Queue(st.text, st.args...).Exec(func(pgconn.CommandTag) error { done++; return nil })
	}
	s.waiting = nil
	b.Queue("COMMIT").Exec(func(t pgconn.CommandTag) error { tag = t; return nil })
	err := s.wrap(s.conn.SendBatch(ctx, b).Close())
	if err == nil && tag.String() != "COMMIT" {
		err = errors.New("the server rolled back: " + tag.String())
	}
	if err != nil {
		s.rollback(ctx)
		if _, ok := errors.AsType[*pgconn.PgError](err); ok && done < all {
			return &refused{err} // the server's own word: what follows a failed statement is not run
		}
		return err
	}
	s.conn.Release()
	s.conn = nil
	return nil
}

// rollback ends the transaction and gives the connection back; a broken one is closed by that.
func (s *pgSession) rollback(ctx context.Context) {
	if s.conn == nil {
		return
	}
	if !s.conn.Conn().IsClosed() && s.conn.Conn().PgConn().TxStatus() != 'I' {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		_, _ = s.conn.Exec(ctx, "ROLLBACK")
		cancel()
	}
	s.conn.Release()
	s.conn = nil
}

// fault tells what PostgreSQL's error code means for us.
func (d *pgDriver) fault(err error) fault {
	if err == nil || errors.Is(err, context.Canceled) {
		return broken
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pgFault(pg.Code)
	}
	var l *lost
	var connect *pgconn.ConnectError
	if errors.As(err, &l) || errors.As(err, &connect) || errors.Is(err, pgconn.ErrConnClosed) ||
		errors.Is(err, context.DeadlineExceeded) || pgconn.Timeout(err) || pgconn.SafeToRetry(err) {
		return gone
	}
	return broken
}

func pgFault(code string) fault {
	switch code {
	case "40001", "40P01", // serialization failure, deadlock
		"0A000", "26000": // another replica changed the schema under our prepared statements
		return repeat
	case "23505": // somebody else wrote that row first
		return conflict
	case "53100":
		return full
	case "25006":
		return readOnly
	case "55P03":
		return locked
	case "57014", "25P03", "42P01": // too slow; we were frozen; our tables are away
		return gone
	case "58030":
		return diskError
	}
	switch code[:2] {
	case "08", "53", "57", "28", "3D":
		return gone
	case "58":
		return diskError
	case "XX":
		return damaged
	}
	return broken
}
