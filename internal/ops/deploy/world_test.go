package deploy_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/access"
	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/deploy"
	"github.com/ai-notebook/notebookbot/internal/ops/docker"
	"github.com/ai-notebook/notebookbot/internal/ops/target"
	"github.com/ai-notebook/notebookbot/internal/realparts"
	"github.com/ai-notebook/notebookbot/internal/store"
	"github.com/ai-notebook/notebookbot/internal/store/storetest"
)

var (
	ann = ops.Person{Actor: incidents.Actor{Kind: incidents.ByPerson, ID: "U0ANN"}}
	bob = ops.Person{Actor: incidents.Actor{Kind: incidents.ByPerson, ID: "U0BOB"}}
)

// everybody may do everything; who may what is tested elsewhere.
type everybody struct{}

func (everybody) Rule(string) (access.Rule, bool) {
	return access.Rule{Class: access.Change, Run: access.Operators, Approve: access.Commanders, Approvals: 1, Expires: time.Hour}, true
}
func (everybody) MayRun(context.Context, ops.Person, string) error      { return nil }
func (everybody) MayApprove(context.Context, ops.Person, string) error  { return nil }
func (everybody) MayActAlone(context.Context, ops.Person, string) error { return nil }

// world is a bot with the sample application as a git checkout with versions.
type world struct {
	*testing.T
	app    *realparts.Application
	engine *docker.Engine
	target *target.Application
	store  *store.Store
	cfg    deploy.Config
	svc    *ops.Service
	runner *ops.Runner
	starts int
	single bool              // only the backend is deployed
	first  map[string]string // the containers as they were first, by service
}

const fast = "interval: 500ms"

// newWorld brings the sample application up in version v1, of a checkout whose tags are made by the test.
func newWorld(t *testing.T, versions ...string) *world {
	t.Helper()
	host := realparts.Docker(t)
	realparts.ApplicationImages(t, host, versions...)
	w := &world{T: t, app: realparts.StartApplication(t, host), store: storetest.Open(t), first: map[string]string{}}
	w.replace("docker-compose.yml", "interval: 2s", fast)
	w.write(".gitignore", ".env\n")
	w.git("init", "--quiet", "--initial-branch=main")
	w.tag("v1")
	var err error
	w.engine, err = docker.Open(docker.Config{Host: host, Project: w.app.Project, Dir: w.app.Dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.engine.Close() })
	w.target = &target.Application{Engine: w.engine, Project: w.app.Project, URL: w.app.URL("/health"), Stable: 500 * time.Millisecond}
	w.cfg = deploy.Config{
		Project: w.app.Project, Dir: w.app.Dir, Host: host, Never: []string{"postgres", "redis"}, HealthURL: w.app.URL("/health"),
		Watch: 2 * time.Second, Stable: time.Second, HealthyIn: 30 * time.Second, StopIn: 5 * time.Second, PollEvery: 200 * time.Millisecond,
	}
	w.open()
	w.waitServes("v1")
	for _, c := range w.containers() {
		w.first[c.Service] = c.ID
	}
	return w
}

// open starts the bot anew, as a start of the program does.
func (w *world) open() { w.openAs(w.store, w.engine, nil) }

// openAs does so with parts of the test's own.
func (w *world) openAs(st ops.Store, engine deploy.Docker, wrap func(ops.Kind) ops.Kind) {
	w.starts++
	forward, back := deploy.New(w.cfg, engine, w.target, w.store)
	kinds := []ops.Kind{forward, back}
	if wrap != nil {
		for i := range kinds {
			kinds[i] = wrap(kinds[i])
		}
	}
	w.svc = ops.NewService(st, ops.Config{
		Kinds: kinds, People: everybody{}, Target: w.target, Ops: "C0OPS",
	}, slog.New(slog.DiscardHandler))
	w.runner = ops.NewRunner(w.svc, ops.RunnerConfig{Owner: fmt.Sprintf("process %d", w.starts), Retry: 10 * time.Millisecond, Lease: 2 * time.Second})
}

