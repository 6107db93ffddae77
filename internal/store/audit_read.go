package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/ai-notebook/notebookbot/internal/audit"
)

// ErrNoAudit says that the store has no audit log: no bot that keeps one has opened it yet.
var ErrNoAudit = errors.New("the store has no audit log yet: a bot that keeps one has never opened it")

// AuditLog reads the audit log.
type AuditLog struct {
	read func(ctx context.Context, q query, each func(scan scanner) error, args ...any) error
	// explain gives an error its word.
	explain func(err error) error
	close   func() error
}

// Audit is the log of this store.
func (s *Store) Audit() *AuditLog {
	return &AuditLog{read: s.db.read, explain: s.explain, close: func() error { return nil }}
}

// OpenAudit opens the log of a store that a running bot may have open, and changes nothing in it. The caller closes it.
func OpenAudit(ctx context.Context, url string) (*AuditLog, error) {
	l, err := openAudit(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	if err := l.known(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("store: %w", err), l.close())
	}
	return l, nil
}

var readMade = query{
	lite:     `SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = 'schema_version'`,
	postgres: `SELECT COUNT(*) FROM pg_tables WHERE schemaname = current_schema() AND tablename = 'schema_version'`,
}

// known checks that the store has a log, and one of the form that this program knows.
func (l *AuditLog) known(ctx context.Context) error {
	var made, version int
	if err := l.read(ctx, readMade, func(scan scanner) error { return scan(&made) }); err != nil {
		return l.explain(err)
	}
	if made == 0 {
		return ErrNoAudit
	}
	if err := l.read(ctx, readVersion, func(scan scanner) error { return scan(&version) }); err != nil {
		return l.explain(err)
	}
	switch newest := steps[len(steps)-1].version; {
	case version < auditStep.version:
		return ErrNoAudit
	case version > newest:
		return &NewerError{Schema: version, Known: newest}
	}
	return nil
}

func openAudit(ctx context.Context, url string) (*AuditLog, error) {
	same := func(err error) error { return err }
	if name, ok := strings.CutPrefix(url, "sqlite:"); ok {
		path, err := filepath.Abs(name)
		if err != nil {
			return nil, err
		}
		if _, err := os.Stat(path); err != nil {
			return nil, err
		}
		d := &liteDriver{path: path}
		d.readers, err = sql.Open("sqlite", d.dsn("query_only(1)", fmt.Sprintf("busy_timeout(%d)", busyMillis)))
		if err != nil {
			return nil, err
		}
		return &AuditLog{read: d.read, explain: same, close: d.readers.Close}, nil
	}
	cfg, err := parsePostgres(url)
	if err != nil {
		return nil, err
	}
	d := &pgDriver{}
	if d.readers, err = newPool(ctx, cfg, 1); err != nil {
		return nil, scrub(err, cfg.ConnConfig.Password)
	}
	return &AuditLog{
		read:    d.read,
		explain: func(err error) error { return scrub(err, cfg.ConnConfig.Password) },
		close:   func() error { d.readers.Close(); return nil },
	}, nil
}

// Close gives back what OpenAudit took.
func (l *AuditLog) Close() error { return l.close() }

var (
	readHead    = both(`SELECT seq, hash FROM audit_head`)
	readEntries = both(`SELECT seq, at, actor, target, word, verdict, doc FROM audit_log WHERE seq > $1 ORDER BY seq LIMIT $2`)
	readSeqAt   = both(`SELECT COALESCE(MIN(seq), 0) FROM audit_log WHERE at >= $1`)
)

// Head is the end of the log as the store remembers it. Verify tells whether the log has it.
func (l *AuditLog) Head(ctx context.Context) (audit.Head, error) {
	var h audit.Head
	err := l.read(ctx, readHead, func(scan scanner) error { return scan(&h.Seq, &h.Hash) })
	return h, l.explain(err)
}

