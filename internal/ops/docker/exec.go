package docker

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
	"github.com/docker/docker/pkg/stdcopy"
)

// execWithin ends a program in a container whose caller set no deadline.
const execWithin = time.Hour

// Exec runs a program inside a container and gives its exit code; argv is no command line, and no shell reads it. stdin may be
// nil, and so may the writers. It returns when the program has ended. When ctx ends, stdin cannot be read or a writer refuses,
// the program is ended too, with all that it started; where that was not possible the error says so.
func (e *Engine) Exec(ctx context.Context, id string, argv []string, stdin io.Reader, stdout, stderr io.Writer) (int, error) {
	if len(argv) == 0 {
		return 0, errors.New("exec: no program is named")
	}
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, execWithin)
		defer cancel()
	}
	api, err := e.api(ctx)
	if err != nil {
		return 0, err
	}
	c, err := e.Container(ctx, id)
	if err != nil {
		return 0, err
	}
	code, err := e.exec(ctx, api, c, argv, stdin, orDiscard(stdout), orDiscard(stderr))
	return code, e.about(ctx, "run "+argv[0]+" in", c, err)
}

func (e *Engine) exec(ctx context.Context, api *client.Client, c *Container, argv []string, stdin io.Reader, stdout, stderr io.Writer) (int, error) {
	if !c.Running() {
		return 0, say(ErrNotRunning, "it is not running but %s", c.State)
	}
	run := &execution{e: e, api: api, c: c, marker: markerName + "=" + rand.Text()}
	created, err := api.ContainerExecCreate(ctx, c.ID, container.ExecOptions{
		AttachStdin: stdin != nil, AttachStdout: true, AttachStderr: true, Cmd: argv, Env: []string{run.marker},
	})
	if err != nil {
		return 0, err
	}
	run.id = created.ID
	conn, err := api.ContainerExecAttach(ctx, run.id, container.ExecAttachOptions{})
	if err != nil {
		return 0, run.end(ctx, err) // it may have been started all the same
	}
	defer conn.Close()
	if err := run.stream(ctx, conn, stdin, stdout, stderr); err != nil {
		conn.Close()
		return 0, run.end(ctx, err)
	}
	code, err := run.wait(ctx)
	if err != nil {
		return 0, run.end(ctx, err)
	}
	return code, nil
}

// execution is one run of a program inside a container.
type execution struct {
	e      *Engine
	api    *client.Client
	c      *Container
	id     string
	marker string // in its environment, and in that of all that it starts
	seen   bool   // its processes are among those of this machine
}

// stream carries input and output until the program closes its output or something fails.
func (x *execution) stream(ctx context.Context, conn types.HijackedResponse, stdin io.Reader, stdout, stderr io.Writer) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	stop := context.AfterFunc(ctx, conn.Close) // which ends the copying both ways
	defer stop()
	if stdin != nil {
		// Not waited for: it may sit in a Read of the caller's that ends only when the caller ends it.
		go func() {
			in := &reader{r: stdin}
			_, _ = io.Copy(conn.Conn, in) // a program may end without having read all; its exit code tells
			if in.failed() != nil {
				// The end of a half input would look like its whole to the program.
				fail(fmt.Errorf("read the input: %w", in.failed()))
				return
			}
			_ = conn.CloseWrite()
		}()
	}
	_, err := stdcopy.StdCopy(stdout, stderr, conn.Reader)
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// wait gives the exit code. The engine learns of the end a little after the output has ended, or much later when the program
// closed its output and went on.
func (x *execution) wait(ctx context.Context) (int, error) {
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 250*time.Millisecond) {
		state, err := x.inspect(ctx)
		if err != nil {
			return 0, err
		}
		if !state.Running && state.ExecID != "" {
			return state.ExitCode, nil
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(pause):
		}
	}
}

func (x *execution) inspect(ctx context.Context) (container.ExecInspect, error) {
	ctx, cancel := within(ctx, callWithin)
	defer cancel()
	return x.api.ContainerExecInspect(ctx, x.id)
}

// reader remembers how the input ended.
type reader struct {
	r   io.Reader
	mu  sync.Mutex
	err error
}

func (r *reader) Read(b []byte) (int, error) {
	n, err := r.r.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		r.mu.Lock()
		r.err = err
		r.mu.Unlock()
	}
	return n, err
}

func (r *reader) failed() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

func orDiscard(w io.Writer) io.Writer {
	if w == nil {
		return io.Discard
	}
	return w
}
