package postgres

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops/docker"
	"github.com/ai-notebook/notebookbot/internal/realparts"
)

// story is a database of the test's own on the sample application's server.
type story struct {
	*Database
	t      testing.TB
	engine *docker.Engine
	app    *realparts.Application
}

// newStory starts the sample application, its PostgreSQL alone, and fills its database with two tables and what hangs on them.
func newStory(t *testing.T) *story {
	t.Helper()
	s := newStoryOf(t)
	s.sql("ai_notebook", sample)
	return s
}

func newStoryOf(t testing.TB) *story {
	t.Helper()
	app := realparts.StartApplication(t, "", "postgres")
	engine, err := docker.Open(docker.Config{Host: app.Host, Project: app.Project, Dir: app.Dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := engine.Close(); err != nil {
			t.Error(err)
		}
	})
	d, err := Open(engine, Config{Service: "postgres", Name: "ai_notebook", User: "postgres"})
	if err != nil {
		t.Fatal(err)
	}
	s := &story{Database: d, t: t, engine: engine, app: app}
	until(t, "the database answers", func() bool { return d.Ready(t.Context()) == nil })
	return s
}

const sample = `create role writer login;
create table users (id bigint primary key, name text not null);
create table "odd ""name""" (id bigserial primary key, user_id bigint references users, body text);
create index on "odd ""name""" (user_id);
create view recent as select * from users;
insert into users select n, 'user ' || n from generate_series(1, 1000) n;
insert into "odd ""name""" (user_id, body) select 1 + n % 1000, repeat(md5(n::text), 8) from generate_series(1, 20000) n;
alter table users owner to writer;
alter database ai_notebook set search_path to "odd, one", public;
alter database ai_notebook set work_mem to '5MB';
alter role writer in database ai_notebook set default_transaction_read_only to on;
grant connect on database ai_notebook to writer with grant option;
`

// sql runs statements as a person would.
func (s *story) sql(database, sql string) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.t.Context()), 5*time.Minute)
	defer cancel()
	out, err := s.ask(ctx, database, sql, nil)
	if err != nil {
		s.t.Fatalf("%s: %v", sql, err)
	}
	return out
}

func (s *story) dump() (*Dump, []byte) {
	s.t.Helper()
	var b bytes.Buffer
	d, err := s.Dump(s.t.Context(), &b, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return d, b.Bytes()
}

// names lists the databases whose name begins with the application's.
func (s *story) names() string {
	return strings.ReplaceAll(s.sql("postgres", "select datname from pg_database where datname like 'ai_notebook%' order by 1;"), "\n", " ")
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

func is(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("the error is %v, want %v", err, want)
	}
}
