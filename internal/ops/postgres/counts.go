package postgres

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

// Counts is how many rows each table has, by its name as SQL writes it: public.notes.
type Counts map[string]int64

// Difference is a table whose rows are not as many as they should be. A table that is missing has -1.
type Difference struct {
	Table     string
	Want, Got int64
}

// Differences compares what a database should have with what it has.
func (c Counts) Differences(got Counts) []Difference {
	var out []Difference
	for _, name := range sortedNames(c, got) {
		want, wanted := c[name]
		is, there := got[name]
		if !wanted {
			want = -1
		}
		if !there {
			is = -1
		}
		if want != is {
			out = append(out, Difference{Table: name, Want: want, Got: is})
		}
	}
	return out
}

// Rows is how many rows there are in all.
func (c Counts) Rows() int64 {
	var n int64
	for _, rows := range c {
		n += rows
	}
	return n
}

// sqlCounts prints a JSON array of name and rows for each table that a dump has the data of: not those of extensions, which bring their own.
const sqlCounts = `
select format('select json_build_array(%L, count(*)) from only %I.%I;', format('%I.%I', n.nspname, c.relname), n.nspname, c.relname)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r' and c.relpersistence <> 't' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
  and not exists (select from pg_depend x where x.classid = 'pg_class'::regclass and x.objid = c.oid and x.deptype = 'e')
order by 1 \gexec
`

// countWithin is how long counting may take whose caller set no deadline.
const countWithin = time.Hour

// Counts counts the rows of every table of a database, all at one moment.
func (d *Database) Counts(ctx context.Context, database string) (Counts, error) {
	if err := CheckName(database); err != nil {
		return nil, err
	}
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, countWithin)
		defer cancel()
	}
	out, err := d.ask(ctx, database, sqlBegin+sqlCounts, nil)
	if err != nil {
		return nil, fmt.Errorf("count the rows of %s: %w", database, err)
	}
	return readCounts(strings.NewReader(out))
}

// sqlBegin begins a transaction that sees one moment, however long it takes.
const sqlBegin = `set statement_timeout = 0; set lock_timeout = '60s'; set idle_in_transaction_session_timeout = 0;
begin transaction isolation level repeatable read, read only;
`

func readCounts(r io.Reader) (Counts, error) {
	counts := Counts{}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if len(lines.Bytes()) == 0 {
			continue
		}
		if err := counts.add(lines.Bytes()); err != nil {
			return nil, err
		}
	}
	return counts, lines.Err()
}

func (c Counts) add(line []byte) error {
	var name string
	var rows int64
	if err := json.Unmarshal(line, &[]any{&name, &rows}); err != nil {
		return fmt.Errorf("the count of a table cannot be read: %w", err)
	}
	c[name] = rows
	return nil
}
