package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/audit"
	"github.com/ai-notebook/notebookbot/internal/store"
	"github.com/ai-notebook/notebookbot/internal/store/storetest"
)

// told appends entries to the log, each in a piece of work of its own.
func told(t *testing.T, s *store.Store, entries ...audit.Entry) {
	t.Helper()
	for _, e := range entries {
		if err := s.Write(t.Context(), incidents.Want{}, func(tx incidents.Tx) error { return record(tx, e) }); err != nil {
			t.Fatal(err)
		}
	}
}

func record(tx incidents.Tx, entries ...audit.Entry) error {
	log, ok := tx.(audit.Tx)
	if !ok {
		return errors.New("the transaction keeps no audit log")
	}
	return log.Audit(entries...)
}

func entry(i int) audit.Entry {
	return audit.Entry{
		At: noon.Add(time.Duration(i) * time.Minute), Actor: fmt.Sprintf("U%02d", i%3), Word: []string{"incident.ack", "incident.note", "help"}[i%3],
		Target: fmt.Sprintf("INC-%d", i%2), Verdict: []audit.Verdict{audit.Done, audit.Refused}[i%2], Detail: fmt.Sprintf("entry %d 磁盘 <!channel> \x00", i),
	}
}

func verified(t *testing.T, s *store.Store, n int64) audit.Head {
	t.Helper()
	h, err := s.Audit().Verify(t.Context())
	if err != nil || h.Seq != n {
		t.Errorf("the log has %d entries, %v; want %d", h.Seq, err, n)
	}
	return h
}

func TestTheAuditLogHasWhatWasCommittedAndNothingElse(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		t.Helper()
		verified(t, s, 0)
		told(t, s, entry(0), entry(1))
		sorry := errors.New("sorry")
		err := s.Write(t.Context(), incidents.Want{}, func(tx incidents.Tx) error {
			return errors.Join(record(tx, entry(2)), sorry)
		})
		if !errors.Is(err, sorry) {
			t.Fatal(err)
		}
		err = s.Write(t.Context(), incidents.Want{}, func(tx incidents.Tx) error { return record(tx, entry(3), entry(4)) })
		if err != nil {
			t.Fatal(err)
		}
		verified(t, s, 4)
		es, err := s.Audit().List(t.Context(), audit.Filter{})
		if err != nil || len(es) != 4 || es[0].Detail != "entry 4 磁盘 <!channel>" || es[3].Seq != 1 {
			t.Errorf("listed %+v, %v", es, err)
		}
	})
}

func TestTheAuditLogIsSearched(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		t.Helper()
		for i := range 12 {
			told(t, s, entry(i))
		}
		for name, c := range map[string]struct {
			f    audit.Filter
			want string
		}{
			"all":         {audit.Filter{Limit: 3}, "[12 11 10]"},
			"the next":    {audit.Filter{Limit: 3, Before: 10}, "[9 8 7]"},
			"a person":    {audit.Filter{Actor: "U01"}, "[11 8 5 2]"},
			"an incident": {audit.Filter{Target: "INC-0", Limit: 2}, "[11 9]"},
			"a word":      {audit.Filter{Word: "incident.note"}, "[11 8 5 2]"},
			"a family":    {audit.Filter{Word: "incident", Limit: 4}, "[11 10 8 7]"},
			"half a word": {audit.Filter{Word: "inciden"}, "[]"},
			"a verdict":   {audit.Filter{Verdict: audit.Refused, Actor: "U00"}, "[10 4]"},
			"since":       {audit.Filter{Since: noon.Add(10 * time.Minute)}, "[12 11]"},
			"hostile":     {audit.Filter{Actor: "' OR 1=1 --\x00", Word: "%", Target: "$1"}, "[]"},
		} {
			es, err := s.Audit().List(t.Context(), c.f)
			seqs := []int64{}
			for _, e := range es {
				seqs = append(seqs, e.Seq)
			}
			if got := fmt.Sprint(seqs); err != nil || got != c.want {
				t.Errorf("%s: %s, %v; want %s", name, got, err, c.want)
			}
		}
		if seq, err := s.Audit().SeqSince(t.Context(), noon.Add(10*time.Minute)); err != nil || seq != 11 {
			t.Errorf("since: %d, %v", seq, err)
		}
		if seq, err := s.Audit().SeqSince(t.Context(), noon.Add(time.Hour)); err != nil || seq != 0 {
			t.Errorf("since the future: %d, %v", seq, err)
		}
	})
}

