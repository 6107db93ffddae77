package postgres

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"
)

// Replication is what the server says of its log and of who follows it.
type Replication struct {
	System   string // the cluster's own number, which another cluster never has
	Version  int    // as server_version_num
	Timeline uint32 // that is written now; 0 on a standby
	Segment  int64  // bytes of a file of the log
	Port     int

	Level   string // wal_level
	Senders int    // max_wal_senders
	Slots   int    // max_replication_slots
	Bound   int64  // max_slot_wal_keep_size in MB; -1: a slot may keep as much as the disk has
	Right   bool   // the user may follow the log
	Standby bool   // it follows another server itself

	// Beat is a moment before which nothing was committed behind the place Mark of the log: a transaction of nothing was committed then, so
	// that a server nobody uses has a moment too.
	Beat time.Time
	Mark uint64

	Slot    *LogSlot // nil: there is none of that name
	Flushed uint64   // what the follower of the slot has on its disk; 0: nobody follows
}

// LogSlot keeps the server from throwing away what its follower has not got yet.
type LogSlot struct {
	Active bool
	Status string // reserved, extended, unreserved, lost
	Keeps  int64  // bytes of the log that it holds back
}

// The heartbeat stands in a transaction of its own. Seconds come as numbers, and places of the log as bytes.
const sqlReplication = `set statement_timeout = '10s'; set lock_timeout = '2s'; set client_min_messages = warning;
\set at 0
select not pg_is_in_recovery() as live \gset
\if :live
select extract(epoch from clock_timestamp()) as at, txid_current() as id \gset
\endif
select json_build_object(
  'system', (select system_identifier::text from pg_control_system()),
  'timeline', case when pg_is_in_recovery() then 0 else ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int end,
  'version', current_setting('server_version_num')::int,
  'port', current_setting('port')::int,
  'segment', pg_size_bytes(current_setting('wal_segment_size')),
  'level', current_setting('wal_level'), 'senders', current_setting('max_wal_senders')::int, 'slots', current_setting('max_replication_slots')::int,
  'bound', coalesce((select setting::bigint from pg_settings where name = 'max_slot_wal_keep_size'), -1),
  'right', (select rolsuper or rolreplication from pg_roles where rolname = current_user),
  'standby', pg_is_in_recovery(), 'beat', :at,
  'mark', case when pg_is_in_recovery() then 0 else pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0') end,
  'slot', (select json_build_object('active', s.active, 'status', coalesce(to_jsonb(s) ->> 'wal_status', 'reserved'),
      'keeps', case when pg_is_in_recovery() then 0 else coalesce(pg_wal_lsn_diff(pg_current_wal_insert_lsn(), s.restart_lsn), 0) end)
    from pg_replication_slots s where s.slot_name = :'slot'),
  'flushed', coalesce((select pg_wal_lsn_diff(r.flush_lsn, '0/0') from pg_stat_replication r join pg_replication_slots s on s.active_pid = r.pid
    where s.slot_name = :'slot'), 0));
`

// Replication asks the server how its log is, and commits a transaction of nothing meanwhile. The errors are those of Ready.
func (d *Database) Replication(ctx context.Context, slot string) (*Replication, error) {
	var a struct {
		Replication
		Beat float64
	}
	if err := d.read(ctx, d.upkeep(), sqlReplication, map[string]string{"slot": slot}, &a); err != nil {
		return nil, err
	}
	r := a.Replication
	r.Beat = time.UnixMicro(int64(a.Beat * 1e6)).UTC()
	return &r, nil
}

// MakeSlot makes a slot that keeps the log from now on.
func (d *Database) MakeSlot(ctx context.Context, slot string) error {
	_, err := d.ask(ctx, d.upkeep(), "select pg_create_physical_replication_slot(:'slot', true) is null;", map[string]string{"slot": slot})
	if err != nil {
		return fmt.Errorf("make the replication slot %s: %w", slot, err)
	}
	return nil
}

