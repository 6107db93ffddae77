package insight

import (
	"context"
	"time"
)

// Connections is who is connected. The limit holds for all databases of the server together, and so does what is told here.
type Connections struct {
	Limit, Reserved int            // Reserved of Limit are kept for superusers and their like
	States          map[string]int // by state: active, idle, idle in transaction, …; "hidden": the user may not see it
	Waiting         int            // of them, for a lock
	Groups          []Group        // the most first
	More            int            // connections that are in none of Groups
	Oldest          *Session       // whose transaction is the oldest; nil: nobody has one
	Idle            []Session      // who sits idle within a transaction, the longest first
	RightToAll      bool           // false: what others do is not seen
	Prepared        int            // transactions that wait for the second half of a two-phase commit
	PreparedFor     time.Duration  // the oldest of them
}

// Group is connections of one user and application to one database.
type Group struct {
	User, App, Database string // App as it calls itself: hostile
	Count               int
	Idle                int // of them
}

// Session is one connection.
type Session struct {
	PID       int
	User, App string
	Database  string
	State     string
	For       time.Duration // its transaction, since it began
	StateFor  time.Duration // its state
	Text      string        // its statement, or its last one
}

// Used is how many connections there are.
func (c *Connections) Used() int {
	n := 0
	for _, of := range c.States {
		n += of
	}
	return n
}

// Free is how many more users without privileges get.
func (c *Connections) Free() int { return max(0, c.Limit-c.Reserved-c.Used()) }

const sqlConnections = `with a as (
  select pid, usename, application_name, datname, case when backend_type is null and usename <> current_user then 'hidden' else coalesce(state, 'hidden') end as state,
    wait_event_type, xact_start, state_change, query
  from pg_stat_activity where (backend_type = 'client backend' or backend_type is null and usename is not null) and pid <> pg_backend_pid()
), session as (
  select pid, usename as user, application_name as app, datname as database, state, extract(epoch from clock_timestamp() - xact_start) as transaction,
    extract(epoch from clock_timestamp() - state_change) as instate, left(query, 4000) as text from a where xact_start is not null
), grouped as (
  select coalesce(usename, '') as user, coalesce(application_name, '') as app, coalesce(datname, '') as database, count(*) as count, count(*) filter (where state = 'idle') as idle
  from a group by 1, 2, 3
)
select json_build_object(
  'limit', current_setting('max_connections')::int,
  'reserved', current_setting('superuser_reserved_connections')::int + coalesce(nullif(current_setting('reserved_connections', true), ''), '0')::int,
  'states', (select coalesce(json_object_agg(state, n), '{}') from (select state, count(*) as n from a group by 1) x),
  'waiting', (select count(*) from a where wait_event_type = 'Lock'),
  'groups', (select json_agg(x) from (select * from grouped order by count desc, "user", app, database limit 8) x),
  'oldest', (select row_to_json(x) from (select * from session order by transaction desc limit 1) x),
  'idle', (select json_agg(x) from (select * from session where state like 'idle in transaction%' order by instate desc limit 5) x),
  'right', ` + hasRight + `,
  'prepared', (select count(*) from pg_prepared_xacts), 'preparedfor', (select extract(epoch from max(clock_timestamp() - prepared)) from pg_prepared_xacts));`

type sessionRow struct {
	PID                        int
	User, App, Database, State string
	Transaction, InState       *float64
	Text                       string
}

// Connections looks at who is connected.
func (d *Database) Connections(ctx context.Context) (*Connections, error) {
	return d.connections(ctx, partWithin)
}

func (d *Database) connections(ctx context.Context, within time.Duration) (*Connections, error) {
	var a struct {
		Limit, Reserved, Waiting, Prepared int
		States                             map[string]int
		Groups                             []Group
		Oldest                             *sessionRow
		Idle                               []sessionRow
		Right                              bool
		PreparedFor                        *float64
	}
	if err := d.look(ctx, within, sqlConnections, &a); err != nil {
		return nil, err
	}
	see := d.eyes()
	out := &Connections{
		Limit: a.Limit, Reserved: a.Reserved, States: a.States, Waiting: a.Waiting, RightToAll: a.Right, Prepared: a.Prepared, PreparedFor: span(a.PreparedFor),
	}
	shown := 0
	for _, g := range a.Groups {
		out.Groups = append(out.Groups, Group{User: see.name(g.User), App: see.name(g.App), Database: see.name(g.Database), Count: g.Count, Idle: g.Idle})
		shown += g.Count
	}
	out.More = max(0, out.Used()-shown)
	if a.Oldest != nil {
		s := see.session(*a.Oldest)
		out.Oldest = &s
	}
	for _, r := range a.Idle {
		out.Idle = append(out.Idle, see.session(r))
	}
	return out, nil
}

func (see eyes) session(r sessionRow) Session {
	return Session{
		PID: r.PID, User: see.name(r.User), App: see.name(r.App), Database: see.name(r.Database), State: see.name(r.State), For: span(r.Transaction), StateFor: span(r.InState),
		Text: see.statement(r.Text),
	}
}
