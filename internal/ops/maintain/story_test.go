package maintain

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/access"
	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/docker"
	"github.com/ai-notebook/notebookbot/internal/ops/postgres"
	"github.com/ai-notebook/notebookbot/internal/ops/target"
	"github.com/ai-notebook/notebookbot/internal/realparts"
	"github.com/ai-notebook/notebookbot/internal/store/storetest"
)

// trusting lets everybody do everything: who may is tried elsewhere.
type trusting struct{}

func (trusting) Rule(string) (access.Rule, bool) {
	return access.Rule{Class: access.Change, Run: access.Operators, Approve: access.Commanders, Approvals: 1, Expires: time.Hour}, true
}
func (trusting) MayRun(context.Context, ops.Person, string) error      { return nil }
func (trusting) MayApprove(context.Context, ops.Person, string) error  { return nil }
func (trusting) MayActAlone(context.Context, ops.Person, string) error { return nil }

// hostile is a table that somebody named to see whether it is quoted.
const hostile = `x"; drop table logs; --`

// story is the sample application with a bot that maintains its database.
type story struct {
	*testing.T
	engine *docker.Engine
	app    *target.Application
	db     *postgres.Database
	id     string // of the database's container
	kind   *Kind
	svc    *ops.Service
}

func newStory(t *testing.T) *story {
	t.Helper()
	app := realparts.StartApplication(t, "")
	engine, err := docker.Open(docker.Config{Host: app.Host, Project: app.Project, Dir: app.Dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := engine.Close(); err != nil {
			t.Error(err)
		}
	})
	s := &story{T: t, engine: engine, app: &target.Application{Engine: engine, Project: app.Project, URL: app.URL("/health"), Stable: 300 * time.Millisecond}}
	s.db, err = postgres.Open(engine, postgres.Config{Service: "postgres", Name: "ai_notebook", User: "postgres"})
	if err != nil {
		t.Fatal(err)
	}
	s.id = strings.TrimSpace(app.Compose(t, "ps", "-q", "postgres"))
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for _, service := range []string{"postgres", "backend"} {
		if err := s.app.Healthy(ctx, service, nil); err != nil {
			t.Fatal(err)
		}
	}
	s.kind = New(Config{
		Lock: 300 * time.Millisecond, Least: 64 << 10,
		Delete: []Delete{
			{Table: "logs", Column: "created_at", Keep: 30 * 24 * time.Hour},
			{Table: "user_sessions", Column: "expires_at"},
			{Table: hostile, Column: `day"`, Keep: 7 * 24 * time.Hour},
		},
	}, s.db, engine, s.app)
	s.serve(s.kind)
	return s
}

// serve is a start of the bot.
func (s *story) serve(k ops.Kind) {
	s.svc = ops.NewService(storetest.Open(s.T), ops.Config{Kinds: []ops.Kind{k}, People: trusting{}, Target: s.app, Ops: "C0OPS"}, slog.New(slog.DiscardHandler))
}

// psql runs statements as a person would.
func (s *story) psql(sql string) string {
	s.Helper()
	var out, said bytes.Buffer
	code, err := s.engine.Exec(s.Context(), s.id, clientArgs, strings.NewReader(sql), &out, &said)
	if err != nil || code != 0 {
		s.Fatalf("%.200s: %v, %d: %s", sql, err, code, said.String())
	}
	return strings.TrimSpace(out.String())
}

var clientArgs = []string{
	"psql", "--host=/tmp", "--username=postgres", "--dbname=ai_notebook", "--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set=ON_ERROR_STOP=1", "--file=-",
}

// client is somebody's session on the database.
type client struct {
	t    *testing.T
	in   *io.PipeWriter
	out  *bufio.Reader
	said bytes.Buffer
	wg   sync.WaitGroup
}

func (s *story) client(t *testing.T) *client {
	t.Helper()
	input, in := io.Pipe()
	output, out := io.Pipe()
	c := &client{t: t, in: in, out: bufio.NewReader(output)}
	c.wg.Go(func() {
		_, err := s.engine.Exec(t.Context(), s.id, clientArgs, input, out, &c.said)
		_ = input.CloseWithError(io.ErrClosedPipe)
		_ = out.CloseWithError(fmt.Errorf("the session ended: %w", orEOF(err)))
	})
	t.Cleanup(c.end)
	return c
}

func orEOF(err error) error {
	if err == nil {
		return io.EOF
	}
	return err
}

// line sends statements and gives the one line that they print.
func (c *client) line(sql string) (string, error) {
	if _, err := io.WriteString(c.in, sql+"\n"); err != nil {
		return "", err
	}
	line, err := c.out.ReadString('\n')
	return strings.TrimSpace(line), err
}

func (c *client) end() {
	_ = c.in.Close()
	c.wg.Wait()
}

