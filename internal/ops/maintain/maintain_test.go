package maintain

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/postgres"
)

// few are enough old lines of the log for some batches.
const few = 20000

// many is how many there are in the first story; NOTEBOOKBOT_KILLS (make soak) takes as many as were measured elsewhere.
var many = func() int {
	if os.Getenv("NOTEBOOKBOT_KILLS") != "" {
		return 157000
	}
	return 40000
}()

// TestMaintenanceOfARealDatabase tells one story after the other on one application, which takes its time to start.
func TestMaintenanceOfARealDatabase(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	whole := os.Getenv("NOTEBOOKBOT_KILLS") != ""
	for _, st := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"old rows go and indexes shrink while others read and write", s.oldRowsGoWhileOthersWork},
		{"a rebuild that cannot get its locks leaves an index that the next run drops", s.aRebuildWithoutItsLocks},
		{"whoever dies in a step costs a delay only", s.whoeverDiesCostsADelayOnly},
		{"what is configured wrongly is said before anything is done", s.whatIsConfiguredWrongly},
	} {
		if dies := strings.HasPrefix(st.name, "whoever dies"); dies && !whole {
			continue // a dozen bots one after the other: make soak
		}
		if !t.Run(st.name, st.run) {
			return
		}
	}
}

func (s *story) oldRowsGoWhileOthersWork(t *testing.T) {
	s.fill(many)
	s.psql(`create index documents_broken_ccnew on documents (title);
create index documents_own on documents (title);
update pg_index set indisvalid = false where indexrelid in ('documents_broken_ccnew'::regclass, 'documents_own'::regclass);`)
	op := s.ask(t)
	for _, want := range []string{
		"leftovers", "prune:public.logs", "prune:public.user_sessions", `prune:public."x""; drop table logs; --"`, "reindex:public.documents_title",
		"reindex:public.documents_pkey", "reindex:public.logs_pkey", "vacuum", "measure:after", "healthy:postgres", "healthy:backend", "url",
	} {
		if !strings.Contains(steps(op)+"\n", want+"\n") {
			t.Errorf("%s is missing in the plan:\n%s", want, steps(op))
		}
	}
	if got := string(op.Plan.Details); !strings.Contains(got, fmt.Sprintf(`"rows":%d`, many)) || !strings.Contains(got, `"rows":20000`) || !strings.Contains(got, `"rows":23`) {
		t.Errorf("the plan shows %s", got)
	}
	if notes := strings.Join(op.Plan.Notes, "\n"); !strings.Contains(notes, "maintain_no_undo") || !strings.Contains(notes, "maintain_own_invalid: public.documents_own") {
		t.Errorf("the notes are %s", notes)
	}
	s.psql(`insert into logs (created_at, text) select now() - interval '29 days 23 hours 59 minutes', 'about to get old' from generate_series(1, 5);`)
	wrote := s.busy(t, `insert into documents (id, title) select 100000 + coalesce(max(id), 0), 'new' from documents; update documents set title = md5(title) where id = 10; select 1;`)
	read := s.busy(t, "select count(*) from logs where text = 'fresh';")
	op = s.carry(t, op)
	writes, wrote1 := wrote()
	reads, read1 := read()
	t.Logf("%d writes, the longest %s; %d reads, the longest %s; the facts are %+v", writes, wrote1, reads, read1, op.Outcome.Facts)
	if writes == 0 || reads == 0 {
		t.Errorf("%d writes, %d reads", writes, reads)
	}
	s.psql("delete from logs where text = 'about to get old';")
	s.kept(t)
	if f := fact(t, op, "maintain_pruned"); f.Count != many || f.Name != "public.logs" || f.Took == 0 {
		t.Errorf("it says %+v", f)
	}
	if f := fact(t, op, "maintain_reindexed"); f.Count < 3 || f.Total*2 > f.Bytes {
		t.Errorf("it says %+v", f)
	}
	if f := fact(t, op, "maintain_dropped"); strings.Join(f.Names, " ") != "public.documents_broken_ccnew" {
		t.Errorf("it says %+v", f)
	}
	if got := s.psql("select string_agg(indexrelid::regclass::text, ' ') from pg_index where not indisvalid;"); got != "documents_own" {
		t.Errorf("invalid indexes: %q, only somebody's own stays", got)
	}
	s.psql("drop index documents_own;")
}

