package store

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"syscall"

	"modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"
)

// liteWriter is the connection that writes, and its transaction while there is one. Its statements stay prepared. They run
// without a deadline: nothing in a transaction waits for anybody once it has begun.
type liteWriter struct {
	conn  *sql.Conn
	stmts map[string]*sql.Stmt
}

func (w *liteWriter) prepare(ctx context.Context, text string) (*sql.Stmt, error) {
	if s, ok := w.stmts[text]; ok {
		return s, nil
	}
	s, err := w.conn.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	w.stmts[text] = s
	return s, nil
}

func (w *liteWriter) rows(ctx context.Context, q query, each func(scan scanner) error, args ...any) error {
	ctx = context.WithoutCancel(ctx)
	s, err := w.prepare(ctx, q[lite]) //nolint:sqlclosecheck // kept prepared, closed with the connection
	if err != nil {
		return err
	}
	rows, err := s.QueryContext(ctx, liteArgs(args)...)
	if err != nil {
		return err
	}
	return eachRow(rows, each)
}

func eachRow(rows *sql.Rows, each func(scan scanner) error) (err error) {
	defer func() {
		if e := rows.Close(); err == nil {
			err = e
		}
	}()
	for rows.Next() {
		if err := each(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (w *liteWriter) exec(ctx context.Context, q query, args ...any) (int64, error) {
	ctx = context.WithoutCancel(ctx)
	s, err := w.prepare(ctx, q[lite]) //nolint:sqlclosecheck // kept prepared, closed with the connection
	if err != nil {
		return 0, err
	}
	res, err := s.ExecContext(ctx, liteArgs(args)...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

func (w *liteWriter) exec0(ctx context.Context, text string) error {
	_, err := w.exec(ctx, query{lite: text})
	return err
}

func (w *liteWriter) send(ctx context.Context, stmts []stmt) error {
	for _, st := range stmts {
		if _, err := w.exec(ctx, query{lite: st.text}, st.args...); err != nil {
			return err
		}
	}
	return nil
}

func (w *liteWriter) commit(ctx context.Context) error {
	err := w.exec0(ctx, "COMMIT")
	if err != nil {
		w.rollback(ctx)
	}
	return err
}

// rollback ends the transaction. Some errors (a full disk) have ended it already.
func (w *liteWriter) rollback(ctx context.Context) {
	_ = w.exec0(ctx, "ROLLBACK")
}

func (w *liteWriter) close() error {
	var errs []error
	for _, s := range w.stmts {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, w.conn.Close())...)
}

// fault tells what SQLite's result code means for us.
func (d *liteDriver) fault(err error) fault {
	var e *sqlite.Error
	switch {
	case errors.Is(err, errMissing):
		return gone
	case errors.As(err, &e):
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return full
	case errors.Is(err, syscall.EROFS), errors.Is(err, fs.ErrPermission):
		return readOnly
	default:
		return broken
	}
	switch e.Code() {
	case codes.SQLITE_READONLY_DBMOVED:
		return gone
	case codes.SQLITE_IOERR_SHMSIZE: // the index of the log could not grow
		return full
	}
	switch e.Code() & 0xff {
	case codes.SQLITE_BUSY, codes.SQLITE_LOCKED, codes.SQLITE_PROTOCOL:
		return locked
	case codes.SQLITE_FULL:
		return full
	case codes.SQLITE_READONLY, codes.SQLITE_PERM:
		return readOnly
	case codes.SQLITE_CANTOPEN:
		return gone
	case codes.SQLITE_CORRUPT, codes.SQLITE_NOTADB:
		return damaged
	case codes.SQLITE_IOERR:
		return diskError
	}
	return broken
}
