package docker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
)

// ErrNoImage says that the engine does not have an image.
var ErrNoImage = errors.New("there is no such image here")

// Image is an image that the engine has.
type Image struct {
	ID      string   // sha256:…
	Refs    []string // its names with tags
	Digests []string // name@sha256:…, as registries call it
	Created time.Time
	Size    int64 // bytes
}

// Image looks an image up by its name or id. It may be anybody's. Error: ErrNoImage.
func (e *Engine) Image(ctx context.Context, ref string) (*Image, error) {
	ctx, cancel := within(ctx, callWithin)
	defer cancel()
	api, err := e.api(ctx)
	if err != nil {
		return nil, err
	}
	r, err := api.ImageInspect(ctx, ref)
	if errdefs.IsNotFound(err) {
		return nil, say(ErrNoImage, "the image %s is not on this engine", ref)
	}
	if err != nil {
		return nil, fmt.Errorf("look at the image %s: %w", ref, e.explain(ctx, err))
	}
	return &Image{ID: r.ID, Refs: slices.Clone(r.RepoTags), Digests: slices.Clone(r.RepoDigests), Created: moment(r.Created), Size: r.Size}, nil
}

// ImagesLike lists the images that have a name of the pattern, such as "notebookbot-keep/shop/*".
func (e *Engine) ImagesLike(ctx context.Context, pattern string) ([]Image, error) {
	ctx, cancel := within(ctx, callWithin)
	defer cancel()
	api, err := e.api(ctx)
	if err != nil {
		return nil, err
	}
	list, err := api.ImageList(ctx, image.ListOptions{Filters: filters.NewArgs(filters.Arg("reference", pattern))})
	if err != nil {
		return nil, fmt.Errorf("list the images %s: %w", pattern, e.explain(ctx, err))
	}
	var out []Image
	for _, s := range list {
		out = append(out, Image{ID: s.ID, Refs: s.RepoTags, Digests: s.RepoDigests, Created: time.Unix(s.Created, 0).UTC(), Size: s.Size})
	}
	return out, nil
}

// Tag gives an image another name. An image that had the name before keeps its id, and may be without a name then.
func (e *Engine) Tag(ctx context.Context, id, ref string) error {
	ctx, cancel := within(ctx, callWithin)
	defer cancel()
	api, err := e.api(ctx)
	if err != nil {
		return err
	}
	err = api.ImageTag(ctx, id, ref)
	if errdefs.IsNotFound(err) {
		return say(ErrNoImage, "the image %s is not on this engine", id)
	}
	if err != nil {
		return fmt.Errorf("call the image %s %s: %w", brief(id), ref, e.explain(ctx, err))
	}
	return nil
}

// RegistryDigest asks the image's registry, without a password, which digest the name stands for now.
func (e *Engine) RegistryDigest(ctx context.Context, ref string) (string, error) {
	ctx, cancel := within(ctx, callWithin)
	defer cancel()
	api, err := e.api(ctx)
	if err != nil {
		return "", err
	}
	d, err := api.DistributionInspect(ctx, ref, "")
	if err != nil {
		return "", fmt.Errorf("ask the registry for %s: %w", ref, e.explain(ctx, err))
	}
	return d.Descriptor.Digest.String(), nil
}

// HasDigest tells whether a registry calls the image by that digest.
func (i *Image) HasDigest(digest string) bool {
	return slices.ContainsFunc(i.Digests, func(d string) bool { return strings.HasSuffix(d, "@"+digest) })
}

// BuiltName is how compose calls the image of a service that is built and has no name in the file.
func (e *Engine) BuiltName(ctx context.Context, service string) (string, error) {
	containers, err := e.Containers(ctx)
	if err != nil && !errors.Is(err, ErrNoContainers) {
		return "", err
	}
	c, err := e.choose(ctx, containers)
	if err != nil {
		return "", err
	}
	if major(c.version) == "1" {
		return e.cfg.Project + "_" + service, nil
	}
	return e.cfg.Project + "-" + service, nil
}