// raw runs a statement on a store as somebody does who has the database.
func raw(t *testing.T, url, text string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		db, err := sql.Open("sqlite", path)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		_, err = db.ExecContext(ctx, text)
		return err
	}
	c, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(ctx) }()
	_, err = c.Exec(ctx, text)
	return err
}

func TestTheDatabaseRefusesToChangeTheAuditLog(t *testing.T) {
	t.Parallel()
	storetest.EachURL(t, func(t *testing.T, url string) {
		t.Helper()
		s := storetest.OpenURL(t, url)
		told(t, s, entry(0), entry(1), entry(2))
		texts := []string{
			`UPDATE audit_log SET actor = 'U99'`, `UPDATE audit_log SET doc = doc WHERE seq = 2`, `UPDATE audit_log SET seq = seq + 10`,
			`DELETE FROM audit_log`, `DELETE FROM audit_log WHERE seq = 3`,
			`UPDATE audit_head SET hash = 'x'`, `UPDATE audit_head SET seq = 1`, `DELETE FROM audit_head`,
			`INSERT INTO audit_log SELECT * FROM audit_log WHERE seq = 2`,
			`INSERT INTO audit_log SELECT * FROM audit_log WHERE seq = 2 ON CONFLICT (seq) DO UPDATE SET actor = 'U99'`,
			`INSERT INTO audit_head SELECT 2, 9, 'x'`,
		}
		if strings.HasPrefix(url, "sqlite:") {
			texts = append(texts,
				`INSERT OR REPLACE INTO audit_log SELECT seq, at, 'U99', target, word, verdict, doc FROM audit_log WHERE seq = 2`,
				`REPLACE INTO audit_log SELECT seq, at, 'U99', target, word, verdict, doc FROM audit_log`,
				`UPDATE OR REPLACE audit_log SET seq = 1 WHERE seq = 2`,
				`INSERT OR REPLACE INTO audit_head VALUES (1, 1, 'x')`)
		} else {
			texts = append(texts, `TRUNCATE audit_log`, `TRUNCATE audit_head`)
		}
		for _, text := range texts {
			if err := raw(t, url, text); err == nil {
				t.Errorf("taken: %s", text)
			}
		}
		verified(t, s, 3)
		if err := s.Prune(t.Context(), noon.Add(100*365*24*time.Hour)); err != nil {
			t.Fatal(err)
		}
		verified(t, s, 3)
	})
}

// Who owns the database can take the guard away. What is changed then is found.
func TestWhatIsChangedWithoutTheGuardIsFound(t *testing.T) {
	t.Parallel()
	unguard := map[bool][]string{
		true: {
			`DROP TRIGGER audit_log_update`, `DROP TRIGGER audit_log_delete`, `DROP TRIGGER audit_log_replace`,
			`DROP TRIGGER audit_head_update`, `DROP TRIGGER audit_head_delete`,
		},
		false: {
			`DROP TRIGGER audit_log_kept ON audit_log`, `DROP TRIGGER audit_head_kept ON audit_head`,
			`DROP TRIGGER audit_head_grows ON audit_head`,
		},
	}
	for name, c := range map[string]struct {
		text string
		seq  int64
		what audit.Breach
	}{
		"a column that is searched by": {`UPDATE audit_log SET actor = 'U99' WHERE seq = 3`, 3, audit.Changed},
		"the time":                     {`UPDATE audit_log SET at = at - 1 WHERE seq = 2`, 2, audit.Changed},
		"the document":                 {`UPDATE audit_log SET doc = replace(doc, 'entry 1', 'entry 7') WHERE seq = 2`, 2, audit.Changed},
		"more in the document":         {`UPDATE audit_log SET doc = replace(doc, '{', '{"x":"y",') WHERE seq = 4`, 4, audit.Changed},
		"one entry away":               {`DELETE FROM audit_log WHERE seq = 2`, 2, audit.Missing},
		"the first entry away":         {`DELETE FROM audit_log WHERE seq = 1`, 1, audit.Missing},
		"the last entry away":          {`DELETE FROM audit_log WHERE seq = 5`, 5, audit.Missing},
		"all of it away":               {`DELETE FROM audit_log`, 1, audit.Missing},
		"the head away":                {`UPDATE audit_head SET hash = 'x'`, 5, audit.Rewritten},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.EachURL(t, func(t *testing.T, url string) {
				t.Helper()
				s := storetest.OpenURL(t, url)
				for i := range 5 {
					told(t, s, entry(i))
				}
				for _, text := range append(unguard[strings.HasPrefix(url, "sqlite:")], c.text) {
					if err := raw(t, url, text); err != nil {
						t.Fatal(err)
					}
				}
				_, err := s.Audit().Verify(t.Context())
				broken, ok := errors.AsType[*audit.BrokenError](err)
				if !ok || broken.Seq != c.seq || broken.What != c.what {
					t.Errorf("%v, want %s at %d", err, c.what, c.seq)
				}
			})
		})
	}
}

