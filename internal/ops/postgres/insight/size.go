package insight

import (
	"context"
	"time"
)

// Size is what the database takes on disk, and how it is kept.
type Size struct {
	Database string
	Bytes    int64
	Tables   []Table // the largest first
	Count    int     // of all tables
	Bloated  []Table // with many dead rows, the most first
	Locked   int     // tables that could not be measured, because somebody has locked them
	Frozen   Frozen
	Statistics
}

// Table is one table's size in bytes, and its rows as the server estimates them.
type Table struct {
	Name                 string // as SQL writes it
	Heap, Indexes, Toast int64
	Locked               bool // could not be measured, or not all of it
	Live, Dead           int64
	Vacuumed, Analyzed   time.Time // by hand or by itself; zero: never since the server counts
}

// Bytes is what all of it takes.
func (t *Table) Bytes() int64 { return t.Heap + t.Indexes + t.Toast }

// Frozen is how far the server is from refusing to write, because its transaction numbers run out.
type Frozen struct {
	Age        int64  // transactions since the oldest database was frozen
	Database   string // the oldest one
	From       int64  // autovacuum freezes by itself from here on
	MultiAge   int64  // the same of the numbers of shared row locks
	MultiFrom  int64
	OldestName string // the table of this database that holds it back most
	OldestAge  int64
}

// WrapsAt is how many transaction numbers there are.
const WrapsAt = 1 << 31

// sqlSize measures file by file, since the functions that measure a whole table wait for its locks. What somebody holds or wants for himself alone
// is left out and named; where it stands among
// the others is what the server last knew of it.
const sqlSize = `with busy as (
  select distinct relation as oid from pg_locks where locktype = 'relation' and mode = 'AccessExclusiveLock'
    and database = (select oid from pg_database where datname = current_database())
), part as (
  select c.oid, c.relkind, c.relnamespace, c.relname, c.reltoastrelid, c.relpages, case when busy.oid is null then
    pg_relation_size(c.oid, 'main') + pg_relation_size(c.oid, 'fsm') + pg_relation_size(c.oid, 'vm') end as size
  from pg_class c left join busy on busy.oid = c.oid where c.relkind in ('r', 'm', 't', 'i')
), index as (
  select i.indrelid, sum(p.size)::bigint as size, bool_or(p.size is null) as busy from pg_index i join part p on p.oid = i.indexrelid group by 1
), tab as (
  select t.oid, format('%I.%I', n.nspname, t.relname) as name, coalesce(t.size, 0) as heap, coalesce(x.size, 0) as indexes,
    coalesce(toast.size, 0) + coalesce(ti.size, 0) as toast, coalesce(t.size, t.relpages * current_setting('block_size')::bigint) as rank,
    t.size is null or coalesce(x.busy, false) or t.reltoastrelid <> 0 and (toast.size is null or coalesce(ti.busy, false)) as locked
  from part t join pg_namespace n on n.oid = t.relnamespace left join index x on x.indrelid = t.oid
    left join part toast on toast.oid = t.reltoastrelid left join index ti on ti.indrelid = t.reltoastrelid
  where t.relkind in ('r', 'm') and (n.nspname not in ('pg_catalog', 'information_schema') or t.relname = 'pg_largeobject' and t.size > 0)
), told as (
  select tab.name, tab.heap, tab.indexes, tab.toast, tab.locked, tab.rank, s.n_live_tup as live, s.n_dead_tup as dead,
    extract(epoch from greatest(s.last_vacuum, s.last_autovacuum)) as vacuumed,
    extract(epoch from greatest(s.last_analyze, s.last_autoanalyze)) as analyzed
  from tab left join pg_stat_all_tables s on s.relid = tab.oid
)
select json_build_object(
  'database', current_database(), 'bytes', pg_database_size(current_database()),
  'count', (select count(*) from tab), 'locked', (select count(*) from tab where locked),
  'tables', (select json_agg(x) from (select * from told order by rank + indexes + toast desc, name limit 10) x),
  'bloated', (select json_agg(x) from (select * from told where dead >= 1000 and dead * 5 >= live order by dead desc limit 3) x),
  'frozen', (select json_build_object('age', age(datfrozenxid), 'database', datname, 'from', current_setting('autovacuum_freeze_max_age')::bigint)
    from pg_database order by age(datfrozenxid) desc limit 1),
  'multi', (select json_build_object('age', max(mxid_age(datminmxid)), 'from', current_setting('autovacuum_multixact_freeze_max_age')::bigint) from pg_database),
  'oldest', (select json_build_object('name', format('%I.%I', n.nspname, c.relname), 'age', age(c.relfrozenxid)) from pg_class c
    join pg_namespace n on n.oid = c.relnamespace where c.relfrozenxid <> '0' order by age(c.relfrozenxid) desc limit 1),
  ` + statistics + `);`

type tableRow struct {
	Name                 string
	Heap, Indexes, Toast int64
	Locked               bool
	Live, Dead           int64
	Vacuumed, Analyzed   *float64
}

// Size measures the database and its largest tables.
func (d *Database) Size(ctx context.Context) (*Size, error) { return d.size(ctx, partWithin) }

func (d *Database) size(ctx context.Context, within time.Duration) (*Size, error) {
	var a struct {
		Database        string
		Bytes           int64
		Count, Locked   int
		Tables, Bloated []tableRow
		Frozen          struct {
			Age, From int64
			Database  string
		}
		Multi  struct{ Age, From int64 }
		Oldest struct {
			Name string
			Age  int64
		}
		counted
	}
	if err := d.look(ctx, within, sqlSize, &a); err != nil {
		return nil, err
	}
	see := d.eyes()
	s := &Size{
		Database: see.name(a.Database), Bytes: a.Bytes, Count: a.Count, Locked: a.Locked, Statistics: a.statistics(),
		Frozen: Frozen{
			Age: a.Frozen.Age, Database: see.name(a.Frozen.Database), From: a.Frozen.From, MultiAge: a.Multi.Age, MultiFrom: a.Multi.From,
			OldestName: see.name(a.Oldest.Name), OldestAge: a.Oldest.Age,
		},
	}
	for _, r := range a.Tables {
		s.Tables = append(s.Tables, see.table(r))
	}
	for _, r := range a.Bloated {
		s.Bloated = append(s.Bloated, see.table(r))
	}
	return s, nil
}

func (see eyes) table(r tableRow) Table {
	return Table{
		Name: see.name(r.Name), Heap: r.Heap, Indexes: r.Indexes, Toast: r.Toast, Locked: r.Locked, Live: r.Live, Dead: r.Dead,
		Vacuumed: moment(r.Vacuumed), Analyzed: moment(r.Analyzed),
	}
}
