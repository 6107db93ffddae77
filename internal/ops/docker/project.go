package docker

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/template"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/sirupsen/logrus"
)

// Project is what the compose file says.
type Project struct {
	Name     string
	Dir      string
	Files    []string  // the compose file and its override
	SHA256   string    // of these files and of all that they resolve to: included files, .env, env_file
	Commit   string    // what is checked out in Dir; empty where that is no checkout
	Services []Service // those that are operated, by name

	dependsOn map[string][]string // of all services of the file
	asleep    []string            // services of the file whose profile is off
}

// Defines tells whether the file has a service of that name, whether it is operated or not.
func (p *Project) Defines(service string) bool {
	_, ok := p.dependsOn[service]
	return ok || slices.Contains(p.asleep, service)
}

// Service is one service of the compose file, without its environment.
type Service struct {
	Name          string
	Image         string   // the reference; compose's own name for it where it is only built
	Build         string   // the folder it is built from; empty: it is pulled
	DependsOn     []string // by name
	Healthcheck   bool     // the file has one; the image may have one of its own
	ContainerName string   // a fixed name: there can be only one container
	HostPorts     []string // 127.0.0.1:8080->80/tcp: there can be only one container
	HostNetwork   bool     // it uses the machine's own network
	Replicas      int
	Volumes       []string // the engine's volumes that it uses, by their full names
	MemoryLimit   int64    // bytes; 0: none
	Restart       string   // no, always, on-failure:3, unless-stopped
	Definition    string   // sha256 of all that the file resolves to for it, for a comparison with another reading of the same kind

	// ImageVars is which variables stand in the image's reference, with the values that they have or get without one. ProjectAs tells.
	ImageVars map[string]string
}

// quiet keeps compose-go from writing to standard error: what matters it returns.
var quiet = sync.OnceFunc(func() { logrus.SetOutput(io.Discard) })

// Project reads the compose file.
func (e *Engine) Project(ctx context.Context) (*Project, error) {
	ctx, cancel := within(ctx, callWithin)
	defer cancel()
	loaded, files, err := e.load(ctx, View{})
	if err != nil {
		return nil, err
	}
	p, err := e.project(loaded, e.cfg.Dir, files)
	if err != nil {
		return nil, err
	}
	if p.SHA256, err = hashOf(loaded, files); err != nil {
		return nil, say(ErrComposeFile, "the compose file in %s: %w", e.cfg.Dir, err)
	}
	if p.Commit, err = commitOf(ctx, e.cfg.Dir); err != nil {
		return nil, err
	}
	return p, nil
}

// View is another reading of the application's compose file than as it is.
type View struct {
	Dir string            // where another version's files are; empty: the application's own folder. The file .env is that of the application
	Env map[string]string // goes before all other values
}

// ProjectAs reads the compose file in another way, for what would be. Files that env_file names are not read, and the variables of
// images are told. The result has neither hash nor commit.
func (e *Engine) ProjectAs(ctx context.Context, v View) (*Project, error) {
	ctx, cancel := within(ctx, callWithin)
	defer cancel()
	loaded, files, err := e.load(ctx, v, cli.WithoutEnvironmentResolution)
	if err != nil {
		return nil, err
	}
	p, err := e.project(loaded, cmp.Or(v.Dir, e.cfg.Dir), files)
	if err != nil {
		return nil, err
	}
	raw, err := e.options(v, cli.WithoutEnvironmentResolution, cli.WithInterpolation(false))
	if err != nil {
		return nil, err
	}
	model, err := raw.LoadModel(ctx)
	if err != nil {
		return nil, e.unreadable(files, err)
	}
	services, _ := model["services"].(map[string]any)
	for i := range p.Services {
		s, _ := services[p.Services[i].Name].(map[string]any)
		p.Services[i].ImageVars = map[string]string{}
		for name, v := range template.ExtractVariables(map[string]any{"image": s["image"]}, nil) {
			p.Services[i].ImageVars[name] = cmp.Or(raw.Environment[name], v.DefaultValue)
		}
	}
	return p, nil
}

func (e *Engine) project(loaded *types.Project, dir string, files []string) (*Project, error) {
	p := &Project{Name: e.cfg.Project, Dir: dir, Files: files, dependsOn: map[string][]string{}}
	for name, s := range loaded.Services {
		p.dependsOn[name] = slices.Sorted(maps.Keys(s.DependsOn))
	}
	p.asleep = slices.Sorted(maps.Keys(loaded.DisabledServices))
	wanted := e.cfg.Services
	if len(wanted) == 0 {
		wanted = slices.Collect(maps.Keys(loaded.Services))
	}
	for _, name := range wanted {
		s, ok := loaded.Services[name]
		if !ok {
			return nil, unknownService(name, slices.Collect(maps.Keys(loaded.Services)), "target.services")
		}
		described, err := p.service(loaded, &s)
		if err != nil {
			return nil, say(ErrComposeFile, "the service %s of the compose file in %s: %w", name, dir, err)
		}
		p.Services = append(p.Services, described)
	}
	slices.SortFunc(p.Services, func(a, b Service) int { return strings.Compare(a.Name, b.Name) })
	return p, nil
}

// Service finds one service that is operated.
func (p *Project) Service(name string) (Service, error) {
	for _, s := range p.Services {
		if s.Name == name {
			return s, nil
		}
	}
	return Service{}, unknownService(name, p.names(), "")
}

func (p *Project) names() []string {
	var out []string
	for _, s := range p.Services {
		out = append(out, s.Name)
	}
	return out
}

