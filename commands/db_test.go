package commands_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/commands"
	"github.com/ai-notebook/notebookbot/internal/ops/postgres/insight"
	"github.com/ai-notebook/notebookbot/templates"
)

// database is one on which somebody keeps another waiting. Err is what each look ends with.
type database struct {
	err    error
	missed map[string]*insight.Trouble
}

func (d *database) Size(context.Context) (*insight.Size, error) {
	return &insight.Size{
		Database: "ai_notebook", Bytes: 5 << 20, Count: 1, Tables: []insight.Table{{Name: "public.notes", Heap: 3 << 20, Live: 100, Dead: 70}},
		Bloated: []insight.Table{{Name: "public.notes", Dead: 7000, Live: 100}}, Locked: 1,
		Frozen: insight.Frozen{Age: 1_900_000_000, From: 200_000_000, Database: "ai_notebook", MultiAge: 5, MultiFrom: 4},
	}, d.err
}

func (d *database) Slow(context.Context) (*insight.Slow, error) {
	return &insight.Slow{
		Missing: []string{"preload", "extension"}, Database: "ai_notebook",
		Running: []insight.Running{{PID: 7, User: "app", For: time.Minute, Text: "select ?"}},
	}, d.err
}

func (d *database) Indexes(context.Context) (*insight.Indexes, error) {
	return &insight.Indexes{
		Count: 5, UnusedCount: 12, Unused: []insight.Index{{Name: "public.old", Table: "public.notes", Bytes: 1 << 20}}, Young: true,
		Invalid: []insight.Index{{Name: "public.x_ccnew", Table: "public.notes", Left: "reindex_new"}}, Kept: 1, Replicas: 1,
		Duplicates: []insight.Duplicate{{Table: "public.notes", Keep: "public.a", Drop: []string{"public.b"}}},
		Scanned:    []insight.Scanned{{Table: "public.notes", Scans: 10, Rows: 1000, Live: 100}},
	}, d.err
}

func (d *database) Connections(context.Context) (*insight.Connections, error) {
	idle := insight.Session{PID: 4711, User: "app", State: "idle in transaction", For: 2 * time.Hour, StateFor: time.Hour, Text: "select ?"}
	return &insight.Connections{
		Limit: 100, Reserved: 3, States: map[string]int{"active": 1, "idle": 91, "odd": 1}, Waiting: 1, RightToAll: true,
		Groups: []insight.Group{{User: "app", App: "backend", Count: 90, Idle: 88}}, More: 3, Oldest: &idle, Idle: []insight.Session{idle}, Prepared: 1,
	}, d.err
}

func (d *database) Locks(context.Context) (*insight.Locks, error) {
	waits := &insight.Holder{Session: insight.Session{PID: 4712, User: "app"}, Waits: &insight.Wait{For: time.Minute, Kind: "relation", Mode: "ShareLock", On: "public.notes", Others: []int{9}}}
	root := &insight.Holder{Session: insight.Session{PID: 4711, User: "app", State: "active"}, Behind: []*insight.Holder{waits}, All: 1}
	return &insight.Locks{Waiting: 1, Roots: []*insight.Holder{root}}, d.err
}

func (d *database) Overview(ctx context.Context) (*insight.Overview, error) {
	o := &insight.Overview{Troubles: d.missed}
	o.Size, _ = d.Size(ctx)
	o.Slow, _ = d.Slow(ctx)
	o.Indexes, _ = d.Indexes(ctx)
	o.Connections, _ = d.Connections(ctx)
	o.Locks, _ = d.Locks(ctx)
	return o, d.err
}

func withDatabase(t *testing.T, locale string) (*house, *database) {
	t.Helper()
	h, d := newHouse(t, locale), &database{}
	h.cfg.Database = d
	h.runner = commands.New(h.cfg)
	return h, d
}

