package postgres

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestWhatIsRestoredIsLikeTheLiveDatabase(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	dump, b := s.dump()
	const fresh = "ai_notebook_new_op1"
	var read int64
	if err := s.Fill(t.Context(), fresh, bytes.NewReader(b), func(done int64) { read = done }); err != nil {
		t.Fatal(err)
	}
	if read != int64(len(b)) {
		t.Errorf("%d of %d bytes are told", read, len(b))
	}
	got, err := s.Counts(t.Context(), fresh)
	if diff := cmp.Diff(dump.Counts, got); err != nil || diff != "" {
		t.Errorf("%v, rows (-want +got):\n%s", err, diff)
	}
	for _, q := range []string{
		"select pg_get_userbyid(datdba), encoding, datcollate, datctype, datconnlimit, array(select x::text from unnest(datacl) x order by 1) from pg_database where datname = current_database()",
		"select pg_get_userbyid(nullif(setrole, 0)), setconfig from pg_db_role_setting where setdatabase = (select oid from pg_database where datname = current_database()) order by 1",
		"show search_path", "show work_mem",
		"select tablename, tableowner from pg_tables where schemaname = 'public' order by 1",
		"select indexdef from pg_indexes where schemaname = 'public' order by 1", "select nextval('\"odd \"\"name\"\"_id_seq\"')",
	} {
		if want, got := s.sql("ai_notebook", q), s.sql(fresh, q); got != want {
			t.Errorf("%s: %q, the live one has %q", q, got, want)
		}
	}
	if n := s.sql(fresh, "select count(*) from pg_stats where schemaname = 'public'"); n == "0" {
		t.Error("it has no statistics")
	}
	// Once more under the same name, as after a crash.
	if err := s.Fill(t.Context(), fresh, bytes.NewReader(b), nil); err != nil {
		t.Errorf("a second time: %v", err)
	}
}

func TestABadDumpTouchesNothing(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	_, b := s.dump()
	const fresh = "ai_notebook_new_op1"
	for name, dump := range map[string][]byte{"cut": b[:len(b)*2/3], "none": []byte("select 1")} {
		if err := s.Fill(t.Context(), fresh, bytes.NewReader(dump), nil); err == nil {
			t.Errorf("%s: it is taken for whole", name)
		}
		if how, err := s.LookFilled(t.Context(), fresh); how != FilledPartly || err != nil {
			t.Errorf("%s: it is %s, %v", name, how, err)
		}
	}
	if got, err := s.Counts(t.Context(), "ai_notebook"); err != nil || got.Rows() != 21000 {
		t.Errorf("the live one has %v, %v", got, err)
	}
	if err := s.Drop(t.Context(), fresh); err != nil {
		t.Error(err)
	}
	if how, err := s.LookFilled(t.Context(), fresh); how != FilledNot || err != nil {
		t.Errorf("it is %s, %v", how, err)
	}
}

// clients ask the live database over and over, in sessions that they open and keep, and count how often they were refused.
func (s *story) clients(ctx context.Context, n int) func() (asked int, longest time.Duration, refused []string) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	var asked int
	var longest time.Duration
	var refused []string
	for i := range n {
		wg.Go(func() {
			for ctx.Err() == nil {
				begin := time.Now()
				sql := "select count(*) from users;"
				if i == 0 {
					sql = "select pg_sleep(60);" // sits in the database until it is ended
				}
				_, err := s.ask(ctx, "ai_notebook", sql, nil)
				mu.Lock()
				asked, longest = asked+1, max(longest, time.Since(begin))
				if err != nil && ctx.Err() == nil {
					refused = append(refused, err.Error())
				}
				mu.Unlock()
			}
		})
	}
	return func() (int, time.Duration, []string) {
		wg.Wait()
		return asked, longest, refused
	}
}

