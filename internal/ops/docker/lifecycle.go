package docker

import (
	"context"
	"errors"
	"math"
	"regexp"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
)

// Restart stops a container, kills it where it has not ended after timeout, and starts it again.
func (e *Engine) Restart(ctx context.Context, id string, timeout time.Duration) error {
	return e.do(ctx, "restart", id, timeout, func(ctx context.Context, api *client.Client, c *Container) error {
		return api.ContainerRestart(ctx, c.ID, container.StopOptions{Timeout: seconds(timeout)})
	})
}

// Stop stops a container and kills it where it has not ended after timeout. One that does not run stays as it is.
func (e *Engine) Stop(ctx context.Context, id string, timeout time.Duration) error {
	return e.do(ctx, "stop", id, timeout, func(ctx context.Context, api *client.Client, c *Container) error {
		return api.ContainerStop(ctx, c.ID, container.StopOptions{Timeout: seconds(timeout)})
	})
}

// Start starts a container. One that runs stays as it is.
func (e *Engine) Start(ctx context.Context, id string) error {
	return e.do(ctx, "start", id, 0, func(ctx context.Context, api *client.Client, c *Container) error {
		return api.ContainerStart(ctx, c.ID, container.StartOptions{})
	})
}

// Remove removes a container that does not run. Its volumes stay, also those without a name. One that is gone is no error.
func (e *Engine) Remove(ctx context.Context, id string) error {
	err := e.do(ctx, "remove", id, 0, func(ctx context.Context, api *client.Client, c *Container) error {
		if c.Running() {
			return say(errRuns, "it runs; stop it first")
		}
		return api.ContainerRemove(ctx, c.ID, container.RemoveOptions{})
	})
	if errors.Is(err, ErrGone) {
		return nil
	}
	return err
}

var errRuns = errors.New("the container runs")

var signalName = regexp.MustCompile(`^SIG[A-Z0-9]{2,8}$`)

// Kill sends a signal such as SIGHUP to a container's first process.
func (e *Engine) Kill(ctx context.Context, id, signal string) error {
	return e.do(ctx, "send "+signal+" to", id, 0, func(ctx context.Context, api *client.Client, c *Container) error {
		if !signalName.MatchString(signal) {
			return errors.New("that is not the name of a signal such as SIGHUP")
		}
		if !c.Running() {
			return say(ErrNotRunning, "it is not running but %s", c.State)
		}
		err := api.ContainerKill(ctx, c.ID, signal)
		if errdefs.IsConflict(err) { // it ended meanwhile
			return say(ErrNotRunning, "it is not running: %w", err)
		}
		return err
	})
}

// do looks whose the container is, then does it within the deadline, and names the container where it fails.
func (e *Engine) do(ctx context.Context, doing, id string, extra time.Duration,
	run func(context.Context, *client.Client, *Container) error,
) error {
	ctx, cancel := within(ctx, callWithin+max(extra, 0))
	defer cancel()
	api, err := e.api(ctx)
	if err != nil {
		return err
	}
	c, err := e.inspect(ctx, api, id)
	if err != nil {
		return err
	}
	return e.about(ctx, doing, c, run(ctx, api, c))
}

// seconds rounds up: a timeout below a second would be none at all.
func seconds(d time.Duration) *int {
	n := int(math.Ceil(max(d, 0).Seconds()))
	return &n
}