func (w *world) plan(word string, args ...string) (*ops.Decision, error) {
	return w.svc.Ask(w.Context(), ops.Request{Word: word, Args: args, By: ann})
}

// approved asks for an operation and approves it.
func (w *world) approved(word string, args ...string) *ops.Operation {
	w.Helper()
	d, err := w.plan(word, args...)
	if err != nil {
		w.Fatalf("%s %v: %v", word, args, err)
	}
	op, _, err := w.svc.Do(w.Context(), d)
	if err != nil {
		w.Fatal(err)
	}
	if d, err = w.svc.Approve(w.Context(), op.Number, ops.Approve{By: bob, Hash: op.Hash}); err != nil {
		w.Fatal(err)
	}
	if op, _, err = w.svc.Do(w.Context(), d); err != nil || op.State != ops.Approved {
		w.Fatalf("approved: %s %v %v", op.State, op.Changed, err)
	}
	return op
}

// run asks, approves and carries out.
func (w *world) run(word string, args ...string) *ops.Operation {
	w.Helper()
	op := w.approved(word, args...)
	if _, err := w.runner.Once(w.Context()); err != nil {
		w.Fatal(err)
	}
	return w.find(op)
}

func (w *world) find(op *ops.Operation) *ops.Operation {
	w.Helper()
	op, err := w.svc.Find(context.WithoutCancel(w.Context()), op.Number)
	if err != nil {
		w.Fatal(err)
	}
	return op
}

// want checks how an operation ended, and that what must always hold does.
func (w *world) want(op *ops.Operation, state ops.State, version string) {
	w.Helper()
	if op.State != state {
		w.Errorf("%s %v is %s, want %s: %+v", op.Plan.Word, op.Plan.Args, op.State, state, op.Outcome)
		for _, st := range op.Steps {
			w.Logf("%-16s %-8s %s %s", st.Name, st.State, st.Ended.Sub(st.Started).Round(time.Millisecond), st.Reason)
		}
	}
	w.wantWhole(version)
}

// wantWhole checks that the application is wholly in one version: files, pins, one container each that runs its image, and answers.
func (w *world) wantWhole(version string) {
	w.Helper()
	count := map[string]int{}
	for _, c := range w.containers() {
		count[c.Service]++
		if (c.Service == "postgres" || c.Service == "redis" || c.Service == "nginx") && c.ID != w.first[c.Service] {
			w.Errorf("%s was recreated", c.Service)
		}
		if (c.Service == "backend" || c.Service == "frontend" && !w.single) && (!strings.HasSuffix(c.Image, ":"+version) || !c.Running()) {
			w.Errorf("%s is %s with %s, want %s", c.Name, c.State, c.Image, version)
		}
	}
	if want := map[string]int{"backend": 1, "frontend": 1, "postgres": 1, "redis": 1, "nginx": 1}; !maps.Equal(count, want) {
		w.Errorf("containers %v", count)
	}
	if at := w.git("describe", "--tags", "--exact-match"); strings.TrimSpace(at) != version {
		w.Errorf("checked out is %s, want %s", at, version)
	}
	if s := w.git("status", "--porcelain"); s != "" {
		w.Errorf("the checkout is not clean:\n%s", s)
	}
	w.waitServes(version)
}