func TestTheLiveDatabaseIsExchangedUnderItsClientsAndBack(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	_, b := s.dump()
	if err := s.Fill(t.Context(), "ai_notebook_new_op1", bytes.NewReader(b), nil); err != nil {
		t.Fatal(err)
	}
	s.sql("ai_notebook", "delete from \"odd \"\"name\"\"\"; insert into users values (5000, 'later')")
	look := func(want Swapped) {
		t.Helper()
		if how, err := s.LookSwapped(t.Context(), Exchange{Next: "ai_notebook_new_op1"}); how != want {
			t.Errorf("it is %s, want %s (%v)", how, want, err)
		}
	}
	look(SwappedNot)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	result := s.clients(ctx, 4)
	until(t, "a client sits in the database", func() bool {
		return s.sql("postgres", "select count(*) from pg_stat_activity where query like 'select pg_sleep%' and datname = 'ai_notebook'") != "0"
	})
	took, err := s.Swap(t.Context(), Exchange{Next: "ai_notebook_new_op1", Aside: "ai_notebook_before_op1"})
	if err != nil {
		t.Fatal(err)
	}
	look(SwappedDone)
	until(t, "clients are in the new one", func() bool {
		return s.sql("postgres", "select count(*) from pg_stat_activity where query like 'select pg_sleep%' and datname = 'ai_notebook'") != "0"
	})
	cancel()
	asked, longest, refused := result()
	t.Logf("exchanged in %s; %d questions, the longest took %s, refused: %q", took, asked, longest, refused)
	for _, r := range refused { // who was connected is ended; nobody is turned away
		if strings.Contains(r, "does not exist") || strings.Contains(r, "not currently accepting") {
			t.Errorf("a client was turned away: %s", r)
		}
	}
	if got, err := s.Counts(t.Context(), "ai_notebook"); err != nil || got.Rows() != 21000 {
		t.Errorf("the live one has %v, %v", got, err)
	}
	kept, err := s.Kept(t.Context())
	if err != nil || len(kept) != 1 || kept[0].Name != "ai_notebook_before_op1" || kept[0].Size == 0 || time.Since(kept[0].At) > time.Minute {
		t.Errorf("kept is %+v, %v", kept, err)
	}
	// And back, as an operation of its own.
	if _, err := s.Swap(t.Context(), Exchange{Next: "ai_notebook_before_op1", Aside: "ai_notebook_before_op2"}); err != nil {
		t.Fatal(err)
	}
	if n := s.sql("ai_notebook", "select count(*) from users"); n != "1001" {
		t.Errorf("the old one has %s users", n)
	}
	if got := s.names(); got != "ai_notebook ai_notebook_before_op2" {
		t.Errorf("there are %s", got)
	}
	if err := s.Drop(t.Context(), "ai_notebook_before_op2"); err != nil {
		t.Error(err)
	}
}

func TestAnExchangeThatCannotBeMadeChangesNothing(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	_, b := s.dump()
	if _, err := s.Swap(t.Context(), Exchange{Next: "ai_notebook_new_op1", Aside: "ai_notebook_before_op1"}); err == nil {
		t.Error("what is not there became the live one")
	}
	if err := s.Fill(t.Context(), "ai_notebook_new_op1", bytes.NewReader(b), nil); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"postgres", "template1", "ai_notebook", "other", "ai_notebook_new_op1'; drop", "ai_notebook_new_" + strings.Repeat("x", 60)} {
		if _, err := s.Swap(t.Context(), Exchange{Next: name, Aside: "ai_notebook_before_op1"}); err == nil {
			t.Errorf("%s became the live one", name)
		}
		if err := s.Drop(t.Context(), name); !errors.Is(err, ErrForeign) && !errors.Is(err, ErrName) {
			t.Errorf("%s was dropped: %v", name, err)
		}
	}
	s.sql("postgres", "create database ai_notebook_before_op1; comment on database ai_notebook_before_op1 is 'mine'")
	if _, err := s.Swap(t.Context(), Exchange{Next: "ai_notebook_new_op1", Aside: "ai_notebook_before_op1"}); err == nil {
		t.Error("a database of somebody else was replaced")
	}
	is(t, s.Drop(t.Context(), "ai_notebook_before_op1"), ErrForeign)
	if got := s.names(); got != "ai_notebook ai_notebook_before_op1 ai_notebook_new_op1" {
		t.Errorf("there are %s", got)
	}
	if s.sql("postgres", "select datname from pg_database where datname = 'ai_notebook' and shobj_description(oid, 'pg_database') is null") == "" {
		t.Error("the live one was marked")
	}
}

func TestADatabaseThatSomebodyDroppedIsPutInPlaceAndTakenBack(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	_, b := s.dump()
	s.sql("postgres", "drop database ai_notebook")
	is(t, s.Ready(t.Context()), ErrNoDatabase)
	if err := s.Fill(t.Context(), "ai_notebook_new_op1", bytes.NewReader(b), nil); err != nil {
		t.Fatal(err)
	}
	if how, err := s.LookSwapped(t.Context(), Exchange{Next: "ai_notebook_new_op1"}); how != SwappedNot || err != nil {
		t.Errorf("it is %s, %v", how, err)
	}
	for range 2 {
		if _, err := s.Swap(t.Context(), Exchange{Next: "ai_notebook_new_op1", Aside: "ai_notebook_before_op1"}); err != nil {
			t.Fatal(err)
		}
		if got := s.names(); got != "ai_notebook" {
			t.Errorf("there are %s", got)
		}
		if _, err := s.Unswap(t.Context(), Exchange{Next: "ai_notebook_new_op1", Aside: "ai_notebook_before_op1"}); err != nil {
			t.Fatal(err)
		}
		if got := s.names(); got != "ai_notebook_new_op1" {
			t.Errorf("there are %s", got)
		}
	}
}

