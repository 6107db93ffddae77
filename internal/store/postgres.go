package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// pgDriver is one PostgreSQL database: one connection that writes, some that read, one that listens while Run runs.
type pgDriver struct {
	writers, readers *pgxpool.Pool
	log              *slog.Logger
}

const (
	connectWithin = 3 * time.Second
	beginWithin   = 4 * time.Second
)

// settle makes a connection keep our promises whatever the server's defaults are: a commit is on disk when it is answered, and
// nobody waits for long, neither we for others nor others for us. Statements that pass a pooler, unlike start-up parameters.
const pgSettle = `SET lock_timeout = '3s'; SET statement_timeout = '10s'; SET idle_in_transaction_session_timeout = '15s';
	SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'`

func openPostgres(ctx context.Context, address string, log *slog.Logger, opts Options) (_ *pgDriver, err error) {
	cfg, err := parsePostgres(address)
	if err != nil {
		return nil, err
	}
	defer func() { err = scrub(err, cfg.ConnConfig.Password) }()
	if cfg.ConnConfig.ConnectTimeout <= 0 {
		cfg.ConnConfig.ConnectTimeout = connectWithin
	}
	if cfg.ConnConfig.RuntimeParams["application_name"] == "" {
		cfg.ConnConfig.RuntimeParams["application_name"] = "notebookbot"
	}
	cfg.AfterConnect = func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.PgConn().Exec(ctx, pgSettle).ReadAll()
		return err
	}
	d := &pgDriver{log: log}
	if d.writers, err = newWriters(ctx, cfg); err != nil {
		return nil, err
	}
	if d.readers, err = newPool(ctx, cfg, opts.Readers); err != nil {
		d.writers.Close()
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = d.close()
		}
	}()
	if err := d.migrate(ctx); err != nil {
		return nil, err
	}
	return d, nil
}

// Each statement that writes has an index, but a server that never looked at a fresh table may prefer to read all of it. And what
// was planned for an empty table may read the wrong index when it is large: every plan is made for the table as it is.
const pgPlans = `SET enable_seqscan = off; SET jit = off; SET plan_cache_mode = force_custom_plan`

func newWriters(ctx context.Context, cfg *pgxpool.Config) (*pgxpool.Pool, error) {
	cfg = cfg.Copy()
	settle := cfg.AfterConnect
	cfg.AfterConnect = func(ctx context.Context, c *pgx.Conn) error {
		if err := settle(ctx, c); err != nil {
			return err
		}
		_, err := c.PgConn().Exec(ctx, pgPlans).ReadAll()
		return err
	}
	return newPool(ctx, cfg, 1)
}

func newPool(ctx context.Context, cfg *pgxpool.Config, size int) (*pgxpool.Pool, error) {
	cfg = cfg.Copy()
	cfg.MinConns, cfg.MaxConns = 0, int32(min(size, 100)) //nolint:gosec // small
	return pgxpool.NewWithConfig(ctx, cfg)
}

// parsePostgres reads the address without ever repeating it.
func parsePostgres(address string) (*pgxpool.Config, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" && u.Query().Get("host") == "" {
		return nil, errURL
	}
	cfg, err := pgxpool.ParseConfig(address)
	if err != nil {
		secret, _ := u.User.Password()
		var bad *pgconn.ParseConfigError
		if inner := errors.Unwrap(err); errors.As(err, &bad) && inner != nil {
			err = inner // the outer one repeats the address
		} else if bad != nil {
			return nil, errURL
		}
		return nil, fmt.Errorf("%w: %w", errURL, scrub(scrub(err, secret), u.Query().Get("password")))
	}
	return cfg, nil
}

// scrub keeps a secret out of an error's text. Only where it stands there does the error lose what it wraps.
func scrub(err error, secret string) error {
	if err == nil || secret == "" {
		return err
	}
	text := err.Error()
	clean := strings.NewReplacer(secret, "(secret)", url.QueryEscape(secret), "(secret)",
		url.UserPassword("", secret).String(), "(secret)").Replace(text)
	if clean == text {
		return err
	}
	return errors.New(clean)
}

