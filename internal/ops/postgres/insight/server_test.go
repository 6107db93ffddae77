package insight

import (
	"errors"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ai-notebook/notebookbot/internal/realparts"
)

const notes = `create table notes (id int primary key, author int, body text);
insert into notes select n, n % 50, repeat(md5(n::text), 40) from generate_series(1, 20000) n;
create index notes_author on notes (author); create index notes_author_again on notes (author);
create index notes_lower on notes (lower(body)); create unique index notes_both on notes (author, id);
analyze notes`

func TestOnAServerThatCountsItsStatements(t *testing.T) {
	t.Parallel()
	c := startCounting(t)
	t.Run("statements are told by their share, without their values", c.countsStatements)
	t.Run("columns that are called otherwise in old versions are found in the catalog", c.readsOldColumns)
	t.Run("a view of that name that is not the extension's is never read", c.passesOverAForeignView)
	t.Run("who may not see others is told so", c.saysWhichRightIsMissing)
	t.Run("indexes", c.looksAtIndexes)
	t.Run("a chain of three is drawn from who holds to who waits", c.drawsAChain)
	t.Run("a prepared transaction keeps others waiting under its name", c.namesAPreparedTransaction)
	t.Run("what is locked is named and does not hold the look up", c.measuresAroundALock)
	t.Run("connections are counted against the limit", c.countsConnections)
	t.Run("a server that hangs is one trouble", c.hangs)
}

func (c counting) countsStatements(t *testing.T) {
	h := c.open(t, "counted")
	h.sql("create extension pg_stat_statements", "create table t (a int, b text)", "insert into t select n, 'x' from generate_series(1, 1000) n",
		"create role counted_user password 'rose-8-never-known'", "comment on table t is 'words of somebody'")
	conn := h.conn()
	for range 5 {
		h.in(conn, "select pg_sleep(0.05), 'geheim' /* von Anna */", "select * from t where a < 101 and b = 'x'")
	}
	s, err := h.Slow(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Missing) > 0 || !s.RightToAll || s.Database != "counted" {
		t.Fatalf("%+v", s)
	}
	if age := time.Since(s.Since); age < 0 || age > time.Hour {
		t.Errorf("it counts since %s", s.Since)
	}
	first := s.Statements[0]
	if first.Text != "select pg_sleep($1), $2" || first.Calls != 5 || first.Share < 0.3 || first.Mean() < 50*time.Millisecond || first.Longest < first.Mean() || first.RowsPerCall() != 1 {
		t.Errorf("the first is %+v", first)
	}
	text := ""
	for _, st := range s.Statements {
		text += st.Text + "\n"
		if strings.HasPrefix(st.Text, "select * from t") && st.RowsPerCall() != 100 {
			t.Errorf("%s gave %.1f rows a call", st.Text, st.RowsPerCall())
		}
	}
	for _, never := range []string{"rose-8", "words of", "geheim", "Anna"} {
		if strings.Contains(text, never) {
			t.Errorf("%q is shown in\n%s", never, text)
		}
	}
}

func (c counting) readsOldColumns(t *testing.T) {
	for version, since := range map[string]bool{"1.7": false, "1.8": false, "1.9": true} {
		h := c.open(t, "old_"+strings.ReplaceAll(version, ".", "_"))
		h.sql("create schema \"odd \"\"one\"", "create extension pg_stat_statements schema \"odd \"\"one\" version '"+version+"'", "select pg_sleep(0.01)")
		s, err := h.Slow(t.Context())
		if err != nil {
			t.Fatalf("%s: %v", version, err)
		}
		if len(s.Missing) > 0 || len(s.Statements) == 0 || s.Total <= 0 || s.Since.IsZero() == since || (s.Dropped >= 0) != since {
			t.Errorf("%s: %+v", version, s)
		}
	}
}