func (s *story) aRebuildWithoutItsLocks(t *testing.T) {
	s.fill(few)
	holder := s.client(t)
	if _, err := holder.line("begin; update documents set title = title where id = 20; select 1;"); err != nil {
		t.Fatal(err)
	}
	op := s.carry(t, s.ask(t))
	if f := fact(t, op, "maintain_not_reindexed"); !strings.Contains(strings.Join(f.Names, " "), "public.documents_title") || !strings.Contains(f.Text, postgres.StateLockTimeout) {
		t.Errorf("it says %+v", f)
	}
	if f := fact(t, op, "maintain_stay"); f.Count == 0 || !strings.Contains(f.Text, "_ccnew") {
		t.Errorf("it says %+v", f)
	}
	if f := fact(t, op, "maintain_reindexed"); f.Count == 0 {
		t.Error("the others did not go on")
	}
	s.kept(t)
	if _, err := holder.line("rollback; select 1;"); err != nil {
		t.Fatal(err)
	}
	if got := s.psql("select count(*) > 0 from pg_index where not indisvalid;"); got != "t" {
		t.Fatal("the rebuild left nothing, so this test shows nothing")
	}
	op = s.carry(t, s.ask(t))
	fact(t, op, "maintain_dropped")
	if got := s.psql("select count(*) from pg_index where not indisvalid;"); got != "0" {
		t.Errorf("%s invalid indexes are left", got)
	}
	if f := fact(t, op, "maintain_reindexed"); f.Count < 2 {
		t.Errorf("it says %+v", f)
	}
}

// mortal is a database whose bot dies once in each thing that is done to it.
type mortal struct {
	*postgres.Database
	story *story

	mu   sync.Mutex
	died map[string]bool
	kill func()
}

// once dies the first time that it gets there.
func (m *mortal) once(what string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.died[what] {
		return false
	}
	m.died[what] = true
	m.kill()
	return true
}

func (m *mortal) Prune(ctx context.Context, p *postgres.Prunable, before time.Time, batch, major int, told func(int64) error) error {
	return m.Database.Prune(ctx, p, before, batch, major, func(rows int64) error {
		m.once("prune " + p.Shown)
		return told(rows)
	})
}

// Reindex dies in the middle the first time, while it waits for somebody, and after it the second time.
func (m *mortal) Reindex(ctx context.Context, i postgres.Relation, p postgres.Patience) error {
	if m.mu.Lock(); !m.died["in reindex"] {
		m.mu.Unlock()
		holder := m.story.client(m.story.T) //nolint:contextcheck // Somebody else's session outlives the bot.
		if _, err := holder.line("begin; lock documents, logs, user_sessions in row exclusive mode; select 1;"); err != nil {
			return err
		}
		looking, enough := context.WithCancel(ctx)
		var wg sync.WaitGroup
		wg.Go(func() {
			for tick := time.NewTicker(20 * time.Millisecond); looking.Err() == nil; <-tick.C {
				if busy, err := m.Work(looking); err == nil && busy {
					m.once("in reindex")
				}
			}
		})
		err := m.Database.Reindex(ctx, i, p)
		enough()
		wg.Wait()
		holder.end()
		return err
	}
	m.mu.Unlock()
	err := m.Database.Reindex(ctx, i, p)
	if err == nil && m.once("after reindex "+i.Shown) {
		return ctx.Err()
	}
	return err
}

func (m *mortal) DropInvalid(ctx context.Context, i postgres.Relation, p postgres.Patience) error {
	err := m.Database.DropInvalid(ctx, i, p)
	if err == nil && m.once("drop") {
		return ctx.Err()
	}
	return err
}

func (m *mortal) Vacuum(ctx context.Context, t postgres.Relation, p postgres.Patience) error {
	err := m.Database.Vacuum(ctx, t, p)
	if err == nil && m.once("vacuum") {
		return ctx.Err()
	}
	return err
}

func (m *mortal) Size(ctx context.Context) (int64, error) {
	m.once("measure")
	return m.Database.Size(ctx)
}

