package restore

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/access"
	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/backup"
	"github.com/ai-notebook/notebookbot/internal/ops/docker"
	"github.com/ai-notebook/notebookbot/internal/ops/postgres"
	"github.com/ai-notebook/notebookbot/internal/ops/target"
	"github.com/ai-notebook/notebookbot/internal/realparts"
	"github.com/ai-notebook/notebookbot/internal/store"
	"github.com/ai-notebook/notebookbot/internal/store/storetest"
)

// story is the sample application with its backups and a bot that restores them.
type story struct {
	*testing.T
	app   *realparts.Application
	store *store.Store
	db    *postgres.Database
	sets  *backup.Sets
	kind  *Kind
	svc   *ops.Service
	at    *death
	dir   string       // of the sets
	later atomic.Int64 // how much later than now it is for them, in nanoseconds
}

// dumper is the database as backups see it.
type dumper struct{ *postgres.Database }

func (d dumper) Dump(ctx context.Context, w io.Writer, progress func(done, total int64)) (backup.DumpInfo, error) {
	dump, err := d.Database.Dump(ctx, w, progress)
	if err != nil {
		return backup.DumpInfo{}, err
	}
	return backup.DumpInfo{Name: d.Name(), Version: dump.Version, Rows: dump.Counts, Warnings: dump.Warnings}, nil
}

// anybody may do anything, alone.
type anybody struct{}

func (anybody) Rule(string) (access.Rule, bool)                       { return access.Rule{Expires: time.Hour}, true }
func (anybody) MayRun(context.Context, ops.Person, string) error      { return nil }
func (anybody) MayApprove(context.Context, ops.Person, string) error  { return nil }
func (anybody) MayActAlone(context.Context, ops.Person, string) error { return nil }

var ann = ops.Person{Actor: incidents.Actor{Kind: incidents.ByPerson, ID: "U01AAAA"}}

// room is for so many applications at a time: five services each, whose healthchecks fail when too many start at once.
var room = make(chan struct{}, 2)

func newStory(t *testing.T) *story {
	t.Helper()
	room <- struct{}{}
	t.Cleanup(func() { <-room })
	s := &story{T: t, app: realparts.StartApplication(t, ""), store: storetest.Open(t), at: &death{}, dir: filepath.Join(t.TempDir(), "sets")}
	engine, err := docker.Open(docker.Config{Host: s.app.Host, Project: s.app.Project, Dir: s.app.Dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := engine.Close(); err != nil {
			t.Error(err)
		}
	})
	if s.db, err = postgres.Open(engine, postgres.Config{Service: "postgres", Name: "ai_notebook", User: "postgres"}); err != nil {
		t.Fatal(err)
	}
	cfg := Config{Root: s.app.Dir, Files: []string{"uploads/", "docker-compose.yml"}, Config: []string{"nginx/"}, Secrets: []string{".env"}}
	s.sets = s.openSets(nil)
	app := &target.Application{Engine: engine, Project: s.app.Project, URL: s.app.URL("/health"), Stable: 300 * time.Millisecond}
	s.kind = &Kind{DB: s.db, Sets: s.sets, Engine: engine, App: app, Config: cfg}
	s.open(mortal{s.kind, s.at})
	for _, service := range []string{"backend", "nginx"} {
		if err := app.Healthy(t.Context(), service, nil); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "the database answers", func() bool { return s.db.Ready(t.Context()) == nil })
	s.sql("create table if not exists ledger (id bigint primary key, text text); insert into ledger select n, 'line ' || n from generate_series(1, 3000) n")
	s.put("uploads/one.txt", "one")
	s.put("uploads/deep/two.txt", "two")
	if err := os.Chmod(s.path("uploads/one.txt"), 0o640); err != nil {
		t.Fatal(err)
	}
	return s
}

// openSets opens the backups of the application as a new process would.
func (s *story) openSets(remote *backup.Remote) *backup.Sets {
	s.Helper()
	sets, err := backup.Open(backup.Config{
		Dir: s.dir, Root: s.app.Dir, Project: s.app.Project, Files: []string{"uploads/", "docker-compose.yml"}, Config: []string{"nginx/"}, Secrets: []string{".env"},
		Every: time.Hour, RPO: time.Hour, Fresh: time.Hour, Retention: time.Hour,
		Now: func() time.Time { return time.Now().Add(time.Duration(s.later.Load())) },
	}, dumper{s.db}, remote, slog.New(slog.DiscardHandler))
	if err != nil {
		s.Fatal(err)
	}
	return sets
}

// open makes the bot anew, with kinds of a test's own.
func (s *story) open(kinds ...ops.Kind) {
	s.svc = ops.NewService(s.store, ops.Config{
		Kinds: kinds, People: anybody{}, Target: s.kind.App, Backups: s.sets.Before(), Ops: "C0OPS",
	}, slog.New(slog.DiscardHandler))
}

func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	for tick := time.NewTicker(50 * time.Millisecond); !ok(); {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

func (s *story) path(name string) string { return filepath.Join(s.app.Dir, name) }

func (s *story) put(name, text string) {
	s.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(s.path(name)), 0o755), os.WriteFile(s.path(name), []byte(text), 0o644)); err != nil {
		s.Fatal(err)
	}
}

// has checks what stands in a file; "": it is not there.
func (s *story) has(name, want string) {
	s.Helper()
	b, err := os.ReadFile(s.path(name))
	if err != nil && !os.IsNotExist(err) || string(b) != want {
		s.Errorf("%s has %q, want %q (%v)", name, b, want, err)
	}
}

// sql runs statements in the live database as the application would.
func (s *story) sql(sql string) string { s.Helper(); return s.sqlIn("ai_notebook", sql) }

