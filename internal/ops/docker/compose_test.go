package docker

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"

	"github.com/ai-notebook/notebookbot/internal/realparts"
)

func TestAnotherMajorVersionOfComposeIsRefused(t *testing.T) {
	t.Parallel()
	realparts.Require(t, "docker-compose")
	a := prepare(t, realparts.Docker(t), service("backend"))
	add := func(name, version string) string {
		t.Helper()
		c, err := a.sdk.ContainerCreate(t.Context(), &container.Config{Image: imageName, Labels: map[string]string{
			labelProject: a.cfg.Project, labelService: "backend", labelVersion: version, labelNumber: "1", labelOneOff: "False",
		}}, nil, nil, nil, name)
		if err != nil {
			t.Fatal(err)
		}
		return c.ID
	}
	id := add(a.cfg.Project+"-backend-1", "7.24.5")
	_, planErr := a.Fingerprint(t.Context())
	_, upErr := a.Compose(t.Context(), "up", "-d")
	_, versionErr := a.ComposeVersion(t.Context())
	for _, err := range []error{planErr, upErr, versionErr} {
		if !errors.Is(err, ErrMixedCompose) || !strings.Contains(err.Error(), "made by compose 7.24.5") || !strings.Contains(err.Error(), "docker-compose 1.") {
			t.Errorf("it says: %v", err)
		}
	}
	if c := a.only("backend"); c.ID != id {
		t.Error("the container was recreated")
	}
	add(a.cfg.Project+"-backend-2", "1.29.2")
	if _, err := a.ComposeVersion(t.Context()); !errors.Is(err, ErrMixedCompose) || !strings.Contains(err.Error(), "different versions") {
		t.Errorf("it says: %v", err)
	}
}

func TestComposeRunsOnlyWhatOperationsNeed(t *testing.T) {
	t.Parallel()
	e := engineFor(t, Config{Project: "p", Dir: t.TempDir()})
	for _, args := range [][]string{
		{}, {"down"}, {"config"}, {"--host", "x", "up"}, {"rm", "-fv"}, {"up", "-V"}, {"up", "--renew-anon-volumes"}, {"exec", "backend", "sh"},
	} {
		if out, err := e.Compose(t.Context(), args...); err == nil || errors.Is(err, ErrNoCompose) {
			t.Errorf("compose %v: %q, %v", args, out, err)
		}
	}
}

func TestAFailureOfComposeQuotesWhatItSaidApart(t *testing.T) {
	t.Parallel()
	realparts.Require(t, "docker-compose")
	a := prepare(t, realparts.Docker(t), service("backend"))
	a.write("docker-compose.yml", "version: '2.4'\nservices:\n  backend: {image: 'no-such-image-here:1'}\n")
	out, err := a.Compose(a.soon(30*time.Second), "up", "-d", "--no-build")
	c, ok := errors.AsType[*ComposeError](err)
	if !ok || c.Output == "" || c.Output != out || !strings.HasSuffix(c.Command, " up") {
		t.Errorf("%v with %q", err, out)
	}
}

func TestComposeGetsNoSecretsOfTheBot(t *testing.T) {
	t.Setenv("SLACK_BOT_TOKEN", "xoxb-secret")
	e := engineFor(t, Config{Project: "p", Dir: t.TempDir(), Env: map[string]string{"TAG": "v1"}})
	env := strings.Join(e.environment(), "\n")
	if strings.Contains(env, "xoxb") || !strings.Contains(env, "TAG=v1") || !strings.Contains(env, "DOCKER_HOST="+DefaultHost) {
		t.Errorf("the environment is %s", env)
	}
}

func TestACommandThatIsCutEndsWithAllThatItStarted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	// A program that starts another, as docker does with its plugin; both deaf.
	script := filepath.Join(dir, "parent")
	text := "#!/bin/sh\ntrap '' TERM\n(trap '' TERM; while :; do sleep 0.05; done) & echo $! > child\nwait\n"
	if err := os.WriteFile(script, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var child int
	go func() {
		until(t, "the child runs", func() bool {
			b, _ := os.ReadFile(filepath.Join(dir, "child"))
			child, _ = strconv.Atoi(strings.TrimSpace(string(b)))
			return child > 0
		})
		cancel()
	}()
	if _, err := run(ctx, dir, os.Environ(), []string{script}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
	until(t, "the child has ended", func() bool { return errors.Is(syscall.Kill(child, 0), syscall.ESRCH) || zombie(child) })
}

// zombie tells whether a process has ended and nobody has asked for it yet.
func zombie(pid int) bool {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	return err == nil && strings.Contains(string(b), ") Z ")
}
