package docker

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/build"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"
)

var imageID = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// SeenImage is what an image is called now, and since when.
type SeenImage struct {
	Refs   []string
	Tagged time.Time // when it last got a name here; zero: not known
}

// SeeImage looks at an image by its id. Error: ErrGone.
func (e *Engine) SeeImage(ctx context.Context, id string) (*SeenImage, error) {
	ctx, cancel := within(ctx, callWithin)
	defer cancel()
	api, err := e.api(ctx)
	if err != nil {
		return nil, err
	}
	return e.seeImage(ctx, api, id)
}

func (e *Engine) seeImage(ctx context.Context, api *client.Client, id string) (*SeenImage, error) {
	if !imageID.MatchString(id) {
		return nil, say(ErrGone, "%q is not the id of an image", id)
	}
	r, err := api.ImageInspect(ctx, id)
	if errdefs.IsNotFound(err) {
		return nil, say(ErrGone, "the image %s is gone", brief(id))
	}
	if err != nil {
		return nil, fmt.Errorf("look at the image %s: %w", brief(id), e.explain(ctx, err))
	}
	return &SeenImage{Refs: named(r.RepoTags), Tagged: r.Metadata.LastTagTime}, nil
}

// RemoveImage removes an image and these of its names. Where it has another name now, or a container uses it, whether that runs or
// not, nothing is removed and the error is ErrInUse. One that is gone is no error.
func (e *Engine) RemoveImage(ctx context.Context, id string, refs []string) error {
	ctx, cancel := within(ctx, inventoryWithin)
	defer cancel()
	api, err := e.api(ctx)
	if err != nil {
		return err
	}
	seen, err := e.seeImage(ctx, api, id)
	if errors.Is(err, ErrGone) {
		return nil
	}
	if err != nil {
		return err
	}
	if slices.ContainsFunc(seen.Refs, func(ref string) bool { return !slices.Contains(refs, ref) }) {
		return say(ErrInUse, "the image %s has a new name, %s", brief(id), seen.Refs)
	}
	users, err := api.ContainerList(ctx, container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("ancestor", id))})
	if err != nil {
		return e.explain(ctx, err)
	}
	for _, c := range users { // those of images that were built on it are listed as well, and keep what they need of it
		if c.ImageID == id {
			return say(ErrInUse, "the container %.12s uses the image %s", c.ID, brief(id))
		}
	}
	// Name by name, never by force: the engine itself then refuses what a container began to use meanwhile.
	for _, ref := range seen.Refs {
		if now, err := api.ImageInspect(ctx, ref); err != nil || now.ID != id {
			continue // the name went to another image
		}
		if err := e.removeImage(ctx, api, ref); err != nil {
			return err
		}
	}
	return e.removeImage(ctx, api, id) // it is gone with its last name, unless a name went to another image
}

func (e *Engine) removeImage(ctx context.Context, api *client.Client, what string) error {
	_, err := api.ImageRemove(ctx, what, image.RemoveOptions{PruneChildren: true})
	switch {
	case err == nil, errdefs.IsNotFound(err):
		return nil
	case errdefs.IsConflict(err):
		return say(ErrInUse, "the image %s is needed: %w", brief(what), err)
	}
	return fmt.Errorf("remove the image %s: %w", brief(what), e.explain(ctx, err))
}

// RemoveEnded removes a container that has ended, whosever it is, and none of its volumes. One that runs again is
// ErrInUse; one that is gone is no error.
func (e *Engine) RemoveEnded(ctx context.Context, id string) error {
	ctx, cancel := within(ctx, callWithin)
	defer cancel()
	api, err := e.api(ctx)
	if err != nil {
		return err
	}
	if !containerID.MatchString(id) {
		return fmt.Errorf("%q is not the id of a container", id)
	}
	r, err := api.ContainerInspect(ctx, id)
	switch {
	case errdefs.IsNotFound(err):
		return nil
	case err != nil:
		return fmt.Errorf("look at the container %.12s: %w", id, e.explain(ctx, err))
	case r.ContainerJSONBase == nil || r.State == nil || r.ID != id:
		return say(ErrInUse, "the container %.12s is not what it was", id)
	case r.State.Running || r.State.Paused || r.State.Restarting:
		return say(ErrInUse, "the container %.12s runs", id)
	}
	err = api.ContainerRemove(ctx, id, container.RemoveOptions{}) // without Force the engine refuses one that runs
	switch {
	case err == nil, errdefs.IsNotFound(err):
		return nil
	case errdefs.IsConflict(err):
		return say(ErrInUse, "the container %.12s is in use: %w", id, err)
	}
	return fmt.Errorf("remove the container %.12s: %w", id, e.explain(ctx, err))
}

// Ended is when a container ended; zero: it never began. Error: ErrGone.
func (e *Engine) Ended(ctx context.Context, id string) (time.Time, error) {
	ctx, cancel := within(ctx, callWithin)
	defer cancel()
	api, err := e.api(ctx)
	if err != nil {
		return time.Time{}, err
	}
	r, err := api.ContainerInspect(ctx, id)
	if errdefs.IsNotFound(err) {
		return time.Time{}, say(ErrGone, "the container %.12s is gone", id)
	}
	if err != nil || r.ContainerJSONBase == nil || r.State == nil {
		return time.Time{}, fmt.Errorf("look at the container %.12s: %w", id, e.explain(ctx, err))
	}
	return moment(r.State.FinishedAt), nil
}

var cacheID = regexp.MustCompile(`^[a-z0-9]{20,40}$`)

// RemoveCache removes one record of the builder's cache and tells whether it went: what something is built with, or on, stays.
func (e *Engine) RemoveCache(ctx context.Context, id string) (bool, error) {
	if !cacheID.MatchString(id) { // the engine takes a pattern
		return false, fmt.Errorf("%q is not the id of a record of the build cache", id)
	}
	ctx, cancel := within(ctx, inventoryWithin)
	defer cancel()
	api, err := e.api(ctx)
	if err != nil {
		return false, err
	}
	report, err := api.BuildCachePrune(ctx, build.CachePruneOptions{All: true, Filters: filters.NewArgs(filters.Arg("id", id))})
	if err != nil {
		return false, fmt.Errorf("remove the record %s of the build cache: %w", id, e.explain(ctx, err))
	}
	return report != nil && slices.Contains(report.CachesDeleted, id), nil
}
