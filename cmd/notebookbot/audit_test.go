package main

import (
	"crypto/sha256"
	database "database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/audit"
	"github.com/ai-notebook/notebookbot/internal/store"
	"github.com/ai-notebook/notebookbot/internal/store/storetest"
	"github.com/ai-notebook/notebookbot/notify"
	"github.com/ai-notebook/notebookbot/templates"
)

var auditNoon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// audited is a store with entries an hour apart, the last one now, and the configuration of its bot, which runs.
func audited(t *testing.T, n int) (st *store.Store, path, config string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "bot.db")
	st = storetest.OpenURL(t, "sqlite:"+path)
	now := time.Now()
	for i := range n {
		err := st.Write(t.Context(), incidents.Want{}, func(tx incidents.Tx) error {
			log, ok := tx.(audit.Tx)
			if !ok {
				return errors.New("no audit log")
			}
			return log.Audit(audit.Entry{
				At: now.Add(-time.Duration(n-1-i) * time.Hour), Actor: "U01AAAA", Word: "incident.note", Verdict: audit.Done,
				Detail: fmt.Sprintf("%d <!channel> 磁盘\u2028\x00 token=hunter2", i),
			})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return st, path, least + "store: sqlite:" + path + "\napp: {locale: en}\n"
}

// change does to a bot's database what its owner can.
func change(t *testing.T, path, text string) {
	t.Helper()
	db, err := database.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), text); err != nil {
		t.Fatal(err)
	}
}

// whole follows the package audit's documentation, and nothing else of ours, to verify an export. It gives the last hash.
func whole(t *testing.T, export string, first int) string {
	t.Helper()
	before, seq := strings.Repeat("0", 64), first
	for line := range strings.Lines(export) {
		var members map[string]json.RawMessage
		if err := json.Unmarshal([]byte(line), &members); err != nil {
			t.Fatal(err)
		}
		values := map[string]string{}
		for name, raw := range members {
			values[name] = string(raw)
			if raw[0] == '"' {
				var s string
				if err := json.Unmarshal(raw, &s); err != nil {
					t.Fatal(err)
				}
				values[name] = s
			}
		}
		h := sha256.New()
		_, _ = fmt.Fprint(h, "notebookbot audit 1\n")
		for _, name := range slices.Sorted(maps.Keys(values)) {
			if name != "hash" {
				_, _ = fmt.Fprintf(h, "%s %d %s\n", name, len(values[name]), values[name])
			}
		}
		if seq > first || first == 1 {
			if values["prev"] != before {
				t.Errorf("entry %d does not continue", seq)
			}
		}
		before = fmt.Sprintf("%x", h.Sum(nil))
		if values["seq"] != fmt.Sprint(seq) || values["hash"] != before {
			t.Errorf("entry %d does not fit: %s", seq, line)
		}
		seq++
	}
	return before
}

func TestAuditExportsLinesThatOthersCanVerify(t *testing.T) {
	t.Parallel()
	_, _, config := audited(t, 30) // the bot that has the store goes on
	code, out, bad := try(t, config, "audit", "--config", "CONFIG")
	if code != exitDone || bad != "" || strings.Count(out, "\n") != 30 || strings.Contains(out, "hunter2") {
		t.Fatalf("exit %d, %s\n%s", code, bad, out)
	}
	head := whole(t, out, 1)

	code, some, bad := try(t, config, "audit", "--config", "CONFIG", "--since", "270m")
	if code != exitDone || bad != "" || strings.Count(some, "\n") != 5 || whole(t, some, 26) != head {
		t.Errorf("since: exit %d, %s\n%s", code, bad, some)
	}
	if code, none, bad := try(t, config, "audit", "--config", "CONFIG", "--since", "1ms"); code != exitDone || none+bad != "" {
		t.Errorf("since a moment ago: exit %d, %s%s", code, none, bad)
	}
	for _, args := range [][]string{{"--verify"}, {"--verify", "--head", "30:" + head}} {
		code, out, bad := try(t, config, append([]string{"audit", "--config", "CONFIG"}, args...)...)
		if code != exitDone || bad != "" || out != "ok, 30 entries, head 30:"+head+"\n" {
			t.Errorf("%v: exit %d, %s%s", args, code, out, bad)
		}
	}
}

func TestAuditAndCheckFindWhatWasChanged(t *testing.T) {
	t.Parallel()
	_, path, config := audited(t, 5)
	_, before, _ := try(t, config, "audit", "--config", "CONFIG")
	head := whole(t, before, 1)
	look := func() finding {
		t.Helper()
		c := newCheckup(t, "store: sqlite:"+path+"\n")
		c.audit(t.Context())
		return only(t, c)
	}
	if f := look(); f.state != stateOK || f.reason.en != "5 entries, head 5:"+head {
		t.Errorf("an untouched log: %+v", f)
	}
	code, _, bad := try(t, config, "audit", "--config", "CONFIG", "--verify", "--head", "4:"+head)
	if code != exitFailed || !strings.Contains(bad, "entry 4 of the audit log: rewritten") {
		t.Errorf("another head: exit %d, %s", code, bad)
	}
	code, _, bad = try(t, config, "audit", "--config", "CONFIG", "--verify", "--head", "9:"+head)
	if code != exitFailed || !strings.Contains(bad, "entry 6 of the audit log: missing") {
		t.Errorf("a longer log was told: exit %d, %s", code, bad)
	}

	change(t, path, `DROP TRIGGER audit_log_update`)
	change(t, path, `UPDATE audit_log SET doc = replace(doc, 'U01AAAA', 'U02BBBB'), actor = 'U02BBBB' WHERE seq = 3`)
	code, _, bad = try(t, config, "audit", "--config", "CONFIG", "--verify")
	if code != exitFailed || !strings.Contains(bad, "entry 3 of the audit log: changed") {
		t.Errorf("verify: exit %d, %s", code, bad)
	}
	code, out, bad := try(t, config, "audit", "--config", "CONFIG")
	if code != exitFailed || strings.Count(out, "\n") != 2 || !strings.Contains(bad, "entry 3") {
		t.Errorf("export: exit %d, %s\n%s", code, bad, out)
	}
	if f := look(); f.state != stateFailed || !strings.Contains(f.reason.en, "entry 3 does not fit (changed)") {
		t.Errorf("a changed log: %+v", f)
	}
}

