package app

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	longest = 2000 // bytes of a note as it is sent
	shown   = 20
)

// notes are kept in PostgreSQL. The table is made, with some notes, where it is missing.
type notes struct{ pool *pgxpool.Pool }

// prepare makes it as soon as the database answers, so that a backup has something to keep before anybody looks.
func (n *notes) prepare() {
	for range 600 {
		if _, err := n.newest(context.Background()); err == nil {
			return
		}
		time.Sleep(500 * time.Millisecond)
	}
}

type note struct {
	ID      int64     `json:"id"`
	Text    string    `json:"text"`
	Written time.Time `json:"written"`
}

// list is what the frontend shows.
type list struct {
	Count int64  `json:"count"`
	Notes []note `json:"notes"`
}

// openNotes does not connect yet: the backend starts, and is unhealthy, without its database.
func openNotes() (*notes, error) {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword("postgres", os.Getenv("POSTGRES_PASSWORD")), Host: os.Getenv("POSTGRES"),
		Path: "/ai_notebook", RawQuery: "sslmode=disable&connect_timeout=2&pool_max_conns=4",
	}
	cfg, err := pgxpool.ParseConfig(u.String())
	if err != nil {
		return nil, errors.New("POSTGRES is not an address such as postgres:5432") //nolint:err113 // The cause holds the password.
	}
	pool, err := pgxpool.NewWithConfig(context.Background(), cfg)
	if err != nil {
		return nil, err
	}
	return &notes{pool}, nil
}

func (n *notes) close() { n.pool.Close() }

func (n *notes) ping(ctx context.Context) error { return n.pool.Ping(ctx) }

const (
	// Several backends may ask at once, and IF NOT EXISTS alone is not safe against that.
	lockNotes = `SELECT pg_advisory_xact_lock(20260105)`
	makeNotes = `CREATE TABLE IF NOT EXISTS notes (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, text TEXT NOT NULL,
		written TIMESTAMPTZ NOT NULL DEFAULT now())`
	fillNotes = `INSERT INTO notes (text, written)
		SELECT 'note ' || n, now() - (2001 - n) * interval '7 minutes' FROM generate_series(1, 2000) n
		WHERE NOT EXISTS (SELECT FROM notes)`
)

// with does something in a transaction; where the table is missing it is made first.
func (n *notes) with(ctx context.Context, do func(pgx.Tx) error) error {
	err := pgx.BeginFunc(ctx, n.pool, do)
	if missing, ok := errors.AsType[*pgconn.PgError](err); !ok || missing.Code != "42P01" {
		return err
	}
	err = pgx.BeginFunc(ctx, n.pool, func(tx pgx.Tx) error {
		for _, statement := range []string{lockNotes, makeNotes, fillNotes} {
			if _, err := tx.Exec(ctx, statement); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("make the table of notes: %w", err)
	}
	return pgx.BeginFunc(ctx, n.pool, do)
}

func (n *notes) newest(ctx context.Context) (list, error) {
	var l list
	ctx, cancel := context.WithTimeout(ctx, answer)
	defer cancel()
	err := n.with(ctx, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, `SELECT count(*) FROM notes`).Scan(&l.Count); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `SELECT id, text, written FROM notes ORDER BY id DESC LIMIT $1`, shown)
		if err != nil {
			return err
		}
		l.Notes, err = pgx.CollectRows(rows, pgx.RowToStructByPos[note])
		return err
	})
	return l, err
}

func (n *notes) add(ctx context.Context, text string) error {
	ctx, cancel := context.WithTimeout(ctx, answer)
	defer cancel()
	return n.with(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO notes (text) VALUES ($1)`, text)
		return err
	})
}

// forget deletes every other note, as somebody might by mistake.
func (n *notes) forget(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, answer)
	defer cancel()
	return n.with(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM notes WHERE id % 2 = 0`)
		return err
	})
}
