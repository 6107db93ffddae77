package docker

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/client"
)

var plainName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]*$`)

// OneOff finds a container of the project that compose's run made, by its name. Error: ErrGone.
func (e *Engine) OneOff(ctx context.Context, name string) (*Container, error) {
	ctx, cancel := within(ctx, callWithin)
	defer cancel()
	api, err := e.api(ctx)
	if err != nil {
		return nil, err
	}
	if !plainName.MatchString(name) {
		return nil, say(ErrGone, "%q is not the name of a container", name)
	}
	list, err := api.ContainerList(ctx, container.ListOptions{All: true, Filters: filters.NewArgs(
		filters.Arg("label", labelProject+"="+e.cfg.Project), filters.Arg("name", "^/"+regexp.QuoteMeta(name)+"$"),
	)})
	if err != nil {
		return nil, e.explain(ctx, err)
	}
	for _, item := range list {
		if oneOff(item.Labels) && slices.Contains(item.Names, "/"+name) {
			return e.inspect(ctx, api, item.ID)
		}
	}
	return nil, say(ErrGone, "there is no container %s", name)
}

// WaitExit waits until a container does not run any more and gives it as it is then. It is not ended with ctx.
func (e *Engine) WaitExit(ctx context.Context, id string) (*Container, error) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		c, err := e.Container(ctx, id)
		if err != nil || c.State == "exited" || c.State == "dead" {
			return c, err
		}
		select {
		case <-ctx.Done():
			return c, ctx.Err()
		case <-tick.C:
		}
	}
}

// Process is a process of a container as the machine sees it.
type Process struct {
	PID     string
	Command string // with its arguments, which may hold secrets
}

// Processes lists what runs in a container.
func (e *Engine) Processes(ctx context.Context, id string) ([]Process, error) {
	var out []Process
	err := e.do(ctx, "list the processes of", id, 0, func(ctx context.Context, api *client.Client, c *Container) error {
		top, err := api.ContainerTop(ctx, c.ID, []string{"-eo", "pid,args"})
		if err != nil {
			return err
		}
		for _, row := range top.Processes {
			if len(row) >= 2 {
				out = append(out, Process{PID: row[0], Command: strings.Join(row[1:], " ")})
			}
		}
		return nil
	})
	return out, err
}