func unknownService(name string, known []string, where string) error {
	slices.Sort(known)
	text := fmt.Sprintf("%q is not a service of the compose file, which has %s", name, cmp.Or(strings.Join(known, ", "), "none"))
	if where != "" {
		text = where + ": " + text
	}
	return say(ErrUnknownService, "%s", text)
}

// load reads the file as the compose command will, from the same environment.
func (e *Engine) load(ctx context.Context, v View, more ...cli.ProjectOptionsFn) (*types.Project, []string, error) {
	opts, err := e.options(v, more...)
	if err != nil {
		return nil, nil, err
	}
	loaded, err := opts.LoadProject(ctx)
	if err != nil {
		return nil, nil, e.unreadable(opts.ConfigPaths, err)
	}
	return loaded, loaded.ComposeFiles, nil
}

func (e *Engine) options(v View, more ...cli.ProjectOptionsFn) (*cli.ProjectOptions, error) {
	quiet()
	env := e.environment()
	for name, value := range v.Env {
		env = append(env, name+"="+value)
	}
	dir := cmp.Or(v.Dir, e.cfg.Dir)
	envFiles := cli.WithEnvFiles()
	if _, err := os.Stat(filepath.Join(e.cfg.Dir, ".env")); dir != e.cfg.Dir && err == nil {
		envFiles = cli.WithEnvFiles(filepath.Join(e.cfg.Dir, ".env"))
	}
	opts, err := cli.NewProjectOptions(nil, append([]cli.ProjectOptionsFn{
		cli.WithWorkingDirectory(dir), cli.WithName(e.cfg.Project), cli.WithEnv(env), envFiles,
		cli.WithDotEnv, cli.WithConfigFileEnv, cli.WithDefaultConfigPath, cli.WithDefaultProfiles(),
	}, more...)...)
	if err != nil {
		return nil, e.unreadable(nil, err)
	}
	if len(opts.ConfigPaths) == 0 {
		return nil, say(ErrComposeFile, "there is no compose file in %s: correct target.dir, or put docker-compose.yml there", dir)
	}
	return opts, nil
}

// hashOf covers the text of the files, which people review, and what they resolve to, which is what compose would create.
func hashOf(loaded *types.Project, files []string) (string, error) {
	h := sha256.New()
	for _, name := range files {
		b, err := os.ReadFile(name) //nolint:gosec // The operator's own compose file.
		if err != nil {
			return "", err
		}
		h.Write([]byte(filepath.Base(name) + " " + strconv.Itoa(len(b)) + "\n"))
		h.Write(b)
	}
	resolved, err := loaded.MarshalJSON()
	if err != nil {
		return "", err
	}
	h.Write(resolved)
	return hex.EncodeToString(h.Sum(nil)), nil
}

func (p *Project) service(loaded *types.Project, s *types.ServiceConfig) (Service, error) {
	out := Service{
		Name: s.Name, Image: s.Image, DependsOn: p.dependsOn[s.Name], ContainerName: s.ContainerName, Replicas: s.GetScale(),
		Healthcheck: hasCheck(s.HealthCheck), MemoryLimit: int64(s.MemLimit), Restart: s.Restart,
		HostNetwork: s.NetworkMode == "host",
	}
	if s.Build != nil {
		out.Build = cmp.Or(s.Build.Context, p.Dir)
	}
	if s.Deploy != nil && s.Deploy.Resources.Limits != nil && out.MemoryLimit == 0 {
		out.MemoryLimit = int64(s.Deploy.Resources.Limits.MemoryBytes)
	}
	for _, port := range s.Ports {
		if port.Published != "" {
			out.HostPorts = append(out.HostPorts, fmt.Sprintf("%s->%d/%s", net.JoinHostPort(cmp.Or(port.HostIP, "0.0.0.0"), port.Published),
				port.Target, cmp.Or(port.Protocol, "tcp")))
		}
	}
	for _, v := range s.Volumes {
		if v.Type == types.VolumeTypeVolume && v.Source != "" {
			out.Volumes = append(out.Volumes, cmp.Or(loaded.Volumes[v.Source].Name, v.Source))
		}
	}
	resolved, err := json.Marshal(s)
	if err != nil {
		return Service{}, err
	}
	if p.Dir != "" { // where the files are makes no difference
		resolved = bytes.ReplaceAll(resolved, []byte(p.Dir), []byte("."))
	}
	sum := sha256.Sum256(resolved)
	out.Definition = hex.EncodeToString(sum[:])
	return out, nil
}

func hasCheck(c *types.HealthCheckConfig) bool {
	return c != nil && !c.Disable && len(c.Test) > 0 && c.Test[0] != "NONE"
}

// RestartOrder puts services into the order in which they may be started: what others depend on comes first, otherwise by name.
// None means all that are operated.
func (p *Project) RestartOrder(services ...string) ([]string, error) {
	if len(services) == 0 {
		services = p.names()
	}
	for _, name := range services {
		if _, err := p.Service(name); err != nil {
			return nil, err
		}
	}
	// Over all services of the file: one that is left out may still stand between two that are not. compose-go refused circles.
	var order []string
	seen := map[string]bool{}
	var visit func(name string)
	visit = func(name string) {
		if seen[name] {
			return
		}
		seen[name] = true
		for _, before := range p.dependsOn[name] {
			visit(before)
		}
		order = append(order, name)
	}
	for _, name := range slices.Sorted(maps.Keys(p.dependsOn)) {
		visit(name)
	}
	return slices.DeleteFunc(order, func(name string) bool { return !slices.Contains(services, name) }), nil
}
