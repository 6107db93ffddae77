package realparts

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	ainotebook "github.com/ai-notebook/notebookbot/examples/ai-notebook"
	"github.com/ai-notebook/notebookbot/internal/sample/images"
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
// examples/ai-notebook/backend: v1 of backend and frontend, and in further versions the same program. A version may have something
// wrong with it: v3:unhealthy never is healthy, and "v4:fails 5s" is good for five seconds only. Once for each engine.
func ApplicationImages(t testing.TB, host string, versions ...string) {
	t.Helper()
	imagesLock.Lock()
	defer imagesLock.Unlock()
	if !imagesMade[host+" base"] {
		for _, p := range images.Parts {
			if !p.Installed() {
				Missing(t, fmt.Sprintf("%s is not installed (Debian: apt-get install %s)", p.Name, p.Debian))
			}
			if err := p.Make(t.Context(), host, prefix); err != nil {
				t.Fatal(err)
			}
		}
		imagesMade[host+" base"] = true
	}
	for _, v := range append([]string{"v1"}, versions...) {
		if imagesMade[host+" "+v] {
			continue
		}
		program := filepath.Join(t.TempDir(), "program")
		if err := os.WriteFile(program, GoProgram(t, filepath.Join(sampleDir(), "backend")), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := images.Program(t.Context(), host, prefix, program, nil, images.ParseVersion(v)); err != nil {
			t.Fatal(err)
		}
		imagesMade[host+" "+v] = true
	}
}

// prefix is of the images' names, as the compose file has it.
const prefix = "ai-notebook"

var (
	imagesLock sync.Mutex
	imagesMade = map[string]bool{} // by engine and version
)

// StartApplication brings the sample application up on an engine (empty: the one that the tests of this process share) and waits
// until compose says that it is; healthy it is a little later. Only these services of it, where some are named. What it made goes
// with the test.
func StartApplication(t testing.TB, host string, services ...string) *Application {
	t.Helper()
	compose := Require(t, "docker-compose")
	host = cmp.Or(host, Docker(t))
	ApplicationImages(t, host)
	a := &Application{Host: host, Project: "t" + strings.ToLower(rand.Text()[:10]), Dir: filepath.Join(t.TempDir(), "ai-notebook"), Addr: FreeAddr(t)}
	if err := os.CopyFS(a.Dir, ainotebook.Files); err != nil {
		t.Fatal(err)
	}
	_, port, _ := strings.Cut(a.Addr, ":")
	if err := os.WriteFile(filepath.Join(a.Dir, ".env"), []byte("POSTGRES_PASSWORD=secret\nPORT="+port+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := removeProject(a.Host, a.Project); err != nil {
			t.Error(err)
		}
	})
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

// Git runs git in the application's folder, as somebody with a name, and gives what it said.
func (a *Application) Git(t testing.TB, args ...string) string {
	t.Helper()
	cmd := exec.Command(Require(t, "git"), append([]string{"-c", "user.name=a", "-c", "user.email=a@b"}, args...)...)
	cmd.Dir = a.Dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %q: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// Versioned makes a checkout of the application's folder with the tags v1, which is checked out, and v2, and the images of both.
func (a *Application) Versioned(t testing.TB) {
	t.Helper()
	ApplicationImages(t, a.Host, "v2")
	if err := os.WriteFile(filepath.Join(a.Dir, ".gitignore"), []byte(".env\nlogs/\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"init", "--quiet"},
		{"add", "--all"},
		{"commit", "--quiet", "-m", "one"},
		{"tag", "v1"},
		{"commit", "--quiet", "--allow-empty", "-m", "two"},
		{"tag", "v2"},
		{"checkout", "--quiet", "v1"},
	} {
		a.Git(t, args...)
	}
}

// sampleDir is where the sample application's files are in the source tree.
func sampleDir() string { return filepath.Join(root(), "examples", "ai-notebook") }
