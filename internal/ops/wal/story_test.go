package wal

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/backup"
	"github.com/ai-notebook/notebookbot/internal/ops/docker"
	"github.com/ai-notebook/notebookbot/internal/ops/postgres"
	"github.com/ai-notebook/notebookbot/internal/realparts"
)

// story is a real PostgreSQL in a compose project whose log is archived.
type story struct {
	*testing.T
	app     *realparts.Application
	engine  *docker.Engine
	db      *postgres.Database
	archive *Archive
	keeper  *Keeper

	mu   sync.Mutex
	told []string
}

func newStory(t *testing.T) *story {
	t.Helper()
	s := &story{T: t, app: realparts.StartApplication(t, "", "postgres")}
	var err error
	if s.engine, err = docker.Open(docker.Config{Host: s.app.Host, Project: s.app.Project, Dir: s.app.Dir}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, role := range []string{roleReceiver, roleCopy} {
			found, err := s.engine.Helpers(context.Background(), role)
			for _, c := range found {
				err = errors.Join(err, s.engine.RemoveHelper(context.Background(), c.ID))
			}
			if err != nil {
				t.Error(err)
			}
		}
		if err := s.engine.Close(); err != nil {
			t.Error(err)
		}
	})
	if s.db, err = postgres.Open(s.engine, postgres.Config{Service: "postgres", Name: "ai_notebook", User: "postgres"}); err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	if testing.Verbose() {
		log = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	dir := t.TempDir()
	sets, err := backup.Open(backup.Config{Dir: filepath.Join(dir, "sets"), Root: s.app.Dir, Project: s.app.Project}, nil, nil, log)
	if err != nil {
		t.Fatal(err)
	}
	s.archive, err = Open(Config{
		Dir: filepath.Join(dir, "wal"), Project: s.app.Project, Name: "ai_notebook", User: "postgres", Retention: 24 * time.Hour,
	}, s.db, s.engine, sets, log)
	if err != nil {
		t.Fatal(err)
	}
	s.keeper = s.newKeeper(log)
	s.until("the database answers", func() bool { return s.db.Ready(t.Context()) == nil })
	return s
}

func (s *story) newKeeper(log *slog.Logger) *Keeper {
	return &Keeper{
		Archive: s.archive, Log: log, Late: time.Hour,
		Tell: func(_ context.Context, late bool, _ string, st State, _ time.Duration) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.told = append(s.told, map[bool]string{true: "late " + st.Trouble, false: "back"}[late])
			return nil
		},
		Alive: func(_ context.Context, key string) (bool, error) { return key == "OP-1", nil },
	}
}

func (s *story) until(what string, ok func() bool) {
	s.Helper()
	deadline := time.After(time.Minute)
	for tick := time.NewTicker(50 * time.Millisecond); !ok(); {
		select {
		case <-tick.C:
		case <-deadline:
			st, err := s.archive.State()
			s.Fatalf("waited in vain until %s: %+v, %v", what, st, err)
		}
	}
}

// look has the keeper look once.
func (s *story) look() *State {
	s.Helper()
	if err := s.keeper.Once(s.Context()); err != nil {
		s.Logf("look: %v", err)
	}
	st, err := s.archive.State()
	if err != nil {
		s.Fatal(err)
	}
	return st
}

// archived waits until what is committed now is archived.
func (s *story) archived() {
	s.Helper()
	now := s.moment()
	s.until("it is archived", func() bool { return s.look().To.After(now) })
}

// sql runs statements in the live database.
func (s *story) sql(sql string) string {
	s.Helper()
	server, err := s.archive.server(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	return s.sqlIn(server.ID, sql)
}

func (s *story) sqlIn(id, sql string) string {
	s.Helper()
	var out, said bytes.Buffer
	code, err := s.engine.Exec(s.Context(), id, []string{"psql", "-h", "/tmp", "-U", "postgres", "-XqAt", "-d", "ai_notebook", "-c", sql}, nil, &out, &said)
	if err != nil || code != 0 {
		s.Fatalf("%s: %d, %v: %s", sql, code, err, said.String())
	}
	return strings.TrimSpace(out.String())
}

// moment is the server's time.
func (s *story) moment() time.Time {
	s.Helper()
	t, err := time.Parse("2006-01-02 15:04:05.999999-07", s.sql("set timezone = 'UTC'; select clock_timestamp()"))
	if err != nil {
		s.Fatal(err)
	}
	return t
}

// base takes a copy of the cluster.
func (s *story) base() *Base {
	s.Helper()
	b, err := s.archive.TakeBase(s.Context(), nil)
	if err != nil {
		s.Fatal(err)
	}
	return b
}

// at brings a copy to a moment and tells what the notes are there.
func (s *story) at(moment time.Time) string {
	s.Helper()
	choice, err := s.archive.Choose(moment)
	if err != nil {
		s.Fatal(err)
	}
	began := time.Now()
	if err := s.archive.Recover(s.Context(), "OP-1", choice.Base.ID, moment, nil); err != nil {
		s.Fatal(err)
	}
	s.Logf("recovered in %s: %d files of the log", time.Since(began), choice.Files)
	found, err := s.archive.under(s.Context(), "OP-1")
	if err != nil || len(found) != 1 {
		s.Fatalf("%v, %v", found, err)
	}
	got := s.sqlIn(found[0].ID, "select string_agg(text, ' ' order by text) from ledger")
	if err := s.archive.Discard(s.Context(), "OP-1"); err != nil {
		s.Fatal(err)
	}
	return got
}

func code(err error) string {
	if p, ok := errors.AsType[*ops.Problem](err); ok {
		return p.Code
	}
	return ""
}
