package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// SQLError is a statement that the server refused or gave up. The connection was well.
type SQLError struct {
	State string // SQLSTATE: says the same in every language
	Said  string // in the server's language; may name what the application has
}

func (e *SQLError) Error() string { return e.Said + " (" + e.State + ")" }

// The SQLSTATEs that callers decide by.
const (
	StateLockTimeout = "55P03"
	StateTooLong     = "57014" // statement_timeout, or somebody cancelled it
	stateNone        = "00000"
)

// ErrMoved says that a table or an index is not any more the one that was looked at, and that nothing was done.
var ErrMoved = errors.New("it is another one by now, or is gone")

// Patience is how long one statement of upkeep may take.
type Patience struct {
	Lock      time.Duration // it waits so long for each lock, and for each transaction that is in its way
	Statement time.Duration // in all
}

func (p Patience) vars(r Relation) map[string]string {
	v := r.vars()
	v["lock"], v["statement"] = strconv.FormatInt(p.Lock.Milliseconds(), 10), strconv.FormatInt(p.Statement.Milliseconds(), 10)
	return v
}

// carry runs one statement about a relation and tells a refusal of the server (*SQLError) from what keeps it from being asked.
func (d *Database) carry(ctx context.Context, r Relation, p Patience, sql string) error {
	var is struct {
		There       bool
		State, Said string
	}
	err := d.read(ctx, d.cfg.Name, sqlOwn+`set lock_timeout = :lock; set statement_timeout = :statement;
select exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = :'oid' and n.nspname = :'schema' and c.relname = :'name') as there \gset
\if :there
\set ON_ERROR_STOP 0
`+sql+`
\set ON_ERROR_STOP 1
\endif
select json_build_object('there', :'there'::boolean, 'state', :'LAST_ERROR_SQLSTATE', 'said', :'LAST_ERROR_MESSAGE');
`, p.vars(r), &is)
	switch {
	case err != nil:
		return err
	case !is.There:
		return ErrMoved
	case is.State != stateNone:
		return &SQLError{State: is.State, Said: is.Said}
	}
	return nil
}

// Reindex builds an index anew beside the old one, which is used until it is replaced. Writers are not held off. On a *SQLError the
// old index is as it was, and an invalid new one may be left: see Rebuilt.
func (d *Database) Reindex(ctx context.Context, i Relation, p Patience) error {
	if err := d.carry(ctx, i, p, `reindex index concurrently :"schema".:"name";`); err != nil {
		return fmt.Errorf("reindex %s: %w", i.Shown, err)
	}
	return nil
}

// DropInvalid drops an invalid index without holding off writers. One that is gone, or valid by now, is ErrMoved.
func (d *Database) DropInvalid(ctx context.Context, i Relation, p Patience) error {
	err := d.carry(ctx, i, p, `select coalesce((select not indisvalid from pg_index where indexrelid = :'oid'), false) as dead \gset
\if :dead
drop index concurrently if exists :"schema".:"name";
\else
\set there f
\endif`)
	if err != nil {
		return fmt.Errorf("drop %s: %w", i.Shown, err)
	}
	return nil
}

// Vacuum gives the room of dead rows back to the table and gathers its statistics. It holds off nobody.
func (d *Database) Vacuum(ctx context.Context, t Relation, p Patience) error {
	if err := d.carry(ctx, t, p, `vacuum (analyze) :"schema".:"name";`); err != nil {
		return fmt.Errorf("vacuum %s: %w", t.Shown, err)
	}
	return nil
}

// Rebuilt is what stands under an index's name now.
type Rebuilt struct {
	OID       string // empty: nothing does
	Size      int64  // bytes
	Valid     bool
	Leftovers []Relation // invalid indexes of the same table that a REINDEX CONCURRENTLY left
}

// Rebuilt looks at an index of a table: a rebuilt one has another OID under the same name.
func (d *Database) Rebuilt(ctx context.Context, i, table Relation) (*Rebuilt, error) {
	v := i.vars()
	v["table"] = table.OID
	var r Rebuilt
	err := d.read(ctx, d.cfg.Name, `select json_build_object('oid', '', 'size', 0, 'valid', false, 'leftovers', `+sqlLeft+`)::jsonb || coalesce((
  select json_build_object('oid', c.oid::text, 'size', pg_relation_size(c.oid), 'valid', i.indisvalid)
  from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_index i on i.indexrelid = c.oid where n.nspname = :'schema' and c.relname = :'name')::jsonb, '{}');`, v, &r)
	return &r, err
}

var sqlLeft = `(select coalesce(json_agg(` + relation("c", "n") + `), '[]') from pg_index i join pg_class c on c.oid = i.indexrelid join pg_namespace n on n.oid = c.relnamespace
  where i.indrelid = :'table' and not i.indisvalid and c.relname ~ '_cc(new|old)[0-9]*$')`
