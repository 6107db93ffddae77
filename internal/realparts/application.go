package realparts

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// Application is the sample application of examples/ai-notebook, as a test's own compose project on a Docker engine. Where it is
// reached and what it is called is different for every test.
type Application struct {
	Host    string // of the Docker engine
	Project string
	Dir     string // a copy of examples/ai-notebook with a .env of its own; the test may change it
	Addr    string // host:port of nginx
}

// URL is the address of a path of the application.
func (a *Application) URL(path string) string { return "http://" + a.Addr + path }

// ApplicationImages makes the sample application's images, of what is installed here and of the program in
// examples/ai-notebook/backend: v1 of backend and frontend, and in further versions the same program. Once for each engine.
func ApplicationImages(t testing.TB, host string, versions ...string) {
	t.Helper()
	imagesLock.Lock()
	defer imagesLock.Unlock()
	if !imagesMade[host+" base"] {
		baseImages(t, host)
		imagesMade[host+" base"] = true
	}
	for _, v := range append([]string{"v1"}, versions...) {
		if imagesMade[host+" "+v] {
			continue
		}
		recipe, err := os.ReadFile(filepath.Join(sampleDir(), "backend", "Dockerfile"))
		if err != nil {
			t.Fatal(err)
		}
		program := map[string][]byte{"app": GoProgram(t, filepath.Join(sampleDir(), "backend"))}
		for _, name := range []string{"backend", "frontend"} {
			// The label makes the versions differ, as those of real programs do.
			BuildImage(t, host, "ai-notebook/"+name+":"+v, string(recipe)+"LABEL version="+v+"\n", program)
		}
		imagesMade[host+" "+v] = true
	}
}

var (
	imagesLock sync.Mutex
	imagesMade = map[string]bool{} // by engine and version
)

const (
	sampleUsers  = "root:x:0:0::/:/bin/sh\npostgres:x:70:70::/var/lib/postgresql:/bin/sh\nwww-data:x:33:33::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n"
	sampleGroups = "root:x:0:\npostgres:x:70:\nwww-data:x:33:\nnogroup:x:65534:\n"
)

func baseImages(t testing.TB, host string) {
	t.Helper()
	entry, err := os.ReadFile(filepath.Join(sampleDir(), "postgres", "entrypoint.sh"))
	if err != nil {
		t.Fatal(err)
	}
	initdb, err := filepath.EvalSymlinks(Require(t, "initdb"))
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Dir(initdb)
	lib := filepath.Dir(bin)
	paths := []string{lib, "/usr/share/postgresql/" + filepath.Base(lib), "/usr/share/zoneinfo/Etc", "/usr/share/zoneinfo/UTC", "/usr/bin/setpriv"}
	for _, name := range []string{"sh", "id", "mkdir", "chown", "rm", "cat"} {
		paths = append(paths, filepath.Join("/bin", name))
	}
	ImportImage(t, host, "ai-notebook/postgres:15", paths, map[string]string{
		"/etc/passwd": sampleUsers, "/etc/group": sampleGroups, "/entrypoint.sh": string(entry),
	}, "ENV PATH="+bin+":/usr/sbin:/usr/bin:/sbin:/bin", "ENV TZ=UTC", `ENTRYPOINT ["/entrypoint.sh"]`)
	known := map[string]string{"/etc/passwd": sampleUsers, "/etc/group": sampleGroups}
	ImportImage(t, host, "ai-notebook/redis:7", []string{Require(t, "redis-server"), Require(t, "redis-cli")}, known,
		"ENV PATH=/usr/bin:/bin", `ENTRYPOINT ["redis-server", "--dir", "/data", "--protected-mode", "no", "--save", "60 1"]`)
	nginx := Require(t, "nginx")
	ImportImage(t, host, "ai-notebook/nginx:1", []string{nginx}, known, fmt.Sprintf("ENTRYPOINT [%q]", nginx))
}

// StartApplication brings the sample application up on an engine (empty: the one that the tests of this process share) and waits
// until compose says that it is; healthy it is a little later. Only these services of it, where some are named. What it made goes
// with the test.
func StartApplication(t testing.TB, host string, services ...string) *Application {
	t.Helper()
	compose := Require(t, "docker-compose")
	host = cmp.Or(host, Docker(t))
	ApplicationImages(t, host)
	a := &Application{Host: host, Project: "t" + strings.ToLower(rand.Text()[:10]), Dir: filepath.Join(t.TempDir(), "ai-notebook"), Addr: FreeAddr(t)}
	if err := os.CopyFS(a.Dir, os.DirFS(sampleDir())); err != nil {
		t.Fatal(err)
	}
	_, port, _ := strings.Cut(a.Addr, ":")
	if err := os.WriteFile(filepath.Join(a.Dir, ".env"), []byte("POSTGRES_PASSWORD=secret\nPORT="+port+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.run(t, compose, "down", "--volumes", "--timeout", "1") })
	a.run(t, compose, append([]string{"up", "-d"}, services...)...)
	return a
}

// Compose runs the installed compose command for the application, as a person would.
func (a *Application) Compose(t testing.TB, args ...string) string {
	t.Helper()
	return a.run(t, Require(t, "docker-compose"), args...)
}

func (a *Application) run(t testing.TB, compose string, args ...string) string {
	t.Helper()
	cmd := exec.Command(compose, append([]string{"--project-name", a.Project}, args...)...)
	cmd.Dir, cmd.Env = a.Dir, append(os.Environ(), "DOCKER_HOST="+a.Host)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("docker-compose %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// sampleDir is where the sample application's files are in the source tree.
func sampleDir() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..", "examples", "ai-notebook")
}
