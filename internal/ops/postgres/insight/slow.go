package insight

import (
	"context"
	"slices"
	"strings"
	"time"
)

// Slow is which statements cost the server's time.
type Slow struct {
	// Missing says why the server's own count of statements cannot be read, by code: package (it is not installed), preload (it is not loaded),
	// extension (it is not switched on in this database), right (the user may not read it), columns (it is of an unknown form). Empty: it can.
	Missing  []string
	Database string
	User     string

	Statements []Statement // by their share of the time, the greatest first
	Count      int         // of all statements of this database
	Hidden     int         // statements whose text the user may not see; their time counts
	Total      time.Duration
	Since      time.Time // zero: this version does not tell
	Dropped    int64     // how often the least used were thrown away, because there were too many; negative: not known

	Running    []Running // longer than a second, the longest first
	RightToAll bool      // false: what others run is not seen
}

// Statement is statements that differ in their values alone.
type Statement struct {
	Text    string // hostile; without literals
	Share   float64
	Calls   int64
	Total   time.Duration
	Longest time.Duration // zero: not known
	Rows    int64
}

// Mean is how long one took.
func (s *Statement) Mean() time.Duration { return s.Total / time.Duration(max(1, s.Calls)) }

// RowsPerCall is how many rows one gave or changed.
func (s *Statement) RowsPerCall() float64 { return float64(s.Rows) / float64(max(1, s.Calls)) }

// Running is a statement that runs now.
type Running struct {
	PID      int
	User     string
	App      string // as it calls itself: hostile
	For      time.Duration
	WaitsFor string // Lock, IO, …; empty: it works
	Text     string
}

// sqlSources looks for the extension's view where the extension put it: one of that name in another schema is somebody else's.
const sqlSources = `with view as (
  select c.oid, n.nspname, c.relname from pg_extension e join pg_namespace n on n.oid = e.extnamespace
  join pg_class c on c.relnamespace = n.oid and c.relname in ('pg_stat_statements', 'pg_stat_statements_info')
  join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = c.oid and d.refclassid = 'pg_extension'::regclass and d.refobjid = e.oid and d.deptype = 'e'
  where e.extname = 'pg_stat_statements'
)
select json_build_object(
  'database', current_database(), 'user', current_user, 'right', ` + hasRight + `,
  'package', exists (select from pg_available_extensions where name = 'pg_stat_statements'),
  'preload', exists (select from pg_settings where name = 'pg_stat_statements.max'),
  'schema', (select nspname from view where relname = 'pg_stat_statements'),
  'readable', (select has_table_privilege(oid, 'select') and has_schema_privilege(nspname, 'usage') from view where relname = 'pg_stat_statements'),
  'columns', (select json_agg(attname) from pg_attribute where attrelid = (select oid from view where relname = 'pg_stat_statements') and attnum > 0 and not attisdropped),
  'info', exists (select from view where relname = 'pg_stat_statements_info' and has_table_privilege(oid, 'select')),
  'running', (select json_agg(x) from (
    select pid, usename as user, application_name as app, extract(epoch from clock_timestamp() - query_start) as seconds, wait_event_type as waits, left(query, 4000) as text
    from pg_stat_activity where state = 'active' and backend_type = 'client backend' and pid <> pg_backend_pid() and datname = current_database()
      and clock_timestamp() - query_start > interval '1 second' order by query_start limit 10) x));`

type sources struct {
	Database, User string
	Right          bool
	Package        bool
	Preload        bool
	Schema         *string
	Readable, Info bool
	Columns        []string
	Running        []struct {
		PID       int
		User, App string
		Seconds   *float64
		Waits     string
		Text      string
	}
}

// columns gives the names of the columns that hold the time of all calls and of the longest, in milliseconds. The first were called otherwise before
// PostgreSQL 13. Empty: the view has no such column.
func (s *sources) columns() (total, longest string) {
	pick := func(names ...string) string {
		for _, n := range names {
			if slices.Contains(s.Columns, n) {
				return n
			}
		}
		return ""
	}
	for _, n := range []string{"queryid", "query", "dbid", "calls", "rows"} {
		if pick(n) == "" {
			return "", ""
		}
	}
	return pick("total_exec_time", "total_time"), pick("max_exec_time", "max_time")
}

