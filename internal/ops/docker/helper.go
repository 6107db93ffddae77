package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/mount"
)

// The labels of the bot's own containers beside the application. They have none of compose's: nothing that compose does to the
// application takes one for a part of it.
const (
	labelHelper = "com.ai-notebook.notebookbot.helper" // the compose project that it serves
	labelRole   = "com.ai-notebook.notebookbot.role"
	labelNote   = "com.ai-notebook.notebookbot.note."
)

// Helper is a container of the bot's own: of an image that the engine has, with a program of that image.
type Helper struct {
	Role    string // what it is for; the project has one of a Name
	Name    string
	Image   string   // sha256:…
	Command []string // program and arguments, in the place of the image's own
	User    string   // uid:gid; empty: the image's own
	Network string   // none, or container:ID to share that container's
	Binds   []HelperBind
	Notes   map[string]string // kept with it, for who finds it
}

// HelperBind is a folder of the engine's machine that a helper may write to.
type HelperBind struct{ Source, Target string }

// logMost keeps a helper that complains for ever from filling the disk.
const logMost = "1m"

// CreateHelper makes a helper, which does not run yet. One of the same name that is there already is an error of errdefs.IsConflict.
func (e *Engine) CreateHelper(ctx context.Context, h Helper) (string, error) {
	ctx, cancel := within(ctx, callWithin)
	defer cancel()
	api, err := e.api(ctx)
	if err != nil {
		return "", err
	}
	if !plainName.MatchString(h.Name) || len(h.Command) == 0 || !imageID.MatchString(h.Image) {
		return "", fmt.Errorf("%q is no helper that could be made of %q", h.Name, h.Image)
	}
	labels := map[string]string{labelHelper: e.cfg.Project, labelRole: h.Role}
	for name, note := range h.Notes {
		labels[labelNote+name] = note
	}
	host := &container.HostConfig{
		NetworkMode: container.NetworkMode(h.Network),
		LogConfig:   container.LogConfig{Type: "json-file", Config: map[string]string{"max-size": logMost, "max-file": "1"}},
		CapDrop:     []string{"ALL"}, SecurityOpt: []string{"no-new-privileges"},
	}
	for _, b := range h.Binds {
		host.Mounts = append(host.Mounts, mount.Mount{Type: mount.TypeBind, Source: b.Source, Target: b.Target})
	}
	made, err := api.ContainerCreate(ctx, &container.Config{
		Image: h.Image, Entrypoint: h.Command[:1], Cmd: h.Command[1:], User: h.User, Labels: labels,
		Healthcheck: &container.HealthConfig{Test: []string{"NONE"}}, // the image's is about the application
	}, host, nil, nil, h.Name)
	if err != nil {
		return "", fmt.Errorf("make the container %s: %w", h.Name, e.explain(ctx, err))
	}
	return made.ID, nil
}

// Helpers lists the helpers of a role, whatever their state.
func (e *Engine) Helpers(ctx context.Context, role string) ([]Container, error) {
	ctx, cancel := within(ctx, callWithin)
	defer cancel()
	api, err := e.api(ctx)
	if err != nil {
		return nil, err
	}
	list, err := api.ContainerList(ctx, container.ListOptions{All: true, Filters: filters.NewArgs(
		filters.Arg("label", labelHelper+"="+e.cfg.Project), filters.Arg("label", labelRole+"="+role),
	)})
	if err != nil {
		return nil, e.explain(ctx, err)
	}
	var out []Container
	for _, item := range list {
		c, err := e.inspect(ctx, api, item.ID)
		switch {
		case errors.Is(err, ErrGone): // since the list was made
		case err != nil:
			return nil, err
		default:
			out = append(out, *c)
		}
	}
	return out, nil
}

// RemoveHelper ends and removes a helper with its volumes. One that is gone is no error; a container that is no helper is ErrForeign.
func (e *Engine) RemoveHelper(ctx context.Context, id string) error {
	ctx, cancel := within(ctx, inventoryWithin)
	defer cancel()
	api, err := e.api(ctx)
	if err != nil {
		return err
	}
	c, err := e.inspect(ctx, api, id)
	switch {
	case errors.Is(err, ErrGone):
		return nil
	case err != nil:
		return err
	case c.Role == "":
		return say(ErrForeign, "the container %s is the application's", c.Name)
	}
	err = api.ContainerRemove(ctx, c.ID, container.RemoveOptions{Force: true, RemoveVolumes: true})
	if err == nil || errdefs.IsNotFound(err) || errdefs.IsConflict(err) && strings.Contains(err.Error(), "already in progress") {
		return nil
	}
	return e.about(ctx, "remove", c, err)
}

// CopyToHelper unpacks a tar archive in a helper, at its root, with the owners and rights that stand in the archive. It may not
// run yet.
func (e *Engine) CopyToHelper(ctx context.Context, id string, archive io.Reader) error {
	api, err := e.api(ctx)
	if err != nil {
		return err
	}
	c, err := e.Container(ctx, id)
	if err != nil {
		return err
	}
	if c.Role == "" {
		return say(ErrForeign, "the container %s is the application's", c.Name)
	}
	return e.about(ctx, "copy into", c, api.CopyToContainer(ctx, c.ID, "/", archive, container.CopyToContainerOptions{}))
}

// helps tells what the labels of a helper of the project say of it.
func (e *Engine) helps(labels map[string]string) bool {
	return labels[labelHelper] == e.cfg.Project && labels[labelRole] != ""
}

// notes are what a helper was made with.
func notes(labels map[string]string) map[string]string {
	out := map[string]string{}
	for name, v := range maps.All(labels) {
		if note, ok := strings.CutPrefix(name, labelNote); ok {
			out[note] = v
		}
	}
	return out
}
