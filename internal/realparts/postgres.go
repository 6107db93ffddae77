package realparts

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
)

// PostgresEnv names a PostgreSQL server that tests may make databases on; without it they start one of their own.
const PostgresEnv = "NOTEBOOKBOT_TEST_POSTGRES"

// PostgresServer is a server of a test's own: it can be stopped, killed and started again.
type PostgresServer struct {
	*Program
	DSN string // of the database postgres, as its superuser
	dir string
}

// Postgres gives the DSN of a new, empty database, which goes with the test. The server is the one of NOTEBOOKBOT_TEST_POSTGRES,
// else one that the tests of this process share and that ends with the last of them.
func Postgres(t testing.TB) string {
	t.Helper()
	admin := os.Getenv(PostgresEnv)
	if admin == "" {
		Require(t, "postgres")
		Require(t, "initdb")
		s, err := shared.take()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := shared.give(); err != nil {
				t.Error(err)
			}
		})
		admin = s.DSN
	}
	name := "test_" + strings.ToLower(rand.Text())
	if err := execute(t.Context(), admin, "CREATE DATABASE "+name); err != nil {
		t.Fatalf("make a database: %v", err)
	}
	t.Cleanup(func() {
		if err := execute(context.WithoutCancel(t.Context()), admin, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Errorf("drop the test's database: %v", err)
		}
	})
	dsn, err := inDatabase(admin, name)
	if err != nil {
		t.Fatal(err)
	}
	return dsn
}

// StartPostgres starts a server for this test alone. settings are lines for its configuration such as "max_connections=10".
func StartPostgres(t testing.TB, settings ...string) *PostgresServer {
	t.Helper()
	Require(t, "postgres")
	Require(t, "initdb")
	s, err := newPostgres(settings)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.end(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func newPostgres(settings []string) (_ *PostgresServer, err error) {
	dir, err := os.MkdirTemp("", "notebookbot-postgres-") // not t.TempDir: another user must reach it
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(dir)
		}
	}()
	cred, err := unprivileged()
	if err != nil {
		return nil, err
	}
	data, password := filepath.Join(dir, "data"), rand.Text()
	pwfile := filepath.Join(dir, "password")
	if err := os.WriteFile(pwfile, []byte(password), 0o600); err != nil {
		return nil, err
	}
	if cred != nil {
		for _, name := range []string{dir, pwfile} {
			if err := os.Chown(name, int(cred.Uid), int(cred.Gid)); err != nil {
				return nil, err
			}
		}
	}
	initdb := exec.Command(find("initdb"), "--pgdata", data, "--username", "postgres", "--pwfile", pwfile,
		"--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-sync", "--no-instructions")
	initdb.SysProcAttr, initdb.Dir = attributes(cred), dir
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w; it said:\n%s", err, out)
	}
	s := &PostgresServer{dir: dir}
	s.Program, err = launch("postgres", 1, func(ports []int) *Program {
		u := url.URL{
			Scheme: "postgres", User: url.UserPassword("postgres", password),
			Host: "127.0.0.1:" + strconv.Itoa(ports[0]), Path: "/postgres", RawQuery: "sslmode=disable",
		}
		dsn := u.String()
		s.DSN = dsn
		args := []string{
			"-D", data, "-p", strconv.Itoa(ports[0]), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
			"-c", "max_connections=300", "-c", "shared_buffers=64MB",
		}
		for _, set := range settings {
			args = append(args, "-c", set)
		}
		return &Program{
			path: find("postgres"), args: args, cred: cred, quit: os.Interrupt, // SIGINT: fast shutdown, waits for nobody
			ready: func(ctx context.Context) error { return execute(ctx, dsn, "SELECT 1") },
		}
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (s *PostgresServer) end() error {
	return errors.Join(s.stop(s.quit), os.RemoveAll(s.dir))
}

// unprivileged gives whom to run as where we are root, which PostgreSQL refuses to be.
func unprivileged() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			return nil, err
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil {
			return nil, err
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("PostgreSQL does not run as root, and there is neither a user postgres nor nobody")
}

func execute(ctx context.Context, dsn, statement string) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statement)
	return errors.Join(err, conn.Close(ctx))
}

// inDatabase gives the DSN for another database of the same server.
func inDatabase(dsn, name string) (string, error) {
	u, err := url.Parse(dsn)
	if err != nil || u.Scheme == "" {
		return "", fmt.Errorf("%s: not an address such as postgres://user@host/database", PostgresEnv) // it may hold a password
	}
	u.Path = "/" + name
	return u.String(), nil
}

// pool is the server that the tests of one process share. It starts with the first that takes it and ends with the last that
// gives it back, since nothing runs after the last test.
type pool struct {
	mu     sync.Mutex
	users  int
	server *PostgresServer
}

var shared pool

func (p *pool) take() (*PostgresServer, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.server == nil {
		s, err := newPostgres(nil)
		if err != nil {
			return nil, err
		}
		p.server = s
	}
	p.users++
	return p.server, nil
}

func (p *pool) give() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.users--
	if p.users > 0 {
		return nil
	}
	s := p.server
	p.server = nil
	return s.end()
}