// DropSlot gives a slot up, and ends who follows it. One that is not there is no error.
func (d *Database) DropSlot(ctx context.Context, slot string) error {
	_, err := d.ask(ctx, d.upkeep(), `select count(pg_terminate_backend(active_pid)) from pg_replication_slots where slot_name = :'slot' and active;
select count(*) > 0 as there, coalesce(bool_or(active), false) as active from pg_replication_slots where slot_name = :'slot' \gset
\if :active
select pg_sleep(1);
\endif
\if :there
select pg_drop_replication_slot(:'slot') is null;
\endif
`, map[string]string{"slot": slot})
	if err != nil {
		return fmt.Errorf("drop the replication slot %s: %w", slot, err)
	}
	return nil
}

// MayReplicate is an error where nobody may follow the log over the loopback without a password, as who shares the network of the server's
// container would.
func (d *Database) MayReplicate(ctx context.Context) error {
	ctx, cancel := limit(ctx)
	defer cancel()
	at, err := d.find(ctx)
	if err != nil {
		return err
	}
	// On a connection of this sort the only statements are those of the replication protocol.
	code, said, err := d.exec(ctx, at.container, []string{
		"psql", "--no-psqlrc", "--no-password", "--tuples-only", "--dbname=host=127.0.0.1 dbname=postgres replication=true user=" + d.cfg.User, "--command=IDENTIFY_SYSTEM",
	}, nil, io.Discard)
	switch {
	case err != nil:
		return err
	case notThere(code):
		return &ProgramError{Program: "psql", Code: code, Said: said, Err: ErrNoProgram}
	case code != 0:
		return &ProgramError{Program: "psql", Code: code, Said: said, Err: ErrRefused}
	}
	return nil
}

// BaseSettings is what a copy of the cluster needs to be told to start.
type BaseSettings struct {
	Container string            // that the server runs in
	Bin       string            // the folder of its programs there; empty: not known
	Settings  map[string]string // by name
}

// baseSettings are the settings without which another server would not go through this one's log, or could not be dumped.
var baseSettings = []string{
	"max_prepared_transactions", "max_locks_per_transaction", "max_connections", "max_worker_processes", "shared_preload_libraries",
}

// BaseSettings asks for them.
func (d *Database) BaseSettings(ctx context.Context) (*BaseSettings, error) {
	at, err := d.find(ctx)
	if err != nil {
		return nil, err
	}
	b := &BaseSettings{Container: at.container}
	err = d.read(ctx, d.upkeep(), `select json_build_object('bin', (select setting from pg_config where name = 'BINDIR'),
  'settings', (select json_object_agg(name, setting) from pg_settings where name = any(string_to_array(:'names', ' '))));`,
		map[string]string{"names": strings.Join(baseSettings, " ")}, b)
	return b, err
}

// Base writes a copy of the whole cluster as pg_basebackup's tar, its manifest among the files, without the log that makes it consistent. An error
// means that it is no copy. It gives the server's own time right after its end.
func (d *Database) Base(ctx context.Context, w io.Writer, progress func(done int64)) (time.Time, error) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, dumpWithin)
		defer cancel()
	}
	at, err := d.find(ctx)
	if err != nil {
		return time.Time{}, err
	}
	out := &counter{w: w, progress: func(done, _ int64) {
		if progress != nil {
			progress(done)
		}
	}}
	_, err = d.run(ctx, at, "pg_basebackup", []string{
		"--pgdata=-", "--format=tar", "--wal-method=none", "--checkpoint=fast", "--label=notebookbot",
	}, nil, out)
	if err != nil {
		return time.Time{}, fmt.Errorf("copy the cluster: %w", d.explain(ctx, at, "", err))
	}
	var seconds float64
	err = d.read(ctx, d.upkeep(), "select extract(epoch from clock_timestamp());", nil, &seconds)
	return time.UnixMicro(int64(seconds * 1e6)).UTC(), err
}
