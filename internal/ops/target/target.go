// Package target is the application that operations act on: which services it has, what a plan binds to, and the checks that tell
// whether it serves.
package target

import (
	"context"
	"slices"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/docker"
	"github.com/ai-notebook/notebookbot/internal/ops/redact"
)

// Engine is the part of docker.Engine that this package uses.
type Engine interface {
	Project(ctx context.Context) (*docker.Project, error)
	Containers(ctx context.Context) ([]docker.Container, error)
	Fingerprint(ctx context.Context) (*docker.Fingerprint, error)
	WaitHealthy(ctx context.Context, id string, stable time.Duration, progress func(docker.Progress)) (docker.Healthy, error)
}

var _ Engine = (*docker.Engine)(nil)

// Application is the compose project that is operated on.
type Application struct {
	Engine  Engine
	Project string                  // whose lock operations hold
	URL     string                  // of its public health check; empty: it is not asked
	Redact  func() *redact.Redactor // takes secrets out of what containers wrote before it is quoted; nil: knows their forms alone
	Stable  time.Duration           // how long a service must be healthy without a break; zero: five seconds
}

var _ ops.Target = (*Application)(nil)

func (a *Application) redactor() *redact.Redactor {
	if a.Redact == nil {
		return nil
	}
	return a.Redact()
}

const defaultStable = 5 * time.Second

func (a *Application) stable() time.Duration {
	if a.Stable > 0 {
		return a.Stable
	}
	return defaultStable
}

// Fingerprint implements ops.Target.
func (a *Application) Fingerprint(ctx context.Context, _ ops.Plan) (ops.Fingerprint, error) {
	return a.Bind(ctx)
}

// Bind is what a plan is made for: all services with their images, the commit and the compose file. Errors are *ops.Problem.
func (a *Application) Bind(ctx context.Context) (ops.Fingerprint, error) {
	now, err := a.Engine.Fingerprint(ctx)
	if err != nil {
		return ops.Fingerprint{}, Explain(err)
	}
	out := ops.Fingerprint{Services: map[string][]string{}, Commit: now.Commit, Compose: now.Compose}
	for _, s := range now.Services {
		out.Services[s.Service] = slices.Clone(s.Images)
	}
	return out, nil
}

// Affected gives services with the containers that they have now, in the order of the names given.
func (a *Application) Affected(ctx context.Context, services []string) ([]ops.Affected, error) {
	containers, err := a.Engine.Containers(ctx)
	if err != nil {
		return nil, Explain(err)
	}
	var out []ops.Affected
	for _, name := range services {
		s := ops.Affected{Name: name}
		for i := range containers {
			if c := &containers[i]; c.Service == name {
				s.Containers = append(s.Containers, ops.Container{ID: c.ID, Image: c.ImageID})
			}
		}
		out = append(out, s)
	}
	return out, nil
}
