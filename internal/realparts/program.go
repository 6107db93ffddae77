package realparts

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// How long a program may take to come up and to go.
const (
	startWithin = 60 * time.Second // a busy machine of CI, not a laptop
	stopWithin  = 10 * time.Second
	lookEvery   = 20 * time.Millisecond
)

// Program is a running program of somebody else's.
type Program struct {
	name  string
	path  string
	args  []string
	cred  *syscall.Credential // nil: as we are
	whole bool                // all that it starts ends with it
	quit  os.Signal           // what asks it to end
	ready func(ctx context.Context) error

	mu   sync.Mutex
	cmd  *exec.Cmd
	done chan struct{} // closed when cmd has ended
	out  *tail
}

// Run starts a program of ours, not of the table, and ends it with the test. It returns once ready gives no error.
func Run(t testing.TB, name, path string, args []string, ready func(ctx context.Context) error) *Program {
	t.Helper()
	p := &Program{name: name, path: path, args: args, quit: syscall.SIGTERM, ready: ready}
	p.Start(t)
	t.Cleanup(func() {
		p.Stop(t)
		if t.Failed() {
			t.Logf("%s said:\n%s", name, p.Output())
		}
	})
	return p
}

// FreeAddr finds a loopback address that nobody listens on now. Somebody else may take it before it is used.
func FreeAddr(t testing.TB) string {
	t.Helper()
	ports, err := freePorts(1)
	if err != nil {
		t.Fatal(err)
	}
	return "127.0.0.1:" + strconv.Itoa(ports[0])
}

// Pid is the process id, 0 while it does not run.
func (p *Program) Pid() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return 0
	}
	return p.cmd.Process.Pid
}

// Start starts the program again after Stop or Kill, with the same files and on the same ports, and returns once it answers.
func (p *Program) Start(t testing.TB) {
	t.Helper()
	if err := p.start(); err != nil {
		t.Fatal(err)
	}
}

// Stop asks the program to end and waits until it has; after 10 s it is killed. A second Stop does nothing.
func (p *Program) Stop(t testing.TB) {
	t.Helper()
	if err := p.stop(p.quit); err != nil {
		t.Error(err)
	}
}

// Kill ends the program without asking, as a crash would.
func (p *Program) Kill(t testing.TB) {
	t.Helper()
	if err := p.stop(os.Kill); err != nil {
		t.Error(err)
	}
}

func (p *Program) start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd != nil {
		return fmt.Errorf("%s: runs already", p.name)
	}
	cmd := exec.Command(p.path, p.args...)
	out := &tail{}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.Env = append(os.Environ(), "LC_ALL=C", "TZ=UTC")
	cmd.Dir = os.TempDir()
	cmd.SysProcAttr = attributes(p.cred)
	if p.whole {
		withChildren(cmd.SysProcAttr)
	}
	started, done := make(chan error), make(chan struct{})
	go func() {
		// The kernel ends the program when the thread that started it ends, which must be when our process does.
		runtime.LockOSThread()
		defer close(done)
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is of no interest: its output tells
		}
	}()
	if err := <-started; err != nil {
		<-done
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	p.cmd, p.done, p.out = cmd, done, out
	err := p.wait()
	if err != nil {
		_ = cmd.Process.Kill()
		<-done
		p.cmd = nil
		return fmt.Errorf("%s does not answer: %w; it said:\n%s", p.name, err, out)
	}
	return nil
}

// wait looks until the program is ready.
func (p *Program) wait() error {
	ctx, cancel := context.WithTimeout(context.Background(), startWithin)
	defer cancel()
	for {
		err := p.ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			return errEnded
		case <-ctx.Done():
			return err
		case <-time.After(lookEvery):
		}
	}
}

var errEnded = errors.New("it ended")

func (p *Program) stop(with os.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return nil
	}
	defer func() { p.cmd = nil }()
	if err := p.cmd.Process.Signal(with); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("end %s: %w", p.name, err)
	}
	select {
	case <-p.done:
		return nil
	case <-time.After(stopWithin):
	}
	_ = p.cmd.Process.Kill()
	<-p.done
	return fmt.Errorf("%s did not end within %s and was killed; it said:\n%s", p.name, stopWithin, p.out)
}

// Output is the last of what the program wrote, for a test that failed.
func (p *Program) Output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.out == nil {
		return ""
	}
	return p.out.String()
}

// launch makes and starts a program on ports of its own. Between finding a free port and using it somebody else may take it, so
// it is tried again on others.
func launch(name string, ports int, build func(ports []int) *Program) (*Program, error) {
	const tries = 5
	var errs []error
	for range tries {
		free, err := freePorts(ports)
		if err != nil {
			return nil, err
		}
		p := build(free)
		p.name = name
		err = p.start()
		if err == nil {
			return p, nil
		}
		errs = append(errs, err)
		if !errors.Is(err, errEnded) {
			break
		}
	}
	return nil, errors.Join(errs...)
}

// freePorts finds TCP ports of the loopback address that nobody listens on.
func freePorts(n int) ([]int, error) {
	var out []int
	for range n {
		l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		defer l.Close() //nolint:errcheck // Held until all are found, so that none is found twice.
		_, port, err := net.SplitHostPort(l.Addr().String())
		if err != nil {
			return nil, err
		}
		v, err := strconv.Atoi(port)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// tail keeps the last of what a program writes.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

const keep = 16 << 10

func (w *tail) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.buf = append(w.buf, b...)
	if over := len(w.buf) - keep; over > 0 {
		w.buf = append(w.buf[:0], w.buf[over:]...)
	}
	return len(b), nil
}

func (w *tail) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return string(w.buf)
}
