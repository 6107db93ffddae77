package restore

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/docker"
	"github.com/ai-notebook/notebookbot/internal/ops/wal"
)

// archive archives the log of the story's database from now on.
func (s *story) archive() (*wal.Archive, *wal.Keeper) {
	s.Helper()
	engine, ok := s.kind.Engine.(*docker.Engine)
	if !ok {
		s.Fatal("not a real engine")
	}
	a, err := wal.Open(wal.Config{
		Dir: filepath.Join(s.TempDir(), "wal"), Project: s.app.Project, Name: "ai_notebook", User: "postgres", Retention: time.Hour,
	}, s.db, engine, s.sets, slog.New(slog.DiscardHandler))
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() {
		if _, err := a.Retire(context.WithoutCancel(s.Context())); err != nil {
			s.Error(err)
		}
	})
	s.kind.Archive = a
	return a, &wal.Keeper{Archive: a, Log: slog.New(slog.DiscardHandler)}
}

// archived waits until what is committed now can be brought back.
func (s *story) archived(k *wal.Keeper) {
	s.Helper()
	now := s.moment()
	until(s, "it is archived", func() bool {
		if err := k.Once(s.Context()); err != nil {
			s.Fatal(err)
		}
		st, err := k.Archive.State()
		if err != nil {
			s.Fatal(err)
		}
		return st.To.After(now)
	})
}

func (s *story) moment() time.Time {
	s.Helper()
	t, err := time.Parse("2006-01-02 15:04:05.999999-07", s.sql("set timezone = 'UTC'; select clock_timestamp()"))
	if err != nil {
		s.Fatal(err)
	}
	return t
}

// copies counts the containers in which a copy of the cluster is.
func (s *story) copies() int {
	s.Helper()
	engine, ok := s.kind.Engine.(*docker.Engine)
	if !ok {
		s.Fatal("not a real engine")
	}
	found, err := engine.Helpers(s.Context(), "wal-copy")
	if err != nil {
		s.Fatal(err)
	}
	return len(found)
}

func TestADroppedTableComesBackAtAMomentBetweenTwoChanges(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	zone := time.FixedZone("CST", 8*3600)
	s.kind.Config.Zone = zone
	if _, err := s.ask("2026-11-24T10:05"); problem(err) != "wal_off" {
		t.Errorf("without an archive: %v", err)
	}
	a, keeper := s.archive()
	s.archived(keeper)
	if _, err := a.TakeBase(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	s.sql("insert into ledger values (3001, 'the change before')")
	// People write whole seconds: the moment is the first one after the change.
	moment := s.moment().Truncate(time.Second).Add(time.Second)
	until(t, "the moment is over", func() bool { return s.moment().After(moment) })
	s.sql("insert into ledger values (3002, 'the change after')")
	s.sql("drop table ledger; create table oops (x int)")
	s.archived(keeper)
	written := moment.In(zone).Format("2006-01-02T15:04:05")

	op := s.want(s.do(written, "database"), ops.Done)
	if s.lines("3001"); t.Failed() {
		t.FailNow()
	}
	var d Details
	if err := json.Unmarshal(op.Plan.Details, &d); err != nil || !strings.HasSuffix(d.Moment, " +08:00") || d.Base == "" || d.Log == 0 || !d.At.Equal(moment) {
		t.Errorf("the plan says %+v, %v", d, err)
	}
	if n := s.copies(); n != 0 {
		t.Errorf("%d copies of the cluster are left", n)
	}
	for _, st := range op.Steps {
		t.Logf("%s took %s", st.Name, st.Ended.Sub(st.Started).Round(time.Millisecond))
	}
	s.want(s.do("undo", op.Key()), ops.Done)
	if got := s.sql("select count(*) from pg_class where relname in ('ledger', 'oops')"); got != "1" {
		t.Errorf("the present did not come back: %s", got)
	}

	// A bot that dies goes on, or back, and leaves no copy behind.
	points := []string{"after do take"}
	if os.Getenv("NOTEBOOKBOT_KILLS") != "" { // make soak
		points = append(points, "amid replay", "after do replay", "before do discard", "after do swap_database")
	}
	for _, point := range points {
		s.forget()
		s.kind.Archive = dying{a, s.at}
		s.at.point, s.at.died = point, false
		op := s.do(written)
		if s.want(op, ops.Done); !s.at.died || t.Failed() {
			t.Fatalf("after a death %s (%v)", point, s.at.died)
		}
		s.lines("3001")
		if n := s.copies(); n != 0 {
			t.Errorf("after a death %s %d copies of the cluster are left", point, n)
		}
	}
	s.forget()
	s.at.fails = stepDiscard
	s.at.point, s.at.died = "before undo replay", false
	if s.want(s.do(written), ops.Undone); !s.at.died || s.copies() != 0 {
		t.Errorf("on the way back %d copies are left (%v)", s.copies(), s.at.died)
	}
	if got := s.databases(); got != "ai_notebook" {
		t.Errorf("there are %s", got)
	}
	for args, code := range map[string]string{
		"2001-01-01T10:05": "wal_before", "2101-01-01T10:05": "wal_future", "2026-13-24T10:05": "wal_time", "2026-11-24": "wal_time", "10:05": "wal_time",
		written + " files": "wal_part", "2026-11-24T25:05": "wal_time",
	} {
		if _, err := s.ask(strings.Fields(args)...); problem(err) != code {
			t.Errorf("restore %s: %v, want %s", args, err, code)
		}
	}
}

// dying is an archive whose bot dies while a copy replays.
type dying struct {
	*wal.Archive
	at *death
}

func (d dying) Recover(ctx context.Context, key, base string, moment time.Time, progress func(done, total int64)) error {
	return d.Archive.Recover(ctx, key, base, moment, func(done, total int64) {
		progress(done, total)
		if done > total/2 {
			d.at.dies("amid replay")
		}
	})
}