func TestTheDatabaseIsLookedAtByOperatorsAndShownToThemAlone(t *testing.T) {
	t.Parallel()
	h, _ := withDatabase(t, "en")
	for _, tt := range []struct {
		user, text string
		says       []string
	}{
		{kim, "db", []string{"Database ai_notebook at a glance", "93 of 97 (95%)", "1 connection waits, 1 of them for PID 4711", "says why", "12 of 5 never used", "1 invalid", "VACUUM (ANALYZE) public.notes"}},
		{kim, "DB Size", []string{"Size of database ai_notebook: 5.2 MB, 1 table", "public.notes", "locked exclusively", "🔴 Transaction numbers: 88%", "shared row locks"}},
		{kim, "db slow", []string{"not counted", "shared_preload_libraries", "CREATE EXTENSION", "PID 7", "GRANT pg_read_all_stats"}},
		{kim, "db indexes", []string{"do not drop any yet", "and 11 more", "public.x_ccnew", "the same as public.a", "1 more index was never used but holds", "1 server follows"}},
		{kim, "db connections", []string{"🔴 Connections: 93 of 97", "working: 1", "idle: 91", "odd: 1", "Oldest transaction: 2 h", "and 3 more"}},
		{kim, "db locks", []string{"1 connection waits", "PID 4711", "└ PID 4712", "public.notes (ShareLock), also for PID 9", "pg_cancel_backend(4711)"}},
		{kim, "locks", []string{"1 connection waits"}},
		{kim, "db lock", []string{"db locks"}},
		{kim, "db index", []string{"db indexes"}},
		{kim, "db konnections", []string{"db connections"}},
		{kim, "db tune", []string{"db tune", "not in this version yet"}},
		{kim, "db size now", []string{"db size"}},
		{kim, "help db", []string{"db [size|slow|indexes|connections|locks]"}},
		{ann, "db", []string{"may not"}},
		{ann, "db size", []string{"may not"}},
		{guest, "db", []string{"Guests"}},
	} {
		said := h.ask(commands.Request{User: tt.user, Channel: opsRoom, Text: tt.text})
		if len(said) != 1 {
			t.Fatalf("%q is answered with %d messages", tt.text, len(said))
		}
		m := string(said[0].Message)
		text := flat(messageOf(t, said[0]))
		for _, want := range tt.says {
			if !strings.Contains(text, want) {
				t.Errorf("%q lacks %q in\n%s", tt.text, want, text)
			}
		}
		if said[0].User != tt.user || strings.Contains(m, "answer.share") {
			t.Errorf("%q is shown to %q: %s", tt.text, said[0].User, m)
		}
	}
}

// flat is all that a message says.
func flat(m templates.Message) string {
	out := m.Summary
	for _, b := range m.Blocks {
		for _, l := range b.Lines {
			out += "\n"
			for _, s := range l {
				out += s.Text
			}
		}
	}
	return out
}

func TestWhyTheDatabaseCannotBeSeenIsOneSentence(t *testing.T) {
	t.Parallel()
	for _, locale := range []string{"en", "zh-CN"} {
		h, d := withDatabase(t, locale)
		for _, code := range insight.TroubleCodes {
			d.err = &insight.Trouble{Code: code, Text: "said <!here>", After: 6 * time.Second}
			said := h.ask(commands.Request{User: kim, Channel: opsRoom, Text: "db locks"})
			if len(said) != 1 || said[0].User != kim {
				t.Fatalf("%s: %d messages", code, len(said))
			}
			if got := summary(t, said[0]); strings.Contains(got, "db_") || len(got) < 20 || code == "slow" && !strings.Contains(got, "6") {
				t.Errorf("%s %s: %q", locale, code, got)
			}
		}
		d.err, d.missed = nil, map[string]*insight.Trouble{}
		for _, part := range []string{"size", "slow", "indexes", "connections", "locks"} {
			d.missed[part] = &insight.Trouble{Code: "locked"}
		}
		if got := flat(messageOf(t, h.say(kim, "db")[0])); strings.Contains(got, "0") {
			t.Errorf("what is not seen is shown as a number: %s", got)
		}
	}
}

func TestWithoutADatabaseItIsSaidWhichKeyIsMissing(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "en")
	if got := summary(t, h.say(kim, "db locks")[0]); !strings.Contains(got, "database.service") {
		t.Errorf("it is answered %q", got)
	}
}
