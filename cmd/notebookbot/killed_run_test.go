package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/internal/realparts"
)

// A terminal that is killed in the middle of what it carries out itself leaves it to the next bot, which looks before it goes on.
func killedTerminal(t *testing.T, a *realparts.Application, url string) {
	l := newLab(t, url, fmt.Sprintf(`
target: {docker_host: %q, project: %s, dir: %q, health_url: %q}
backup: {dir: %q, files: [docker-compose.yml], config: [nginx/], secrets: [.env]}
break_glass: [U01AAAA]
`, a.Host, a.Project, a.Dir, a.URL("/health"), filepath.Join(t.TempDir(), "backups")))
	l.slack.SetReachable(false)
	k := &killing{scene: &scene{app: a, lab: l}, t: t}
	id := strings.TrimSpace(a.Compose(t, "ps", "-q", "backend"))
	started := func() string { return k.docker("inspect", "-f", "{{.State.StartedAt}}", id) }
	alone := []string{"--json", "--confirm", "--reason", "nobody answers"}
	kill := func(command, what string, now func() bool) {
		t.Helper()
		r := startRun(t, l.config, "", append(alone, command)...)
		until(t, what, overWithin, func() bool {
			if strings.Contains(r.out.String(), `"refused":true`) { // a busy machine could not plan it in time
				_ = r.code(t)
				r = startRun(t, l.config, "", append(alone, command)...)
			}
			return now()
		})
		if err := r.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if r.code(t) != -1 {
			t.Errorf("%s was over before it was killed: %s", command, &r.out)
		}
	}
	// next is the bot after it: it ends the operation, and people hear of it once.
	next := func(key, state string) {
		t.Helper()
		p := startBot(t, realparts.Notebookbot(t), l.config, l.addr)
		l.slack.SetReachable(true)
		k.key = key
		if got := k.over(); got != state {
			t.Errorf("%s is %s, want %s: %+v", key, got, state, k.card().Blocks)
		}
		until(t, key+" is told", overWithin, func() bool { return len(k.told()) > 0 })
		if told := k.told(); len(told) != 1 {
			t.Errorf("told %d times: %q", len(told), told)
		}
		for key, places := range l.slack.PostsByKey() {
			if len(places) != 1 {
				t.Errorf("%s was posted %d times", key, len(places))
			}
		}
		p.stop(t)
		l.slack.SetReachable(false)
		served(t, a)
	}

	before, after := started(), ""
	kill("restart backend --no-backup", "the backend begins anew", func() bool {
		after = started()
		return after != before
	})
	next("OP-1", "done")
	if got := started(); got != after {
		t.Errorf("it was restarted at %s, and once more at %s", after, got)
	}

	const many = "400000"
	k.psql("drop table if exists ledger; create table ledger as select n as id, md5(n::text) as text from generate_series(1, " + many + ") n")
	until(t, "a backup is made", overWithin, func() bool { return startRun(t, l.config, "", "--json", "backup full").code(t) == exitDone })
	k.psql("delete from ledger where id > 10")
	kill("restore latest database", "the new database is there", func() bool { return k.filling() != "0" })
	if got := k.psql("select count(*) from ledger"); got != "10" {
		t.Errorf("after the kill there are %s rows", got)
	}
	next("OP-3", "done")
	if got := k.psql("select count(*) from ledger"); got != many || k.filling() != "0" {
		t.Errorf("there are %s rows, and %s databases that are being filled", got, k.filling())
	}
}

// On PostgreSQL the next bot has to wait until the lease of the dead process is over. NOTEBOOKBOT_KILLS (make soak) does both; one
// that is killed in a restart is in TestTheApplicationIsRestartedFromATerminalWhileSlackIsDown.
func TestKilledTerminal(t *testing.T) {
	t.Parallel()
	if os.Getenv("NOTEBOOKBOT_KILLS") == "" {
		t.Skip("skipped: it takes minutes; NOTEBOOKBOT_KILLS does it")
	}
	a := realparts.StartApplication(t, "")
	served(t, a)
	t.Run("SQLite", func(t *testing.T) { killedTerminal(t, a, storeOf(t)) })
	t.Run("PostgreSQL", func(t *testing.T) { killedTerminal(t, a, realparts.Postgres(t)) })
}

// filling counts the databases that stand beside the live one and are not whole yet, or not in its place.
func (k *killing) filling() string {
	k.t.Helper()
	return k.psql(`select count(*) from pg_database where datname like '%\_new\_%'`)
}

// A terminal that only watches may be killed: what the bot carries out goes on.
func killedWatcher(t *testing.T, a *realparts.Application, url string) {
	l := terminalLab(t, a, url)
	l.slack.SetReachable(true)
	p := startBot(t, realparts.Notebookbot(t), l.config, l.addr)
	r := startRun(t, l.config, "OP-1\nslow\n", "--as", "U01AAAA", "restart backend --no-backup")
	until(t, "a step runs", time.Minute, func() bool { return strings.Contains(r.err.String(), "⏳") })
	if err := r.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	k := &killing{scene: &scene{app: a, lab: l}, t: t, key: "OP-1"}
	until(t, "the bot ends it", overWithin, func() bool { return k.state() == "done" && len(k.told()) == 1 })
	p.stop(t)
}
