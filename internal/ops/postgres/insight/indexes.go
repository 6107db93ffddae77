package insight

import (
	"context"
	"regexp"
	"time"
)

// Indexes is what of the indexes costs without being of use, and where one may be missing.
type Indexes struct {
	Statistics
	Count       int
	Unused      []Index // the largest first; none that holds a constraint
	UnusedCount int
	UnusedBytes int64
	Kept        int // unused ones that hold a constraint: unique, primary key, exclusion, replica identity
	Duplicates  []Duplicate
	Invalid     []Index
	Scanned     []Scanned
	Replicas    int // servers that follow this one, whose reads are not counted here
	Young       bool
}

// YoungStatistics is the age below which nothing is said about what is used: a job of the week would not have run yet.
const YoungStatistics = 7 * 24 * time.Hour

// Index is one index.
type Index struct {
	Name, Table string // as SQL writes them
	Bytes       int64
	Locked      bool // it could not be measured
	// Left says what an index that is not valid is left from: reindex_new (REINDEX CONCURRENTLY that did not end), reindex_old (one that did not
	// clean up), create (CREATE INDEX CONCURRENTLY that did not end), building (it is being made now). Empty: it is valid.
	Left string
}

// Duplicate is indexes that hold the same.
type Duplicate struct {
	Table string
	Keep  string
	Drop  []string
	Bytes int64 // of Drop
}

// Scanned is a large table that is often read from its first row to its last.
type Scanned struct {
	Table       string
	Scans, Rows int64 // Rows were read by all Scans
	Live        int64
	IndexScans  int64
}

// RowsPerScan is how many rows one scan read.
func (s *Scanned) RowsPerScan() int64 { return s.Rows / max(1, s.Scans) }

// sqlIndexes takes what is built by somebody whose work the user may not see for being built. It takes positions out of the text of expressions: they say where in its statement something stood, and nothing about the index. It
// measures no index that somebody has locked.
const sqlIndexes = `with busy as (
  select distinct relation as oid from pg_locks where locktype = 'relation' and mode = 'AccessExclusiveLock'
    and database = (select oid from pg_database where datname = current_database())
), one as (
  select i.indexrelid as oid, i.indrelid, format('%I.%I', n.nspname, c.relname) as name, format('%I.%I', tn.nspname, t.relname) as tab, c.relname, n.nspname,
    i.indisvalid and i.indisready and i.indislive as valid, busy.oid is not null as locked,
    case when busy.oid is null then pg_relation_size(c.oid) else 0 end as bytes,
    i.indisunique or i.indisprimary or i.indisexclusion or i.indisreplident or exists (select from pg_constraint k where k.conindid = i.indexrelid) as holds,
    i.indisprimary or i.indisreplident or exists (select from pg_constraint k where k.conindid = i.indexrelid) as constrains, i.indisunique as is_unique,
    exists (select from pg_inherits h where h.inhrelid = i.indexrelid) as attached, s.idx_scan as scans,
    concat_ws('|', c.relam, i.indnatts, i.indkey, i.indclass, i.indcollation, i.indoption, to_jsonb(i) ->> 'indnkeyatts', to_jsonb(i) ->> 'indnullsnotdistinct',
      regexp_replace(i.indexprs::text, ':location -?[0-9]+', '', 'g'), '|', regexp_replace(i.indpred::text, ':location -?[0-9]+', '', 'g')) as form
  from pg_index i join pg_class c on c.oid = i.indexrelid join pg_namespace n on n.oid = c.relnamespace
    join pg_class t on t.oid = i.indrelid join pg_namespace tn on tn.oid = t.relnamespace
    left join busy on busy.oid = c.oid left join pg_stat_all_indexes s on s.indexrelid = i.indexrelid
  where c.relkind = 'i' and n.nspname not in ('pg_catalog', 'information_schema') and c.relpersistence <> 't'
), mine as (select * from one where nspname <> 'pg_toast'), unused as (select * from mine where valid and scans = 0 and not attached)
select json_build_object(
  'count', (select count(*) from mine),
  'unused', (select json_agg(x) from (select name, tab as table, bytes, locked from unused where not holds order by bytes desc, name limit 10) x),
  'unusedcount', (select count(*) from unused where not holds), 'unusedbytes', (select coalesce(sum(bytes), 0)::bigint from unused where not holds),
  'kept', (select count(*) from unused where holds),
  'duplicates', (select json_agg(x) from (
    select tab as table, (array_agg(name order by constrains desc, is_unique desc, scans desc nulls last, oid))[1] as keep,
      json_agg(json_build_object('name', name, 'bytes', bytes, 'constrains', constrains) order by constrains desc, is_unique desc, scans desc nulls last, oid) as all
    from mine where valid and not attached group by indrelid, tab, form having count(*) > 1 order by sum(bytes) desc limit 5) x),
  'invalid', (select json_agg(x) from (select name, tab as table, bytes, locked,
      oid in (select index_relid from pg_stat_progress_create_index) or exists (select from pg_stat_progress_create_index where index_relid is null) as building
    from one where not valid order by bytes desc, name limit 10) x),
  'scanned', (select json_agg(x) from (select format('%I.%I', schemaname, relname) as table, seq_scan as scans, seq_tup_read as rows, n_live_tup as live, coalesce(idx_scan, 0) as indexscans
    from pg_stat_user_tables where n_live_tup >= 10000 and seq_scan > 0 and seq_tup_read >= 10 * n_live_tup and seq_tup_read / seq_scan * 2 >= n_live_tup
    order by seq_tup_read desc limit 5) x),
  'replicas', (select count(*) from pg_stat_replication), ` + statistics + `);`

