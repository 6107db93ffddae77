package realparts

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"testing"

	"github.com/docker/docker/client"
	"github.com/gofrs/flock"
)

// DockerServer is a Docker engine of a test's own: it can be stopped, killed and started again. All that it runs ends with it,
// and with the test's process.
type DockerServer struct {
	*Program
	Host string // unix:///…/docker.sock
	dir  string
	addr string // the range of addresses of its networks
	lock *flock.Flock
}

// Docker gives the address of an engine without images and containers, which the tests of this process share and which ends with
// the last of them. Names of projects and images must be a test's own.
func Docker(t testing.TB) string {
	t.Helper()
	requireDocker(t)
	s, err := engines.take()
	if err != nil {
		Missing(t, fmt.Sprintf("no Docker engine can be started: %v", err))
	}
	t.Cleanup(func() {
		if err := engines.give(); err != nil {
			t.Error(err)
		}
	})
	return s.Host
}

// StartDocker starts an engine for this test alone.
func StartDocker(t testing.TB) *DockerServer {
	t.Helper()
	requireDocker(t)
	s, err := newDocker()
	if err != nil {
		Missing(t, fmt.Sprintf("no Docker engine can be started: %v", err))
	}
	t.Cleanup(func() {
		if err := s.end(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func requireDocker(t testing.TB) {
	t.Helper()
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		Missing(t, "a Docker engine of the test's own needs Linux and root")
	}
	for _, name := range []string{"dockerd", "iptables", "unshare"} {
		Require(t, name)
	}
}

func newDocker() (_ *DockerServer, err error) {
	dir, err := os.MkdirTemp("", "notebookbot-docker-") // not t.TempDir: a socket's path may have 108 bytes only
	if err != nil {
		return nil, err
	}
	slot, lock, err := takeSlot()
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	s := &DockerServer{Host: "unix://" + filepath.Join(dir, "docker.sock"), dir: dir, addr: fmt.Sprintf("10.%d.0.0/16", 190+slot), lock: lock}
	s.Program = &Program{
		name: "dockerd", path: find("unshare"), quit: syscall.SIGTERM, whole: true,
		// In a space of its own for processes and mounts, so that a crash of the test leaves neither containers nor mounts behind.
		args: []string{
			"--mount-proc", find("dockerd"), "--host", s.Host, "--data-root", filepath.Join(dir, "data"),
			"--exec-root", filepath.Join(dir, "exec"), "--pidfile", filepath.Join(dir, "pid"), "--config-file", filepath.Join(dir, "none.json"),
			// Two engines on one machine must not touch each other's bridge, addresses and packet filter. Ports are still published,
			// by the engine's own proxy.
			"--bridge", "none", "--default-address-pool", "base=" + s.addr + ",size=24", "--iptables=false",
			"--ip-forward=false", "--shutdown-timeout", "3",
		},
		ready: s.ping,
	}
	if err := os.WriteFile(filepath.Join(dir, "none.json"), []byte("{}"), 0o600); err != nil {
		return nil, errors.Join(err, s.forget())
	}
	// Another engine on this machine may have closed the packet filter for whatever is not its own.
	_ = s.filter("-D") // a rule that a crash left
	if err := s.filter("-I"); err != nil {
		return nil, errors.Join(err, s.forget())
	}
	if err := s.start(); err != nil {
		return nil, errors.Join(err, s.filter("-D"), s.forget())
	}
	return s, nil
}

// Start starts the engine again after Stop or Kill, with its images and containers.
func (s *DockerServer) Start(t testing.TB) {
	t.Helper()
	// As after a boot. The numbers of processes in it mean others in the new space.
	if err := errors.Join(os.RemoveAll(filepath.Join(s.dir, "exec")), os.RemoveAll(filepath.Join(s.dir, "pid"))); err != nil {
		t.Fatal(err)
	}
	s.Program.Start(t)
}

func (s *DockerServer) end() error {
	// Networks are the kernel's and would outlive the engine.
	var err error
	if s.Pid() != 0 {
		err = s.prune()
	}
	return errors.Join(err, s.stop(s.quit), s.filter("-D"), s.forget())
}

// filter lets the engine's containers speak to each other, or ends that.
func (s *DockerServer) filter(verb string) error {
	out, err := exec.Command(find("iptables"), "-w", "10", verb, "FORWARD", "-s", s.addr, "-d", s.addr, "-j", "ACCEPT").CombinedOutput()
	if err != nil {
		return fmt.Errorf("iptables %s: %w: %s", verb, err, out)
	}
	return nil
}

func (s *DockerServer) forget() error {
	return errors.Join(os.RemoveAll(s.dir), s.lock.Unlock())
}

// takeSlot finds a range of addresses that no other test process of this machine uses.
func takeSlot() (int, *flock.Flock, error) {
	const slots = 40
	for i := range slots {
		lock := flock.New(filepath.Join(os.TempDir(), "notebookbot-docker-"+strconv.Itoa(i)+".lock"))
		ok, err := lock.TryLock()
		if err != nil {
			return 0, nil, err
		}
		if ok {
			return i, lock, nil
		}
	}
	return 0, nil, fmt.Errorf("%d engines run already", slots)
}

// dockerClient is the SDK's client, as the program under test uses it.
func dockerClient(host string) (*client.Client, error) {
	return client.NewClientWithOpts(client.WithHost(host), client.WithAPIVersionNegotiation())
}

func (s *DockerServer) ping(ctx context.Context) error {
	c, err := dockerClient(s.Host)
	if err != nil {
		return err
	}
	_, err = c.Ping(ctx)
	return errors.Join(err, c.Close())
}

// enginePool is the engine that the tests of one process share, in the way of the PostgreSQL server.
type enginePool struct {
	mu     sync.Mutex
	users  int
	stays  bool // until Main ends it
	server *DockerServer
}

var engines enginePool

// Main runs the tests of a package, which share one engine from the first that needs it to the last: for what a TestMain gives to
// os.Exit. Without it the engine ends whenever no test needs it, and its images with it.
func Main(m *testing.M) int {
	engines.mu.Lock()
	engines.stays = true
	engines.mu.Unlock()
	code := m.Run()
	engines.mu.Lock()
	defer engines.mu.Unlock()
	if engines.server == nil {
		return code
	}
	if err := engines.server.end(); err != nil {
		fmt.Fprintln(os.Stderr, "the Docker engine:", err)
		return max(code, 1)
	}
	return code
}

func (p *enginePool) take() (*DockerServer, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.server == nil {
		s, err := newDocker()
		if err != nil {
			return nil, err
		}
		p.server = s
	}
	p.users++
	return p.server, nil
}

func (p *enginePool) give() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.users--
	if p.users > 0 || p.stays {
		return nil
	}
	s := p.server
	p.server = nil
	return s.end()
}
