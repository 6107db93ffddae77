package insight

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops/postgres"
	"github.com/ai-notebook/notebookbot/internal/ops/redact"
)

// Asker asks the application's database: with psql in its container, or by its address. The last of the statements gives one value.
type Asker interface {
	Ask(ctx context.Context, statements string) (string, error)
}

var _ Asker = (*postgres.Database)(nil)

// Config says which database is looked at.
type Config struct {
	Database Asker
	Redact   func() *redact.Redactor // knows the application's secrets; nil: their forms alone
	Now      func() time.Time
}

// Database is looked at. It keeps nothing between two looks.
type Database struct {
	asker  Asker
	redact func() *redact.Redactor
	now    func() time.Time
}

// New makes a Database.
func New(cfg Config) *Database {
	d := &Database{asker: cfg.Database, redact: cfg.Redact, now: cfg.Now}
	if d.redact == nil {
		d.redact = func() *redact.Redactor { return nil }
	}
	if d.now == nil {
		d.now = time.Now
	}
	return d
}

// How long looks may take. All of an overview ends within the eight seconds that a command waits: five looks, two at a time.
const (
	partWithin  = 6 * time.Second
	shortWithin = 2400 * time.Millisecond
	grace       = 400 * time.Millisecond // the server gives up before we do, so that its refusal is heard
)

// opening is what each look begins with. A path of pg_catalog alone keeps what the application calls now() or count() from being called instead.
func opening(within time.Duration) string {
	return `set client_encoding = 'UTF8'; set search_path = pg_catalog; set application_name = 'notebookbot';
set lock_timeout = '500ms'; set statement_timeout = ` + strconv.FormatInt((within-grace).Milliseconds(), 10) + `;
begin transaction read only;
`
}

// look asks and reads the JSON value that comes. Its error is a *Trouble unless ctx itself has ended.
func (d *Database) look(ctx context.Context, within time.Duration, statement string, into any) error {
	inner, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	text, err := d.asker.Ask(inner, opening(within)+statement)
	switch {
	case err != nil && ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return d.trouble(inner, within, err)
	}
	if err := json.Unmarshal([]byte(text), into); err != nil {
		return &Trouble{Code: "failed", Text: "its answer cannot be read", Err: fmt.Errorf("read the database's answer: %w", err)}
	}
	return nil
}

// hasRight is SQL: the user sees what others do. The role came with PostgreSQL 10, like the columns that are read here.
const hasRight = `(select coalesce(bool_or(pg_has_role(oid, 'usage')), false) from pg_roles where rolname = 'pg_read_all_stats')`

// statistics is SQL: since when the statistics of this database count, in seconds since 1970, null where that is not known; and when the server started.
const statistics = `'reset', (select extract(epoch from stats_reset) from pg_stat_database where datname = current_database()),
  'started', extract(epoch from pg_postmaster_start_time())`

// counted is what statistics gives.
type counted struct {
	Reset   *float64
	Started float64
}

// Statistics says since when the server counts.
type Statistics struct {
	Since time.Time // zero: the server does not tell
	// Started is when the server was started: where Since is zero, it counts at least since then, unless it crashed in between.
	Started time.Time
}

// Age is how old they are at least.
func (s Statistics) Age(now time.Time) time.Duration {
	if s.Since.IsZero() {
		return max(0, now.Sub(s.Started))
	}
	return max(0, now.Sub(s.Since))
}

func (c counted) statistics() Statistics {
	s := Statistics{Started: moment(&c.Started)}
	s.Since = moment(c.Reset)
	return s
}

// moment is a time that came as seconds since 1970; zero: none came.
func moment(seconds *float64) time.Time {
	if seconds == nil || *seconds <= 0 || *seconds > 1e11 {
		return time.Time{}
	}
	return time.UnixMilli(int64(*seconds * 1000)).UTC()
}

// span is a length of time that came as seconds; zero: none came.
func span(seconds *float64) time.Duration {
	if seconds == nil {
		return 0
	}
	const most = 1e9 // thirty years
	return time.Duration(min(max(*seconds, 0), most) * float64(time.Second))
}

// quoted is a name as SQL writes it.
func quoted(name string) string {
	out := []byte{'"'}
	for i := range len(name) {
		if name[i] == '"' {
			out = append(out, '"')
		}
		out = append(out, name[i])
	}
	return string(append(out, '"'))
}
