package insight

import (
	"context"
	"errors"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ai-notebook/notebookbot/internal/ops/docker"
	"github.com/ai-notebook/notebookbot/internal/ops/postgres"
	"github.com/ai-notebook/notebookbot/internal/ops/redact"
	"github.com/ai-notebook/notebookbot/internal/realparts"
)

// machine is an engine whose one container is this machine: the server's programs run here, with the address in their environment.
type machine struct{ env []string }

func (m machine) Containers(context.Context) ([]docker.Container, error) {
	return []docker.Container{{ID: "here", Service: "postgres", State: "running"}}, nil
}

func (m machine) Exec(ctx context.Context, _ string, argv []string, in io.Reader, out, said io.Writer) (int, error) {
	cmd := exec.CommandContext(ctx, program(argv[0]))
	for _, a := range argv[1:] {
		if !strings.HasPrefix(a, "--host=") {
			cmd.Args = append(cmd.Args, a)
		}
	}
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = append(os.Environ(), m.env...), in, out, said
	err := cmd.Run()
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	if ended := (*exec.ExitError)(nil); errors.As(err, &ended) {
		return ended.ExitCode(), nil
	}
	return 0, err
}

func (machine) ExecIn(context.Context, string, func(string) []string, io.Reader, io.Writer) (int, error) {
	return 0, errors.ErrUnsupported
}

func (machine) ExecOut(context.Context, string, func(string) []string, io.Writer, io.Writer) (int, error) {
	return 0, errors.ErrUnsupported
}

func program(name string) string {
	if found, err := filepath.Glob("/usr/lib/postgresql/*/bin/" + name); err == nil && len(found) > 0 {
		return found[len(found)-1] // not Debian's wrapper, which starts slowly
	}
	return name
}

// house is a database of a test's own.
type house struct {
	*Database
	t   *testing.T
	dsn string
}

// open looks at the database behind an address, as a user of it, with psql.
func open(t *testing.T, dsn, user string) *house {
	t.Helper()
	realparts.Require(t, "psql")
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	password, _ := u.User.Password()
	d, err := postgres.Open(machine{[]string{"PGHOST=" + u.Hostname(), "PGPORT=" + u.Port(), "PGPASSWORD=" + password}}, postgres.Config{
		Service: "postgres", Name: strings.TrimPrefix(u.Path, "/"), User: user,
	})
	if err != nil {
		t.Fatal(err)
	}
	known := redact.New("tulip-7-known")
	return &house{Database: New(Config{Database: d, Redact: func() *redact.Redactor { return known }}), t: t, dsn: dsn}
}

// counting is a server that counts its statements; each test on it gets a database of its own.
type counting struct{ server *realparts.PostgresServer }

func startCounting(t *testing.T) counting {
	return counting{realparts.StartPostgres(t, "shared_preload_libraries=pg_stat_statements", "max_prepared_transactions=5")}
}

func (c counting) open(t *testing.T, name string) *house {
	t.Helper()
	admin := open(t, c.server.DSN, "postgres")
	admin.sql("create database " + name)
	return open(t, strings.Replace(c.server.DSN, "/postgres?", "/"+name+"?", 1), "postgres")
}

// conn is a session of its own; it ends with the test.
func (h *house) conn() *pgx.Conn {
	h.t.Helper()
	c, err := pgx.Connect(h.t.Context(), h.dsn)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = c.Close(context.WithoutCancel(h.t.Context())) })
	return c
}

// sql carries out statements, each by itself.
func (h *house) sql(statements ...string) {
	h.t.Helper()
	c := h.conn()
	h.in(c, statements...)
	if err := c.Close(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) in(c *pgx.Conn, statements ...string) {
	h.t.Helper()
	for _, s := range statements {
		if _, err := c.Exec(h.t.Context(), s, pgx.QueryExecModeSimpleProtocol); err != nil {
			h.t.Fatalf("%s: %v", s, err)
		}
	}
}

// begins has a session carry out a statement that does not end by itself. It is stopped at the end of the test, before the session is.
func (h *house) begins(c *pgx.Conn, statement string) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(h.t.Context()))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = c.Exec(ctx, statement, pgx.QueryExecModeSimpleProtocol) // it is stopped, or what it waits for ends
	}()
	h.t.Cleanup(func() { cancel(); <-ended })
}

func pid(c *pgx.Conn) int { return int(c.PgConn().PID()) }

// until looks again and again.
func until[T any](t *testing.T, what string, look func(context.Context) (T, error), ok func(T) bool) T {
	t.Helper()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(30 * time.Millisecond)
	defer tick.Stop()
	for {
		found, err := look(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if ok(found) {
			return found
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited in vain until %s; at last %+v", what, found)
		}
	}
}