// SeqSince gives the number of the first entry that is not older; 0: there is none.
func (l *AuditLog) SeqSince(ctx context.Context, t time.Time) (int64, error) {
	var seq int64
	err := l.read(ctx, readSeqAt, func(scan scanner) error { return scan(&seq) }, micros(t))
	return seq, l.explain(err)
}

const entriesAtOnce = 500

// Entries goes through the log behind the entry of that number (0: from its beginning), in the order of its numbers. An entry whose
// row was touched is an *audit.BrokenError.
func (l *AuditLog) Entries(ctx context.Context, after int64) iter.Seq2[audit.Entry, error] {
	return func(yield func(audit.Entry, error) bool) {
		for {
			page := make([]audit.Entry, 0, entriesAtOnce)
			err := l.read(ctx, readEntries, func(scan scanner) error {
				e, err := scanEntry(scan)
				page = append(page, e)
				return err
			}, after, entriesAtOnce)
			if err != nil {
				page = page[:max(0, len(page)-1)]
			}
			for _, e := range page {
				if !yield(e, nil) {
					return
				}
				after = e.Seq
			}
			if err != nil {
				yield(audit.Entry{}, l.explain(err))
				return
			}
			if len(page) < entriesAtOnce {
				return
			}
		}
	}
}

// scanEntry reads a row and holds its columns against its entry: they are what the log is searched by.
func scanEntry(scan scanner) (audit.Entry, error) {
	var seq, at int64
	var actor, target, word, verdict, doc string
	if err := scan(&seq, &at, &actor, &target, &word, &verdict, &doc); err != nil {
		return audit.Entry{}, err
	}
	e, err := audit.Decode(seq, doc)
	if err != nil {
		return e, err
	}
	if micros(e.At) != at || e.Actor != actor || e.Target != target || e.Word != word || string(e.Verdict) != verdict {
		return e, &audit.BrokenError{Seq: seq, What: audit.Changed}
	}
	return e, nil
}

// Verify goes through the whole log and holds it against its head and against heads that were told before.
func (l *AuditLog) Verify(ctx context.Context, told ...audit.Head) (audit.Head, error) {
	head, err := l.Head(ctx)
	if err != nil {
		return audit.Head{}, err
	}
	return audit.Verify(l.Entries(ctx, 0), append([]audit.Head{head}, told...)...)
}

// List gives entries, the newest first.
func (l *AuditLog) List(ctx context.Context, f audit.Filter) ([]audit.Entry, error) {
	where := []string{"seq > 0"}
	var args []any
	arg := func(v any) string {
		args = append(args, v)
		return "$" + strconv.Itoa(len(args))
	}
	if f.Actor != "" {
		where = append(where, "actor = "+arg(clean(f.Actor)))
	}
	if f.Target != "" {
		where = append(where, "target = "+arg(clean(f.Target)))
	}
	if f.Verdict != "" {
		where = append(where, "verdict = "+arg(clean(string(f.Verdict))))
	}
	if f.Word != "" { // or a word of that family
		w := clean(f.Word)
		where = append(where, fmt.Sprintf("(word = %s OR substr(word, 1, %d) = %s)", arg(w), len([]rune(w))+1, arg(w+".")))
	}
	if !f.Since.IsZero() {
		where = append(where, "at >= "+arg(micros(f.Since)))
	}
	if f.Before > 0 {
		where = append(where, "seq < "+arg(f.Before))
	}
	if f.Limit <= 0 {
		f.Limit = defaultLimit
	}
	q := "SELECT seq, at, actor, target, word, verdict, doc FROM audit_log WHERE " + strings.Join(where, " AND ") +
		" ORDER BY seq DESC LIMIT " + arg(f.Limit)
	var out []audit.Entry
	err := l.read(ctx, both(q), func(scan scanner) error {
		e, err := scanEntry(scan)
		out = append(out, e)
		return err
	}, args...)
	return out, l.explain(err)
}