func TestReplicasAddToOneAuditLogWithoutGaps(t *testing.T) {
	t.Parallel()
	address := storetest.Postgres(t)
	replicas := []*store.Store{storetest.OpenURL(t, address), storetest.OpenURL(t, address), storetest.OpenURL(t, address)}
	const each = 60
	var wg sync.WaitGroup
	for r, s := range replicas {
		for i := range each {
			wg.Go(func() {
				err := s.Write(t.Context(), incidents.Want{}, func(tx incidents.Tx) error {
					e := entry(i)
					e.Request = fmt.Sprint(r, "/", i)
					if i%4 > 0 { // nothing else keeps the replicas apart
						return record(tx, e)
					}
					n, err := tx.NextNumber()
					if err != nil {
						return err
					}
					return errors.Join(tx.Save(sample(n, fmt.Sprint("group ", i%7))), tx.Notify(post(e.Request, fmt.Sprint("lane ", i%5), 0)), record(tx, e))
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
	h := verified(t, replicas[0], 3*each)
	es, err := replicas[1].Audit().List(t.Context(), audit.Filter{Limit: 1000})
	seen := map[string]bool{}
	for _, e := range es {
		seen[e.Request] = true
	}
	if err != nil || len(seen) != 3*each || es[0].Hash != h.Hash {
		t.Errorf("%d requests in the log, %v", len(seen), err)
	}
	_, commits := replicas[0].Stats()
	if commits >= each {
		t.Errorf("%d entries took %d commits: they do not share any", each, commits)
	}
}

// Many short commits, one after the other: without the lock on the end of the log the replicas would take each other's numbers
// again and again.
func TestReplicasThatAddOneByOneDoNotTakeEachOthersNumbers(t *testing.T) {
	t.Parallel()
	address := storetest.Postgres(t)
	const replicas, each = 5, 40
	var wg sync.WaitGroup
	var last *store.Store
	for range replicas {
		s := storetest.OpenURL(t, address)
		last = s
		wg.Go(func() {
			for i := range each {
				err := s.Write(t.Context(), incidents.Want{}, func(tx incidents.Tx) error { return record(tx, entry(i)) })
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	verified(t, last, replicas*each)
}

func TestTheAuditLogIsReadBesideTheBotThatWritesIt(t *testing.T) {
	t.Parallel()
	storetest.EachURL(t, func(t *testing.T, url string) {
		t.Helper()
		if !strings.HasPrefix(url, "sqlite:") {
			if _, err := store.OpenAudit(t.Context(), url); !errors.Is(err, store.ErrNoAudit) {
				t.Errorf("a database without tables: %v", err)
			}
		}
		s := storetest.OpenURL(t, url)
		for i := range 1200 {
			if i%200 == 0 {
				err := s.Write(t.Context(), incidents.Want{}, func(tx incidents.Tx) error {
					for j := range 200 {
						if err := record(tx, entry(i+j)); err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		l, err := store.OpenAudit(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := l.Close(); err != nil {
				t.Error(err)
			}
		}()
		told(t, s, entry(1200)) // while it is open
		h, err := l.Verify(t.Context())
		if err != nil || h.Seq != 1201 {
			t.Errorf("%+v, %v", h, err)
		}
		n := 0
		for e, err := range l.Entries(t.Context(), 700) {
			if err != nil || e.Seq != int64(701+n) {
				t.Fatalf("%d after %d entries, %v", e.Seq, n, err)
			}
			n++
		}
		if n != 501 {
			t.Errorf("%d entries behind 700", n)
		}
	})
	if _, err := store.OpenAudit(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "none.db")); err == nil {
		t.Error("a file that is not there is opened")
	}
}

func TestAnAuditLogThatCannotBeReadSaysSoWithoutTheSecret(t *testing.T) {
	t.Parallel()
	_, err := store.OpenAudit(t.Context(), "postgres://bot:hunter2@127.0.0.1:1/none?connect_timeout=1")
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("error = %v", err)
	}
}
