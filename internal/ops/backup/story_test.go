package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ai-notebook/notebookbot/internal/realparts"
)

// server is a real database, worked on with PostgreSQL's own programs.
type server struct {
	t    testing.TB
	dsn  string
	away bool
	// then is called with the bytes of a dump so far; an error breaks it off.
	then func(n int64) error
}

func newServer(t testing.TB) *server {
	t.Helper()
	realparts.Require(t, "pg_dump")
	s := &server{t: t, dsn: realparts.Postgres(t)}
	s.exec(`CREATE TABLE notes (id bigint PRIMARY KEY, body text NOT NULL)`, `INSERT INTO notes SELECT n, md5(n::text) FROM generate_series(1, 2000) n`)
	return s
}

func (s *server) conn(dsn string) *pgx.Conn {
	s.t.Helper()
	c, err := pgx.Connect(s.t.Context(), dsn)
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

func (s *server) exec(statements ...string) {
	s.t.Helper()
	c := s.conn(s.dsn)
	defer c.Close(context.WithoutCancel(s.t.Context()))
	for _, q := range statements {
		if _, err := c.Exec(s.t.Context(), q); err != nil {
			s.t.Fatalf("%s: %v", q, err)
		}
	}
}

func (s *server) rows(dsn, table string) (n int64) {
	s.t.Helper()
	c := s.conn(dsn)
	defer c.Close(context.WithoutCancel(s.t.Context()))
	if err := c.QueryRow(s.t.Context(), "SELECT count(*) FROM "+table).Scan(&n); err != nil {
		s.t.Fatal(err)
	}
	return n
}

var errAway = errors.New("connection refused")

func (s *server) Ready(context.Context) error {
	if s.away {
		return errAway
	}
	return nil
}

func (s *server) Size(ctx context.Context) (n int64, err error) {
	if s.away {
		return 0, errAway
	}
	c, err := pgx.Connect(ctx, s.dsn)
	if err != nil {
		return 0, err
	}
	defer c.Close(context.WithoutCancel(ctx))
	return n, c.QueryRow(ctx, "SELECT pg_database_size(current_database())").Scan(&n)
}

func (s *server) Dump(ctx context.Context, w io.Writer, progress func(done, total int64)) (DumpInfo, error) {
	if s.away {
		return DumpInfo{}, errAway
	}
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, "pg_dump", "--format=custom", "--compress=0", "--dbname="+s.dsn)
	cmd.Stdout, cmd.Stderr = &watched{w: w, s: s, progress: progress}, &said
	if err := cmd.Run(); err != nil {
		return DumpInfo{}, fmt.Errorf("pg_dump: %w: %s", err, said.String())
	}
	return DumpInfo{Name: "test", Version: "15", Rows: map[string]int64{"public.notes": 2000}}, nil
}

type watched struct {
	w        io.Writer
	s        *server
	n        int64
	progress func(done, total int64)
}

func (w *watched) Write(b []byte) (int, error) {
	n, err := w.w.Write(b)
	w.n += int64(n)
	if w.progress != nil {
		w.progress(w.n, 0)
	}
	if err == nil && w.s.then != nil {
		err = w.s.then(w.n)
	}
	return n, err
}

func (s *server) Prove(ctx context.Context, r io.Reader) error {
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, "pg_restore", "--file=/dev/null")
	cmd.Stdin, cmd.Stderr = r, &said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%w: pg_restore: %w: %s", ErrDamaged, err, said.String())
	}
	return nil
}

// story is an application with its backups.
type story struct {
	testing.TB
	*server
	cfg  Config
	sets *Sets

	mu  sync.Mutex
	now time.Time
}

// newStory is an application in a folder, whose sets lie in another. change may be nil.
func newStory(t testing.TB, change func(c *Config)) *story {
	t.Helper()
	s := &story{TB: t, server: newServer(t), now: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)}
	s.cfg = Config{
		Dir: filepath.Join(t.TempDir(), "sets"), Root: t.TempDir(), Project: "notebook",
		Files: []string{"uploads/", "docker-compose.yml"}, Config: []string{"nginx/", "monitoring/"}, Secrets: []string{".env", "ssl/"},
		Every: 30 * time.Minute, RPO: time.Hour, Fresh: 15 * time.Minute, Retention: 720 * time.Hour, Now: s.clock,
	}
	if change != nil {
		change(&s.cfg)
	}
	s.put("uploads/one", "one")
	s.put("uploads/deep/two", strings.Repeat("two ", 1000))
	s.put("docker-compose.yml", "version: '2.4'")
	s.put("nginx/nginx.conf", "events {}")
	s.put(".env", "PASSWORD=hunter2")
	s.open()
	return s
}

func (s *story) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *story) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

// open opens the sets as a new process would.
func (s *story) open() {
	s.Helper()
	var err error
	if s.sets, err = Open(s.cfg, s.server, nil, slog.New(slog.DiscardHandler)); err != nil {
		s.Fatal(err)
	}
}

func (s *story) put(name, text string) {
	s.Helper()
	full := filepath.Join(s.cfg.Root, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(full), 0o755), os.WriteFile(full, []byte(text), 0o640)); err != nil {
		s.Fatal(err)
	}
}

func (s *story) take(want Kind) *Set {
	s.Helper()
	set, err := s.sets.Take(s.Context(), want, nil)
	if err != nil {
		s.Fatalf("take a set: %v", err)
	}
	s.pass(time.Minute)
	return set
}

func (s *story) find(id string) *Set {
	s.Helper()
	set, err := s.sets.Find(id)
	if err != nil {
		s.Fatal(err)
	}
	return set
}

func (s *story) prove(id string) Proof {
	s.Helper()
	p, err := s.sets.Prove(s.Context(), id, nil)
	if err != nil {
		s.Fatal(err)
	}
	return p
}

// names lists what is in the folder of the sets.
func (s *story) names() []string {
	s.Helper()
	found, err := os.ReadDir(s.cfg.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.Fatal(err)
	}
	var out []string
	for _, d := range found {
		out = append(out, d.Name())
	}
	return out
}

// tree gives all files, folders and links of a folder with their rights, times and content.
func tree(t testing.TB, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := os.Lstat(name)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil || rel == "." {
			return err
		}
		switch {
		case info.Mode().IsRegular():
			b, err := os.ReadFile(name)
			out[rel] = fmt.Sprintf("%s %s %x", info.Mode(), info.ModTime().UTC(), b)
			return err
		case info.IsDir():
			out[rel] = fmt.Sprintf("%s %s", info.Mode(), info.ModTime().UTC())
		default:
			out[rel], err = os.Readlink(name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// unpacked takes the files of a set out.
func (s *story) unpacked(id string) map[string]string {
	s.Helper()
	to := s.TempDir()
	if err := s.sets.UnpackFiles(s.Context(), id, to, nil); err != nil {
		s.Fatalf("unpack %s: %v", id, err)
	}
	return tree(s, to)
}

// run runs a program as a person would.
func (s *story) run(in io.Reader, name string, args ...string) string {
	s.Helper()
	cmd := exec.Command(name, args...)
	cmd.Stdin = in
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.Fatalf("%s %v: %v: %s", name, args, err, out)
	}
	return string(out)
}
