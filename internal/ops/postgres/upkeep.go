package postgres

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Upkeep is what there is to maintain in the database, from one question.
type Upkeep struct {
	Version string
	Standby bool  // it replays another server's changes: nothing can be maintained on it
	Size    int64 // of the whole database, in bytes
	Indexes []Index
	Tables  []Table // whose owner the user is; the largest first
}

// Major is the first number of the version.
func (u *Upkeep) Major() int {
	first, _, _ := strings.Cut(u.Version, ".")
	n, _ := strconv.Atoi(first) // none: older than all
	return n
}

// ConcurrentBroken tells whether indexes that this server builds beside writers can miss rows: PostgreSQL 14 before 14.4 has that fault (release notes
// of 14.4).
func (u *Upkeep) ConcurrentBroken() bool {
	_, rest, _ := strings.Cut(u.Version, ".")
	minor, err := strconv.Atoi(rest)
	return u.Major() == 14 && (err != nil || minor < 4) // what has no number is taken for one
}

// Relation is a table or an index. A name alone does not say that it is still the same one: its OID does.
type Relation struct {
	OID    string `json:"oid"`
	Schema string `json:"schema"`
	Name   string `json:"name"`
	Shown  string `json:"shown"` // as SQL writes it, with its schema
}

func (r Relation) vars() map[string]string {
	return map[string]string{"oid": r.OID, "schema": r.Schema, "name": r.Name}
}

// Table is a table or a materialized view.
type Table struct {
	Relation `json:"relation"`

	Size int64 // bytes, with its indexes
}

// Index is one index of a user's table.
type Index struct {
	Relation `json:"relation"`

	Table     Relation
	Size      int64 // bytes
	Valid     bool
	Leftover  bool // by its name it comes from a REINDEX CONCURRENTLY
	Building  bool // somebody is at it right now
	Exclusion bool // it keeps an exclusion constraint: PostgreSQL rebuilds none of these concurrently
	Owned     bool // the user may rebuild it

	Rows      float64  // entries as the statistics have them; below zero: never counted
	TableRows float64  // likewise, of the table
	Width     *float64 // bytes of an entry's columns; nil: it is no B-tree, or there are no statistics
	Fill      int      // percent of a page that a new one fills
}

// Waste estimates how many bytes a rebuilt index would be smaller when a share (0 to 1) of its table's rows is gone as well. It is the
// arithmetic that check_postgres and others use: what the entries take by their average width, against the size on disk. Columns with few
// different values take less than that since PostgreSQL 13, so it rather tells too little. False: it cannot be told.
func (i *Index) Waste(gone float64) (int64, bool) {
	if i.Width == nil || i.Rows < 0 {
		return 0, false
	}
	const page, usable, pointer, header, align = 8192, 8152.0, 4.0, 8.0, 8.0
	entry := pointer + header + align*float64(int64((*i.Width+align-1)/align))
	pages := i.Rows*(1-gone)*entry/(usable*float64(i.Fill)/100) + 2 // one of its own, one begun
	return max(0, i.Size-int64(pages)*page), true
}

// sqlOwn sets up a session of upkeep: who looks at the server sees whose it is, it waits for no lock for long, and it ends when its psql
// does, where the server can see that (from PostgreSQL 14 on).
const sqlOwn = `\set VERBOSITY terse
set client_min_messages = warning; set statement_timeout = 0; set lock_timeout = '10s'; set application_name = '` + workName + `';
set datestyle = 'ISO, YMD';
do $$ begin perform set_config(name, '1s', false) from pg_settings where name = 'client_connection_check_interval'; end $$;
`

// workName is what sessions of upkeep are called on the server.
const workName = "notebookbot: db maintain"

// sqlUsers are the schemas of users.
const sqlUsers = `n.nspname !~ '^pg_' and n.nspname <> 'information_schema'`

// relation writes a Relation of the pg_class and pg_namespace of these names.
func relation(class, schema string) string {
	return fmt.Sprintf(sqlRelation, class, schema)
}

const sqlRelation = `json_build_object('oid', %[1]s.oid::text, 'schema', %[2]s.nspname, 'name', %[1]s.relname, 'shown', format('%%I.%%I', %[2]s.nspname, %[1]s.relname))`