func TestAnAuditLogThatIsNotThereYetIsNoFailureOfCheck(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "empty.db"), "")
	for _, name := range []string{"none.db", "empty.db"} {
		c := newCheckup(t, "store: sqlite:"+filepath.Join(dir, name)+"\n")
		c.audit(t.Context())
		if f := only(t, c); f.state != stateUnchecked {
			t.Errorf("%s: %+v", name, f)
		}
		code, _, bad := try(t, least+"store: sqlite:"+filepath.Join(dir, name)+"\n", "audit", "--config", "CONFIG")
		if code != exitFailed || bad == "" {
			t.Errorf("%s: exit %d, %s", name, code, bad)
		}
	}
}

func TestAuditSaysHowItIsUsed(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"--since", "soon"}, {"--since", "24h", "--verify"}, {"--head", "1:" + strings.Repeat("a", 64)}, {"--verify", "--head", "x"}, {"more"},
	} {
		if code, _, bad := try(t, least, append([]string{"audit", "--config", "CONFIG"}, args...)...); code != exitUsage || bad == "" {
			t.Errorf("%v: exit %d, %s", args, code, bad)
		}
	}
}

// audited checks that the log is whole after all that was done to its bot: one entry for each request that was carried out.
func (c *crashed) audited(t *testing.T, st *store.Store) {
	t.Helper()
	head, err := st.Audit().Verify(t.Context())
	if err != nil {
		t.Error(err)
	}
	requests, notes := map[string]int{}, map[string]int{}
	for e, err := range st.Audit().Entries(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		if requests[e.Request]++; requests[e.Request] > 1 {
			t.Errorf("request %s has %d entries", e.Request, requests[e.Request])
		}
		if _, note, ok := strings.Cut(e.Detail, "note INC-"); ok && e.Verdict == audit.Done {
			_, note, _ = strings.Cut(note, " ")
			notes[note]++
		}
	}
	for note := range c.noted {
		if notes[note] != 1 {
			t.Errorf("%q was acknowledged and has %d entries", note, notes[note])
		}
	}
	t.Logf("%d entries in the audit log", head.Seq)
}

func TestTheEndOfTheAuditLogIsToldOnceADay(t *testing.T) {
	t.Parallel()
	st, _, _ := audited(t, 3)
	zone := time.FixedZone("CST", 8*3600)
	teller := func() *headTeller {
		w, err := templates.New("en", zone, templates.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return &headTeller{store: st, words: w, ops: "C0OPS", zone: zone, log: slog.New(slog.DiscardHandler)}
	}
	said := func(h *headTeller, at time.Time) []string {
		t.Helper()
		if err := h.tell(t.Context(), at); err != nil {
			t.Fatal(err)
		}
		ds, _, err := st.Claim(t.Context(), notify.Claim{Owner: "test", Now: at.Add(time.Hour), Lease: time.Minute, Limit: 10})
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, d := range ds {
			var m templates.Message
			if err := json.Unmarshal(d.Notice.Message, &m); err != nil {
				t.Fatal(err)
			}
			out = append(out, d.Notice.Channel+" "+d.Notice.Key+" "+m.Summary)
			if err := st.Settle(t.Context(), d, notify.Outcome{Result: notify.Sent, At: at, Where: notify.Posted{Channel: "C0OPS", TS: d.Notice.Key}}); err != nil {
				t.Fatal(err)
			}
		}
		return out
	}
	one, two := teller(), teller() // the second one is another replica, or the same after a crash
	head, err := st.Audit().Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	midnight := time.Date(2026, 11, 23, 0, 5, 0, 0, zone)
	if got := said(one, midnight); got != nil {
		t.Errorf("at night: %q", got)
	}
	got := said(one, auditNoon)
	if len(got) != 1 || !strings.HasPrefix(got[0], "C0OPS audit/head/2026-11-23 ") || !strings.Contains(got[0], "3:"+head.Hash) {
		t.Errorf("told %q, want 3:%s", got, head.Hash)
	}
	for _, h := range []*headTeller{one, two, teller()} {
		if got := said(h, auditNoon.Add(time.Hour)); got != nil {
			t.Errorf("told again: %q", got)
		}
	}
	if got := said(two, auditNoon.Add(24*time.Hour)); len(got) != 1 || !strings.Contains(got[0], "audit/head/2026-11-24") {
		t.Errorf("the next day: %q", got)
	}
	empty := teller()
	empty.store = storetest.Open(t)
	if err := empty.tell(t.Context(), auditNoon); err != nil {
		t.Fatal(err)
	}
	if d, err := empty.store.Depth(t.Context()); err != nil || d.Waiting != 0 {
		t.Errorf("an empty log: %+v, %v", d, err)
	}
}