// Between the look at a database and its exchange somebody else may have been at it.
func TestANameThatLeadsToAnotherDatabaseByNowIsNotExchanged(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	_, b := s.dump()
	x := Exchange{Next: "ai_notebook_new_op1", Aside: "ai_notebook_before_op1"}
	if err := s.Fill(t.Context(), x.Next, bytes.NewReader(b), nil); err != nil {
		t.Fatal(err)
	}
	oid := func(name string) string {
		t.Helper()
		is, err := s.OID(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		return is
	}
	x.NextOID, x.LiveOID = oid(x.Next), oid("ai_notebook")
	moved := func(what, name string, do func(context.Context, Exchange) (time.Duration, error), x Exchange) {
		t.Helper()
		before := s.names() + oid("ai_notebook") + oid(x.Next)
		_, err := do(t.Context(), x)
		m, ok := errors.AsType[*MovedError](err)
		if !ok || m.Name != name || m.Was == m.Is {
			t.Errorf("%s: %v", what, err)
		}
		if after := s.names() + oid("ai_notebook") + oid(x.Next); after != before {
			t.Errorf("%s: there was %s and is %s", what, before, after)
		}
	}
	look := func(what string, want Swapped) {
		t.Helper()
		if how, _ := s.LookSwapped(t.Context(), x); how != want {
			t.Errorf("%s: it is %s, want %s", what, how, want)
		}
	}
	none := x
	none.LiveOID = NoOID
	moved("there was no live one, and now there is", "ai_notebook", s.Swap, none)
	s.sql("postgres", "alter database ai_notebook rename to mine; create database ai_notebook")
	moved("another live one", "ai_notebook", s.Swap, x)
	look("another live one", SwappedNot)
	s.sql("postgres", "drop database ai_notebook; alter database mine rename to ai_notebook; alter database "+x.Next+" rename to filled; create database "+x.Next)
	moved("another new one", x.Next, s.Swap, x)
	look("another new one", SwappedLost)
	s.sql("postgres", "drop database "+x.Next)
	moved("no new one", x.Next, s.Swap, x)
	look("no new one", SwappedLost) // that the live one is there does not mean that it was restored
	s.sql("postgres", "alter database filled rename to "+x.Next)
	if _, err := s.Swap(t.Context(), x); err != nil {
		t.Fatal(err)
	}
	s.sql("postgres", "create database "+x.Next)
	look("exchanged, whatever comes afterwards", SwappedDone)
	s.sql("postgres", "drop database "+x.Next+"; alter database ai_notebook rename to filled; create database ai_notebook")
	moved("back, and the live one is another", "ai_notebook", s.Unswap, x)
	s.sql("postgres", "drop database ai_notebook; alter database filled rename to ai_notebook; alter database "+x.Aside+" rename to mine")
	moved("back, and the old one is gone", x.Aside, s.Unswap, x)
	s.sql("postgres", "alter database mine rename to "+x.Aside)
	if _, err := s.Unswap(t.Context(), x); err != nil {
		t.Fatal(err)
	}
	look("back", SwappedNot)
	s.sql("postgres", "alter database ai_notebook rename to mine")
	if _, err := s.Swap(t.Context(), x); err != nil { // nothing is lost by that
		t.Errorf("the live one is gone: %v", err)
	}
}

func TestFactsOfTheServerAreSane(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { _, _ = s.ask(ctx, "ai_notebook", "begin; select pg_sleep(60);", nil) })
	until(t, "somebody is busy", func() bool {
		return s.sql("postgres", "select count(*) from pg_stat_activity where query like '%pg_sleep(60)%' and pid <> pg_backend_pid()") != "0"
	})
	s.sql("postgres", "select pg_create_physical_replication_slot('left', true)")
	f, err := s.Facts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("in %s: %+v", f.Took, f)
	if !strings.HasPrefix(f.Version, "15.") || f.Took <= 0 || f.Size < 1<<20 || f.MaxConnections != 100 || f.Reserved != 3 || f.Connections["active"] != 1 ||
		f.Used() != 1 || f.OldestTransaction <= 0 || f.OldestIdle != 0 || f.Standby || f.Behind != nil || len(f.Replicas) > 0 || time.Since(f.Started) > time.Hour ||
		len(f.Slots) != 1 || f.Slots[0].Name != "left" || f.Slots[0].Active {
		t.Errorf("%+v", f)
	}
	if ok, err := s.MayOperate(t.Context()); !ok || err != nil {
		t.Errorf("the superuser may not: %v", err)
	}
}