// busy has a client do the same over and over until the function it gives is called, which tells how often it could and how long it took at
// most.
func (s *story) busy(t *testing.T, sql string) func() (times int, longest time.Duration) {
	t.Helper()
	c := s.client(t)
	if _, err := c.line("set statement_timeout = '20s'; select 1;"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var times int
	var longest time.Duration
	var wg sync.WaitGroup
	wg.Go(func() {
		for ctx.Err() == nil {
			began := time.Now()
			if _, err := c.line(sql); err != nil {
				t.Errorf("it was refused after %d times: %v", times, err)
				return
			}
			times, longest = times+1, max(longest, time.Since(began))
			<-time.After(5 * time.Millisecond) // one user of many, not a load
		}
	})
	return func() (int, time.Duration) {
		cancel()
		wg.Wait()
		c.end()
		if c.said.Len() > 0 {
			t.Errorf("the database said: %s", c.said.String())
		}
		return times, longest
	}
}

func (s *story) ask(t *testing.T, args ...string) *ops.Operation {
	t.Helper()
	d, err := s.svc.Ask(t.Context(), ops.Request{Word: word, Args: args, By: ops.Person{Actor: incidents.Person("U0ANN")}})
	if err != nil {
		t.Fatal(err)
	}
	op, _, err := s.svc.Do(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	return op
}

func (s *story) approve(t *testing.T, op *ops.Operation) {
	t.Helper()
	d, err := s.svc.Approve(t.Context(), op.Number, ops.Approve{By: ops.Person{Actor: incidents.Person("U0BOB")}, Hash: op.Hash})
	if err == nil {
		_, _, err = s.svc.Do(t.Context(), d)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// carry approves an operation and carries it out.
func (s *story) carry(t *testing.T, op *ops.Operation) *ops.Operation {
	t.Helper()
	s.approve(t, op)
	if _, err := ops.NewRunner(s.svc, ops.RunnerConfig{Owner: "one"}).Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	op = s.find(t, op)
	if op.State != ops.Done {
		t.Fatalf("it is %s: %+v", op.State, op.Outcome)
	}
	return op
}

func (s *story) find(t *testing.T, op *ops.Operation) *ops.Operation {
	t.Helper()
	op, err := s.svc.Find(t.Context(), op.Number)
	if err != nil {
		t.Fatal(err)
	}
	return op
}

func fact(t *testing.T, op *ops.Operation, code string) ops.Fact {
	t.Helper()
	for _, f := range op.Outcome.Facts {
		if f.Code == code {
			return f
		}
	}
	t.Errorf("nothing tells %s: %+v", code, op.Outcome.Facts)
	return ops.Fact{}
}

// steps are the names of a plan's steps, in a line each.
func steps(op *ops.Operation) string {
	var out []string
	for _, st := range op.Steps {
		out = append(out, st.Name)
	}
	return strings.Join(out, "\n")
}

// fill makes the guide's tables as they are after some months, with so many old lines in the log, and a table whose name is hostile.
func (s *story) fill(lines int) {
	s.Helper()
	s.psql(fmt.Sprintf(filled, lines))
}

const filled = `set client_min_messages = warning;
create table if not exists logs (id bigint generated always as identity primary key, created_at timestamptz not null, text text);
create table if not exists user_sessions (id uuid primary key default gen_random_uuid(), expires_at timestamp not null);
create index if not exists user_sessions_expires on user_sessions (expires_at);
create table if not exists "x""; drop table logs; --" (id int, "day""" date);
create table if not exists documents (id bigint primary key, title text not null, room int4range, exclude using gist (room with &&));
create index if not exists documents_title on documents (title);
truncate logs, user_sessions, documents, "x""; drop table logs; --";
insert into logs (created_at, text) select now() - interval '31 days' - n * interval '1 second', repeat('x', 100) from generate_series(1, %d) n;
insert into logs (created_at, text) select now() - n * interval '1 minute', 'fresh' from generate_series(1, 3000) n;
insert into user_sessions (expires_at) select now() - n * interval '1 second' from generate_series(1, 20000) n;
insert into user_sessions (expires_at) select now() + n * interval '1 hour' from generate_series(1, 100) n;
insert into "x""; drop table logs; --" select n, now()::date - n from generate_series(1, 30) n;
insert into documents select n, 'document ' || md5(n::text) from generate_series(1, 30000) n;
delete from documents where id %% 10 > 0;
vacuum (analyze) documents; vacuum (analyze) logs; vacuum (analyze) user_sessions; select 1;
`

// kept is what must be there whatever happens: nothing that is not old goes.
func (s *story) kept(t *testing.T) {
	t.Helper()
	if got := s.psql(`select (select count(*) from logs) || ' ' || (select count(*) from user_sessions) || ' ' || (select count(*) from "x""; drop table logs; --") || ' ' || count(*) from documents where id % 10 = 0 and id <= 30000;`); got != "3000 100 7 3000" {
		t.Errorf("%s rows are there, want 3000 100 7 3000", got)
	}
}