// drop drops the live database.
func (s *story) drop() { s.Helper(); s.sqlIn("postgres", "drop database ai_notebook with (force)") }

func (s *story) sqlIn(database string, statements ...string) string {
	s.Helper()
	engine, ok := s.kind.Engine.(*docker.Engine)
	if !ok {
		s.Fatal("not a real engine")
	}
	containers, err := engine.Containers(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	var out, said strings.Builder
	for _, c := range containers {
		if c.Service != "postgres" {
			continue
		}
		argv := []string{"psql", "-h", "/tmp", "-U", "postgres", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", database}
		for _, sql := range statements {
			argv = append(argv, "-c", sql)
		}
		code, err := engine.Exec(s.Context(), c.ID, argv, nil, &out, &said)
		if err != nil || code != 0 {
			s.Fatalf("%q: %d, %v: %s", statements, code, err, said.String())
		}
	}
	return strings.TrimSpace(out.String())
}

// lines checks how many rows the live database has.
func (s *story) lines(want string) {
	s.Helper()
	if got := s.sql("select count(*) from ledger"); got != want {
		s.Errorf("the live database has %s lines, want %s", got, want)
	}
}

// databases lists those of the application, without the numbers of operations.
func (s *story) databases() string {
	s.Helper()
	return strings.ReplaceAll(s.sql("select datname from pg_database where datname like 'ai_notebook%' order by 1"), "\n", " ")
}

func (s *story) take() *backup.Set {
	s.Helper()
	set, err := s.sets.Take(s.Context(), backup.Full, nil)
	if err != nil {
		s.Fatal(err)
	}
	return set
}

// damage is what somebody does to the application by mistake.
func (s *story) damage() {
	s.Helper()
	s.sql("delete from ledger where id > 10; create table if not exists oops (x int)")
	s.put("uploads/one.txt", "overwritten")
	s.put("uploads/new.txt", "new")
}

func (s *story) damaged() {
	s.Helper()
	s.lines("10")
	s.has("uploads/one.txt", "overwritten")
	s.has("uploads/new.txt", "new")
}

func (s *story) whole() {
	s.Helper()
	s.lines("3000")
	s.has("uploads/one.txt", "one")
	s.has("uploads/deep/two.txt", "two")
	s.has("uploads/new.txt", "")
	if info, err := os.Stat(s.path("uploads/one.txt")); err != nil || info.Mode() != 0o640 {
		s.Errorf("its rights are %v, %v", info, err)
	}
}

// ask plans an operation.
func (s *story) ask(args ...string) (*ops.Operation, error) {
	s.Helper()
	d, err := s.svc.Ask(s.Context(), ops.Request{Word: "restore", Args: args, By: ann})
	if err != nil {
		return nil, err
	}
	op, _, err := s.svc.Do(s.Context(), d)
	return op, err
}

// do carries an operation out, with as many processes as it takes.
func (s *story) do(args ...string) *ops.Operation {
	s.Helper()
	op, err := s.ask(args...)
	if err != nil {
		s.Fatalf("restore %v: %v", args, err)
	}
	for range 6 {
		ctx, cancel := context.WithCancel(s.Context())
		s.at.cancel = cancel
		r := ops.NewRunner(s.svc, ops.RunnerConfig{Owner: time.Now().String(), Retry: 10 * time.Millisecond, Progress: 50 * time.Millisecond})
		_, err := r.Once(ctx)
		cancel()
		if err != nil && !errors.Is(err, context.Canceled) {
			s.Fatalf("runner: %v", err)
		}
		if op, err = s.svc.Find(s.Context(), op.Number); err != nil {
			s.Fatal(err)
		}
		if op.State.Over() {
			return op
		}
	}
	s.Fatalf("%s is %s for ever", op.Key(), op.State)
	return nil
}

// want checks how an operation ended.
func (s *story) want(op *ops.Operation, state ops.State) *ops.Operation {
	s.Helper()
	if op.State != state {
		s.Errorf("%s is %s, want %s: %+v", op.Key(), op.State, state, op.Outcome)
		for _, st := range op.Steps {
			s.Logf("%s %s %s", st.Name, st.State, st.Reason)
		}
	}
	return op
}

// death is when the process dies, once.
type death struct {
	point  string // "before do swap", "after undo swap", "amid fill"
	cancel context.CancelFunc
	died   bool
	fails  string // a step that fails
}

// dies ends the process at its point, and tells so.
func (d *death) dies(point string) bool {
	if d.point != point {
		return false
	}
	d.point, d.died = "", true
	d.cancel()
	return true
}

// mortal is a kind whose process dies.
type mortal struct {
	ops.Kind
	at *death
}

func (m mortal) Step(name string) (ops.Doer, bool) {
	d, ok := m.Kind.Step(name)
	return mortalStep{d, m.at, name}, ok
}

type mortalStep struct {
	ops.Doer
	at   *death
	name string
}

func (m mortalStep) call(ctx context.Context, what string, do func() error) error {
	if m.at.dies("before " + what + " " + m.name) {
		return ctx.Err()
	}
	err := do()
	if m.at.fails == m.name && what == "do" {
		err = errors.New("it does not serve")
	}
	if m.at.dies("after " + what + " " + m.name) {
		return ctx.Err()
	}
	return err
}

func (m mortalStep) Do(ctx context.Context, r *ops.Run) error {
	return m.call(ctx, "do", func() error { return m.Doer.Do(ctx, r) })
}

func (m mortalStep) Undo(ctx context.Context, r *ops.Run) error {
	return m.call(ctx, "undo", func() error { return m.Doer.Undo(ctx, r) })
}