func (s *sources) missing() []string {
	var out []string
	total, _ := s.columns()
	switch {
	case s.Schema == nil && !s.Package:
		out = append(out, "package")
		fallthrough
	case s.Schema == nil && !s.Preload:
		out = append(out, "preload")
		fallthrough
	case s.Schema == nil:
		out = append(out, "extension")
	case !s.Preload:
		out = append(out, "preload")
	case !s.Readable:
		out = append(out, "right")
	case total == "":
		out = append(out, "columns")
	}
	if i := slices.Index(out, "preload"); i >= 0 && s.Preload {
		out = slices.Delete(out, i, i+1)
	}
	return out
}

// sqlStatements is put together of names that stand in the catalog and in this file.
func (s *sources) sqlStatements() string {
	total, longest := s.columns()
	if longest == "" {
		longest = "null::float8"
	}
	schema, info := quoted(*s.Schema), "'dropped', null"
	if s.Info {
		info = "'since', (select extract(epoch from stats_reset) from " + schema + ".pg_stat_statements_info), 'dropped', (select dealloc from " + schema + ".pg_stat_statements_info)"
	}
	return strings.NewReplacer("{total}", total, "{longest}", longest, "{schema}", schema, "{info}", info).Replace(`with s as (
  select queryid, min(query) as query, sum({total})::float8 as total, max({longest})::float8 as longest, sum(calls)::bigint as calls, sum(rows)::bigint as rows
  from {schema}.pg_stat_statements where dbid = (select oid from pg_database where datname = current_database()) group by queryid
)
select json_build_object('total', (select coalesce(sum(total), 0) from s), 'count', (select count(*) from s where queryid is not null),
  'hidden', (select count(*) from {schema}.pg_stat_statements where queryid is null and dbid = (select oid from pg_database where datname = current_database())), {info},
  'statements', (select json_agg(x) from (select left(query, 4000) as text, total, longest, calls, rows from s where queryid is not null order by total desc, query limit 10) x));`)
}

// Slow looks at the server's count of statements, and at what runs now.
func (d *Database) Slow(ctx context.Context) (*Slow, error) { return d.slow(ctx, partWithin) }

func (d *Database) slow(ctx context.Context, within time.Duration) (*Slow, error) {
	var from sources
	begin := time.Now()
	if err := d.look(ctx, within, sqlSources, &from); err != nil {
		return nil, err
	}
	see := d.eyes()
	out := &Slow{Missing: from.missing(), Database: see.name(from.Database), User: see.name(from.User), RightToAll: from.Right, Dropped: -1}
	for _, r := range from.Running {
		out.Running = append(out.Running, Running{
			PID: r.PID, User: see.name(r.User), App: see.name(r.App), For: span(r.Seconds), WaitsFor: see.name(r.Waits), Text: see.statement(r.Text),
		})
	}
	if len(out.Missing) > 0 {
		return out, nil
	}
	var a struct {
		Total         float64
		Count, Hidden int
		Since         *float64
		Dropped       *int64
		Statements    []struct {
			Text        string
			Total       float64
			Longest     *float64
			Calls, Rows int64
		}
	}
	if err := d.look(ctx, max(2*grace, within-time.Since(begin)), from.sqlStatements(), &a); err != nil {
		return nil, err
	}
	out.Count, out.Hidden, out.Total, out.Since = a.Count, a.Hidden, milliseconds(a.Total), moment(a.Since)
	if a.Dropped != nil {
		out.Dropped = *a.Dropped
	}
	for _, r := range a.Statements {
		one := Statement{Text: see.statement(r.Text), Calls: r.Calls, Rows: r.Rows, Total: milliseconds(r.Total)}
		if r.Longest != nil {
			one.Longest = milliseconds(*r.Longest)
		}
		if a.Total > 0 {
			one.Share = r.Total / a.Total
		}
		out.Statements = append(out.Statements, one)
	}
	return out, nil
}

func milliseconds(ms float64) time.Duration {
	s := ms / 1000
	return span(&s)
}
