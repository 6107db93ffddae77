package insight

import (
	"context"
	"time"
)

// Locks is who waits for whom, in all databases of the server.
type Locks struct {
	Waiting    int       // sessions; at most 200 of them are looked at
	Roots      []*Holder // who waits for nobody and keeps others waiting, the most first
	Circle     bool      // some wait for each other: the server ends one of them by itself (deadlock_timeout)
	RightToAll bool      // false: what others do is not seen
}

// Holder is a session that keeps others waiting, or waits itself.
type Holder struct {
	Session
	// Prepared says that it is no session but a transaction that is prepared for a two-phase commit: its name, or the names of all there are, since
	// the server does not tell which of them it is. Three at most.
	Prepared []string
	Waits    *Wait // nil: it waits for nobody
	Behind   []*Holder
	All      int // sessions that wait for it, and for those that do
}

// Wait is what a session waits for.
type Wait struct {
	For    time.Duration
	AtMost bool   // For is how long its statement runs: this version does not tell since when it waits
	Kind   string // relation, tuple, transactionid, advisory, …
	Mode   string // AccessExclusiveLock, …
	On     string // the table or index as SQL writes it; empty: it is none, or not known
	Others []int  // who else keeps it waiting, beside the one it stands behind
}

// mostWaiting is how many waiting sessions are looked at: the tree of more is not read by anybody.
const mostWaiting = "200"

// sqlLocks finds the table of a row lock by the lock that the first in the queue holds on the row itself.
const sqlLocks = `with waiting as (
  select pid, pg_blocking_pids(pid) as by from (select distinct pid from pg_locks where not granted and pid is not null and pid <> pg_backend_pid() order by pid limit ` + mostWaiting + `) x
), involved as (select pid from waiting union select unnest(by) from waiting), here as (select oid from pg_database where datname = current_database())
select json_build_object('right', ` + hasRight + `,
  'waiting', (select count(distinct pid) from pg_locks where not granted and pid <> pg_backend_pid()),
  'prepared', (select json_agg(gid) from (select gid from pg_prepared_xacts order by prepared limit 3) x),
  'sessions', (select json_agg(x) from (
    select p.pid, to_json(w.by) as by, a.usename as user, a.application_name as app, a.datname as database, a.state,
      extract(epoch from clock_timestamp() - a.xact_start) as transaction, extract(epoch from clock_timestamp() - a.state_change) as instate, left(a.query, 4000) as text,
      l.locktype as kind, l.mode, extract(epoch from clock_timestamp() - l.waitstart) as waited, extract(epoch from clock_timestamp() - a.query_start) as runs,
      case when coalesce(l.relation, t.relation) is not null then coalesce((select format('%I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where c.oid = coalesce(l.relation, t.relation) and coalesce(l.database, t.database) in (select oid from here)), '') end as on
    from involved p left join waiting w on w.pid = p.pid left join pg_stat_activity a on a.pid = p.pid
      left join lateral (select k.locktype, k.mode, k.relation, k.database, (to_jsonb(k) ->> 'waitstart')::timestamptz as waitstart
        from pg_locks k where k.pid = p.pid and not k.granted limit 1) l on true
      left join lateral (select k.relation, k.database from pg_locks k where k.pid = p.pid and k.granted and k.locktype = 'tuple' limit 1) t on l.locktype = 'transactionid'
    order by p.pid) x));`

type holderRow struct {
	sessionRow
	By           []int
	Kind, Mode   string
	On           string
	Waited, Runs *float64
}

// Locks looks for who waits.
func (d *Database) Locks(ctx context.Context) (*Locks, error) { return d.locks(ctx, partWithin) }

func (d *Database) locks(ctx context.Context, within time.Duration) (*Locks, error) {
	var a struct {
		Right    bool
		Waiting  int
		Prepared []string
		Sessions []holderRow
	}
	if err := d.look(ctx, within, sqlLocks, &a); err != nil {
		return nil, err
	}
	see := d.eyes()
	out := &Locks{Waiting: a.Waiting, RightToAll: a.Right}
	by := map[int][]int{}
	holders := map[int]*Holder{}
	for _, r := range a.Sessions {
		h := &Holder{Session: see.session(r.sessionRow)}
		if r.PID == 0 {
			h.Prepared = []string{}
			for _, name := range a.Prepared {
				h.Prepared = append(h.Prepared, see.name(name))
			}
		}
		if len(r.By) > 0 || r.Kind != "" {
			h.Waits = &Wait{For: span(r.Waited), Kind: see.name(r.Kind), Mode: see.name(r.Mode), On: see.name(r.On)}
			if r.Waited == nil {
				h.Waits.For, h.Waits.AtMost = span(r.Runs), true
			}
		}
		holders[r.PID], by[r.PID] = h, r.By
	}
	out.Roots, out.Circle = tree(holders, by)
	return out, nil
}
