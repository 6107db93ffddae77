package docker

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/docker/docker/api/types/container"

	"github.com/ai-notebook/notebookbot/internal/realparts"
)

func TestAProgramInsideAContainerGetsItsInputAndGivesItsOutputsAndCode(t *testing.T) {
	t.Parallel()
	a, id := one(t, realparts.Docker(t), nil, nil)
	t.Run("10 MB there and back", func(t *testing.T) {
		t.Parallel()
		sent := make([]byte, 10<<20)
		rand.New(rand.NewSource(1)).Read(sent)
		var out, errs bytes.Buffer
		code, err := a.Exec(t.Context(), id, []string{"/app", "copy"}, bytes.NewReader(sent), &out, &errs)
		if err != nil || code != 0 {
			t.Fatalf("code %d, %v", code, err)
		}
		if !bytes.Equal(out.Bytes(), sent) {
			t.Errorf("%d bytes came back other than the %d sent", out.Len(), len(sent))
		}
		if want := fmt.Sprintf("%d <nil>\n", len(sent)); errs.String() != want {
			t.Errorf("the other stream has %q, want %q", errs.String(), want)
		}
	})
	t.Run("exit codes", func(t *testing.T) {
		t.Parallel()
		for _, want := range []int{0, 7, 255} {
			var errs bytes.Buffer
			code, err := a.Exec(t.Context(), id, []string{"/app", "exit", fmt.Sprint(want)}, nil, nil, &errs)
			if err != nil || code != want || errs.String() != fmt.Sprintf("ends with %d\n", want) {
				t.Errorf("code %d, %v, %q; want %d", code, err, errs.String(), want)
			}
		}
	})
	t.Run("arguments are no command line", func(t *testing.T) {
		t.Parallel()
		var out bytes.Buffer
		code, err := a.Exec(t.Context(), id, []string{"/app", "sum", "; touch /ctl/pwned $(id)"}, strings.NewReader("x"), &out, nil)
		if want := fmt.Sprintf("%x\n", sha256.Sum256([]byte("x"))); err != nil || code != 0 || out.String() != want {
			t.Errorf("code %d, %v, %q", code, err, out.String())
		}
	})
	t.Run("a program that is not there", func(t *testing.T) {
		t.Parallel()
		var out bytes.Buffer
		code, err := a.Exec(t.Context(), id, []string{"pg_dump"}, nil, &out, nil)
		if err == nil && code == 0 {
			t.Errorf("it is said to have run: %q", out.String())
		}
		if err != nil && !strings.Contains(err.Error(), "pg_dump") {
			t.Errorf("the error does not name it: %v", err)
		}
	})
	t.Run("a container that does not run", func(t *testing.T) {
		t.Parallel()
		b, other := one(t, a.cfg.Host, nil, nil)
		if err := b.Stop(t.Context(), other, time.Second); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Exec(t.Context(), other, []string{"/app", "exit", "0"}, nil, nil, nil); !errors.Is(err, ErrNotRunning) || !strings.Contains(err.Error(), "backend") {
			t.Errorf("it says: %v", err)
		}
	})
}

// still tells whether the program in the container lives: it beats as long as it does.
func (a *application) still(service string) bool {
	before := a.beat(service)
	select {
	case <-time.After(300 * time.Millisecond):
	case <-a.t.Context().Done():
	}
	return a.beat(service) != before
}

func TestAProgramThatIsCutEndsInsideTheContainerToo(t *testing.T) {
	t.Parallel()
	for name, words := range map[string][]string{"it listens": {"/app", "hang"}, "it is deaf to the first signal": {"/app", "hang", "deaf"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, id := one(t, realparts.Docker(t), nil, nil)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			go func() {
				until(t, "it runs", func() bool { return a.beat("backend") != "" })
				cancel()
			}()
			input, _ := io.Pipe() // which never ends
			_, err := a.Exec(ctx, id, words, input, nil, nil)
			if !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "still run") {
				t.Errorf("the error is %v", err)
			}
			if a.still("backend") {
				t.Error("it still runs")
			}
			if c := a.only("backend"); !c.Running() || c.Restarts > 0 {
				t.Errorf("the container itself is %+v", c)
			}
		})
	}
}

// Where the engine's processes are not ours to see, a shell in the container finds the program.
func TestAProgramBehindARemoteEngineIsCutByTheContainersOwnShell(t *testing.T) {
	t.Parallel()
	host := realparts.Docker(t)
	shell := imageName + "-shell"
	realparts.ImportImage(t, host, shell, []string{"/bin/sh", "/bin/grep", "/bin/sleep"}, nil)
	a, id := one(t, host, nil, func(c *container.Config, _ *container.HostConfig) {
		c.Image, c.Cmd = shell, []string{"/bin/sh", "-c", "while :; do sleep 1; done"}
	})
	cfg := a.cfg
	cfg.Host = forward(t, strings.TrimPrefix(host, "unix://"))
	remote := engineFor(t, cfg)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		until(t, "it runs", func() bool { return a.beat("backend") != "" })
		cancel()
	}()
	// With a child, which would live on.
	script := "(i=0; while :; do i=$((i+1)); echo $i > /ctl/beat; sleep 0.02; done) & wait"
	_, err := remote.Exec(ctx, id, []string{"/bin/sh", "-c", script}, nil, nil, nil)
	if !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "still run") {
		t.Errorf("the error is %v", err)
	}
	if a.still("backend") {
		t.Error("it still runs")
	}
	if c := a.only("backend"); !c.Running() {
		t.Errorf("the container itself is %+v", c)
	}
}

