package postgres

import "context"

// Unreadable counts the tables and sequences that the user may not read: a dump would fail on the first of them.
func (d *Database) Unreadable(ctx context.Context) (int, error) {
	var n int
	err := d.read(ctx, d.cfg.Name, sqlUnreadable, nil, &n)
	return n, err
}

const sqlUnreadable = `select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'S') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
and not case when c.relkind = 'S' then has_sequence_privilege(c.oid, 'SELECT') else has_table_privilege(c.oid, 'SELECT') end;`
