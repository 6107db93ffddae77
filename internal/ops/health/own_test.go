package health

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops/docker"
	"github.com/ai-notebook/notebookbot/internal/realparts"
)

// shell runs what would run in the container of a real Redis that listens here.
type shell struct {
	Engine
	port string
	argv []string
}

func (*shell) Containers(context.Context) ([]docker.Container, error) {
	return []docker.Container{{ID: "c1", Service: "redis", State: "running"}}, nil
}

func (*shell) Project(context.Context) (*docker.Project, error) {
	return nil, errors.New("there is none here")
}

func (*shell) Logs(context.Context, string, int, time.Time, io.Writer) error { return nil }

func (*shell) Measure(context.Context, []docker.Container) map[string]docker.Stats { return nil }

func (s *shell) Exec(ctx context.Context, _ string, argv []string, stdin io.Reader, stdout, stderr io.Writer) (int, error) {
	s.argv = argv
	c := exec.CommandContext(ctx, "redis-cli", append([]string{"-p", s.port}, argv[1:]...)...)
	c.Stdin, c.Stdout, c.Stderr = stdin, stdout, stderr
	err := c.Run()
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		return e.ExitCode(), nil
	}
	return 0, err
}

func TestARedisThatWantsAPasswordIsAskedWithItAndNeverShowsIt(t *testing.T) {
	t.Parallel()
	realparts.Require(t, "redis-cli")
	const password = "geheim \"x'\\ $(id)\r\nINFO ü"
	for _, tt := range []struct {
		name, needs, given string
		state              State
		code               string
	}{
		{"the right one", password, password, OK, "redis.up"},
		{"a wrong one", password, "hunter2 hunter2", Unchecked, "redis.wrong_password"},
		{"none", password, "", Unchecked, "redis.password"},
		{"one that nobody asks for", "", "hunter2 hunter2", OK, "redis.up"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			addr := realparts.FreeAddr(t)
			_, port, _ := net.SplitHostPort(addr)
			ready := func(ctx context.Context) error {
				_, err := Redis{Addr: addr, Password: tt.needs}.Ask(ctx, "PING")
				return err
			}
			realparts.Run(t, "redis", realparts.Require(t, "redis-server"), []string{
				"--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", t.TempDir(),
			}, func(ctx context.Context) error { _, err := Redis{Addr: addr}.Ask(ctx, "PING"); return err })
			if tt.needs != "" {
				protect(t, addr, tt.needs)
			}
			if err := ready(t.Context()); err != nil {
				t.Fatal(err)
			}
			inside := &shell{port: port}
			for where, cfg := range map[string]Config{
				"at its address":   {Redis: Redis{Addr: addr, Password: tt.given}},
				"in its container": {Redis: Redis{Service: "redis", Password: tt.given}, Engine: inside},
			} {
				c := looked(t, cfg, "redis")
				if c.State != tt.state || c.Findings[0].Code != tt.code {
					t.Errorf("%s it is %s: %+v", where, c.State, c.Findings)
				}
				if said := fmt.Sprintf("%+v", c); tt.given != "" && strings.Contains(said, tt.given) {
					t.Errorf("%s the password is shown: %s", where, said)
				}
			}
			if line := strings.Join(inside.argv, " "); tt.given != "" && line != "redis-cli" {
				t.Errorf("the command line is %q", line)
			}
		})
	}
}

// protect sets a password that no configuration line could hold.
func protect(t *testing.T, addr, password string) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var b bytes.Buffer
	fmt.Fprintf(&b, "*4\r\n$6\r\nCONFIG\r\n$3\r\nSET\r\n$11\r\nrequirepass\r\n$%d\r\n%s\r\n", len(password), password)
	if _, err := conn.Write(b.Bytes()); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 100)
	if n, err := conn.Read(answer); err != nil || string(answer[:n]) != "+OK\r\n" {
		t.Fatalf("requirepass: %q, %v", answer[:n], err)
	}
}

func TestTheLastRestoreForATryIsHeldAgainstThePromise(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	tried := func(change func(r *Rehearsal)) *Rehearsal {
		r := &Rehearsal{Set: "20260301T030000Z", At: now.Add(-33 * time.Hour), Took: 90 * time.Second, Rows: 4000, Good: true}
		change(r)
		return r
	}
	for _, tt := range []struct {
		name  string
		last  *Rehearsal
		err   error
		state State
		code  string
	}{
		{"good", tried(func(*Rehearsal) {}), nil, OK, "rehearsal"},
		{"failed", tried(func(r *Rehearsal) { r.Good, r.Why = false, "rows differ" }), nil, Warning, "rehearsal.failed"},
		{"slower than the promise", tried(func(r *Rehearsal) { r.Took = 5 * time.Hour }), nil, Warning, "rehearsal.slow"},
		{"long ago", tried(func(r *Rehearsal) { r.At = now.Add(-15 * 24 * time.Hour) }), nil, Warning, "rehearsal.old"},
		{"never", nil, nil, Unchecked, "rehearsal.none"},
		{"nobody knows", nil, errors.New("read restore.json: it is a folder"), Unchecked, "unseen"},
	} {
		c := looked(t, Config{
			Rehearsed: func() (*Rehearsal, error) { return tt.last, tt.err }, Rehearse: 7 * 24 * time.Hour, RTO: 4 * time.Hour,
			Now: func() time.Time { return now },
		}, "rehearsal")
		f := c.Findings[0]
		if c.State != tt.state || f.Code != tt.code {
			t.Errorf("%s: it is %s: %+v", tt.name, c.State, c.Findings)
		}
		if tt.last != nil && (f.Facts.Took != tt.last.Took || f.Facts.Count != 4000 || f.Facts.Promise != 4*time.Hour || !f.Facts.At.Equal(tt.last.At)) {
			t.Errorf("%s: it says %+v", tt.name, f.Facts)
		}
	}
}
