package docker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/client"
	"golang.org/x/sync/errgroup"
)

// The labels that every compose puts on what it creates.
const (
	labelProject = "com.docker.compose.project"
	labelService = "com.docker.compose.service"
	labelNumber  = "com.docker.compose.container-number"
	labelOneOff  = "com.docker.compose.oneoff"
	labelVersion = "com.docker.compose.version"
	labelHash    = "com.docker.compose.config-hash"
)

// Container is what the engine says of one container, without its environment.
type Container struct {
	ID      string
	Name    string
	Service string
	Number  int // of several containers of one service

	ComposeVersion string // which compose created it
	ConfigHash     string // compose's own hash of the service's definition

	State     string // created, running, paused, restarting, removing, exited, dead
	ExitCode  int
	Error     string // why the engine could not start it
	OOMKilled bool   // the memory limit ended it or one of its processes
	Restarts  int    // by the restart policy
	Created   time.Time
	Started   time.Time
	Finished  time.Time

	Health       string // starting, healthy, unhealthy; empty: there is no healthcheck
	FailedChecks int    // in a row
	HealthOutput string // what the last check said; may hold secrets

	Image       string // the reference it was created from
	ImageID     string // sha256:…
	MemoryLimit int64  // bytes; 0: none
	HostPorts   []string
	Binds       []string // files and folders of the host that it sees, as they were when it started
	Restart     string   // its restart policy

	Role  string            // of a helper of the bot's own; empty: it is the application's
	Notes map[string]string // of a helper: what it was made with

	tty bool
}

// Running tells whether its processes run.
func (c *Container) Running() bool { return c.State == string(container.StateRunning) }