var (
	noTimeouts  = both(`SELECT set_config('lock_timeout', '0', true), set_config('statement_timeout', '0', true)`)
	lockSchema  = both(`SELECT pg_advisory_xact_lock(hashtext('notebookbot schema'), hashtext(current_schema()))`)
	readEncoded = both(`SELECT current_setting('server_encoding')`)
)

func (d *pgDriver) migrate(ctx context.Context) error {
	ses, err := d.begin(ctx)
	if err != nil {
		return err
	}
	defer ses.rollback(ctx)
	var encoding string
	if err := ses.rows(ctx, readEncoded, func(scan scanner) error { return scan(&encoding) }); err != nil {
		return err
	}
	if encoding != "UTF8" {
		return fmt.Errorf("the database is encoded in %s: it must be UTF8, make another one", encoding)
	}
	if err := ses.send(ctx, []stmt{{noTimeouts[postgres], nil}, {lockSchema[postgres], nil}}); err != nil {
		return fmt.Errorf("wait for another migration: %w", err)
	}
	from, to, err := migrate(ctx, ses, steps)
	if err != nil {
		return err
	}
	if err := ses.commit(ctx); err != nil {
		return fmt.Errorf("schema %d: %w", to, err)
	}
	if from != to {
		d.log.InfoContext(ctx, "store schema brought up to date", "from", from, "to", to)
	}
	return nil
}

func (d *pgDriver) dialect() dialect { return postgres }

func (d *pgDriver) begin(ctx context.Context) (session, error) {
	within, cancel := context.WithTimeout(ctx, beginWithin)
	defer cancel()
	c, err := d.writers.Acquire(within)
	if err != nil {
		return nil, &lost{err}
	}
	return &pgSession{conn: c, waiting: []stmt{{"BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", nil}}}, nil
}

func (d *pgDriver) read(ctx context.Context, q query, each func(scan scanner) error, args ...any) error {
	within, cancel := context.WithTimeout(ctx, batchWithin)
	defer cancel()
	c, err := d.readers.Acquire(within)
	if err == nil {
		defer c.Release()
		err = readRows(within, c.Conn(), q[postgres], each, args)
		if err != nil && c.Conn().IsClosed() {
			err = &lost{err}
		}
	} else {
		err = &lost{err}
	}
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// retired drops connections to a server that no longer writes, so that the next ones may find its successor.
func (d *pgDriver) retired(err error) {
	if f := d.fault(err); f == readOnly || f == gone {
		d.writers.Reset()
		d.readers.Reset()
	}
}

var newsChannel = both(`SELECT 'notebookbot_' || md5(current_schema())`)

func (d *pgDriver) listen(ctx context.Context, got func(payload string)) error {
	c, err := pgx.ConnectConfig(ctx, d.readers.Config().ConnConfig)
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = c.Close(ctx)
	}()
	var channel string
	if err := c.QueryRow(ctx, newsChannel[postgres]).Scan(&channel); err != nil {
		return err
	}
	if _, err := c.Exec(ctx, "LISTEN "+pgx.Identifier{channel}.Sanitize()); err != nil {
		return err
	}
	// What was told before we listened is unknown: let both readers look.
	got(newsOutbox)
	got(newsInbox)
	for {
		within, cancel := context.WithTimeout(ctx, pingEvery)
		n, err := c.WaitForNotification(within)
		cancel()
		switch {
		case err == nil:
			got(n.Payload)
		case ctx.Err() != nil:
			return nil
		case pgconn.Timeout(err) && !c.IsClosed():
			// Silence: is anybody there? A half-open connection would stay silent for ever.
			within, cancel := context.WithTimeout(ctx, connectWithin)
			err := c.Ping(within)
			cancel()
			if err != nil {
				return err
			}
		default:
			return err
		}
	}
}

const pingEvery = 30 * time.Second

func (d *pgDriver) close() error {
	d.writers.Close()
	d.readers.Close()
	return nil
}
