package examples

import (
	"context"
	"io"
	"net/http"
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