// Containers lists the application's containers by service and number, whatever their state. One-off containers, which compose's
// run creates, are not among them. Without any the error is ErrNoContainers.
func (e *Engine) Containers(ctx context.Context) ([]Container, error) {
	ctx, cancel := within(ctx, callWithin)
	defer cancel()
	api, err := e.api(ctx)
	if err != nil {
		return nil, err
	}
	list, err := api.ContainerList(ctx, container.ListOptions{
		All: true, Filters: filters.NewArgs(filters.Arg("label", labelProject+"="+e.cfg.Project)),
	})
	if err != nil {
		return nil, e.explain(ctx, err)
	}
	found := make([]*Container, len(list))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for i, item := range list {
		if oneOff(item.Labels) || !e.operated(item.Labels[labelService]) {
			continue
		}
		g.Go(func() error {
			c, err := e.inspect(gctx, api, item.ID)
			if errors.Is(err, ErrGone) { // since the list was made
				return nil
			}
			found[i] = c
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	var out []Container
	for _, c := range found {
		if c != nil {
			out = append(out, *c)
		}
	}
	if len(out) == 0 {
		return nil, e.noContainers(ctx, api)
	}
	slices.SortFunc(out, func(a, b Container) int {
		return cmp.Or(strings.Compare(a.Service, b.Service), a.Number-b.Number, strings.Compare(a.ID, b.ID))
	})
	return out, nil
}

// Container looks at one of the application's containers again.
func (e *Engine) Container(ctx context.Context, id string) (*Container, error) {
	ctx, cancel := within(ctx, callWithin)
	defer cancel()
	api, err := e.api(ctx)
	if err != nil {
		return nil, err
	}
	return e.inspect(ctx, api, id)
}

func (e *Engine) operated(service string) bool {
	return len(e.cfg.Services) == 0 || slices.Contains(e.cfg.Services, service)
}

func oneOff(labels map[string]string) bool { return strings.EqualFold(labels[labelOneOff], "true") }

// noContainers says which projects the engine has, since the name is what is usually wrong.
func (e *Engine) noContainers(ctx context.Context, api *client.Client) error {
	list, err := api.ContainerList(ctx, container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("label", labelProject))})
	if err != nil {
		return e.explain(ctx, err)
	}
	var projects []string
	for _, item := range list {
		projects = append(projects, item.Labels[labelProject])
	}
	slices.Sort(projects)
	projects = slices.Compact(projects)
	const shown = 10
	more := ""
	if over := len(projects) - shown; over > 0 {
		projects, more = projects[:shown], fmt.Sprintf(" and %d more", over)
	}
	return say(ErrNoContainers, "the Docker engine at %s has no containers of the compose project %q; projects there: %s%s. "+
		"Start the application (docker compose up -d in %s), or correct target.project or target.docker_host",
		e.cfg.Host, e.cfg.Project, cmp.Or(strings.Join(projects, ", "), "none"), more, e.cfg.Dir)
}

var containerID = regexp.MustCompile(`^[0-9a-f]{12,64}$`)

// inspect looks at a container by its id and refuses those of others.
func (e *Engine) inspect(ctx context.Context, api *client.Client, id string) (*Container, error) {
	if !containerID.MatchString(id) {
		return nil, say(ErrGone, "%q is not the id of a container", id)
	}
	r, err := api.ContainerInspect(ctx, id)
	if errdefs.IsNotFound(err) {
		return nil, say(ErrGone, "the container %.12s is gone", id)
	}
	if err != nil {
		return nil, fmt.Errorf("look at the container %.12s: %w", id, e.explain(ctx, err))
	}
	if r.ContainerJSONBase == nil || r.State == nil || r.Config == nil || r.HostConfig == nil {
		return nil, fmt.Errorf("the Docker engine says too little of the container %.12s", id)
	}
	labels := r.Config.Labels
	// The engine also finds containers by name: one may be called like the id of another.
	operated := labels[labelProject] == e.cfg.Project && labels[labelService] != "" && e.operated(labels[labelService])
	if !strings.HasPrefix(r.ID, id) || !operated && !e.helps(labels) {
		return nil, say(ErrForeign, "the container %.12s is not one of the services that are operated in the compose project %q", id, e.cfg.Project)
	}
	return described(&r), nil
}

func described(r *container.InspectResponse) *Container {
	labels := r.Config.Labels
	c := &Container{
		ID: r.ID, Name: strings.TrimPrefix(r.Name, "/"), Service: labels[labelService], ComposeVersion: labels[labelVersion],
		ConfigHash: labels[labelHash], State: string(r.State.Status), ExitCode: r.State.ExitCode, Error: r.State.Error,
		OOMKilled: r.State.OOMKilled, Restarts: r.RestartCount, Created: moment(r.Created), Started: moment(r.State.StartedAt),
		Finished: moment(r.State.FinishedAt), Image: r.Config.Image, ImageID: r.Image, MemoryLimit: r.HostConfig.Memory,
		Restart: string(r.HostConfig.RestartPolicy.Name), tty: r.Config.Tty,
	}
	if n, err := strconv.Atoi(labels[labelNumber]); err == nil {
		c.Number = n
	}
	if labels[labelService] == "" {
		c.Service, c.Role, c.Notes = labels[labelRole], labels[labelRole], notes(labels)
	}
	if h := r.State.Health; h != nil && h.Status != container.NoHealthcheck {
		c.Health, c.FailedChecks = string(h.Status), h.FailingStreak
		if n := len(h.Log); n > 0 && h.Log[n-1] != nil {
			c.HealthOutput = strings.TrimSpace(h.Log[n-1].Output)
		}
	}
	for port, bindings := range r.HostConfig.PortBindings {
		for _, b := range bindings {
			c.HostPorts = append(c.HostPorts, fmt.Sprintf("%s:%s->%s", cmp.Or(b.HostIP, "0.0.0.0"), b.HostPort, port))
		}
	}
	slices.Sort(c.HostPorts)
	for _, m := range r.Mounts {
		if m.Type == mount.TypeBind {
			c.Binds = append(c.Binds, m.Source)
		}
	}
	slices.Sort(c.Binds)
	return c
}

// moment reads the engine's times; year 1 means never.
func moment(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil || t.Year() <= 1 {
		return time.Time{}
	}
	return t
}
