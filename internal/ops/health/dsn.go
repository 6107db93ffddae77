package health

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ai-notebook/notebookbot/internal/ops/postgres"
)

// Remote is a database that is reached by its address. Each question has a connection of its own: whether a new one is still to be
// had is what matters.
type Remote struct {
	DSN     string // never part of an error
	Compose string // the service that runs it, if one does
}

// Service is the compose service that runs it.
func (r Remote) Service() string { return r.Compose }

const remoteFacts = `SELECT split_part(current_setting('server_version'), ' ', 1), pg_database_size(current_database()),
	current_setting('max_connections')::int, current_setting('superuser_reserved_connections')::int,
	(SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()),
	(SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND wait_event_type = 'Lock'),
	coalesce((SELECT extract(epoch FROM max(clock_timestamp() - state_change)) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'), 0)::float8,
	pg_is_in_recovery(),
	CASE WHEN NOT pg_is_in_recovery() THEN NULL WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
		ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) END::float8`

// Facts asks the server how it is.
func (r Remote) Facts(ctx context.Context) (*postgres.Facts, error) {
	begin := time.Now()
	cfg, err := pgx.ParseConfig(r.DSN)
	if err != nil {
		return nil, errors.New("database.dsn cannot be read") // err would quote it
	}
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, refused(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }() // the server notices the end in any case
	f := &postgres.Facts{Connections: map[string]int{}}
	var used int
	var idle float64
	var behind *float64
	err = conn.QueryRow(ctx, remoteFacts).Scan(&f.Version, &f.Size, &f.MaxConnections, &f.Reserved, &used, &f.Waiting, &idle, &f.Standby, &behind)
	if err != nil {
		return nil, refused(err)
	}
	f.Took, f.Connections["all"], f.OldestIdle = time.Since(begin), used, seconds(idle)
	if behind != nil {
		d := seconds(*behind)
		f.Behind = &d
	}
	rows, err := conn.Query(ctx, `SELECT application_name, coalesce(state, ''), coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn), 0)::bigint,
		coalesce(extract(epoch FROM replay_lag), 0)::float8 FROM pg_stat_replication WHERE NOT pg_is_in_recovery()`)
	if err != nil {
		return nil, refused(err)
	}
	f.Replicas, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (postgres.Replica, error) {
		var one postgres.Replica
		var lag float64
		err := row.Scan(&one.Name, &one.State, &one.Bytes, &lag)
		one.Behind = seconds(lag)
		return one, err
	})
	if err != nil {
		return nil, refused(err)
	}
	return f, nil
}

func seconds(s float64) time.Duration { return time.Duration(max(0, s) * float64(time.Second)) }

// refused says whether the server refused or does not answer.
func refused(err error) error {
	if said, ok := errors.AsType[*pgconn.PgError](err); ok {
		return fmt.Errorf("%w: %s (%s)", postgres.ErrRefused, said.Message, said.Code)
	}
	return fmt.Errorf("%w: %w", postgres.ErrAway, err)
}
