package postgres

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops/docker"
)

// How long a question may take whose caller set no deadline.
const askWithin = 20 * time.Second

// keeps is how much of a program's words is kept: their end, which says why it failed.
const keeps = 8 << 10

// ProgramError is a program of the container that failed. What it said may quote the application's data.
type ProgramError struct {
	Program string
	Code    int
	Said    string
	Err     error // what it means; may be nil
}

func (p *ProgramError) Error() string {
	s := fmt.Sprintf("%s ended with exit code %d", p.Program, p.Code)
	if p.Said != "" {
		s += ": " + p.Said
	}
	if p.Err != nil {
		s = p.Err.Error() + ": " + s
	}
	return s
}

func (p *ProgramError) Unwrap() error { return p.Err }

// find gives the place where the server is.
func (d *Database) find(ctx context.Context) (place, error) {
	containers, err := d.engine.Containers(ctx)
	if err != nil {
		return place{}, fmt.Errorf("look for the database: %w", err)
	}
	var id, state string
	for i := range containers {
		c := &containers[i]
		if c.Service != d.cfg.Service {
			continue
		}
		if state = c.State; c.Running() {
			id = c.ID
			break
		}
	}
	switch {
	case state == "":
		return place{}, fmt.Errorf("%w: the service %s has no container", ErrAway, d.cfg.Service)
	case id == "":
		return place{}, fmt.Errorf("%w: its container (%s) is %s", ErrAway, d.cfg.Service, state)
	}
	d.mu.Lock()
	at := d.where
	d.mu.Unlock()
	if at.container == id {
		return at, nil
	}
	at.container = id
	if at.host, err = d.reach(ctx, id); err != nil {
		return place{}, err
	}
	d.mu.Lock()
	d.where = at
	d.mu.Unlock()
	return at, nil
}

// hosts is where a server is looked for inside its container: where its own programs look, where images put its socket, and the loopback.
var hosts = []string{"", "/var/run/postgresql", "/tmp", "127.0.0.1"}

// reach finds how the server is reached. One that is starting counts as found.
func (d *Database) reach(ctx context.Context, id string) (string, error) {
	ctx, cancel := limit(ctx)
	defer cancel()
	for _, host := range hosts {
		code, said, err := d.exec(ctx, id, argv("pg_isready", host, "--timeout=2", "--username="+d.cfg.User, "--dbname=postgres"), nil, nil)
		switch {
		case err != nil:
			return "", err
		case notThere(code):
			return "", &ProgramError{Program: "pg_isready", Code: code, Said: said, Err: ErrNoProgram}
		case code == 0 || code == 1:
			return host, nil
		}
	}
	return "", fmt.Errorf("%w: nothing listens in the container of %s", ErrAway, d.cfg.Service)
}

// argv is a program with its arguments; no host means the program's own way.
func argv(program, host string, args ...string) []string {
	out := []string{program}
	if host != "" {
		out = append(out, "--host="+host)
	}
	return append(out, args...)
}

// notThere tells whether an exit code is that of a program that could not be started.
func notThere(code int) bool { return code == 126 || code == 127 }

// exec runs a program and gives its exit code and the end of what it said.
func (d *Database) exec(ctx context.Context, id string, argv []string, in io.Reader, out io.Writer) (int, string, error) {
	said := &tail{}
	first := &tail{} // the engine writes there why it could not start a program
	if out == nil {
		out = first
	}
	code, err := d.engine.Exec(ctx, id, argv, in, out, said)
	return code, strings.TrimSpace(cmp.Or(said.String(), first.String())), err
}

// run runs a program with the user's rights and fails unless it ends with zero. It gives what the program said all the same.
func (d *Database) run(ctx context.Context, at place, program string, args []string, in io.Reader, out io.Writer) (string, error) {
	args = append([]string{"--username=" + d.cfg.User, "--no-password"}, args...)
	code, said, err := d.exec(ctx, at.container, argv(program, at.host, args...), in, out)
	return d.ended(program, code, said, err)
}

