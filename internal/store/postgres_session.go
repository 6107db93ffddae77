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

// pgSession is one transaction on the connection that writes.
type pgSession struct{ conn *pgxpool.Conn }

func (s *pgSession) wrap(err error) error {
	if err != nil && (s.conn == nil || s.conn.Conn().IsClosed()) {
		return &lost{err}
	}
	return err
}

func (s *pgSession) rows(ctx context.Context, q query, each func(scan scanner) error, args ...any) error {
	return s.wrap(readRows(ctx, s.conn.Conn(), q[postgres], each, args))
}

func readRows(ctx context.Context, c *pgx.Conn, text string, each func(scan scanner) error, args []any) error {
	rows, err := c.Query(ctx, text, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (s *pgSession) exec(ctx context.Context, q query, args ...any) (int64, error) {
	tag, err := s.conn.Exec(ctx, q[postgres], args...)
	return tag.RowsAffected(), s.wrap(err)
}

func (s *pgSession) send(ctx context.Context, stmts []stmt) error {
	b := &pgx.Batch{}
	for _, st := range stmts {
		b.Queue(st.text, st.args...)
	}
	return s.wrap(s.conn.SendBatch(ctx, b).Close())
}

func (s *pgSession) commit(ctx context.Context) error {
	tag, err := s.conn.Exec(ctx, "COMMIT")
	if err == nil && tag.String() != "COMMIT" {
		err = errors.New("the server rolled back: " + tag.String())
	}
	err = s.wrap(err)
	if err != nil {
		s.rollback(ctx)
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
