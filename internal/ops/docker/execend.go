package docker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/docker/docker/api/types/container"
)

// The Engine API cannot end a program that it started inside a container. So each gets a marker into its environment, which all
// that it starts inherit. Where we see the engine's processes and may signal them, they are found by it; otherwise a shell in the
// container looks for it, where there is one.
const markerName = "NOTEBOOKBOT_EXEC"

const (
	endWithin  = 15 * time.Second
	termWithin = 2 * time.Second // pg_dump uses it to cancel its query
)

// endMarked is a constant: signal and marker come as arguments.
const endMarked = `for d in /proc/[0-9]*; do if grep -aqsF -e "$2" "$d/environ"; then kill -s "$1" "${d#/proc/}"; fi; done`

// end ends the program after cause, and says where it could not.
func (x *execution) end(ctx context.Context, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endWithin)
	defer cancel()
	x.signal(ctx, syscall.SIGTERM)
	if x.endedWithin(ctx, termWithin) {
		x.signal(ctx, syscall.SIGKILL) // what it started and left
		return cause
	}
	x.signal(ctx, syscall.SIGKILL)
	if x.endedWithin(ctx, termWithin) {
		return cause
	}
	return fmt.Errorf("%w; the program could not be ended and may still run in the container", cause)
}

func (x *execution) signal(ctx context.Context, sig syscall.Signal) {
	if x.signalHere(sig) > 0 {
		x.seen = true
	}
	if x.seen {
		return
	}
	name := map[syscall.Signal]string{syscall.SIGTERM: "TERM", syscall.SIGKILL: "KILL"}[sig]
	created, err := x.api.ContainerExecCreate(ctx, x.c.ID, container.ExecOptions{
		User: "0", AttachStdout: true, AttachStderr: true, Cmd: []string{"sh", "-c", endMarked, "sh", name, x.marker},
	})
	if err != nil {
		return
	}
	_ = x.api.ContainerExecStart(ctx, created.ID, container.ExecStartOptions{}) // whether it worked is seen by whether the program ends
}

// signalHere sends the signal to all processes of this machine with the marker, and says to how many.
func (x *execution) signalHere(sig syscall.Signal) int {
	if !strings.HasPrefix(x.e.cfg.Host, "unix://") {
		return 0
	}
	found, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		return 0
	}
	n := 0
	for _, name := range found {
		env, err := os.ReadFile(name) //nolint:gosec // The kernel's own list.
		if err != nil || !bytes.Contains(env, []byte(x.marker)) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		if err == nil && syscall.Kill(pid, sig) == nil {
			n++
		}
	}
	return n
}

// endedWithin waits until the engine says that the program does not run.
func (x *execution) endedWithin(ctx context.Context, d time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	_, err := x.wait(ctx)
	var gone interface{ NotFound() }
	return err == nil || errors.As(err, &gone) // the container went with all its processes
}
