package docker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
	"golang.org/x/sync/errgroup"
)

// Exposure is how far a running container is kept apart from its host and from the world. Its texts were chosen by whoever made it.
type Exposure struct {
	ID      string
	Name    string
	Project string // of compose; empty: it was not made by compose
	Service string
	Image   string // the reference it was created from

	Pid         int    // of its main process, as the engine counts processes
	User        string // that the container or its image asks for; empty: root
	Privileged  bool
	HostNetwork bool
	HostPID     bool // it sees the processes of the host
	Socket      bool // it has an engine's socket, and can do whatever the engine can
	MemoryLimit int64
	Published   []Published
}

// Published is a port of the host that leads into a container. The engine opens it beside the firewall's own rules.
type Published struct {
	Address string // 0.0.0.0, ::, 127.0.0.1, …
	Port    int    // of the host
	Inside  int
	Proto   string // tcp, udp
}

// Exposures looks at every running container of the engine, whosever it is, by name.
func (e *Engine) Exposures(ctx context.Context) ([]Exposure, error) {
	ctx, cancel := within(ctx, callWithin)
	defer cancel()
	api, err := e.api(ctx)
	if err != nil {
		return nil, err
	}
	list, err := api.ContainerList(ctx, container.ListOptions{})
	if err != nil {
		return nil, e.explain(ctx, err)
	}
	found := make([]*Exposure, len(list))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for i, item := range list {
		g.Go(func() (err error) {
			found[i], err = e.exposure(gctx, api, &item)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	var out []Exposure
	for _, x := range found {
		if x != nil { // nil: it ended since the list was made
			out = append(out, *x)
		}
	}
	slices.SortFunc(out, func(a, b Exposure) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

func (e *Engine) exposure(ctx context.Context, api *client.Client, item *container.Summary) (*Exposure, error) {
	r, err := api.ContainerInspect(ctx, item.ID)
	switch {
	case errdefs.IsNotFound(err):
		return nil, nil //nolint:nilnil // It is gone, and nothing is to be said of it.
	case err != nil:
		return nil, fmt.Errorf("look at the container %.12s: %w", item.ID, e.explain(ctx, err))
	case r.ContainerJSONBase == nil || r.State == nil || r.Config == nil || r.HostConfig == nil:
		return nil, errors.New("the Docker engine says too little of the container " + item.ID)
	}
	labels := r.Config.Labels
	x := &Exposure{
		ID: r.ID, Name: strings.TrimPrefix(r.Name, "/"), Project: labels[labelProject], Service: labels[labelService], Image: r.Config.Image,
		Pid: r.State.Pid, User: r.Config.User, Privileged: r.HostConfig.Privileged, HostNetwork: r.HostConfig.NetworkMode.IsHost(),
		HostPID: r.HostConfig.PidMode.IsHost(), MemoryLimit: r.HostConfig.Memory,
	}
	for _, m := range r.Mounts {
		if strings.HasSuffix(m.Source, "/docker.sock") || strings.HasSuffix(m.Source, "/containerd.sock") || m.Source == "/run" || m.Source == "/var/run" || m.Source == "/" {
			x.Socket = true
		}
	}
	for _, p := range item.Ports {
		if p.PublicPort != 0 {
			x.Published = append(x.Published, Published{Address: p.IP, Port: int(p.PublicPort), Inside: int(p.PrivatePort), Proto: p.Type})
		}
	}
	slices.SortFunc(x.Published, func(a, b Published) int {
		if a.Port != b.Port {
			return a.Port - b.Port
		}
		return strings.Compare(a.Proto+a.Address, b.Proto+b.Address)
	})
	return x, nil
}