// ended says what the end of a program means.
func (d *Database) ended(program string, code int, said string, err error) (string, error) {
	switch {
	case err != nil:
		if errors.Is(err, docker.ErrNotRunning) || errors.Is(err, docker.ErrGone) {
			err = fmt.Errorf("%w: %w", ErrAway, err)
		}
		return said, err
	case notThere(code):
		return said, &ProgramError{Program: program, Code: code, Said: said, Err: ErrNoProgram}
	case code != 0:
		return said, &ProgramError{Program: program, Code: code, Said: said}
	}
	return said, nil
}

// stream runs a program that reads or writes much: from or to a file that args is given the name of, or by its standard streams where that is empty. One
// of in and out is nil.
func (d *Database) stream(ctx context.Context, at place, program string, args func(file string) []string, in io.Reader, out io.Writer) (string, error) {
	line := func(file string) []string {
		return argv(program, at.host, append([]string{"--username=" + d.cfg.User, "--no-password"}, args(file)...)...)
	}
	said := &tail{}
	var code int
	var err error
	if out != nil {
		code, err = d.engine.ExecOut(ctx, at.container, line, out, said)
	} else {
		code, err = d.engine.ExecIn(ctx, at.container, line, in, said)
	}
	return d.ended(program, code, strings.TrimSpace(said.String()), err)
}

// psql are the arguments of every psql: no file of settings, no pager, nothing but values, an end at the first error. The statements
// come on its standard input, because only there variables are replaced.
func psql(database string, vars map[string]string) []string {
	out := []string{
		"--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set=ON_ERROR_STOP=1", "--dbname=dbname=" + database, "--file=-",
	}
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		out = append(out, "--set="+name+"="+vars[name])
	}
	return out
}

// ask runs statements and gives what they print, without the last line's end.
func (d *Database) ask(ctx context.Context, database, sql string, vars map[string]string) (string, error) {
	ctx, cancel := limit(ctx)
	defer cancel()
	at, err := d.find(ctx)
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	if _, err := d.run(ctx, at, "psql", psql(database, vars), strings.NewReader(sql), &out); err != nil {
		return "", d.explain(ctx, at, database, err)
	}
	return strings.TrimSuffix(out.String(), "\n"), nil
}

// read runs statements that print one JSON value.
func (d *Database) read(ctx context.Context, database, sql string, vars map[string]string, into any) error {
	s, err := d.ask(ctx, database, sql, vars)
	if err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(s), into); err != nil {
		return fmt.Errorf("the database's answer cannot be read: %w", err)
	}
	return nil
}

// Exit codes of psql, pg_dump and their like.
const (
	exitOwn     = 1 // psql: its own trouble; others: any
	exitConnect = 2 // psql: no connection, or it broke
)

// explain finds out why a program failed. What it says is in the language of its container; exit codes are not.
func (d *Database) explain(ctx context.Context, at place, database string, err error) error {
	var p *ProgramError
	if !errors.As(err, &p) || p.Err != nil || p.Program == "psql" && p.Code != exitConnect {
		return err
	}
	d.mu.Lock()
	d.where = place{} // a server that was starting may have been found at its address before its socket was there
	d.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askWithin)
	defer cancel()
	code, said, e := d.exec(ctx, at.container, argv("pg_isready", at.host, "--timeout=2"), nil, nil)
	switch {
	case e != nil || code != 0:
		p.Err = ErrAway
		if e == nil && p.Said == "" {
			p.Said = said
		}
		return err
	case database == "":
		return err
	}
	if _, e := d.run(ctx, at, "psql", psql(database, nil), strings.NewReader("select 1;"), nil); e == nil {
		return err // the database is well, so it was something else
	}
	var out bytes.Buffer
	_, e = d.run(ctx, at, "psql", psql(d.upkeep(), map[string]string{"name": database}), strings.NewReader(sqlExists), &out)
	switch found := strings.TrimSpace(out.String()); {
	case e == nil && found == "0":
		p.Err = ErrNoDatabase
	default:
		p.Err = ErrRefused
	}
	return err
}

const sqlExists = "select count(*) from pg_database where datname = :'name';\n"

// limit gives a context a deadline where it has none.
func limit(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, askWithin)
}

// tail keeps the end of what is written.
type tail struct{ b []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p...)
	if over := len(t.b) - keeps; over > 0 {
		t.b = append(t.b[:0], t.b[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string { return strings.ToValidUTF8(string(t.b), "�") }
