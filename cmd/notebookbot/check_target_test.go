package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ai-notebook/notebookbot/internal/realparts"
)

// findingsOf gives what a look at the application found, by name.
func findingsOf(t *testing.T, more string) map[string]finding {
	t.Helper()
	c := newCheckup(t, more)
	c.target(t.Context())
	out := map[string]finding{}
	for _, f := range c.findings {
		if old, again := out[f.name]; !again || old.state == stateOK {
			out[f.name] = f
		}
	}
	return out
}

func TestCheckLooksAtAllThatOperationsNeed(t *testing.T) {
	t.Parallel()
	a := realparts.StartApplication(t, "")
	target := func(more string) string {
		return fmt.Sprintf("target: {docker_host: %q, project: %s, dir: %q, health_url: %q%s}\n", a.Host, a.Project, a.Dir, a.URL("/health"), more)
	}
	data := func(service, name, user string) string {
		return fmt.Sprintf("database: {service: %s, name: %s, user: %s}\nredis: {service: redis}\n", service, name, user)
	}
	good := data("postgres", "ai_notebook", "postgres")
	all := func(found map[string]finding) string {
		var b strings.Builder
		for name, f := range found {
			fmt.Fprintf(&b, "%s %s: %s → %s\n", f.state, name, f.reason.en, f.mend.en)
		}
		return b.String()
	}
	for _, c := range []struct {
		name, more string
		want       map[string]string // name → state, and words of the reason or of how to mend it
	}{
		{"all is well", target("") + good, map[string]string{
			"docker": "ok Docker 2", "compose file": "ok backend", "compose command": "ok docker-compose 1.29", "containers": "ok all 5 services run",
			"database": "ok may dump it", "redis": "ok PONG", "target.health_url": "ok /health", "git checkout": "warning target.dir",
		}},
		{"the log", target("") + good + fmt.Sprintf("backup: {wal: %q}\n", filepath.Join(t.TempDir(), "wal")), map[string]string{"backup.wal": "warning max_slot_wal_keep_size"}},
		{"wrong names", target(", services: [backend, worker]") + good, map[string]string{"target.services": "failed worker"}},
		{"an alert of nothing", target(", alerts: {worker: ['a=\"b\"']}") + good, map[string]string{"target.alerts.worker": "warning no such service"}},
		{"no such database", target("") + data("postgres", "notebook", "postgres"), map[string]string{"database.name": "failed notebook"}},
		{"no such user", target("") + data("postgres", "ai_notebook", "somebody"), map[string]string{"database.user": "failed without a password"}},
		{"no such service", target("") + data("mysql", "ai_notebook", "postgres"), map[string]string{"database.service": "failed mysql", "database": "unchecked does not run"}},
		{"another project", strings.Replace(target("")+good, "project: "+a.Project, "project: other", 1), map[string]string{"containers": "failed target.project"}},
		{"no engine", strings.Replace(target("")+good, a.Host, "unix:///nowhere/docker.sock", 1), map[string]string{"docker": "failed systemctl start docker", "compose file": "ok backend"}},
		{"no application", "", map[string]string{"target": "unchecked not set"}},
	} {
		found := findingsOf(t, c.more)
		for name, want := range c.want {
			state, words, _ := strings.Cut(want, " ")
			f := found[name]
			if f.state != state || !strings.Contains(f.reason.en+" "+f.mend.en, words) {
				t.Errorf("%s: %s is %s %q → %q, want %s with %q; all:\n%s", c.name, name, f.state, f.reason.en, f.mend.en, state, words, all(found))
			}
		}
	}
	a.Compose(t, "exec", "-T", "postgres", "psql", "-h", "/tmp", "-U", "postgres", "-d", "ai_notebook", "-c", "create table notes ()", "-c", "create role reader login superuser", "-c", "alter role reader nosuperuser")
	if f := findingsOf(t, target("")+data("postgres", "ai_notebook", "reader"))["database.user"]; f.state != stateFailed || !strings.Contains(f.mend.en, "pg_read_all_data") {
		t.Errorf("a user who may not read: %+v", f)
	}
	log := fmt.Sprintf("backup: {wal: %q}\n", filepath.Join(t.TempDir(), "wal"))
	if f := findingsOf(t, target("")+data("postgres", "ai_notebook", "reader")+log)["backup.wal"]; f.state != stateFailed || !strings.Contains(f.reason.en, "REPLICATION") {
		t.Errorf("a user who may not follow the log: %+v", f)
	}
	a.Compose(t, "exec", "-T", "postgres", "psql", "-h", "/tmp", "-U", "postgres", "-c",
		"copy (values ('local all all trust'), ('host all all all scram-sha-256')) to '/var/lib/postgresql/data/pg_hba.conf'", "-c", "select pg_reload_conf()")
	if f := findingsOf(t, target("")+good+log)["backup.wal"]; f.state != stateFailed || !strings.Contains(f.mend.en, "pg_hba.conf") {
		t.Errorf("a server that lets nobody follow: %+v", f)
	}
	a.Compose(t, "stop", "redis")
	if f := findingsOf(t, target("")+good)["containers"]; f.state != stateWarning || !strings.Contains(f.reason.en, "redis") {
		t.Errorf("a service that is down: %+v", f)
	}
	file := filepath.Join(a.Dir, "docker-compose.yml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	write := func(b []byte) {
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Error(err)
		}
	}
	write([]byte("services: ["))
	defer write(text)
	if f := findingsOf(t, target("")+good)["compose file"]; f.state != stateFailed {
		t.Errorf("a compose file that cannot be read: %+v", f)
	}
}
