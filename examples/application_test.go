package examples

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops/docker"
	"github.com/ai-notebook/notebookbot/internal/realparts"
)

func TestTheSampleApplicationComesUpAndIsHealthyWithoutARegistry(t *testing.T) {
	t.Parallel()
	a := realparts.StartApplication(t, "")
	e, err := docker.Open(docker.Config{Host: a.Host, Project: a.Project, Dir: a.Dir})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	containers, err := e.Containers(ctx)
	if err != nil || len(containers) != 5 {
		t.Fatalf("%d containers, %v", len(containers), err)
	}
	for _, c := range containers {
		if _, err := e.WaitHealthy(ctx, c.ID, time.Second, nil); err != nil {
			logs(t, e)
			t.Fatal(err)
		}
	}
	for path, want := range map[string]string{"/health": `{"postgres":"ok","redis":"ok","version":"v1"}`, "/": "<h1>AI Notebook</h1>"} {
		if got := get(ctx, t, a.URL(path)); !strings.Contains(got, want) {
			t.Errorf("%s is %s, want %s", path, got, want)
		}
	}
	p, err := e.Project(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if order, err := p.RestartOrder(); err != nil || strings.Join(order, " ") != "postgres redis backend frontend nginx" {
		t.Errorf("the order is %v, %v", order, err)
	}
}

func TestTheSampleApplicationKeepsNotesInItsDatabase(t *testing.T) {
	t.Parallel()
	a, e := start(t)
	notes := func() string { return get(t.Context(), t, a.URL("/api/notes")) }
	if got := notes(); !strings.HasPrefix(got, `200 OK {"count":2000,"notes":[{"id":2000,"text":"note 2000"`) {
		t.Errorf("the notes are %.100s", got)
	}
	for note, want := range map[string]int{`{"text": "buy <milk>"}`: 200, `{"text": " "}`: 400, `text=a`: 400} {
		if got := post(t, a.URL("/api/notes"), "application/json", note); got != want {
			t.Errorf("%s is answered %d, want %d", note, got, want)
		}
	}
	if got := post(t, a.URL("/api/notes"), "text/plain", `{"text": "of another page"}`); got != 400 {
		t.Errorf("a form is answered %d", got)
	}
	if got := notes(); !strings.HasPrefix(got, `200 OK {"count":2001,"notes":[{"id":2001,"text":"buy \u003cmilk\u003e"`) {
		t.Errorf("the notes are %.100s", got)
	}
	// The database goes and comes back, and the backend with it.
	db := container(t, e, "postgres")
	if err := e.Stop(t.Context(), db.ID, 10*time.Second); err != nil {
		t.Fatal(err)
	}
	if got := notes(); !strings.HasPrefix(got, "503") {
		t.Errorf("without the database the notes are %.100s", got)
	}
	if err := e.Start(t.Context(), db.ID); err != nil {
		t.Fatal(err)
	}
	until(t, "the notes are back", func() bool { return strings.HasPrefix(notes(), `200 OK {"count":2001,`) })
}

func TestTheSampleApplicationIsBrokenOnRequestAndARestartMendsIt(t *testing.T) {
	t.Parallel()
	a, e := start(t)
	backend := container(t, e, "backend")
	broken := func(how string) {
		t.Helper()
		if code, err := e.Exec(t.Context(), backend.ID, []string{"/app", "break", how}, nil, nil, nil); code != 0 || err != nil {
			t.Fatalf("break %s: %d, %v", how, code, err)
		}
	}
	mended := func() {
		t.Helper()
		if err := e.Restart(t.Context(), backend.ID, time.Second); err != nil {
			t.Fatal(err)
		}
		healthy(t, e, backend.ID)
	}
	answers := func(path, want string) func() bool {
		return func() bool { return strings.HasPrefix(get(t.Context(), t, a.URL(path)), want) }
	}

	broken("errors")
	until(t, "the API fails", answers("/api/version", "500"))
	if !answers("/health", "200")() {
		t.Error("the health check sees what it should not")
	}
	mended()
	until(t, "the API is mended", answers("/api/version", "200"))

	broken("hang")
	until(t, "the backend is unhealthy", func() bool { return container(t, e, "backend").Health == "unhealthy" })
	mended()

	again := func(times int) func() bool {
		return func() bool {
			c := container(t, e, "backend")
			return c.Restarts == times && c.Running() && c.Health == "healthy"
		}
	}
	broken("leak")
	until(t, "the memory limit ended it and it is healthy again", again(1))
	broken("exit")
	until(t, "it ended and is healthy again", again(2))
	if code := post(t, a.URL("/break/exit"), "application/json", "{}"); code < 400 {
		t.Errorf("who is outside breaks it: %d", code)
	}
}

func TestVersionsOfTheSampleApplicationThatAreBad(t *testing.T) {
	t.Parallel()
	a, e := start(t)
	realparts.ApplicationImages(t, a.Host, "v3:unhealthy", "v4:fails 4s")
	deployed := func(version string) {
		t.Helper()
		env := fmt.Sprintf("POSTGRES_PASSWORD=secret\nPORT=%s\nBACKEND_VERSION=%s\n", a.Addr[strings.LastIndex(a.Addr, ":")+1:], version)
		if err := os.WriteFile(filepath.Join(a.Dir, ".env"), []byte(env), 0o600); err != nil {
			t.Fatal(err)
		}
		a.Compose(t, "up", "-d", "--no-deps", "backend")
	}
	deployed("v3")
	until(t, "v3 is unhealthy", func() bool { return container(t, e, "backend").Health == "unhealthy" })
	deployed("v4")
	until(t, "v4 is healthy", func() bool { return container(t, e, "backend").Health == "healthy" })
	until(t, "v4 is not", func() bool { return container(t, e, "backend").Health == "unhealthy" })
}

// start brings the application up and waits until it is healthy.
func start(t *testing.T) (*realparts.Application, *docker.Engine) {
	t.Helper()
	a := realparts.StartApplication(t, "")
	e, err := docker.Open(docker.Config{Host: a.Host, Project: a.Project, Dir: a.Dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	healthy(t, e, container(t, e, "backend").ID)
	until(t, "nginx leads to the backend", func() bool { return strings.HasPrefix(get(t.Context(), t, a.URL("/health")), "200") })
	return a, e
}

func healthy(t *testing.T, e *docker.Engine, id string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := e.WaitHealthy(ctx, id, 0, nil); err != nil {
		logs(t, e)
		t.Fatal(err)
	}
}

func container(t *testing.T, e *docker.Engine, service string) docker.Container {
	t.Helper()
	all, err := e.Containers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		if c.Service == service {
			return c
		}
	}
	t.Fatalf("no container of %s", service)
	return docker.Container{}
}

func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); <-time.After(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it never holds that %s", what)
		}
	}
}

func post(t *testing.T, url, kind, body string) int {
	t.Helper()
	res, err := http.Post(url, kind, strings.NewReader(body)) //nolint:noctx // A test's own.
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	return res.StatusCode
}

func get(ctx context.Context, t *testing.T, url string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.Status + " " + string(b)
}

// logs shows what the application said when it did not come up.
func logs(t *testing.T, e *docker.Engine) {
	t.Helper()
	containers, err := e.Containers(t.Context())
	if err != nil {
		t.Error(err)
	}
	for _, c := range containers {
		var log strings.Builder
		err := e.Logs(t.Context(), c.ID, 20, time.Time{}, &log)
		t.Logf("%s is %s %s %q %v:\n%s", c.Service, c.State, c.Health, c.HealthOutput, err, log.String())
	}
}
