package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// forgotten is the application after somebody dropped a table whose rows are wanted back as they were at a moment.
func forgotten(k *killing) string {
	k.t.Helper()
	k.times++
	p := startDying(k.t, k.lab.config, k.lab.addr, "", filepath.Join(k.t.TempDir(), "trace"))
	until(k.t, "there is a copy of the cluster", overWithin, func() bool {
		found, err := filepath.Glob(filepath.Join(k.wal, "*", "base-*", "manifest.json"))
		return err == nil && len(found) > 0
	})
	k.psql(fmt.Sprintf("drop table if exists ledger; create table ledger (id bigint); insert into ledger select generate_series(1, %d)", k.times))
	moment := k.serverTime().Truncate(time.Second).Add(time.Second)
	until(k.t, "the moment is over", overWithin, func() bool { return k.serverTime().After(moment) })
	k.psql("insert into ledger values (0); drop table ledger")
	k.archived(k.serverTime())
	p.stop(k.t)
	return "restore " + moment.UTC().Format(time.RFC3339)
}

// cameBackAtTheMoment looks that the rows are those of the moment, that nothing of the copy is left, and that one receiver goes on without a bot.
func cameBackAtTheMoment(k *killing, _ string) {
	k.t.Helper()
	if got := k.psql("select count(*) from ledger"); got != fmt.Sprint(k.times) {
		k.t.Errorf("the database has %s rows, want %d", got, k.times)
	}
	helpers := func(role string, more ...string) []string {
		return strings.Fields(k.docker(append([]string{
			"ps", "--quiet", "--filter", "label=com.ai-notebook.notebookbot.helper=" + k.app.Project, "--filter", "label=com.ai-notebook.notebookbot.role=" + role,
		}, more...)...))
	}
	if left := helpers("wal-copy", "--all"); len(left) > 0 {
		k.t.Errorf("copies of the cluster are left: %q", left)
	}
	if run := helpers("wal-receiver"); len(run) != 1 {
		k.t.Errorf("the log is received by %q", run)
	}
}

// archived waits until the log is archived up to a moment.
func (k *killing) archived(moment time.Time) {
	k.t.Helper()
	until(k.t, "the log is archived", overWithin, func() bool {
		b, err := os.ReadFile(filepath.Join(k.wal, "state.json"))
		var s struct{ To time.Time }
		return err == nil && json.Unmarshal(b, &s) == nil && s.To.After(moment)
	})
}

func (k *killing) serverTime() time.Time {
	k.t.Helper()
	t, err := time.Parse("2006-01-02 15:04:05.999999-07", k.psql("select clock_timestamp() at time zone 'UTC' || '+00'"))
	if err != nil {
		k.t.Fatal(err)
	}
	return t
}