func (w *world) containers() []docker.Container {
	w.Helper()
	list, err := w.engine.Containers(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	return list
}

func (w *world) waitServes(version string) {
	w.Helper()
	var got string
	deadline := time.Now().Add(60 * time.Second)
	for time.Now().Before(deadline) {
		if got = w.get("/health"); strings.Contains(got, `"version":"`+version+`"`) && strings.HasPrefix(got, "200") {
			return
		}
		<-time.After(20 * time.Millisecond)
	}
	w.Fatalf("it answers %q, want version %s", got, version)
}

func (w *world) get(path string) string {
	req, err := http.NewRequestWithContext(context.WithoutCancel(w.Context()), http.MethodGet, w.app.URL(path), http.NoBody)
	if err != nil {
		w.Fatal(err)
	}
	res, err := client.Do(req)
	if err != nil {
		return err.Error()
	}
	defer res.Body.Close()
	b, _ := io.ReadAll(res.Body)
	return res.Status + " " + string(b)
}

// client takes a new connection for each request: a kept one would be tried again by itself.
var client = &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}}}

func (w *world) git(args ...string) string {
	w.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = w.app.Dir
	cmd.Env = append(os.Environ(), "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b", "GIT_CONFIG_GLOBAL=/dev/null")
	out, err := cmd.CombinedOutput()
	if err != nil && args[0] != "describe" {
		w.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// tag commits what there is and gives it a tag.
func (w *world) tag(name string) {
	w.Helper()
	w.git("add", "--all")
	w.git("commit", "--quiet", "--allow-empty", "-m", "version "+name)
	w.git("tag", name)
}

// version makes a version of which the compose file differs, and leaves the checkout where it was.
func (w *world) version(name string, change func()) {
	w.Helper()
	was := strings.TrimSpace(w.git("rev-parse", "HEAD"))
	w.write("CHANGES", name+"\n")
	if change != nil {
		change()
	}
	w.tag(name)
	w.git("checkout", "--quiet", was)
}

// fault gives the backend an error of its own.
func (w *world) fault(what string) func() {
	return func() {
		w.Helper()
		w.replace("docker-compose.yml", "POSTGRES: postgres:5432", "POSTGRES: postgres:5432\n      FAULT: "+what)
	}
}

func (w *world) write(name, text string) {
	w.Helper()
	full := filepath.Join(w.app.Dir, name)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		w.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
		w.Fatal(err)
	}
}

func (w *world) read(name string) string {
	w.Helper()
	b, err := os.ReadFile(filepath.Join(w.app.Dir, name))
	if err != nil {
		w.Fatal(err)
	}
	return string(b)
}

func (w *world) replace(name, old, with string) {
	w.Helper()
	text := w.read(name)
	if !strings.Contains(text, old) {
		w.Fatalf("%s does not have %q", name, old)
	}
	w.write(name, strings.ReplaceAll(text, old, with))
}

// load is one GET every 10 ms.
type load struct {
	stop func()
	wg   sync.WaitGroup
	mu   sync.Mutex
	sum  map[string]int // by answer
}

func (w *world) load() *load {
	ctx, cancel := context.WithCancel(w.Context())
	l := &load{stop: cancel, sum: map[string]int{}}
	l.wg.Go(func() {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			path := []string{"/api/version", "/"}[n%2] // the backend's and the frontend's
			l.wg.Go(func() {                           //nolint:contextcheck // A request that runs is not cut off with the load.
				got := w.get(path)
				first, _, _ := strings.Cut(got, " ")
				if first != "200" {
					first = got
				}
				l.mu.Lock()
				defer l.mu.Unlock()
				l.sum[first]++
			})
		}
	})
	w.Cleanup(func() { cancel(); l.wg.Wait() })
	return l
}

// end stops the load and says how many requests there were and what failed.
func (l *load) end() (all int, failed map[string]int) {
	l.stop()
	l.wg.Wait()
	failed = map[string]int{}
	for what, n := range l.sum {
		all += n
		if what != "200" {
			failed[what] = n
		}
	}
	return all, failed
}

func sum(m map[string]int) int {
	n := 0
	for v := range maps.Values(m) {
		n += v
	}
	return n
}

func details(op *ops.Operation, code string) bool {
	return slices.ContainsFunc(op.Plan.Notes, func(n string) bool { return n == code || strings.HasPrefix(n, code+":") })
}
