// Package target is the application that operations act on: which services it has, what a plan binds to, and the checks that tell
// whether it serves.
package target

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/docker"
)

// Engine is the part of docker.Engine that this package uses.
type Engine interface {
	Project(ctx context.Context) (*docker.Project, error)
	Containers(ctx context.Context) ([]docker.Container, error)
	Fingerprint(ctx context.Context) (*docker.Fingerprint, error)
	WaitHealthy(ctx context.Context, id string, stable docker.Stable, progress func(docker.Progress)) (docker.Healthy, error)
}

var _ Engine = (*docker.Engine)(nil)

// Application is the compose project that is operated on.
type Application struct {
	Engine  Engine
	Project string   // whose lock operations hold
	URL     string   // of its public health check; empty: it is not asked
	Redact  func(string) string // takes secrets out of what containers wrote; nil: nothing that they wrote is quoted
}

var _ ops.Target = (*Application)(nil)

// Fingerprint implements ops.Target: it looks at what the plan binds to.
func (a *Application) Fingerprint(ctx context.Context, p ops.Plan) (ops.Fingerprint, error) {
	now, err := a.Engine.Fingerprint(ctx)
	if err != nil {
		return ops.Fingerprint{}, Explain(err)
	}
	f := whole(now)
	for name := range f.Services {
		if _, bound := p.Target.Services[name]; !bound && p.Target.Partial {
			delete(f.Services, name)
		}
	}
	if p.Target.Commit == "" {
		f.Commit = ""
	}
	if p.Target.Compose == "" {
		f.Compose = ""
	}
	return f, nil
}

// Bind is the fingerprint that a plan is made for: all services with their images, the commit and the compose file.
func (a *Application) Bind(ctx context.Context) (ops.Fingerprint, error) {
	now, err := a.Engine.Fingerprint(ctx)
	if err != nil {
		return ops.Fingerprint{}, Explain(err)
	}
	return whole(now), nil
}

func whole(f *docker.Fingerprint) ops.Fingerprint {
	out := ops.Fingerprint{Services: map[string][]string{}, Commit: f.Commit, Compose: f.Compose}
	for _, s := range f.Services {
		out.Services[s.Service] = slices.Clone(s.Images)
	}
	return out
}
