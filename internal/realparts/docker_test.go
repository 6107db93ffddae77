package realparts

import (
	"errors"
	"os"
	"syscall"
	"testing"

	"github.com/docker/docker/api/types/container"
)

func TestADockerEngineKeepsWhatItHasAndLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	var dir string
	var pid int
	t.Run("while the test runs", func(t *testing.T) {
		s := StartDocker(t)
		dir, pid = s.dir, s.Pid()
		BuildImage(t, s.Host, "kept", "FROM scratch\nCOPY a /a\n", map[string][]byte{"a": []byte("a")})
		s.Kill(t)
		s.Start(t)
		s.Stop(t)
		s.Start(t)
		c, err := dockerClient(s.Host)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.ImageInspect(t.Context(), "kept"); err != nil {
			t.Errorf("the image went: %v", err)
		}
		if list, err := c.ContainerList(t.Context(), container.ListOptions{All: true}); err != nil || len(list) > 0 {
			t.Errorf("containers of others: %v, %v", list, err)
		}
		pid = s.Pid()
	})
	if dir == "" {
		t.Skip("the inner test says why")
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is left: %v", dir, err)
	}
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("process %d is left: %v", pid, err)
	}
}

func TestTwoDockerEnginesRunBesideEachOther(t *testing.T) {
	t.Parallel()
	if a, b := Docker(t), StartDocker(t); a == b.Host {
		t.Errorf("both answer at %s", a)
	}
}
