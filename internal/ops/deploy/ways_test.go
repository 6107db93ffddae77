package deploy_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/deploy"
	"github.com/ai-notebook/notebookbot/internal/realparts"
)

const migrateScript = "#!/bin/sh\necho \"$BACKEND_VERSION $1\" >> migrated\nexit "

func TestAMigrationIsAStepOfItsOwnAndIsNotTakenBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "v2", "v3", "v4")
	script := func(code string) func() {
		return func() {
			w.write("scripts/migrate.sh", migrateScript+code+"\n")
			if err := os.Chmod(filepath.Join(w.app.Dir, "scripts/migrate.sh"), 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.write(".gitignore", ".env\nmigrated\n")
	w.tag("v1.1")
	w.git("tag", "-d", "v1")
	w.git("tag", "v1")
	w.git("tag", "-d", "v1.1")
	w.version("v2", script("0"))
	w.version("v3", script("3"))
	w.version("v4", nil)
	w.cfg.Migrate, w.cfg.Watch = []string{"scripts/migrate.sh", "up"}, time.Second
	w.open()

	op := w.run("deploy", "v2")
	w.want(op, ops.Done, "v2")
	if !details(op, "deploy_migrate_host") || w.read("migrated") != "v2 up\n" {
		t.Errorf("it was migrated with %q; %q", w.read("migrated"), op.Plan.Notes)
	}

	op = w.run("deploy", "v3")
	w.want(op, ops.Failed, "v2")
	if !slices.Equal(op.Outcome.Left, []string{"migrate"}) || !strings.Contains(op.Outcome.Reason.String(), "exit code 3") || !strings.Contains(op.Outcome.Reason.String(), "restore") {
		t.Errorf("it left %q: %s", op.Outcome.Left, op.Outcome.Reason)
	}

	// v4 has no such file: nothing is migrated. A program with its whole path runs in a container of the new image.
	d, err := w.plan("deploy", "v4")
	if err != nil {
		t.Fatal(err)
	}
	p, _ := d.Plan()
	if !slices.ContainsFunc(p.Notes, func(n string) bool { return strings.HasPrefix(n, "deploy_no_migration") }) {
		t.Errorf("the notes are %q", p.Notes)
	}
	w.cfg.Migrate = []string{"/app", "check"} // nobody listens in that container
	w.open()
	op = w.run("deploy", "v4")
	w.want(op, ops.Failed, "v2")
	if !slices.Equal(op.Outcome.Left, []string{"migrate"}) || !strings.Contains(op.Outcome.Reason.String(), "connection refused") {
		t.Errorf("it left %q: %s", op.Outcome.Left, op.Outcome.Reason)
	}
	if _, err := w.engine.OneOff(t.Context(), w.app.Project+"-migrate-3"); err == nil {
		t.Error("its container is left")
	}
}

func TestABuiltServiceGoesBackToItsKeptImageAndWhatHasAPortIsRecreated(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "v2", "v3")
	addr := realparts.FreeAddr(t)
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	built := func(label string, more string) func() {
		return func() {
			w.replace("docker-compose.yml", "    image: ${IMAGES:-ai-notebook}/backend:${BACKEND_VERSION:-v1}\n", "    build: ./built\n")
			w.replace("docker-compose.yml", "    command: [frontend]\n", "    command: [frontend]\n    ports: [\"127.0.0.1:"+port+":8080\"]\n"+more)
			w.write("built/Dockerfile", "FROM ai-notebook/backend:v1\nENV VERSION="+label+"\n")
		}
	}
	w.version("v2", built("v2", ""))
	w.version("v3", built("v3", ""))
	w.version("v4-bad", built("v4-bad", "    environment: {FAULT: unhealthy}\n"))
	realparts.ApplicationImages(t, w.app.Host, "v4-bad")
	w.cfg.Watch = time.Second
	w.open()
	is := func(op *ops.Operation, state ops.State, version string) {
		t.Helper()
		if op.State != state {
			t.Fatalf("%v is %s: %+v", op.Plan.Args, op.State, op.Outcome)
		}
		w.waitServes(version)
		if n := len(w.containers()); n != 5 {
			t.Errorf("%d containers", n)
		}
	}
	op := w.run("deploy", "v2")
	is(op, ops.Done, "v2")
	if !details(op, "deploy_gap") {
		t.Errorf("the gap is not announced: %q", op.Plan.Notes)
	}
	is(w.run("deploy", "v3"), ops.Done, "v3")
	images := func() (backend string) {
		for _, c := range w.containers() {
			if c.Service == "backend" {
				backend = c.ImageID
			}
		}
		return backend
	}
	third := images()
	op = w.run("deploy", "v4-bad") // its backend is good, its frontend is not
	is(op, ops.Undone, "v3")
	if images() != third {
		t.Errorf("the backend runs %s, want %s", images(), third)
	}
	op = w.run("rollback")
	is(op, ops.Done, "v2")
	if !strings.Contains(string(op.Plan.Details), `"source":"kept"`) {
		t.Errorf("it was built anew: %s", op.Plan.Details)
	}
	kept, err := deploy.Kept(t.Context(), w.engine, w.app.Project)
	if err != nil {
		t.Fatal(err)
	}
	versions := map[string]bool{}
	for _, k := range kept {
		if k.Service == "backend" && k.Needed {
			versions[k.Version] = true
		}
	}
	if !versions["v1"] || !versions["v2"] || !versions["v3"] {
		t.Errorf("kept are %+v", kept)
	}
}

func TestWhatCannotBeDeployedIsRefusedBeforeAnythingIsDone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "v2", "v2.1")
	w.version("v2", nil)
	w.version("v5-broken", func() { w.write("docker-compose.yml", "services:\n  backend: {imag: x}\n") })
	refused := func(code, word string, args ...string) {
		t.Helper()
		_, err := w.plan(word, args...)
		if p, ok := errors.AsType[*ops.Problem](err); !ok || p.Code != code {
			t.Errorf("%s %v: %v, want %s", word, args, err, code)
		}
	}
	refused("deploy_which", "deploy")
	refused("deploy_unknown_version", "deploy", "v22")
	refused("deploy_one_version", "deploy", "v1", "v2")
	refused("deploy_runs_already", "deploy", "v1")
	refused("deploy_compose_file", "deploy", "v5-broken")
	refused("rollback_no_past", "rollback")
	compose := w.read("docker-compose.yml")
	w.write("docker-compose.yml", compose+"# mine\n")
	refused("deploy_changed_files", "deploy", "v2")
	w.write("docker-compose.yml", compose)

	// A tag that is moved after the approval, and a file that is changed.
	op := w.approved("deploy", "v2")
	w.git("tag", "--force", "v2", "v5-broken")
	if _, err := w.runner.Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	op = w.find(op)
	if op.State != ops.Failed || !op.Outcome.Unchanged || !strings.Contains(op.Outcome.Reason.String(), "moved") {
		t.Errorf("it is %s: %+v", op.State, op.Outcome)
	}
	w.git("tag", "--force", "v2", "main")
	w.wantWhole("v1")

	// A remote that is away does not matter to a tag that is here; one that is there brings its new tags.
	w.git("remote", "add", "origin", "https://somebody:hunter2@127.0.0.1:1/shop.git")
	w.git("tag", "--force", "v2", "v5-broken~1")
	w.version("v2.1", nil)
	d, err := w.plan("deploy", "v2.1")
	if err == nil {
		p, _ := d.Plan()
		note := slices.IndexFunc(p.Notes, func(n string) bool { return strings.HasPrefix(n, "deploy_no_remote") })
		if note < 0 || strings.Contains(p.Notes[note], "hunter2") {
			t.Errorf("the notes are %q", p.Notes)
		}
	} else {
		t.Error(err)
	}
	w.git("clone", "--quiet", "--bare", ".", filepath.Join(w.app.Dir, ".git", "far.git"))
	w.git("remote", "set-url", "origin", filepath.Join(w.app.Dir, ".git", "far.git"))
	w.git("tag", "-d", "v2.1")
	if d, err = w.plan("deploy", "v2.1"); err != nil {
		t.Fatal(err)
	}
	if p, _ := d.Plan(); slices.ContainsFunc(p.Notes, func(n string) bool { return strings.HasPrefix(n, "deploy_no_remote") }) {
		t.Errorf("the notes are %q", p.Notes)
	}

	// nginx that cannot be reloaded: nothing is planned, and where it breaks after that, nothing is started.
	conf := w.read("nginx/nginx.conf")
	w.git("update-index", "--assume-unchanged", "nginx/nginx.conf")
	op = w.approved("deploy", "v2.1")
	w.write("nginx/nginx.conf", "nonsense;\n")
	refused("deploy_nginx", "deploy", "v2.1")
	l := w.load()
	if _, err := w.runner.Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	op = w.find(op)
	all, failed := l.end()
	if op.State != ops.Undone || !strings.Contains(op.Outcome.Reason.String(), "nginx") || len(failed) > 0 {
		t.Errorf("it is %s, %d of %d failed: %+v", op.State, sum(failed), all, op.Outcome)
	}
	w.write("nginx/nginx.conf", conf)
	w.git("update-index", "--no-assume-unchanged", "nginx/nginx.conf")
	w.wantWhole("v1")
}
