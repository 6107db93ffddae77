package docker

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/client"

	"github.com/ai-notebook/notebookbot/internal/realparts"
)

const (
	dockerfile = "FROM scratch\nCOPY app /app\nENTRYPOINT [\"/app\"]\nCMD [\"serve\"]\n"
	imageName  = "notebookbot-test-app"
)

// images remembers on which engines the image is, since all tests use the same.
var (
	imagesLock sync.Mutex
	images     = map[string]bool{}

	commandsLock sync.Mutex
	commands     []command
)

func testImage(t *testing.T, host string) {
	t.Helper()
	imagesLock.Lock()
	defer imagesLock.Unlock()
	if !images[host] {
		realparts.BuildImage(t, host, imageName, dockerfile, map[string][]byte{"app": realparts.GoProgram(t, "testdata/app")})
		images[host] = true
	}
}

// application is a compose project on a real engine. What its services do is switched by files.
type application struct {
	*Engine
	t   *testing.T
	sdk *client.Client
}

// service is a service of a test's compose file; more is further lines of it.
func service(name string, more ...string) string {
	text := fmt.Sprintf("  %s:\n    image: %s\n    init: false\n    stop_signal: SIGTERM\n    environment: {ROLE: %s, PASSWORD: hunter2-%s}\n    volumes: [\"./ctl/%s:/ctl\"]\n",
		name, imageName, name, name, name)
	for _, line := range more {
		text += "    " + line + "\n"
	}
	return text
}

const checked = `healthcheck: {test: ["CMD", "/app", "check"], interval: 300ms, timeout: 2s, retries: 3}`

// prepare writes a compose file and opens an engine for it.
func prepare(t *testing.T, host string, services ...string) *application {
	t.Helper()
	testImage(t, host)
	dir := t.TempDir()
	a := &application{t: t}
	a.Engine = engineFor(t, Config{Host: host, Project: "p" + strings.ToLower(rand.Text()[:10]), Dir: dir})
	a.write("docker-compose.yml", "version: '2.4'\nservices:\n"+strings.Join(services, ""))
	var err error
	if a.sdk, err = client.NewClientWithOpts(client.WithHost(host), client.WithAPIVersionNegotiation()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.down)
	return a
}

func engineFor(t *testing.T, cfg Config) *Engine {
	t.Helper()
	e, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	commandsLock.Lock()
	defer commandsLock.Unlock()
	if commands == nil { // looked for once: it takes compose half a second to say its version
		commands, _ = e.installed(t.Context())
	}
	e.commands, e.lookedAt = commands, time.Now()
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// one starts a single container of the service backend with compose's labels, but without compose, which takes its seconds. The
// switches are set before it starts.
func one(t *testing.T, host string, switches map[string]string, set func(*container.Config, *container.HostConfig)) (*application, string) {
	t.Helper()
	a := prepare(t, host, service("backend"))
	a.set("backend", "on", "yes")
	for what, value := range switches {
		a.set("backend", what, value)
	}
	cfg := &container.Config{Image: imageName, Env: []string{"ROLE=backend", "PASSWORD=hunter2"}, Labels: map[string]string{
		labelProject: a.cfg.Project, labelService: "backend", labelNumber: "1", labelOneOff: "False", labelVersion: "1.29.2",
	}}
	hostCfg := &container.HostConfig{NetworkMode: "none", Binds: []string{filepath.Join(a.cfg.Dir, "ctl", "backend") + ":/ctl"}}
	if set != nil {
		set(cfg, hostCfg)
	}
	c, err := a.sdk.ContainerCreate(t.Context(), cfg, hostCfg, nil, nil, a.cfg.Project+"_backend_1")
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(t.Context(), c.ID); err != nil {
		t.Fatal(err)
	}
	return a, c.ID
}

// withCheck gives a container a healthcheck.
func withCheck(c *container.Config, _ *container.HostConfig) {
	c.Healthcheck = &container.HealthConfig{Test: []string{"CMD", "/app", "check"}, Interval: 200 * time.Millisecond, Timeout: 5 * time.Second, Retries: 3}
}

// start brings the project up through compose.
func start(t *testing.T, host string, services ...string) *application {
	t.Helper()
	a := prepare(t, host, services...)
	a.up()
	return a
}

func (a *application) up(args ...string) {
	a.t.Helper()
	realparts.Require(a.t, "docker-compose")
	if out, err := a.Compose(a.t.Context(), append([]string{"up", "-d"}, args...)...); err != nil {
		a.t.Fatalf("%v\n%s", err, out)
	}
}

func (a *application) down() {
	ctx := context.WithoutCancel(a.t.Context())
	mine := filters.NewArgs(filters.Arg("label", labelProject+"="+a.cfg.Project))
	list, err := a.sdk.ContainerList(ctx, container.ListOptions{All: true, Filters: mine})
	if err != nil {
		return // the test stopped the engine
	}
	var wg sync.WaitGroup
	for _, c := range list {
		wg.Go(func() { _ = a.sdk.ContainerRemove(ctx, c.ID, container.RemoveOptions{Force: true}) })
	}
	wg.Wait()
	_, _ = a.sdk.NetworksPrune(ctx, mine)
	_ = a.sdk.Close()
}

// write writes a file below the project's folder.
func (a *application) write(name, text string) {
	a.t.Helper()
	full := filepath.Join(a.cfg.Dir, name)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		a.t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
		a.t.Fatal(err)
	}
}

// set switches what a service does; empty switches it off.
func (a *application) set(service, what, value string) {
	a.t.Helper()
	a.write("ctl/"+service+"/"+what, value)
}

func (a *application) beat(service string) string {
	b, _ := os.ReadFile(filepath.Join(a.cfg.Dir, "ctl", service, "beat"))
	return string(b)
}

// only gives the one container of a service.
func (a *application) only(service string) Container {
	a.t.Helper()
	list, err := a.Containers(a.t.Context())
	if err != nil {
		a.t.Fatal(err)
	}
	var found []Container
	for _, c := range list {
		if c.Service == service {
			found = append(found, c)
		}
	}
	if len(found) != 1 {
		a.t.Fatalf("%d containers of %s, want one: %+v", len(found), service, list)
	}
	return found[0]
}

func (a *application) healthy(service string) Healthy {
	a.t.Helper()
	h, err := a.WaitHealthy(a.soon(20*time.Second), a.only(service).ID, 300*time.Millisecond, nil)
	if err != nil {
		a.t.Fatal(explained(err))
	}
	return h
}

func (a *application) soon(d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(a.t.Context(), d)
	a.t.Cleanup(cancel)
	return ctx
}

func (a *application) logs(id string) string {
	a.t.Helper()
	var b bytes.Buffer
	if err := a.Logs(a.t.Context(), id, 0, time.Time{}, &b); err != nil {
		a.t.Fatal(err)
	}
	return b.String()
}

func explained(err error) string {
	if u, ok := errors.AsType[*UnhealthyError](err); ok {
		return fmt.Sprintf("%v\nhealth: %s\nlog: %q", err, u.HealthOutput, u.Log)
	}
	return err.Error()
}

// until looks until it is so.
func until(t *testing.T, what string, so func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !so() {
		if time.Now().After(deadline) {
			t.Fatalf("it did not come to this: %s", what)
		}
		<-time.After(10 * time.Millisecond)
	}
}