func (s *story) whoeverDiesCostsADelayOnly(t *testing.T) {
	s.fill(few)
	s.psql(`create index documents_broken_ccnew on documents (title); update pg_index set indisvalid = false where indexrelid = 'documents_broken_ccnew'::regclass;`)
	m := &mortal{Database: s.db, story: s, died: map[string]bool{}}
	k := *s.kind
	k.DB = m
	s.serve(&k)
	op := s.ask(t)
	s.approve(t, op)
	const enough = 50
	deaths := 0
	for op = s.find(t, op); !op.State.Over(); op = s.find(t, op) {
		ctx, cancel := context.WithCancel(t.Context())
		m.mu.Lock()
		m.kill = cancel
		m.mu.Unlock()
		_, err := ops.NewRunner(s.svc, ops.RunnerConfig{Owner: fmt.Sprint("bot ", deaths), Retry: 50 * time.Millisecond}).Once(ctx)
		cancel()
		if deaths++; err != nil && !errors.Is(err, context.Canceled) {
			t.Logf("death %d: %v", deaths, err)
		}
		if deaths > enough {
			t.Fatalf("it does not come to an end: %+v", op.Steps)
		}
	}
	if op.State != ops.Done {
		t.Fatalf("it is %s: %+v", op.State, op.Outcome)
	}
	for _, what := range []string{"measure", "drop", "prune public.logs", "prune public.user_sessions", "in reindex", "after reindex public.logs_pkey", "vacuum"} {
		if !m.died[what] {
			t.Errorf("nobody died in %s: %v", what, m.died)
		}
	}
	s.kept(t)
	if got := s.psql("select count(*) from pg_index where not indisvalid;"); got != "0" {
		t.Errorf("%s invalid indexes are left", got)
	}
	if f := fact(t, op, "maintain_reindexed"); f.Count < 3 {
		t.Errorf("it says %+v", f)
	}
	if f := fact(t, op, "maintain_pruned_least"); f.Count > few || f.Count < few-defaultBatch {
		t.Errorf("it says %+v", f)
	}
	fact(t, op, "maintain_dropped")
	t.Logf("%d bots; the facts are %+v", deaths, op.Outcome.Facts)
}

func (s *story) whatIsConfiguredWrongly(t *testing.T) {
	s.psql(`create view recent as select * from logs;
create table parts (at timestamptz) partition by range (at);
create schema other; create table other."a.b" (at date); create schema a; create table a.b (at date); create table "a.b" (at date);`)
	for code, d := range map[string]Delete{
		"maintain_no_table": {Table: "logs; drop table logs", Column: "created_at"}, "maintain_many_tables": {Table: "a.b", Column: "at"},
		"maintain_not_plain": {Table: "recent", Column: "created_at"}, "maintain_no_column": {Table: "logs", Column: "created_at; --"},
		"maintain_not_time": {Table: "logs", Column: "id"},
	} {
		k := *s.kind
		k.cfg.Delete = []Delete{d}
		_, err := k.Plan(t.Context(), ops.Request{Word: word})
		if p, ok := errors.AsType[*ops.Problem](err); !ok || p.Code != code {
			t.Errorf("%+v: %v, want %s", d, err, code)
		}
	}
	for code, ds := range map[string][]Delete{
		"maintain_twice":     {{Table: "logs", Column: "created_at"}, {Table: "public.logs", Column: "created_at"}},
		"maintain_not_plain": {{Table: "public.parts", Column: "at"}},
	} {
		k := *s.kind
		k.cfg.Delete = ds
		_, err := k.Plan(t.Context(), ops.Request{Word: word})
		if p, ok := errors.AsType[*ops.Problem](err); !ok || p.Code != code {
			t.Errorf("%+v: %v, want %s", ds, err, code)
		}
	}
	k := *s.kind
	k.cfg.Delete = []Delete{{Table: `other."a.b"`, Column: "at"}}
	p, err := k.Plan(t.Context(), ops.Request{Word: word, Args: []string{All}})
	if err != nil || !strings.Contains(strings.Join(p.Notes, "\n"), "maintain_exclusion: public.documents_room_excl") {
		t.Errorf("all indexes: %v, %q", err, p.Notes)
	}
}