// sqlVersion comes first: what older servers do not have is not asked for.
const sqlVersion = `select json_build_object('version', split_part(current_setting('server_version'), ' ', 1), 'standby', pg_is_in_recovery());`

// LeastMajor is the first PostgreSQL that rebuilds indexes without holding off writers.
const LeastMajor = 12

// sqlUpkeep: an index of an older rebuild of a table's long values lies in pg_toast.
var sqlUpkeep = `set statement_timeout = '6s'; set lock_timeout = '2s';
select json_build_object('size', pg_database_size(current_database()),
'tables', (select coalesce(json_agg(json_build_object('relation', ` + relation("c", "n") + `, 'size', pg_total_relation_size(c.oid)) order by pg_total_relation_size(c.oid) desc, c.oid), '[]')
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'm') and c.relpersistence <> 't' and ` + sqlUsers + ` and pg_has_role(c.relowner, 'USAGE')),
'indexes', (select coalesce(json_agg(json_build_object('relation', ` + relation("c", "n") + `, 'table', ` + relation("t", "tn") + `,
    'size', pg_relation_size(c.oid), 'valid', i.indisvalid, 'exclusion', i.indisexclusion, 'owned', pg_has_role(t.relowner, 'USAGE'),
    'leftover', not i.indisvalid and c.relname ~ '_cc(new|old)[0-9]*$',
    'building', exists (select from pg_stat_progress_create_index b where b.relid = t.oid and b.datname = current_database()),
    'rows', c.reltuples, 'tablerows', t.reltuples,
    'fill', coalesce((select o.option_value::int from pg_options_to_table(c.reloptions) o where o.option_name = 'fillfactor'), 90),
    'width', case when am.amname = 'btree' then (
      select case when count(*) = count(s.avg_width) then sum(s.avg_width * (1 - s.null_frac)) end
      from pg_attribute a left join pg_attribute ta on ta.attrelid = i.indrelid and ta.attnum = i.indkey[a.attnum - 1] and ta.attnum > 0
      left join pg_stats s on s.schemaname = n.nspname and not s.inherited
        and case when ta.attnum is null then s.tablename = c.relname and s.attname = a.attname else s.tablename = t.relname and s.attname = ta.attname end
      where a.attrelid = c.oid) end)
    order by pg_relation_size(c.oid) desc, c.oid), '[]')
  from pg_index i join pg_class c on c.oid = i.indexrelid join pg_class t on t.oid = i.indrelid join pg_namespace n on n.oid = c.relnamespace
    join pg_namespace tn on tn.oid = t.relnamespace join pg_am am on am.oid = c.relam
  where c.relkind = 'i' and c.relpersistence <> 't' and (` + sqlUsers + ` or n.nspname = 'pg_toast' and not i.indisvalid)));
`

// Upkeep looks at what there is to maintain. Of a server before LeastMajor it tells the version alone. The errors are those of Ready.
func (d *Database) Upkeep(ctx context.Context) (*Upkeep, error) {
	var u Upkeep
	if err := d.read(ctx, d.cfg.Name, sqlVersion, nil, &u); err != nil || u.Major() < LeastMajor {
		return &u, err
	}
	if err := d.read(ctx, d.cfg.Name, sqlUpkeep, nil, &u); err != nil {
		return nil, err
	}
	return &u, nil
}

// Work tells whether a session of upkeep is at work on the server: the one of a bot that died goes on until it notices.
func (d *Database) Work(ctx context.Context) (bool, error) {
	n, err := d.ask(ctx, d.cfg.Name, sqlWork("count(*)"), map[string]string{"who": workName})
	return n != "0", err
}

// EndWork ends the sessions of upkeep that an earlier bot left, and waits until they have ended.
func (d *Database) EndWork(ctx context.Context) error {
	ctx, cancel := limit(ctx)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		n, err := d.ask(ctx, d.cfg.Name, sqlWork("count(pg_terminate_backend(pid))"), map[string]string{"who": workName})
		if err != nil || n == "0" {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

func sqlWork(what string) string {
	return "select " + what + " from pg_stat_activity where application_name = :'who' and datname = current_database() and pid <> pg_backend_pid();"
}
