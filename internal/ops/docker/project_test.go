package docker

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ai-notebook/notebookbot/internal/realparts"
)

const composeFile = `version: "3.8"
services:
  backend:
    image: backend:${TAG:-none}
    build: ./backend
    depends_on: {postgres: {condition: service_healthy}, redis: {condition: service_started}}
    environment: {PASSWORD: "${PASSWORD}"}
    healthcheck: {test: ["CMD", "/app", "check"]}
    deploy: {replicas: 2}
    env_file: extra.env
  nginx:
    image: nginx
    container_name: front
    ports: ["8080:80", "127.0.0.1:8443:443"]
    depends_on: [backend]
    restart: unless-stopped
  postgres:
    image: postgres:15
    volumes: [data:/var/lib/postgresql/data, ./init:/init]
    healthcheck: {disable: true}
    mem_limit: 512m
  redis: {image: redis, volumes: [cache:/data]}
volumes:
  data: {}
  cache: {name: kept-elsewhere}
`

func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func guide(t *testing.T) string {
	t.Helper()
	return folder(t, map[string]string{"docker-compose.yml": composeFile, ".env": "TAG=v1.2.0\nPASSWORD=hunter2\n", "extra.env": "KEY=hunter3\n"})
}

func read(t *testing.T, dir string, services ...string) *Project {
	t.Helper()
	p, err := engineFor(t, Config{Project: "shop", Dir: dir, Services: services}).Project(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAProjectIsWhatTheComposeFileSays(t *testing.T) {
	t.Parallel()
	dir := guide(t)
	p := read(t, dir)
	want := []Service{
		{Name: "backend", Image: "backend:v1.2.0", Build: filepath.Join(dir, "backend"), DependsOn: []string{"postgres", "redis"}, Healthcheck: true, Replicas: 2},
		{
			Name: "nginx", Image: "nginx", DependsOn: []string{"backend"}, ContainerName: "front", Replicas: 1, Restart: "unless-stopped",
			HostPorts: []string{"0.0.0.0:8080->80/tcp", "127.0.0.1:8443->443/tcp"},
		},
		{Name: "postgres", Image: "postgres:15", Replicas: 1, Volumes: []string{"shop_data"}, MemoryLimit: 512 << 20},
		{Name: "redis", Image: "redis", Replicas: 1, Volumes: []string{"kept-elsewhere"}},
	}
	if diff := cmp.Diff(want, p.Services, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(Service{}, "Definition")); diff != "" {
		t.Error(diff)
	}
	if p.Name != "shop" || p.Commit != "" || len(p.SHA256) != 64 || len(p.Files) != 1 {
		t.Errorf("%+v", p)
	}
}

func TestTheOrderIsWhatOthersDependOnFirst(t *testing.T) {
	t.Parallel()
	p := read(t, guide(t))
	for _, c := range []struct{ ask, want string }{
		{"", "postgres redis backend nginx"},
		{"nginx backend", "backend nginx"},
		{"nginx postgres", "postgres nginx"}, // through one that is not asked for
	} {
		got, err := p.RestartOrder(strings.Fields(c.ask)...)
		if err != nil || strings.Join(got, " ") != c.want {
			t.Errorf("order of %q is %v, %v; want %s", c.ask, got, err, c.want)
		}
	}
	if _, err := p.RestartOrder("bakend"); !errors.Is(err, ErrUnknownService) || !strings.Contains(err.Error(), "which has backend, nginx") {
		t.Errorf("it says: %v", err)
	}
}

func TestServicesThatTheFileHasNotAreRefused(t *testing.T) {
	t.Parallel()
	dir := guide(t)
	if p := read(t, dir, "redis", "backend"); strings.Join(p.names(), " ") != "backend redis" {
		t.Errorf("operated are %v", p.names())
	}
	_, err := engineFor(t, Config{Project: "shop", Dir: dir, Services: []string{"fronted"}}).Project(t.Context())
	if !errors.Is(err, ErrUnknownService) || !strings.Contains(err.Error(), "target.services") {
		t.Errorf("it says: %v", err)
	}
}

func TestTheHashKnowsEachFileThatComposeReads(t *testing.T) {
	t.Parallel()
	dir := guide(t)
	first := read(t, dir).SHA256
	if again := read(t, dir).SHA256; again != first {
		t.Fatal("the hash is another each time")
	}
	for _, name := range []string{"docker-compose.yml", ".env", "extra.env"} {
		full := filepath.Join(dir, name)
		text, err := os.ReadFile(full)
		if err != nil {
			t.Fatal(err)
		}
		more := map[string]string{"docker-compose.yml": "# a word\n", ".env": "\nPASSWORD=other\n", "extra.env": "\nMORE=1\n"}
		if err := os.WriteFile(full, append(text, more[name]...), 0o600); err != nil {
			t.Fatal(err)
		}
		if now := read(t, dir).SHA256; now == first {
			t.Errorf("a change of %s is not seen", name)
		}
		if err := os.WriteFile(full, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "docker-compose.override.yml"), []byte("services: {redis: {image: other}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if p := read(t, dir); p.SHA256 == first || len(p.Files) != 2 {
		t.Errorf("an override is not seen: %v", p.Files)
	}
}

func TestAComposeFileThatCannotBeReadIsSaidWithoutSecrets(t *testing.T) {
	t.Parallel()
	for name, files := range map[string]map[string]string{
		"none":      {},
		"no YAML":   {"docker-compose.yml": "services: [\n"},
		"a circle":  {"docker-compose.yml": "services:\n  a: {image: x, depends_on: [b]}\n  b: {image: x, depends_on: [a]}\n"},
		"a type":    {"docker-compose.yml": "services:\n  a: {image: x, environment: {P: hunter2}, ports: {}}\n"},
		"no file":   {"docker-compose.yml": "services:\n  a: {image: x, environment: {P: hunter2}, env_file: none.env}\n"},
		"nothing":   {"docker-compose.yml": "services:\n  a: {environment: {P: hunter2}}\n"},
		"a list":    {"docker-compose.yml": "services:\n  a: {image: x, environment: ['P=hunter2 ${'] }\n"},
		"a format":  {"docker-compose.yml": "services:\n  a:\n    image: x\n    environment:\n      P: hunter2${\n"},
		"required":  {"docker-compose.yml": "services:\n  a:\n    image: ${X:?must be set}\n    environment:\n      P: hunter2\n"},
		"a env":     {"docker-compose.yml": "services:\n  a: {image: x, env_file: extra.env}\n", "extra.env": "A=1\nB=\"hunter2\n"},
		"a bad env": {"docker-compose.yml": "services:\n  a: {image: x}\n", ".env": "PASSWORD='hunter2\n"},
	} {
		dir := folder(t, files)
		_, err := engineFor(t, Config{Project: "shop", Dir: dir}).Project(t.Context())
		if !errors.Is(err, ErrComposeFile) || !strings.Contains(err.Error(), dir) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), realparts.Require(t, "git"), args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com",
		"GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func TestTheCommitIsTheOneThatIsCheckedOut(t *testing.T) {
	t.Parallel()
	top := t.TempDir()
	git(t, top, "init", "-q", "-b", "main")
	git(t, top, "commit", "-q", "--allow-empty", "-m", "one")
	one := git(t, top, "rev-parse", "HEAD")
	git(t, top, "tag", "v1")
	git(t, top, "commit", "-q", "--allow-empty", "-m", "two")
	two := git(t, top, "rev-parse", "HEAD")
	below, tree := filepath.Join(top, "deploy"), filepath.Join(t.TempDir(), "tree")
	if err := os.Mkdir(below, 0o755); err != nil {
		t.Fatal(err)
	}
	want := func(what, dir, commit string) {
		t.Helper()
		if got, err := commitOf(t.Context(), dir); err != nil || got != commit {
			t.Errorf("%s: %s, %v; want %s", what, got, err, commit)
		}
	}
	want("a branch", top, two)
	want("a folder below", below, two)
	git(t, top, "pack-refs", "--all")
	want("packed", top, two)
	git(t, top, "worktree", "add", "-q", "-b", "other", tree, "v1")
	want("a work tree", tree, one)
	git(t, top, "checkout", "-q", "v1")
	want("a tag", top, one)
	want("no checkout", t.TempDir(), "")
	empty := t.TempDir()
	git(t, empty, "init", "-q")
	if got, err := commitOf(t.Context(), empty); err == nil {
		t.Errorf("a checkout without a commit is at %q", got)
	}
}
