package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/internal/realparts"
)

// scene is the sample application with one bot after the other, all of them on the same store.
type scene struct {
	app     *realparts.Application
	lab     *lab
	backups string
	wal     string // where the database's log is archived
	set     string // the backup that is restored
	db      string // the container of the database
	times   int    // how often the application was made ready for an operation
}

// newScene starts it. far is the second place of backups, as the configuration has it; empty: there is none.
func newScene(t *testing.T, far string) *scene {
	t.Helper()
	sc := &scene{app: realparts.StartApplication(t, ""), backups: filepath.Join(t.TempDir(), "backups"), wal: filepath.Join(t.TempDir(), "wal")}
	served(t, sc.app)
	sc.lab = newLab(t, "", fmt.Sprintf(`
target: {docker_host: %q, project: %s, dir: %q, health_url: %q}
deploy: {watch: 1s}
database: {maintain: {delete: [{table: events, column: at, keep: 720h}]}}
backup: {dir: %q, wal: %q, fresh: 1s, files: [uploads/, docker-compose.yml], config: [nginx/], secrets: [.env], %s}
`, sc.app.Host, sc.app.Project, sc.app.Dir, sc.app.URL("/health"), sc.backups, sc.wal, far))
	return sc
}

// typing is what is typed whatever happened before.
func typing(ask string) func(*killing) string { return func(*killing) string { return ask } }

const rowsOfSet = "3000"

// saved makes a backup of an application with something in it, once.
func (k *killing) saved() string {
	k.t.Helper()
	if k.set != "" {
		return k.set
	}
	k.psql("create table ledger (id bigint primary key, text text); insert into ledger select n, 'line ' || n from generate_series(1, " + rowsOfSet + ") n")
	k.put("uploads/one.txt", "one")
	k.did("backup full")
	found, err := os.ReadDir(k.backups)
	if err != nil {
		k.t.Fatal(err)
	}
	for _, f := range found {
		if f.IsDir() && f.Name() > k.set {
			k.set = f.Name()
		}
	}
	return k.set
}

// damaged is the application after somebody's mistake.
func damaged(k *killing) string {
	k.t.Helper()
	set := k.saved()
	k.times++
	k.psql("delete from ledger where id > 10")
	k.put("uploads/one.txt", "overwritten")
	k.put("uploads/new.txt", "new")
	return "restore " + set
}

// fromFarAway is the application after somebody's mistake, on a machine that has lost the set.
func fromFarAway(k *killing) string {
	k.t.Helper()
	ask := damaged(k)
	if err := os.RemoveAll(filepath.Join(k.backups, k.set)); err != nil {
		k.t.Fatal(err)
	}
	return ask
}

func cameBack(k *killing, _ string) {
	k.t.Helper()
	k.holds(rowsOfSet, "one", "")
}

// holds looks at what the application has, and that nothing half-done lies about.
func (k *killing) holds(rows, one, fresh string) {
	k.t.Helper()
	if got := k.psql("select count(*) from ledger"); got != rows {
		k.t.Errorf("the database has %s rows, want %s", got, rows)
	}
	if a, b := k.text("uploads/one.txt"), k.text("uploads/new.txt"); a != one || b != fresh {
		k.t.Errorf("the files hold %q and %q, want %q and %q", a, b, one, fresh)
	}
	if got := k.filling(); got != "0" {
		k.t.Errorf("%s databases are left that were being filled", got)
	}
}

// restored is the application after a restore that was a mistake.
func restored(k *killing) string {
	k.t.Helper()
	k.did(damaged(k))
	k.holds(rowsOfSet, "one", "")
	k.psql("insert into ledger values (100000, 'after the restore')")
	return "restore undo " + k.key
}

func wasTakenBack(k *killing, _ string) {
	k.t.Helper()
	k.holds("10", "overwritten", "new")
}

// grown is the application whose database was not maintained for long.
func grown(k *killing) string {
	k.t.Helper()
	k.saved()
	k.psql("drop table if exists events; create table events (at timestamptz not null, name text); create index events_name on events (name)")
	k.psql("insert into events select now() - interval '40 days' - n * interval '1 second', md5(n::text) from generate_series(1, 60000) n")
	k.psql("insert into events select now() - n * interval '1 second', md5(n::text) from generate_series(1, 1000) n")
	k.psql("vacuum (analyze) events")
	return "db maintain"
}

func maintained(k *killing, _ string) {
	k.t.Helper()
	if got := k.psql("select count(*) || ' ' || count(*) filter (where at < now() - interval '30 days') from events"); got != "1000 0" {
		k.t.Errorf("rows, and old ones of them: %s, want 1000 0", got)
	}
	if got := k.psql("select count(*) from pg_index where not indisvalid"); got != "0" {
		k.t.Errorf("%s invalid indexes are left", got)
	}
	if got := k.psql("select pg_relation_size('events_name') < 1000000"); got != "t" {
		k.t.Error("the index was not rebuilt")
	}
}