func (c counting) passesOverAForeignView(t *testing.T) {
	h := c.open(t, "foreign_view")
	h.sql("create function public.boom() returns bigint language plpgsql as $$ begin raise exception 'called'; end $$",
		`create view public.pg_stat_statements as select 1::oid as dbid, boom() as queryid, ''::text as query, 1::bigint as calls, 1::bigint as rows, 1.0::float8 as total_time`)
	s, err := h.Slow(t.Context())
	if err != nil || strings.Join(s.Missing, " ") != "extension" {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestWithoutTheExtensionItIsSaidWhatIsMissing(t *testing.T) {
	t.Parallel()
	h := open(t, realparts.Postgres(t), "postgres")
	busy := h.conn()
	h.begins(busy, "select pg_sleep(60), 'tulip-7-known'")
	s := until(t, "a long statement is seen", h.Slow, func(s *Slow) bool { return len(s.Running) > 0 })
	if strings.Join(s.Missing, " ") != "preload extension" {
		t.Errorf("missing: %v", s.Missing)
	}
	if r := s.Running[0]; r.PID != pid(busy) || r.For < time.Second || r.Text != "select pg_sleep(?), ?" || r.User != "postgres" {
		t.Errorf("running: %+v", r)
	}
	h.sql("create extension pg_stat_statements")
	if s, err := h.Slow(t.Context()); err != nil || strings.Join(s.Missing, " ") != "preload" {
		t.Errorf("switched on, not loaded: %+v, %v", s, err)
	}
}

func (c counting) saysWhichRightIsMissing(t *testing.T) {
	h := c.open(t, "rights")
	h.sql("create extension pg_stat_statements", "create role watcher login")
	u := h.conn().Config().Password
	h.sql("alter role watcher password '" + u + "'")
	w := open(t, h.dsn, "watcher")
	busy := h.conn()
	h.in(busy, "begin", "select 1")
	n, err := w.Connections(t.Context())
	if err != nil || n.RightToAll || n.States["hidden"] == 0 || n.Oldest != nil {
		t.Errorf("without the right: %+v, %v", n, err)
	}
	s, err := w.Slow(t.Context())
	if err != nil || s.RightToAll || s.Hidden == 0 {
		t.Errorf("without the right: %+v, %v", s, err)
	}
	h.sql("revoke select on pg_stat_statements from public")
	if s, err = w.Slow(t.Context()); err != nil || strings.Join(s.Missing, " ") != "right" || s.User != "watcher" {
		t.Errorf("the view is forbidden: %+v, %v", s, err)
	}
	h.sql("grant pg_monitor to watcher", "grant select on pg_stat_statements to public")
	n, err = w.Connections(t.Context())
	if err != nil || !n.RightToAll || n.States["hidden"] != 0 || n.States["idle in transaction"] == 0 {
		t.Errorf("with the right: %+v, %v", n, err)
	}
	if _, err := open(t, strings.Replace(h.dsn, "/rights?", "/nowhere?", 1), "postgres").Size(t.Context()); codeOf(err) != "no_database" {
		t.Errorf("a database that is not there: %v", err)
	}
}

func codeOf(err error) string {
	t, ok := errors.AsType[*Trouble](err)
	if !ok {
		return ""
	}
	return t.Code
}

func (c counting) looksAtIndexes(t *testing.T) {
	h := c.open(t, "indexed")
	h.sql(notes)
	reader := h.conn()
	for range 12 {
		h.in(reader, "select count(*) from notes where body like '%x'")
	}
	h.in(reader, "set enable_seqscan = off", "select * from notes where lower(body) = 'x'")
	if err := reader.Close(t.Context()); err != nil { // which is when the last of it is counted
		t.Fatal(err)
	}
	x := until(t, "reads are counted", h.Indexes, func(x *Indexes) bool { return len(x.Scanned) > 0 && x.UnusedCount == 2 })
	if x.Count != 5 || x.Kept < 1 || !x.Young || x.UnusedBytes == 0 || x.Age(time.Now()) <= 0 {
		t.Errorf("%+v", x)
	}
	for _, i := range x.Unused {
		if i.Name != "public.notes_author" && i.Name != "public.notes_author_again" {
			t.Errorf("%s is proposed", i.Name)
		}
	}
	if len(x.Duplicates) != 1 || x.Duplicates[0].Keep != "public.notes_author" || strings.Join(x.Duplicates[0].Drop, " ") != "public.notes_author_again" {
		t.Errorf("duplicates: %+v", x.Duplicates)
	}
	if s := x.Scanned[0]; s.Table != "public.notes" || s.Scans < 10 || s.RowsPerScan() < 10000 {
		t.Errorf("scanned: %+v", s)
	}

	// What a publication tells rows apart by is not the one to drop: updates of the table would fail without it.
	h.sql("create table published (id int not null)", "create unique index published_first on published (id)",
		"create unique index published_identity on published (id)", "alter table published replica identity using index published_identity")
	x = until(t, "there are two pairs", h.Indexes, func(x *Indexes) bool { return len(x.Duplicates) == 2 })
	if !slices.ContainsFunc(x.Duplicates, func(d Duplicate) bool {
		return d.Keep == "public.published_identity" && slices.Equal(d.Drop, []string{"public.published_first"})
	}) {
		t.Errorf("duplicates: %+v", x.Duplicates)
	}

	// A writer who does not end keeps both from being finished.
	writer := h.conn()
	h.in(writer, "begin", "insert into notes values (-1, 1, 'x')")
	impatient := h.conn()
	h.in(impatient, "set statement_timeout = '400ms'")
	for _, s := range []string{"create index concurrently notes_late on notes (body)", "reindex index concurrently notes_author"} {
		if _, err := impatient.Exec(t.Context(), s, pgx.QueryExecModeSimpleProtocol); err == nil {
			t.Errorf("%s ended", s)
		}
	}
	patient := h.conn()
	h.begins(patient, "create index concurrently notes_now on notes (id, body)")
	left := func(x *Indexes) map[string]string {
		m := map[string]string{}
		for _, i := range x.Invalid {
			m[i.Name] = i.Left
		}
		return m
	}
	got := left(until(t, "three are invalid", h.Indexes, func(x *Indexes) bool { return len(x.Invalid) == 3 }))
	if got["public.notes_author_ccnew"] != "reindex_new" || got["public.notes_late"] != "create" || got["public.notes_now"] != "building" {
		t.Errorf("invalid: %v", got)
	}
}

func (c counting) drawsAChain(t *testing.T) {
	h := c.open(t, "chained")
	h.sql("create table account (id int primary key, of int)", "insert into account values (1, 0), (2, 0)")
	one, two, three := h.conn(), h.conn(), h.conn()
	h.in(one, "set application_name = 'batch tulip-7-known'", "begin", "update account set of = 555 where id = 1")
	h.in(two, "begin", "update account set of = 1 where id = 2")
	h.begins(two, "update account set of = 777 where id = 1")
	of := func(n int) func(*Locks) bool { return func(l *Locks) bool { return l.Waiting == n } }
	until(t, "the second waits", h.Locks, of(1))
	h.begins(three, "update account set of = 888 where id = 2")
	l := until(t, "the third waits", h.Locks, of(2))
	if len(l.Roots) != 1 || len(l.Roots[0].Behind) != 1 || len(l.Roots[0].Behind[0].Behind) != 1 || l.Circle {
		t.Fatalf("%s (circle %v)", drawn(l.Roots), l.Circle)
	}
	a := l.Roots[0]
	b := a.Behind[0]
	d := b.Behind[0]
	if a.PID != pid(one) || b.PID != pid(two) || d.PID != pid(three) || a.All != 2 || b.All != 1 || d.All != 0 {
		t.Errorf("%s", drawn(l.Roots))
	}
	if a.State != "idle in transaction" || a.Waits != nil || a.For <= 0 || a.App != "batch •••" || a.Text != "update account set of = ? where id = ?" {
		t.Errorf("the holder is %+v", a)
	}
	for _, w := range []*Holder{b, d} {
		if w.Waits == nil || w.Waits.Kind != "transactionid" || w.Waits.On != "public.account" || w.Waits.For <= 0 || w.Waits.AtMost || strings.Contains(w.Text, "8") {
			t.Errorf("waits: %+v for %+v", w, w.Waits)
		}
	}
	n, err := h.Connections(t.Context())
	if err != nil || n.Waiting != 2 || len(n.Idle) != 1 || n.Idle[0].PID != pid(one) || n.Oldest == nil || n.Oldest.PID != pid(one) {
		t.Errorf("connections: %+v, %v", n, err)
	}
}

func (c counting) namesAPreparedTransaction(t *testing.T) {
	h := c.open(t, "prepared")
	h.sql("create table t (a int)", "insert into t values (1)", "begin; update t set a = 2; prepare transaction 'payment 7'")
	waiter := h.conn()
	defer h.sql("rollback prepared 'payment 7'")
	h.begins(waiter, "update t set a = 3")
	l := until(t, "somebody waits for it", h.Locks, func(l *Locks) bool { return len(l.Roots) == 1 && len(l.Roots[0].Behind) == 1 })
	if r := l.Roots[0]; r.PID != 0 || strings.Join(r.Prepared, "|") != "payment 7" || r.Behind[0].PID != pid(waiter) {
		t.Errorf("%+v", r)
	}
	if n, err := h.Connections(t.Context()); err != nil || n.Prepared != 1 || n.PreparedFor <= 0 {
		t.Errorf("%+v, %v", n, err)
	}
}

func (c counting) measuresAroundALock(t *testing.T) {
	h := c.open(t, "locked")
	h.sql(notes, "create table small (a text)", "insert into small select repeat('x', 1000) from generate_series(1, 2000)", "delete from small", "analyze small")
	before := until(t, "dead rows are counted", h.Size, func(s *Size) bool { return len(s.Bloated) == 1 })
	if before.Tables[0].Name != "public.notes" || before.Tables[0].Heap == 0 || before.Tables[0].Indexes == 0 || before.Tables[0].Locked || before.Locked != 0 || before.Count != 2 {
		t.Errorf("%+v", before)
	}
	if b := before.Bloated[0]; b.Name != "public.small" || b.Dead != 2000 || b.Analyzed.IsZero() || !b.Vacuumed.IsZero() {
		t.Errorf("bloated: %+v", b)
	}
	conn := h.conn()
	var bytes int64
	if err := conn.QueryRow(t.Context(), "select pg_total_relation_size('notes')").Scan(&bytes); err != nil || bytes != before.Tables[0].Bytes() {
		t.Errorf("the server says %d bytes, we %d (%v)", bytes, before.Tables[0].Bytes(), err)
	}
	if f := before.Frozen; f.Age <= 0 || f.From != 200_000_000 || f.Database == "" || f.OldestName == "" || f.MultiFrom == 0 {
		t.Errorf("%+v", f)
	}
	locker := h.conn()
	h.in(locker, "begin", "lock table notes in access exclusive mode")
	begin := time.Now()
	s, err := h.Size(t.Context())
	if err != nil || s.Locked != 1 {
		t.Fatalf("%+v, %v after %s", s, err, time.Since(begin))
	}
	if x, err := h.Indexes(t.Context()); err != nil || x.Count != 5 {
		t.Errorf("%+v, %v", x, err)
	}
	o, err := h.Overview(t.Context())
	if err != nil || len(o.Troubles) > 0 || o.Size.Locked != 1 || o.Connections == nil || o.Locks == nil || o.Slow == nil || o.Indexes == nil {
		t.Errorf("%+v, %v", o, err)
	}
}

func (c counting) countsConnections(t *testing.T) {
	h := c.open(t, "connected")
	var conns []*pgx.Conn
	for range 4 {
		one := h.conn()
		h.in(one, "set application_name = 'backend'")
		conns = append(conns, one)
	}
	h.in(conns[0], "begin", "select 'somebody'")
	n, err := h.Connections(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if n.Limit != 300 || n.Reserved != 3 || n.Free() != 297-n.Used() || n.States["idle"] < 3 || n.States["idle in transaction"] < 1 {
		t.Errorf("%+v", n)
	}
	found := false
	for _, g := range n.Groups {
		if g.App == "backend" && g.Database == "connected" {
			found = g.Count == 4 && g.Idle == 3 && g.User == "postgres"
		}
	}
	if !found || n.Oldest == nil || n.Oldest.Text != "select ?" {
		t.Errorf("%+v, the oldest %+v", n.Groups, n.Oldest)
	}
}

func (c counting) hangs(t *testing.T) {
	h := open(t, c.server.DSN, "postgres")
	if _, err := h.Locks(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(c.server.Pid(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Kill(c.server.Pid(), syscall.SIGCONT) }()
	for name, d := range map[string]*Database{"psql": h.Database, "by address": New(Config{Database: Remote{DSN: h.dsn}})} {
		if _, err := d.locks(t.Context(), time.Second); codeOf(err) != "slow" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAStatementThatTakesTooLongIsEndedByTheServer(t *testing.T) {
	t.Parallel()
	h := open(t, realparts.Postgres(t), "postgres")
	remote := New(Config{Database: Remote{DSN: h.dsn}})
	for name, d := range map[string]*Database{"psql": h.Database, "by address": remote} {
		var n int
		if err := d.look(t.Context(), time.Second, "select pg_sleep(30);", &n); codeOf(err) != "slow" {
			t.Errorf("%s: %v", name, err)
		}
		if err := d.look(t.Context(), partWithin, "create table never (a int);", &n); codeOf(err) != "failed" {
			t.Errorf("%s writes: %v", name, err)
		}
		if err := d.look(t.Context(), partWithin, "select nothing from never;", &n); codeOf(err) != "failed" || !strings.Contains(err.Error(), "never") {
			t.Errorf("%s: %v", name, err)
		}
		if s, err := d.Size(t.Context()); err != nil || s.Bytes == 0 {
			t.Errorf("%s: %+v, %v", name, s, err)
		}
		if _, err := d.Overview(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	l := until(t, "no look is left behind", h.Slow, func(s *Slow) bool { return len(s.Running) == 0 })
	if len(l.Missing) != 2 {
		t.Errorf("%+v", l)
	}
	if _, err := New(Config{Database: Remote{DSN: "postgres://kim:tulip@127.0.0.1:1/x?connect_timeout=1"}}).Size(t.Context()); codeOf(err) != "away" || strings.Contains(err.Error(), "tulip") {
		t.Errorf("an address where nobody is: %v", err)
	}
}
