package deploy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/docker"
)

// proxy is the nginx containers in front of the services. nginx looks names up once, at its start and at each reload, so it is
// reloaded whenever a container comes or goes. Without nginx nothing is reloaded.
type proxy struct {
	k          *Kind
	containers []docker.Container
}

// proxyOf finds nginx among the services, other than the one that is exchanged.
func (k *Kind) proxyOf(ctx context.Context, service string) (*proxy, error) {
	all, err := k.docker.Containers(ctx)
	if err != nil {
		return nil, err
	}
	p := &proxy{k: k}
	for i := range all {
		if c := &all[i]; c.Service != service && c.Running() && isProxy(c) {
			p.containers = append(p.containers, *c)
		}
	}
	return p, nil
}

// isProxy knows nginx by the service's name or by that of its image.
func isProxy(c *docker.Container) bool {
	if c.Service == "nginx" {
		return true
	}
	name, _, _ := strings.Cut(path.Base(c.Image), ":")
	name, _, _ = strings.Cut(name, "@")
	return name == "nginx" || strings.HasPrefix(name, "nginx-") || strings.HasSuffix(name, "-nginx")
}

// test asks nginx whether it could load its configuration.
func (p *proxy) test(ctx context.Context) error {
	for _, c := range p.containers {
		var said bytes.Buffer
		code, err := p.k.docker.Exec(ctx, c.ID, []string{"nginx", "-t"}, nil, &said, &said)
		if err != nil {
			return err
		}
		if code != 0 {
			return ops.Caused("nginx_config", c.Name, errors.New(p.k.redact(lastLines(said.String(), quotes))))
		}
	}
	return nil
}

// reload has nginx look the names up again, and waits until its new workers have taken over.
func (p *proxy) reload(ctx context.Context) error {
	if err := p.test(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, reloadIn)
	defer cancel()
	for _, c := range p.containers {
		before, err := p.workers(ctx, c.ID)
		if err != nil {
			return err
		}
		if err := p.k.docker.Kill(ctx, c.ID, "SIGHUP"); err != nil {
			return err
		}
		if err := p.renewed(ctx, &c, before); err != nil {
			return err
		}
	}
	return nil
}

// workers are nginx's processes that take requests.
func (p *proxy) workers(ctx context.Context, id string) ([]string, error) {
	list, err := p.k.docker.Processes(ctx, id)
	if err != nil {
		return nil, err
	}
	var pids []string
	for _, pr := range list {
		if strings.Contains(pr.Command, "worker process") && !strings.Contains(pr.Command, "shutting down") {
			pids = append(pids, pr.PID)
		}
	}
	return pids, nil
}

func (p *proxy) renewed(ctx context.Context, c *docker.Container, before []string) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		now, err := p.workers(ctx, c.ID)
		if err == nil && len(now) > 0 && !slices.ContainsFunc(now, func(pid string) bool { return slices.Contains(before, pid) }) {
			return nil
		}
		select {
		case <-ctx.Done():
			return ops.Caused("nginx_reload", c.Name, fmt.Errorf("it has no new workers after %s", reloadIn))
		case <-tick.C:
		}
	}
}