const otherSecret = "# somebody's change\n"

func otherSecrets(k *killing) string {
	k.t.Helper()
	set := k.saved()
	k.put(".env", k.text(".env")+otherSecret)
	return "restore " + set + " secrets"
}

func secretsCameBack(k *killing, _ string) {
	k.t.Helper()
	if got := k.text(".env"); strings.Contains(got, otherSecret) || !strings.Contains(got, "POSTGRES_PASSWORD=secret") {
		k.t.Errorf("the secrets that were not restored: %q", got)
	}
}

// oneVersion looks that the application is wholly in one version.
func oneVersion(k *killing, end string) {
	k.t.Helper()
	at := k.app.Git(k.t, "describe", "--tags", "--exact-match")
	if got := k.app.Git(k.t, "status", "--porcelain"); got != "" {
		k.t.Errorf("the checkout is not clean: %s", got)
	}
	for _, service := range []string{"backend", "frontend"} {
		if got, want := k.docker("ps", "--filter", "label=com.docker.compose.project="+k.app.Project, "--filter", "label=com.docker.compose.service="+service,
			"--format", "{{.Image}}"), "ai-notebook/"+service+":"+at; got != want {
			k.t.Errorf("%s: %s runs as %q, want %s", end, service, got, want)
		}
	}
}

// littered is the application with what nobody needs any more.
func littered(k *killing) string {
	k.t.Helper()
	k.times++
	for i := range 3 {
		name := fmt.Sprintf("%d-%d", k.times, i)
		realparts.BuildImage(k.t, k.app.Host, "ai-notebook/backend:old-"+name, "FROM scratch\nCOPY a /a\n", map[string][]byte{"a": []byte(k.app.Project + name)})
		k.docker("create", "--name", k.app.Project+"-junk-"+name, "ai-notebook/backend:v1")
	}
	for i := range 900 {
		k.put(fmt.Sprintf("logs/nginx/access.log.%d", i), strings.Repeat("a line\n", 100))
	}
	k.put("logs/README", "no log")
	return "cleanup"
}

func tidied(k *killing, _ string) {
	k.t.Helper()
	if got := k.docker("ps", "--all", "--quiet", "--filter", "name="+k.app.Project+"-junk"); got != "" {
		k.t.Errorf("containers are left: %s", got)
	}
	if got := k.docker("images", "--format", "{{.Tag}}", "ai-notebook/backend"); strings.Contains(got, "old-") {
		k.t.Errorf("images are left: %s", got)
	}
	left, err := filepath.Glob(filepath.Join(k.app.Dir, "logs/nginx/*"))
	if err != nil || len(left) > 0 {
		k.t.Errorf("logs are left: %d, %v", len(left), err)
	}
	if k.text("logs/README") != "no log" {
		k.t.Error("what is no log went")
	}
	volumes := strings.Fields(k.docker("volume", "ls", "--quiet", "--filter", "label=com.docker.compose.project="+k.app.Project))
	if len(volumes) != 2 {
		k.t.Errorf("the volumes are %q", volumes)
	}
}

func (k *killing) put(name, text string) {
	k.t.Helper()
	path := filepath.Join(k.app.Dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		k.t.Fatal(err)
	}
	writeFile(k.t, path, text)
}

// text is what stands in a file of the application; empty: there is none.
func (k *killing) text(name string) string {
	k.t.Helper()
	b, err := os.ReadFile(filepath.Join(k.app.Dir, name))
	if err != nil && !os.IsNotExist(err) {
		k.t.Fatal(err)
	}
	return string(b)
}

func (k *killing) psql(statement string) string {
	k.t.Helper()
	if k.db == "" {
		k.db = strings.TrimSpace(k.app.Compose(k.t, "ps", "-q", "postgres"))
	}
	return k.docker("exec", k.db, "psql", "-h", "/tmp", "-U", "postgres", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", "ai_notebook", "-c", statement)
}

// docker is what somebody does by hand on the application's engine.
func (k *killing) docker(args ...string) string {
	k.t.Helper()
	ctx, cancel := context.WithTimeout(k.t.Context(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, realparts.Require(k.t, "docker"), append([]string{"-H", k.app.Host}, args...)...).CombinedOutput()
	if err != nil {
		k.t.Fatalf("docker %q: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// otherVersion asks for the one that does not run.
func otherVersion(word string) func(*killing) string {
	return func(k *killing) string {
		k.t.Helper()
		if k.app.Git(k.t, "describe", "--tags", "--exact-match") == "v1" {
			return word + " v2"
		}
		return word + " v1"
	}
}

// served waits until the application answers well.
func served(t *testing.T, a *realparts.Application) {
	t.Helper()
	until(t, "the application serves", overWithin, func() bool {
		resp, err := client.Get(a.URL("/health")) //nolint:noctx // bounded by the client's time-out
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}
