package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/gofrs/flock"
)

// liteDriver is one SQLite file: one connection that writes, some that read. The committer alone uses the writer.
type liteDriver struct {
	path    string
	log     *slog.Logger
	lock    *flock.Flock
	readers *sql.DB
	file    fs.FileInfo // which file it was

	writers *sql.DB
	writer  *liteWriter // nil: to be opened
}

// busyMillis is how long SQLite waits for another process that holds its file.
const busyMillis = 3000

func openLite(ctx context.Context, name string, log *slog.Logger, opts Options) (_ *liteDriver, err error) {
	path, err := realPath(name)
	if err != nil {
		return nil, err
	}
	d := &liteDriver{path: path, log: log, lock: flock.New(path + ".lock")}
	free, err := d.lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path+".lock", err)
	}
	if !free {
		return nil, fmt.Errorf("%s %w: stop that one, or give this one a store of its own", path, ErrInUse)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.close())
		}
	}()
	// Requests carry addresses that answer in somebody's name: the file is the bot's alone.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, err
	}
	if d.file, err = f.Stat(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if err := f.Close(); err != nil {
		return nil, err
	}

	ses, err := d.begin(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	from, to, err := migrate(ctx, ses, steps)
	if err == nil {
		// Nobody else holds this file, so whoever held a claim is dead.
		err = ses.send(ctx, []stmt{
			{`UPDATE outbox SET next_at = 0 WHERE head = 1 AND claimed_by <> ''`, nil},
			{`UPDATE inbox SET claimed_until = 0 WHERE state = 0 AND claimed_until > 0`, nil},
		})
	}
	if err == nil {
		err = ses.commit(ctx)
	} else {
		ses.rollback(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if from != to {
		log.InfoContext(ctx, "store schema brought up to date", "from", from, "to", to)
	}
	d.readers, err = sql.Open("sqlite", d.dsn("query_only(1)", "busy_timeout(3000)"))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	d.readers.SetMaxOpenConns(opts.Readers)
	d.readers.SetMaxIdleConns(opts.Readers)
	return d, nil
}

// ErrInUse says that another process holds the store's file.
var ErrInUse = errors.New("is in use by another notebookbot")

// realPath is the one name of a store's file: two names of one file share one lock.
func realPath(name string) (string, error) {
	path, err := filepath.Abs(name)
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	return path, nil
}

// Socket is where the process that holds the store of that address answers terminals: beside the file. Empty: several processes may
// hold it.
func Socket(url string) (string, error) {
	name, ok := strings.CutPrefix(url, "sqlite:")
	if !ok {
		return "", nil
	}
	path, err := realPath(name)
	return path + ".sock", err
}

// dsn names the file so that SQLite never makes a new one where the old one is missing.
func (d *liteDriver) dsn(pragmas ...string) string {
	q := url.Values{"mode": {"rw"}, "_txlock": {"immediate"}, "_pragma": pragmas}
	return (&url.URL{Scheme: "file", Path: d.path, RawQuery: q.Encode()}).String()
}

func (d *liteDriver) dialect() dialect { return lite }

// errMissing says that the file is not where it was.
var errMissing = errors.New("the store's file was removed or replaced: put it back, or start the program anew")

// unmoved checks that the file is still the one that was opened. What SQLite writes to a removed file is lost at its end.
func (d *liteDriver) unmoved() error {
	info, err := os.Stat(d.path)
	if err != nil {
		return fmt.Errorf("%w: %w", errMissing, err)
	}
	if !os.SameFile(info, d.file) {
		return errMissing
	}
	return nil
}

func (d *liteDriver) begin(ctx context.Context) (session, error) {
	if err := d.unmoved(); err != nil {
		return nil, err
	}
	if d.writer == nil {
		if err := d.openWriter(ctx); err != nil {
			return nil, err
		}
	}
	if err := d.writer.exec0(ctx, "BEGIN IMMEDIATE"); err != nil {
		return nil, err
	}
	return d.writer, nil
}

// openWriter opens the connection that writes, and refuses it when its settings did not take.
func (d *liteDriver) openWriter(ctx context.Context) error {
	db, err := sql.Open("sqlite", d.dsn(
		fmt.Sprintf("busy_timeout(%d)", busyMillis), "journal_mode(WAL)", "synchronous(FULL)",
		"journal_size_limit(67108864)", "temp_store(MEMORY)", "cache_size(-32768)"))
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	conn, err := db.Conn(ctx)
	if err != nil {
		return errors.Join(err, db.Close())
	}
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "busy_timeout": fmt.Sprint(busyMillis)} {
		var got string
		err := conn.QueryRowContext(ctx, "PRAGMA "+pragma).Scan(&got)
		if err == nil && !strings.EqualFold(got, want) {
			err = fmt.Errorf("PRAGMA %s is %s, not %s: SQLite cannot keep its promises on this file system", pragma, got, want)
		}
		if err != nil {
			return errors.Join(err, conn.Close(), db.Close())
		}
	}
	d.writers, d.writer = db, &liteWriter{conn: conn, stmts: map[string]*sql.Stmt{}}
	return nil
}

func (d *liteDriver) closeWriter() error {
	if d.writers == nil {
		return nil
	}
	err := errors.Join(d.writer.close(), d.writers.Close())
	d.writers, d.writer = nil, nil
	return err
}

// retired gives the connection up after errors that stay with it: a file that was opened read-only stays so for its connection.
func (d *liteDriver) retired(err error) {
	switch d.fault(err) {
	case broken, repeat, conflict, locked, full:
		return
	case readOnly, gone, damaged, diskError:
	}
	if err := d.closeWriter(); err != nil {
		d.log.Warn("closing the store's connection", "err", err)
	}
}

func (d *liteDriver) read(ctx context.Context, q query, each func(scan scanner) error, args ...any) error {
	rows, err := d.readers.QueryContext(ctx, q[lite], liteArgs(args)...)
	if err != nil {
		return err
	}
	return eachRow(rows, each)
}

// listen has nobody to listen to: one process holds the file.
func (d *liteDriver) listen(ctx context.Context, _ func(string)) error {
	<-ctx.Done()
	return nil
}

func (d *liteDriver) close() error {
	var errs []error
	if d.readers != nil {
		errs = append(errs, d.readers.Close())
	}
	errs = append(errs, d.closeWriter(), d.lock.Unlock())
	return errors.Join(errs...)
}
