package examples

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops/docker"
	"github.com/ai-notebook/notebookbot/internal/realparts"
)

const users = "root:x:0:0::/:/bin/sh\npostgres:x:70:70::/var/lib/postgresql:/bin/sh\nwww-data:x:33:33::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n"

// applicationImages makes the sample application's images of what is installed here.
func applicationImages(t *testing.T, host string) {
	t.Helper()
	recipe, err := os.ReadFile("ai-notebook/backend/Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	entry, err := os.ReadFile("ai-notebook/postgres/entrypoint.sh")
	if err != nil {
		t.Fatal(err)
	}
	program := map[string][]byte{"app": realparts.GoProgram(t, "ai-notebook/backend")}
	for _, name := range []string{"backend", "frontend"} {
		realparts.BuildImage(t, host, "ai-notebook/"+name+":v1", string(recipe), program)
	}
	known := map[string]string{"/etc/passwd": users, "/etc/group": "root:x:0:\npostgres:x:70:\nwww-data:x:33:\nnogroup:x:65534:\n"}
	initdb, err := filepath.EvalSymlinks(realparts.Require(t, "initdb"))
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Dir(initdb)
	lib := filepath.Dir(bin)
	paths := []string{lib, "/usr/share/postgresql/" + filepath.Base(lib), "/usr/share/zoneinfo/Etc", "/usr/share/zoneinfo/UTC", "/usr/bin/setpriv"}
	for _, name := range []string{"sh", "id", "mkdir", "chown", "rm", "cat"} {
		paths = append(paths, filepath.Join("/bin", name))
	}
	realparts.ImportImage(t, host, "ai-notebook/postgres:15", paths, map[string]string{
		"/etc/passwd": known["/etc/passwd"], "/etc/group": known["/etc/group"], "/entrypoint.sh": string(entry),
	}, "ENV PATH="+bin+":/usr/sbin:/usr/bin:/sbin:/bin", "ENV TZ=UTC", `ENTRYPOINT ["/entrypoint.sh"]`)
	realparts.ImportImage(t, host, "ai-notebook/redis:7", []string{realparts.Require(t, "redis-server"), realparts.Require(t, "redis-cli")}, known,
		"ENV PATH=/usr/bin:/bin", `ENTRYPOINT ["redis-server", "--dir", "/data", "--protected-mode", "no", "--save", "60 1"]`)
	nginx := realparts.Require(t, "nginx")
	realparts.ImportImage(t, host, "ai-notebook/nginx:1", []string{nginx}, known, fmt.Sprintf("ENTRYPOINT [%q]", nginx))
}

func TestTheSampleApplicationComesUpAndIsHealthyWithoutARegistry(t *testing.T) {
	t.Parallel()
	realparts.Require(t, "docker-compose")
	host := realparts.Docker(t)
	applicationImages(t, host)
	dir := filepath.Join(t.TempDir(), "ai-notebook")
	if err := os.CopyFS(dir, os.DirFS("ai-notebook")); err != nil {
		t.Fatal(err)
	}
	addr := realparts.FreeAddr(t)
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, ".env"), []byte("POSTGRES_PASSWORD=secret\nPORT="+port+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	e, err := docker.Open(docker.Config{Host: host, Project: "ai-notebook", Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	out, err := e.Compose(ctx, "up", "-d")
	if err != nil {
		logs(t, e)
		t.Fatalf("%v\n%s", err, out)
	}
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
		if got := get(ctx, t, "http://"+addr+path); !strings.Contains(got, want) {
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
