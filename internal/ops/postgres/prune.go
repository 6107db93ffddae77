package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// What a table that is to be pruned may be wrong in.
var (
	ErrNoTable     = errors.New("there is no such table")
	ErrManyTables  = errors.New("several tables could be meant")
	ErrNotPlain    = errors.New("it is no plain table") // a view, or one whose partitions are tables themselves
	ErrNoColumn    = errors.New("the table has no such column")
	ErrNotTime     = errors.New("the column is neither a timestamp nor a date")
	ErrNotAllowed  = errors.New("the user may not delete from the table")
	pruneTypes     = map[string]bool{"timestamp with time zone": true, "timestamp without time zone": true, "date": true}
	errNotCounting = errors.New("the server does not tell how many rows it deleted")
)

// Prunable is a table of which old rows go.
type Prunable struct {
	Relation
	Column  string  `json:"column"`
	Type    string  `json:"type"`    // of the column; one of pruneTypes
	Indexed bool    `json:"indexed"` // by the column, so that the old rows are found without reading the table
	Rows    float64 `json:"rows"`    // of the table, as its statistics have it; below zero: never counted

	Cascades []string `json:"cascades"` // tables of which rows go or change as well
	Refusing []string `json:"refusing"` // tables that keep what they refer to
	Triggers []string `json:"triggers"` // what runs for each row
}

// sqlPrunable finds a table by its name as people write it, with or without schema and quotes. Nothing is parsed.
var sqlPrunable = `select coalesce(json_agg(x), '[]') from (select ` + relation("c", "n") + ` as relation, c.relkind as kind, c.reltuples as rows,
  coalesce(a.attname, '') as column, coalesce(format_type(a.atttypid, null), '') as type,
  has_table_privilege(c.oid, 'DELETE') and has_table_privilege(c.oid, 'SELECT') and has_table_privilege(c.oid, 'UPDATE') as allowed,
  exists (select from pg_index i join pg_class x on x.oid = i.indexrelid join pg_am m on m.oid = x.relam
    where i.indrelid = c.oid and i.indkey[0] = a.attnum and i.indisvalid and i.indpred is null and m.amname = 'btree') as indexed,
  (select coalesce(json_agg(distinct f.conrelid::regclass::text), '[]') from pg_constraint f where f.confrelid = c.oid and f.contype = 'f' and f.confdeltype in ('c', 'n', 'd')) as cascades,
  (select coalesce(json_agg(distinct f.conrelid::regclass::text), '[]') from pg_constraint f where f.confrelid = c.oid and f.contype = 'f' and f.confdeltype in ('a', 'r')) as refusing,
  (select coalesce(json_agg(t.tgname), '[]') from pg_trigger t where t.tgrelid = c.oid and not t.tgisinternal and t.tgenabled <> 'D' and t.tgtype & 8 > 0) as triggers
from pg_class c join pg_namespace n on n.oid = c.relnamespace
  left join pg_attribute a on a.attrelid = c.oid and a.attname = :'column' and a.attnum > 0 and not a.attisdropped
where c.relkind in ('r', 'p', 'v', 'm', 'f') and ` + sqlUsers + `
  and (:'table' in (n.nspname || '.' || c.relname, format('%I.%I', n.nspname, c.relname)) or :'table' in (c.relname, format('%I', c.relname)) and pg_table_is_visible(c.oid))) x;
`

// Prunable looks a table and its column up in the catalog. The errors that it knows are those above.
func (d *Database) Prunable(ctx context.Context, table, column string) (*Prunable, error) {
	var found []struct {
		Prunable
		Relation Relation
		Kind     string
		Allowed  bool
	}
	if err := d.read(ctx, d.cfg.Name, sqlPrunable, map[string]string{"table": table, "column": column}, &found); err != nil {
		return nil, err
	}
	switch {
	case len(found) == 0:
		return nil, ErrNoTable
	case len(found) > 1:
		return nil, ErrManyTables
	}
	f := found[0]
	p := f.Prunable
	p.Relation = f.Relation
	switch {
	case f.Kind != "r":
		return nil, ErrNotPlain
	case p.Column == "":
		return nil, ErrNoColumn
	case !pruneTypes[p.Type]:
		return nil, ErrNotTime
	case !f.Allowed:
		return nil, ErrNotAllowed
	}
	return &p, nil
}

func (p *Prunable) varsBefore(before time.Time) map[string]string {
	v := p.vars()
	v["column"], v["before"] = p.Column, before.UTC().Format(time.RFC3339Nano)
	return v
}

// older is the condition of what is older than the cut-off. As in the guide's own statements, a time without a zone counts in the server's.
func (p *Prunable) older() (string, error) {
	if !pruneTypes[p.Type] {
		return "", ErrNotTime
	}
	return `:"column" < (:'before'::timestamptz)::` + p.Type, nil
}

