package restore

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/backup"
	"github.com/ai-notebook/notebookbot/internal/ops/postgres"
)

// A database that somebody dropped comes back too, without a backup first, since there is nothing to back up.
func TestADroppedDatabaseComesBack(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	set := s.take()
	if _, err := s.db.Swap(context.WithoutCancel(t.Context()), postgres.Exchange{Next: "ai_notebook_new_op9", Aside: "ai_notebook_before_op9"}); err == nil {
		t.Fatal("nothing became the live one")
	}
	s.drop()
	op := s.want(s.do(set.ID, "database"), ops.Done)
	s.lines("3000")
	if !strings.Contains(strings.Join(op.Plan.Notes, " "), "restore_no_database") {
		t.Errorf("the plan notes %v", op.Plan.Notes)
	}
}

func TestARestoreIsTriedBesideTheLiveDatabase(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	var told []Trial
	keeper := &Keeper{
		Kind: s.kind, Sets: s.dir, Every: time.Hour, RTO: time.Hour, Log: slog.New(slog.DiscardHandler),
		Tell: func(_ context.Context, t Trial) error { told = append(told, t); return nil },
	}
	once := func() *Trial {
		t.Helper()
		if err := keeper.Once(t.Context()); err != nil {
			t.Fatal(err)
		}
		last, err := LastTrial(s.dir)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.databases(); got != "ai_notebook" {
			t.Errorf("there are %s", got)
		}
		return last
	}
	if last := once(); last != nil {
		t.Errorf("without a set: %+v", last)
	}
	set := s.take()
	last := once()
	if last == nil || !last.Good || last.Set != set.ID || last.Rows < 3000 || last.Took <= 0 || len(told) > 0 {
		t.Fatalf("the trial is %+v, told %v", last, told)
	}
	t.Logf("%d rows in %d ms", last.Rows, last.Took)
	if again := once(); !again.At.Equal(last.At) {
		t.Error("it is tried before its time")
	}
	later := time.Now().Add(2 * time.Hour)
	s.kind.Now = func() time.Time { return later }
	s.kind.Sets = miscountedNewest{miscounted{s.sets}}
	if bad := once(); bad.Good || !strings.Contains(bad.Why, "public.ledger") || len(told) != 1 {
		t.Errorf("the trial is %+v, told %v", bad, told)
	}
	s.lines("3000")
}

// miscountedNewest gives the newest of them.
type miscountedNewest struct{ miscounted }

func (m miscountedNewest) Newest() (*backup.Set, error) {
	set, err := m.Sets.Newest()
	if err != nil || set == nil {
		return set, err
	}
	return m.Find(set.ID)
}
