package postgres

import (
	"bytes"
	"context"
	"strconv"
	"strings"
	"time"
)

// Facts is how the server is, from one question.
type Facts struct {
	Version string
	Took    time.Duration // from the question to the answer, with the start of psql in the container
	Started time.Time
	Size    int64 // of the application's database, in bytes

	MaxConnections int            // all may have together
	Reserved       int            // of them for superusers
	Connections    map[string]int // of clients by state: active, idle, idle in transaction, …
	Waiting        int            // of them, how many wait for a lock

	OldestTransaction time.Duration // zero: there is none
	OldestIdle        time.Duration // the longest that a client sits idle within a transaction

	Standby  bool           // it replays another server's changes
	Behind   *time.Duration // how old what a standby replayed last is; nil: it is none, or nothing came yet
	Replicas []Replica
	Slots    []Slot
}

// Replica is a server that follows this one.
type Replica struct {
	Name   string
	State  string // streaming, catchup, …
	Bytes  int64  // it has not replayed yet
	Behind time.Duration
}

// Slot is a replication slot; one that nobody reads keeps the server from throwing WAL away.
type Slot struct {
	Name   string
	Active bool
	Keeps  int64 // bytes of WAL
}

// Used is how many connections there are.
func (f *Facts) Used() int {
	n := 0
	for _, of := range f.Connections {
		n += of
	}
	return n
}

// Seconds come as numbers, so that nothing of the answer depends on how the server writes times.
const sqlFacts = `set statement_timeout = '5s'; set lock_timeout = '2s';
select json_build_object(
  'version', split_part(current_setting('server_version'), ' ', 1),
  'started', extract(epoch from pg_postmaster_start_time()),
  'size', pg_database_size(current_database()),
  'max', current_setting('max_connections')::int,
  'reserved', current_setting('superuser_reserved_connections')::int,
  'connections', (select coalesce(json_object_agg(s, n), '{}') from (select coalesce(state, 'unknown') as s, count(*) as n
     from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid() group by 1) x),
  'waiting', (select count(*) from pg_stat_activity where backend_type = 'client backend' and wait_event_type = 'Lock'),
  'oldest', (select extract(epoch from max(clock_timestamp() - xact_start)) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()),
  'idle', (select extract(epoch from max(clock_timestamp() - state_change)) from pg_stat_activity
     where state like 'idle in transaction%'),
  'standby', pg_is_in_recovery(),
  'behind', case when pg_is_in_recovery() then case when pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() then 0
     else extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp()) end end,
  'replicas', (select coalesce(json_agg(json_build_object('name', application_name, 'state', state, 'behind', coalesce(extract(epoch from replay_lag), 0),
     'bytes', coalesce(pg_wal_lsn_diff(case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end, coalesce(replay_lsn, flush_lsn)), 0)::bigint)), '[]')
     from pg_stat_replication),
  'slots', (select coalesce(json_agg(json_build_object('name', slot_name, 'active', active,
     'keeps', coalesce(pg_wal_lsn_diff(case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end, restart_lsn), 0)::bigint)), '[]')
     from pg_replication_slots));
`

// Facts asks the server how it is. The errors are those of Ready.
func (d *Database) Facts(ctx context.Context) (*Facts, error) {
	var a struct {
		Version                string
		Started, Oldest, Idle  float64
		Size                   int64
		Max, Reserved, Waiting int
		Connections            map[string]int
		Standby                bool
		Behind                 *float64
		Replicas               []struct {
			Name, State string
			Bytes       int64
			Behind      float64
		}
		Slots []Slot
	}
	begin := time.Now()
	if err := d.read(ctx, d.cfg.Name, sqlFacts, nil, &a); err != nil {
		return nil, err
	}
	f := &Facts{
		Version: a.Version, Took: time.Since(begin), Started: time.UnixMilli(int64(a.Started * 1000)).UTC(), Size: a.Size,
		MaxConnections: a.Max, Reserved: a.Reserved, Connections: a.Connections, Waiting: a.Waiting,
		OldestTransaction: seconds(a.Oldest), OldestIdle: seconds(a.Idle), Standby: a.Standby, Slots: a.Slots,
	}
	if a.Behind != nil {
		behind := seconds(*a.Behind)
		f.Behind = &behind
	}
	for _, r := range a.Replicas {
		f.Replicas = append(f.Replicas, Replica{Name: r.Name, State: r.State, Bytes: r.Bytes, Behind: seconds(r.Behind)})
	}
	return f, nil
}

func seconds(s float64) time.Duration { return time.Duration(max(0, s) * float64(time.Second)) }

// Free is how many bytes the file system of the server's data has left. False: the container has no df that could tell.
func (d *Database) Free(ctx context.Context) (int64, bool, error) {
	ctx, cancel := limit(ctx)
	defer cancel()
	dir, err := d.ask(ctx, d.upkeep(), "show data_directory;", nil)
	if err != nil {
		return 0, false, err
	}
	at, err := d.find(ctx)
	if err != nil {
		return 0, false, err
	}
	var out bytes.Buffer
	code, _, err := d.exec(ctx, at.container, []string{"df", "-P", "-k", dir}, nil, &out)
	if err != nil {
		return 0, false, err
	}
	// Two lines; the fourth column is what is available, in KiB.
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	fields := strings.Fields(lines[len(lines)-1])
	if code != 0 || len(lines) != 2 || len(fields) < 4 {
		return 0, false, nil
	}
	n, err := strconv.ParseInt(fields[3], 10, 64)
	if err != nil {
		return 0, false, nil //nolint:nilerr // It is no number: a df of another kind.
	}
	return n << 10, true, nil
}
