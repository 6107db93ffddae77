package docker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"

	"github.com/ai-notebook/notebookbot/internal/realparts"
)

func TestAnEngineThatGoesAndComesBack(t *testing.T) {
	t.Parallel()
	s := realparts.StartDocker(t)
	a, id := one(t, s.Host, nil, func(_ *container.Config, h *container.HostConfig) {
		h.RestartPolicy.Name = container.RestartPolicyAlways
	})
	waited, ran := make(chan error, 1), make(chan error, 1)
	ready := make(chan struct{}, 1)
	go func() {
		_, err := a.WaitHealthy(t.Context(), id, time.Hour, func(Progress) {
			select {
			case ready <- struct{}{}:
			default:
			}
		})
		waited <- err
	}()
	input, _ := io.Pipe()
	go func() {
		_, err := a.Exec(t.Context(), id, []string{"/app", "hang"}, input, nil, nil)
		ran <- err
	}()
	<-ready
	until(t, "the program runs", func() bool { return a.beat("backend") != "" })
	s.Kill(t)
	for what, result := range map[string]chan error{"wait": waited, "exec": ran} {
		if err := <-result; !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "backend (container ") {
			t.Errorf("%s says: %v", what, err)
		}
	}
	if _, err := a.Containers(t.Context()); !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "systemctl start docker") {
		t.Errorf("it says: %v", err)
	}
	s.Start(t)
	until(t, "it runs again", func() bool {
		c, err := a.Container(t.Context(), id)
		return err == nil && c.Running()
	})
}

func TestAnEngineThatHangsIsNotWaitedForForever(t *testing.T) {
	t.Parallel()
	s := realparts.StartDocker(t)
	e := engineFor(t, Config{Host: s.Host, Project: "p", Dir: t.TempDir()})
	if _, err := e.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(s.Pid(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Kill(s.Pid(), syscall.SIGCONT) }()
	until(t, "each of its threads stands still", func() bool { return stopped(s.Pid()) })
	ctx, cancel := within(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := e.Containers(ctx); !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "in time") {
		t.Errorf("it says: %v", err)
	}
	short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := e.Containers(short); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrUnreachable) {
		t.Errorf("the caller's own deadline is blamed on the engine: %v", err)
	}
}

// stopped tells whether every thread of a process is stopped: the signal's sender is not told.
func stopped(pid int) bool {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil || len(tasks) == 0 {
		return false
	}
	for _, name := range tasks {
		b, err := os.ReadFile(name)
		// pid (name) state …, and the name may hold anything.
		if at := bytes.LastIndexByte(b, ')'); err != nil || at < 0 || !bytes.HasPrefix(b[at:], []byte(") T")) {
			return false
		}
	}
	return true
}

func TestAnEngineThatIsNotThere(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]string{
		"unix://" + filepath.Join(t.TempDir(), "none.sock"): "there is no Docker socket",
		"tcp://" + realparts.FreeAddr(t):                    "does not answer",
	} {
		_, err := engineFor(t, Config{Host: host, Project: "p", Dir: t.TempDir()}).Ping(t.Context())
		if !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "target.docker_host") {
			t.Errorf("%s: %v", host, err)
		}
	}
}

const asNobody = "NOTEBOOKBOT_TEST_SOCKET"

// root may use every socket, so this test runs a second time as somebody else.
func TestASocketWithoutRightsIsSaidWithTheWayOut(t *testing.T) {
	if host := os.Getenv(asNobody); host != "" {
		_, err := engineFor(t, Config{Host: host, Project: "p", Dir: t.TempDir()}).Ping(t.Context())
		if !errors.Is(err, ErrForbidden) || !strings.Contains(err.Error(), "add the bot's user to the group") {
			t.Fatalf("it says: %v", err)
		}
		return
	}
	t.Parallel()
	host := realparts.Docker(t)
	dir, err := os.MkdirTemp("", "notebookbot-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	self, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "test")
	if err := errors.Join(os.WriteFile(program, self, 0o755), os.Chmod(dir, 0o755), os.Chmod(program, 0o755)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Dir, cmd.Env = dir, []string{asNobody + "=" + host, "PATH=" + os.Getenv("PATH")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestAConfigurationThatCannotWorkIsRefused(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]Config{
		"no project":    {Dir: "/opt"},
		"relative":      {Project: "p", Dir: "opt"},
		"ssh":           {Project: "p", Dir: "/opt", Host: "ssh://host"},
		"not a address": {Project: "p", Dir: "/opt", Host: "/var/run/docker.sock"},
	} {
		if _, err := Open(cfg); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

func TestServicesAreRestartedOneByOneInOrder(t *testing.T) {
	t.Parallel()
	a := start(t, realparts.Docker(t), service("nginx", "depends_on: [backend]"), service("backend", checked, "depends_on: [postgres]"), service("postgres", checked))
	a.healthy("backend")
	p, err := a.Project(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	order, err := p.RestartOrder()
	if err != nil {
		t.Fatal(err)
	}
	var last time.Time
	for _, name := range order {
		before := a.only(name)
		if err := a.Restart(t.Context(), before.ID, 2*time.Second); err != nil {
			t.Fatal(err)
		}
		a.healthy(name)
		after := a.only(name)
		if after.ID != before.ID || !after.Started.After(before.Started) || !after.Started.After(last) || after.Restarts != 0 {
			t.Errorf("%s: before %+v, after %+v", name, before, after)
		}
		last = after.Started
	}
	if got := strings.Join(order, " "); got != "postgres backend nginx" {
		t.Errorf("the order is %s", got)
	}
	nginx := a.only("nginx").ID
	if err := a.Remove(t.Context(), nginx); err == nil || !strings.Contains(err.Error(), "stop it first") {
		t.Errorf("a running container is removed: %v", err)
	}
	for range 2 { // repeats are quiet
		if err := a.Stop(t.Context(), nginx, time.Second); err != nil {
			t.Error(err)
		}
	}
	if c := a.only("nginx"); c.State != "exited" || c.ExitCode != 0 || c.Finished.IsZero() {
		t.Errorf("stopped: %+v", c)
	}
	for range 2 {
		if err := a.Start(t.Context(), nginx); err != nil {
			t.Error(err)
		}
	}
}