var (
	leftNew = regexp.MustCompile(`_ccnew[0-9]*"?$`)
	leftOld = regexp.MustCompile(`_ccold[0-9]*"?$`)
)

// Indexes looks at all indexes of the database.
func (d *Database) Indexes(ctx context.Context) (*Indexes, error) { return d.indexes(ctx, partWithin) }

func (d *Database) indexes(ctx context.Context, within time.Duration) (*Indexes, error) {
	type row struct {
		Name, Table      string
		Bytes            int64
		Locked, Building bool
	}
	var a struct {
		Count, UnusedCount, Kept, Replicas int
		UnusedBytes                        int64
		Unused, Invalid                    []row
		Duplicates                         []struct {
			Table, Keep string
			All         []struct {
				Name       string
				Bytes      int64
				Constrains bool
			}
		}
		Scanned []struct {
			Table                         string
			Scans, Rows, Live, IndexScans int64
		}
		counted
	}
	if err := d.look(ctx, within, sqlIndexes, &a); err != nil {
		return nil, err
	}
	see := d.eyes()
	out := &Indexes{
		Statistics: a.statistics(), Count: a.Count, UnusedCount: a.UnusedCount, UnusedBytes: a.UnusedBytes, Kept: a.Kept, Replicas: a.Replicas,
	}
	out.Young = out.Age(d.now()) < YoungStatistics
	one := func(r row) Index {
		return Index{Name: see.name(r.Name), Table: see.name(r.Table), Bytes: r.Bytes, Locked: r.Locked}
	}
	for _, r := range a.Unused {
		out.Unused = append(out.Unused, one(r))
	}
	for _, r := range a.Invalid {
		i := one(r)
		switch {
		case r.Building:
			i.Left = "building"
		case leftNew.MatchString(r.Name):
			i.Left = "reindex_new"
		case leftOld.MatchString(r.Name):
			i.Left = "reindex_old"
		default:
			i.Left = "create"
		}
		out.Invalid = append(out.Invalid, i)
	}
	for _, r := range a.Duplicates {
		dup := Duplicate{Table: see.name(r.Table), Keep: see.name(r.Keep)}
		for _, x := range r.All {
			if x.Name != r.Keep && !x.Constrains { // which would take its constraint along
				dup.Drop, dup.Bytes = append(dup.Drop, see.name(x.Name)), dup.Bytes+x.Bytes
			}
		}
		if len(dup.Drop) > 0 {
			out.Duplicates = append(out.Duplicates, dup)
		}
	}
	for _, r := range a.Scanned {
		out.Scanned = append(out.Scanned, Scanned{Table: see.name(r.Table), Scans: r.Scans, Rows: r.Rows, Live: r.Live, IndexScans: r.IndexScans})
	}
	return out, nil
}