// Older counts the rows that are older than the cut-off; below zero: it took too long to count them.
func (d *Database) Older(ctx context.Context, p *Prunable, before time.Time, within time.Duration) (int64, error) {
	older, err := p.older()
	if err != nil {
		return 0, err
	}
	v := p.varsBefore(before)
	v["within"] = strconv.FormatInt(within.Milliseconds(), 10)
	var is struct {
		Rows        string
		State, Said string
	}
	err = d.read(ctx, d.cfg.Name, `set statement_timeout = :within; set lock_timeout = :within;
\set rows -1
\set ON_ERROR_STOP 0
select count(*) as rows from only :"schema".:"name" where `+older+` \gset
\set ON_ERROR_STOP 1
select json_build_object('rows', :'rows', 'state', :'LAST_ERROR_SQLSTATE', 'said', :'LAST_ERROR_MESSAGE');
`, v, &is)
	switch {
	case err != nil:
		return 0, err
	case is.State == StateTooLong, is.State == StateLockTimeout:
		return -1, nil
	case is.State != stateNone:
		return 0, &SQLError{State: is.State, Said: is.Said}
	}
	return strconv.ParseInt(is.Rows, 10, 64)
}

// AnyOlder tells whether a row is older than the cut-off.
func (d *Database) AnyOlder(ctx context.Context, p *Prunable, before time.Time) (bool, error) {
	older, err := p.older()
	if err != nil {
		return false, err
	}
	s, err := d.ask(ctx, d.cfg.Name, `set lock_timeout = '5s'; select exists (select from only :"schema".:"name" where `+older+`);`, p.varsBefore(before))
	return s == "t", err
}

// ErrEnough ends a Prune between two batches.
var ErrEnough = errors.New("enough")

// sqlBatch deletes one batch, its own transaction. Rows that somebody holds are skipped, not waited for. The condition stands in the outer
// statement as well: a row whose time was changed meanwhile stays. Each batch begins where the one before it ended (:at), or it would read
// past all the dead rows again: in the order of the column where that has an index, else in the order in which the rows lie on disk, which
// PostgreSQL can begin in the middle of from 14 on. %[1]s is the condition, %[2]s what is walked along, %[3]s the order.
const sqlBatch = `with gone as (
  delete from only :"schema".:"name" where ctid = any (array(
    select ctid from only :"schema".:"name" where %[1]s and %[2]s limit :batch for update skip locked)) and %[1]s
  returning ctid, :"column" as col)
select count(*) as gone, coalesce(%[3]s, :'at') as at from gone \gset
select :gone;
`

// walk is how the batches of a table follow each other.
func (p *Prunable) walk(major int) (along, last, from string) {
	const leastTIDRange = 14
	switch {
	case p.Indexed:
		return `:"column" >= :'at'::` + p.Type + ` order by :"column"`, `max(col)::text`, "-infinity"
	case major >= leastTIDRange:
		return `ctid >= :'at'::tid`, `(array_agg(ctid order by ctid desc))[1]::text`, "(0,0)"
	}
	return `true`, `null`, ""
}

// Prune deletes the rows that are older than the cut-off in batches, a commit for each. told is given how many rows a batch took; with an
// error it ends the work, ErrEnough without one. A row that is not older is never touched, and a table that is not the one that was
// looked at is ErrMoved.
func (d *Database) Prune(ctx context.Context, p *Prunable, before time.Time, batch, major int, told func(rows int64) error) error {
	older, err := p.older()
	if err != nil {
		return err
	}
	along, last, from := p.walk(major)
	v := p.varsBefore(before)
	v["at"], v["batch"] = from, strconv.Itoa(batch)
	where, err := d.find(ctx)
	if err != nil {
		return err
	}
	s := d.session(ctx, where, v)
	defer s.end()
	there, err := s.line(ctx, sqlOwn+`select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.oid = :'oid' and n.nspname = :'schema' and c.relname = :'name' and c.relkind = 'r';
`)
	if err != nil {
		return fmt.Errorf("prune %s: %w", p.Shown, err)
	}
	if there != "1" {
		return fmt.Errorf("prune %s: %w", p.Shown, ErrMoved)
	}
	for {
		line, err := s.line(ctx, fmt.Sprintf(sqlBatch, older, along, last))
		if err != nil {
			return fmt.Errorf("prune %s: %w", p.Shown, err)
		}
		gone, err := strconv.ParseInt(line, 10, 64)
		if err != nil {
			return fmt.Errorf("prune %s: %w", p.Shown, errNotCounting)
		}
		if gone > 0 {
			err = told(gone)
		}
		switch {
		case gone == 0, errors.Is(err, ErrEnough):
			s.close()
			return nil
		case err != nil:
			return err
		}
	}
}