func TestAProgramThatCannotBeCutIsSaidTo(t *testing.T) {
	t.Parallel()
	host := realparts.Docker(t)
	a, id := one(t, host, nil, nil) // an image without a shell
	cfg := a.cfg
	cfg.Host = forward(t, strings.TrimPrefix(host, "unix://"))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		until(t, "it runs", func() bool { return a.beat("backend") != "" })
		cancel()
	}()
	_, err := engineFor(t, cfg).Exec(ctx, id, []string{"/app", "hang"}, nil, nil, nil)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "may still run in the container") {
		t.Errorf("the error is %v", err)
	}
}

// forward makes a socket an address, as a remote engine has.
func forward(t *testing.T, socket string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(func() {
		_ = l.Close()
		wg.Wait()
	})
	wg.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("unix", socket)
			if err != nil {
				_ = in.Close()
				continue
			}
			pass := func(from, to net.Conn) {
				_, _ = io.Copy(to, from)
				_, _ = from.Close(), to.Close()
			}
			wg.Go(func() { pass(in, out) })
			wg.Go(func() { pass(out, in) })
		}
	})
	return "tcp://" + l.Addr().String()
}

func TestAProgramEndsWhenItsInputOrOutputBreaks(t *testing.T) {
	t.Parallel()
	a, id := one(t, realparts.Docker(t), nil, nil)
	broken := errors.New("the disk is gone")
	if _, err := a.Exec(t.Context(), id, []string{"/app", "sum"}, iotest.ErrReader(broken), nil, nil); !errors.Is(err, broken) {
		t.Errorf("a half input is taken for whole: %v", err)
	}
	if _, err := a.Exec(t.Context(), id, []string{"/app", "flood"}, nil, refusing{broken}, nil); !errors.Is(err, broken) {
		t.Errorf("an output that nobody takes is fine: %v", err)
	}
}

type refusing struct{ err error }

func (r refusing) Write([]byte) (int, error) { return 0, r.err }

func TestLogsAreBothStreamsFromTheirEndAndSinceATime(t *testing.T) {
	t.Parallel()
	a, id := one(t, realparts.Docker(t), nil, nil)
	until(t, "it serves", func() bool { return strings.Contains(a.logs(id), "other stream") })
	read := func(tail int, since time.Time) string {
		var b bytes.Buffer
		if err := a.Logs(t.Context(), id, tail, since, &b); err != nil {
			t.Error(err)
		}
		return b.String()
	}
	if all, want := read(0, time.Time{}), "serve backend\n"; !strings.Contains(all, want) || !strings.Contains(all, "to the other stream\n") {
		t.Errorf("all of it is %q", all)
	}
	if one := read(1, time.Time{}); strings.Count(one, "\n") != 1 {
		t.Errorf("one line is %q", one)
	}
	later := time.Now()
	if err := a.Kill(t.Context(), id, "SIGHUP"); err != nil {
		t.Fatal(err)
	}
	until(t, "the signal arrives", func() bool { return strings.Contains(a.logs(id), "got hangup") })
	if got := read(0, later); got != "got hangup\n" {
		t.Errorf("since then: %q", got)
	}
	if err := a.Kill(t.Context(), id, "9; rm"); err == nil {
		t.Error("any word is taken for a signal")
	}
}

func TestALogThatFloodsIsCut(t *testing.T) {
	t.Parallel()
	w := &limitWriter{w: io.Discard, left: 10}
	if n, err := w.Write([]byte("12345678")); n != 8 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if n, err := w.Write([]byte("12345678")); n != 2 || !errors.Is(err, ErrCut) {
		t.Errorf("%d, %v", n, err)
	}
	k := &keepWriter{most: 5}
	for _, s := range []string{"abc", "def", "0123456789"} {
		if n, err := k.Write([]byte(s)); n != len(s) || err != nil {
			t.Errorf("%d, %v", n, err)
		}
	}
	if k.String() != "56789" {
		t.Errorf("kept is %q", k.String())
	}
}

func TestFiguresOfAContainerAreSane(t *testing.T) {
	t.Parallel()
	a, id := one(t, realparts.Docker(t), map[string]string{"burn": "yes"}, func(_ *container.Config, h *container.HostConfig) {
		h.Memory, h.NanoCPUs = 64<<20, 500_000_000
	})
	s, err := a.Stats(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if s.CPU < 5 || s.CPU > 90 { // it may use half a CPU, on a machine that others use
		t.Errorf("CPU %.1f %%", s.CPU)
	}
	if s.Memory < 100<<10 || s.Memory > 64<<20 || s.MemoryLimit != 64<<20 || s.MemoryShare() <= 0 || s.MemoryShare() > 100 || s.CPUs < 1 || s.Processes < 1 {
		t.Errorf("%+v", s)
	}
	if err := a.Stop(t.Context(), id, time.Second); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Stats(t.Context(), id); !errors.Is(err, ErrNotRunning) {
		t.Errorf("figures of a stopped container: %v", err)
	}
}
