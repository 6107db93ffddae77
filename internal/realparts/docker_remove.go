package realparts

import (
	"context"
	"errors"
	"sync"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/volume"
)

// prune removes all containers and networks.
func (s *DockerServer) prune() error {
	ctx, cancel := context.WithTimeout(context.Background(), startWithin)
	defer cancel()
	return removeAll(ctx, s.Host, filters.NewArgs(), false)
}

// removeProject removes a compose project with its volumes, at once: `docker-compose down` takes a second of a processor for it.
func removeProject(host, project string) error {
	ctx, cancel := context.WithTimeout(context.Background(), startWithin)
	defer cancel()
	return removeAll(ctx, host, filters.NewArgs(filters.Arg("label", "com.docker.compose.project="+project)), true)
}

func removeAll(ctx context.Context, host string, which filters.Args, volumes bool) error {
	c, err := dockerClient(host)
	if err != nil {
		return err
	}
	defer c.Close() //nolint:errcheck // Idle connections only.
	containers, err := c.ContainerList(ctx, container.ListOptions{All: true, Filters: which})
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	errs := make([]error, len(containers))
	for i, found := range containers {
		wg.Go(func() {
			err := c.ContainerRemove(ctx, found.ID, container.RemoveOptions{Force: true, RemoveVolumes: true})
			if !errdefs.IsNotFound(err) && !errdefs.IsConflict(err) { // somebody removes it already
				errs[i] = err
			}
		})
	}
	wg.Wait()
	_, err = c.NetworksPrune(ctx, which)
	errs = append(errs, err)
	if volumes {
		left, err := c.VolumeList(ctx, volume.ListOptions{Filters: which})
		errs = append(errs, err)
		for _, v := range left.Volumes {
			if err := c.VolumeRemove(ctx, v.Name, true); !errdefs.IsNotFound(err) {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}
