package docker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/client"
)

// What callers decide by. Each comes wrapped in a sentence that names the thing and the way out.
var (
	ErrUnreachable    = errors.New("the Docker engine does not answer")
	ErrForbidden      = errors.New("the Docker engine may not be used")
	ErrNoContainers   = errors.New("no containers")
	ErrGone           = errors.New("the container is gone")
	ErrForeign        = errors.New("the container belongs to somebody else")
	ErrNotRunning     = errors.New("the container is not running")
	ErrUnknownService = errors.New("no such service")
	ErrComposeFile    = errors.New("the compose file cannot be used")
	ErrNoCompose      = errors.New("no compose command")
	ErrMixedCompose   = errors.New("another compose made the containers")
	ErrCut            = errors.New("the output was cut")
)

// sentence is an error that people read as it is and programs by the fact.
type sentence struct{ fact, err error }

func (s *sentence) Error() string   { return s.err.Error() }
func (s *sentence) Unwrap() []error { return []error{s.fact, s.err} }

func say(fact error, format string, args ...any) error {
	return &sentence{fact, fmt.Errorf(format, args...)}
}

// errSlow is why a context ended when the engine took longer than it may.
var errSlow = errors.New("the Docker engine is slow")

// within is a deadline of our own for a call, told apart from that of the caller.
func within(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, d, errSlow)
}

// explain turns what the SDK says into a sentence with the way out.
func (e *Engine) explain(ctx context.Context, err error) error {
	socket, local := strings.CutPrefix(e.cfg.Host, "unix://")
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil && errors.Is(context.Cause(ctx), errSlow):
		return say(ErrUnreachable, "the Docker engine at %s did not answer in time: look whether it hangs (docker info, journalctl -u docker)", e.cfg.Host)
	case ctx.Err() != nil: // the caller's time is over, or he wants it no more: the engine may be well
		return say(ctx.Err(), "%w", err)
	case errors.Is(err, fs.ErrPermission) && local:
		e.reconnect()
		return say(ErrForbidden, "no right to use the Docker socket %s: add the bot's user to the group that owns it (docker), then start the bot again: %w",
			socket, short(err))
	case local && client.IsErrConnectionFailed(err) && missing(socket):
		e.reconnect()
		return say(ErrUnreachable, "there is no Docker socket %s: start the engine (systemctl start docker) or correct target.docker_host", socket)
	case client.IsErrConnectionFailed(err), errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		e.reconnect()
		return say(ErrUnreachable, "the Docker engine at %s does not answer: start it (systemctl start docker) or correct target.docker_host: %w",
			e.cfg.Host, short(err))
	case strings.Contains(err.Error(), "is too old"), strings.Contains(err.Error(), "is too new"):
		e.reconnect() // the engine was updated while we ran
	}
	return err
}

func (e *Engine) reconnect() {
	e.mu.Lock()
	defer e.mu.Unlock()
	_ = e.drop() // there is nobody at the other end
}

// about names the container in an error: what was done to it, its service and its name.
func (e *Engine) about(ctx context.Context, doing string, c *Container, err error) error {
	if err == nil {
		return nil
	}
	if errdefs.IsNotFound(err) {
		return say(ErrGone, "%s %s: the container %s is gone: %w", doing, c.Service, c.Name, err)
	}
	return fmt.Errorf("%s %s (container %s): %w", doing, c.Service, c.Name, e.explain(ctx, err))
}

// short takes the SDK's advice off an error, which explain replaces by its own.
func short(err error) error {
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno
	}
	return err
}

func missing(name string) bool {
	_, err := os.Stat(name)
	return errors.Is(err, fs.ErrNotExist)
}
