package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"sync"

	"github.com/ai-notebook/notebookbot/internal/ops/docker"
)

// Engine is the part of the Docker engine that this package uses.
type Engine interface {
	Containers(ctx context.Context) ([]docker.Container, error)
	Exec(ctx context.Context, id string, argv []string, stdin io.Reader, stdout, stderr io.Writer) (int, error)
	ExecIn(ctx context.Context, id string, argv func(file string) []string, in io.Reader, said io.Writer) (int, error)
	ExecOut(ctx context.Context, id string, argv func(file string) []string, out, said io.Writer) (int, error)
}

var _ Engine = (*docker.Engine)(nil)

// Config says which database it is.
type Config struct {
	Service string // of the compose project
	Name    string // of the database
	User    string // a superuser, or the owner of the database; its password is not asked for inside the container
}

// Database is the application's database. It is looked for anew with each call: its container may be another one by then.
type Database struct {
	engine Engine
	cfg    Config

	mu    sync.Mutex
	where place // where it was found last
}

// place is a container and how the server in it is reached.
type place struct{ container, host string }

// What callers decide by.
var (
	ErrAway       = errors.New("the database does not answer")
	ErrNoDatabase = errors.New("there is no such database")
	ErrRefused    = errors.New("the database refuses the user")
	ErrNoProgram  = errors.New("the container has no such program")
	ErrBroken     = errors.New("the dump is not whole") // or it is none at all
	ErrName       = errors.New("not a name of a database")
)

// plain is what a database that is operated may be called. PostgreSQL allows more, but cuts names after 63 bytes without a word,
// and connection strings and patterns give some characters a meaning.
var plain = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]{0,62}$`)

// Open checks the configuration; it does not look for the database yet.
func Open(engine Engine, cfg Config) (*Database, error) {
	if cfg.Service == "" {
		return nil, errors.New("database.service is missing: the compose service that runs PostgreSQL")
	}
	if err := CheckName(cfg.Name); err != nil {
		return nil, fmt.Errorf("database.name: %w", err)
	}
	if !plain.MatchString(cfg.User) {
		return nil, fmt.Errorf("database.user %q is not a plain name such as postgres", cfg.User)
	}
	return &Database{engine: engine, cfg: cfg}, nil
}

// Name is what the application calls its database.
func (d *Database) Name() string { return d.cfg.Name }

// Service is the compose service that runs it.
func (d *Database) Service() string { return d.cfg.Service }

// CheckName refuses what this package would not call a database.
func CheckName(name string) error {
	if !plain.MatchString(name) {
		return fmt.Errorf("%q: %w of at most 63 letters, digits, _, . and -", name, ErrName)
	}
	return nil
}

// upkeep is the database from which others are made, renamed and dropped.
func (d *Database) upkeep() string {
	if d.cfg.Name == "postgres" {
		return "template1"
	}
	return "postgres"
}

// Ready tells whether the database answers a question. The errors are ErrAway, ErrNoDatabase, ErrRefused and those of the engine.
func (d *Database) Ready(ctx context.Context) error {
	_, err := d.ask(ctx, d.cfg.Name, "select 1;", nil)
	return err
}

// Version is the server's, such as "15.14".
func (d *Database) Version(ctx context.Context) (string, error) {
	return d.ask(ctx, d.cfg.Name, "select split_part(current_setting('server_version'), ' ', 1);", nil)
}

// Size is what the database takes on disk, in bytes.
func (d *Database) Size(ctx context.Context) (int64, error) {
	var n int64
	err := d.read(ctx, d.cfg.Name, "select pg_database_size(current_database());", nil, &n)
	return n, err
}

// MayOperate tells whether the user has the rights that a restore needs: making databases, renaming them and ending connections.
func (d *Database) MayOperate(ctx context.Context) (bool, error) {
	s, err := d.ask(ctx, d.upkeep(), "select rolsuper from pg_roles where rolname = current_user;", nil)
	return s == "t", err
}
