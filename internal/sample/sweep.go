package sample

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"
	"github.com/docker/docker/client"
)

// endWithin is how long the removal may take on a busy machine. Usually it takes two seconds.
const endWithin = 15 * time.Second

const (
	labelProject = "com.docker.compose.project"
	labelDir     = "com.docker.compose.project.working_dir"
)

// kept is what the names of images begin with that a deploy keeps, for the way back.
const kept = "notebookbot-keep/" + Project + "/"

func (s *Sample) api() (*client.Client, error) {
	return client.NewClientWithOpts(client.WithHost(s.cfg.Host), client.WithAPIVersionNegotiation())
}

func ours() filters.Args { return filters.NewArgs(filters.Arg("label", labelProject+"="+Project)) }

// others names the folder of a project of the same name that no demo made; empty: there is none.
func (s *Sample) others(ctx context.Context) (string, error) {
	c, err := s.api()
	if err != nil {
		return "", err
	}
	defer c.Close() //nolint:errcheck // Idle connections only.
	list, err := c.ContainerList(ctx, container.ListOptions{All: true, Filters: ours()})
	if err != nil {
		return "", err
	}
	for _, found := range list {
		if dir := found.Labels[labelDir]; !strings.HasPrefix(filepath.Base(dir), Project+"-") {
			return cmp.Or(dir, found.ID), nil
		}
	}
	return "", nil
}

// sweep removes all that is the application's: containers, networks, volumes, images, the folder. What is gone already is no error.
func (s *Sample) sweep(ctx context.Context) error {
	c, err := s.api()
	if err != nil {
		return err
	}
	defer c.Close() //nolint:errcheck // Idle connections only.
	containers, err := c.ContainerList(ctx, container.ListOptions{All: true, Filters: ours()})
	if err != nil {
		return err
	}
	errs := make([]error, len(containers))
	var wg sync.WaitGroup
	for i, found := range containers {
		wg.Go(func() {
			errs[i] = unless(c.ContainerRemove(ctx, found.ID, container.RemoveOptions{Force: true, RemoveVolumes: true}))
		})
	}
	wg.Wait()
	all := errors.Join(errs...)
	networks, err := c.NetworkList(ctx, network.ListOptions{Filters: ours()})
	all = errors.Join(all, err)
	for _, n := range networks {
		all = errors.Join(all, unless(c.NetworkRemove(ctx, n.ID)))
	}
	volumes, err := c.VolumeList(ctx, volume.ListOptions{Filters: ours()})
	all = errors.Join(all, err)
	for _, v := range volumes.Volumes {
		all = errors.Join(all, unless(c.VolumeRemove(ctx, v.Name, true)))
	}
	made, err := c.ImageList(ctx, image.ListOptions{Filters: filters.NewArgs(filters.Arg("reference", Project+"/*"), filters.Arg("reference", kept+"*"))})
	all = errors.Join(all, err)
	for _, i := range made {
		for _, ref := range i.RepoTags {
			if strings.HasPrefix(ref, Project+"/") || strings.HasPrefix(ref, kept) { // it may have other names too, which stay
				_, err := c.ImageRemove(ctx, ref, image.RemoveOptions{PruneChildren: true})
				all = errors.Join(all, unless(err))
			}
		}
	}
	return errors.Join(all, os.RemoveAll(s.cfg.Dir))
}

// unless forgets that something is gone, or being removed, already.
func unless(err error) error {
	if errdefs.IsNotFound(err) || errdefs.IsConflict(err) {
		return nil
	}
	return err
}
