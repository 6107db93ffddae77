package deploy

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/docker"
)

// world is what a plan is made from.
type world struct {
	tags       []tag
	head       head
	containers []docker.Container
	now, next  *docker.Project // as the compose file is, and as it will be
	was, pins  map[string]string
}

// pinned gives the variables that hold a version of the checkout now, in the images of services that a version may concern.
func (k *Kind) pinned(tags []tag, projects ...*docker.Project) map[string]string {
	out := map[string]string{}
	for _, p := range projects {
		for _, s := range p.Services {
			for name, value := range s.ImageVars {
				if _, known := out[name]; !known && !slices.Contains(k.cfg.Never, s.Name) && asTag(tags, value) != "" {
					out[name] = value
				}
			}
		}
	}
	return out
}

// asTag gives the tag that a variable's value means: registries often leave out the "v" of v1.2.
func asTag(tags []tag, value string) string {
	for _, t := range tags {
		if value != "" && (t.name == value || t.name == "v"+value) {
			return t.name
		}
	}
	return ""
}

// valueFor gives a variable's value for a version, in the form of the value that it has now.
func valueFor(version, now string, tags []tag) string {
	if asTag(tags, now) == "v"+now {
		return strings.TrimPrefix(version, "v")
	}
	return version
}

// concerned lists the services that the version concerns, in the order in which they are exchanged, and the others.
func (k *Kind) concerned(w *world) (services []docker.Service, others []string, err error) {
	var names []string
	for _, s := range w.next.Services {
		hit := s.Build != ""
		for name := range s.ImageVars {
			_, pinned := w.pins[name]
			hit = hit || pinned
		}
		if hit && !slices.Contains(k.cfg.Never, s.Name) {
			names = append(names, s.Name)
		} else {
			others = append(others, s.Name)
		}
	}
	if len(names) == 0 {
		return nil, others, nil
	}
	order, err := w.next.RestartOrder(names...)
	if err != nil {
		return nil, nil, err
	}
	for _, name := range order {
		s, err := w.next.Service(name)
		if err != nil {
			return nil, nil, err
		}
		services = append(services, s)
	}
	return services, others, nil
}

// exchange says how one service is exchanged.
func (k *Kind) exchange(ctx context.Context, w *world, s docker.Service, to Version, images map[string]string) (Service, error) {
	out := Service{Name: s.Name, Mode: Roll, Ref: s.Image, Replicas: max(1, s.Replicas), Checked: s.Healthcheck}
	running := 0
	for i := range w.containers {
		if c := &w.containers[i]; c.Service == s.Name {
			out.Checked = out.Checked || c.Health != "" // the image may have a check of its own
			if c.Running() {
				running++
			}
		}
	}
	out.Replicas = max(out.Replicas, running)
	for code, so := range map[string]bool{
		"container_name": s.ContainerName != "", "host_port": len(s.HostPorts) > 0, "host_network": s.HostNetwork, "no_healthcheck": !out.Checked,
	} {
		if so {
			out.Mode, out.Why = Recreate, append(out.Why, code)
		}
	}
	slices.Sort(out.Why)
	if out.Mode == Recreate {
		out.Replicas = 1
	}
	for name := range s.ImageVars {
		if _, ok := w.pins[name]; ok {
			out.Vars = append(out.Vars, name)
		}
	}
	slices.Sort(out.Vars)
	if out.Ref == "" {
		name, err := k.docker.BuiltName(ctx, s.Name)
		if err != nil {
			return Service{}, err
		}
		out.Ref = name
	}
	before, err := w.now.Service(s.Name)
	out.Changed = err != nil || before.Definition != s.Definition
	return out, k.source(ctx, &out, s, to, images[s.Name])
}

// registryPatience is how long a plan waits for a registry: somebody waits for the plan.
const registryPatience = time.Second

// source says where the image comes from.
func (k *Kind) source(ctx context.Context, out *Service, s docker.Service, to Version, known string) error {
	kept, err := k.keptOf(ctx, s.Name, to.Commit)
	if err != nil {
		return err
	}
	if s.Build != "" {
		for _, id := range []string{known, kept} {
			if id == "" {
				continue
			}
			if _, err := k.docker.Image(ctx, id); err == nil {
				out.Source, out.Image = FromKept, id
				return nil
			} else if !errors.Is(err, docker.ErrNoImage) {
				return err
			}
		}
		out.Source = Build
		return nil
	}
	img, err := k.docker.Image(ctx, out.Ref)
	if err == nil {
		out.Source, out.Image = Here, img.ID
		return nil
	}
	if !errors.Is(err, docker.ErrNoImage) {
		return err
	}
	if id := known; id != "" {
		if _, err := k.docker.Image(ctx, id); err == nil {
			out.Source, out.Image = FromKept, id
			return nil
		}
	}
	out.Source = Pull
	// Without a password the registry may say nothing: then compose pulls with the one that it has, and the plan says so.
	within, cancel := context.WithTimeout(ctx, registryPatience)
	defer cancel()
	if digest, err := k.docker.RegistryDigest(within, out.Ref); err == nil {
		out.Digest = digest
	}
	return nil
}

// migration says where the migration runs: a file of the version on this machine, anything else in a container of the new image.
func (k *Kind) migration(ctx context.Context, services []Service, w *world, commit string) (*migrateArgs, error) {
	argv := k.cfg.Migrate
	if len(argv) == 0 {
		return nil, nil
	}
	if file := argv[0]; strings.Contains(file, "/") && !filepath.IsAbs(file) {
		there := filepath.IsLocal(file)
		if there {
			var err error
			if there, err = k.repo.contains(ctx, commit, file); err != nil {
				return nil, err
			}
		}
		if !there {
			return nil, nil
		}
		return &migrateArgs{Where: "host", Argv: argv, Pins: w.pins}, nil
	}
	// The one that needs the database, else the first.
	for _, s := range services {
		found, err := w.next.Service(s.Name)
		if err != nil {
			return nil, err
		}
		for _, never := range k.cfg.Never {
			if slices.Contains(found.DependsOn, never) {
				return &migrateArgs{Where: "container", Argv: argv, Service: s.Name, Pins: w.pins}, nil
			}
		}
	}
	return &migrateArgs{Where: "container", Argv: argv, Service: services[0].Name, Pins: w.pins}, nil
}

// affected gives the containers of the services as they are.
func affected(services []Service, containers []docker.Container) []ops.Affected {
	var out []ops.Affected
	for _, s := range services {
		a := ops.Affected{Name: s.Name}
		for i := range containers {
			if c := &containers[i]; c.Service == s.Name {
				a.Containers = append(a.Containers, ops.Container{ID: c.ID, Image: c.ImageID})
			}
		}
		out = append(out, a)
	}
	return out
}
