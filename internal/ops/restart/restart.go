// Package restart is the operation that restarts one service of the application, or all of them, in the order of their dependencies.
// A service counts as restarted when it is healthy again, and only then the next one goes.
package restart

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/docker"
	"github.com/ai-notebook/notebookbot/internal/ops/target"
)

// Engine is the part of docker.Engine that restarting uses beside that of the target.
type Engine interface {
	target.Engine
	Container(ctx context.Context, id string) (*docker.Container, error)
	Restart(ctx context.Context, id string, timeout time.Duration) error
}

var _ Engine = (*docker.Engine)(nil)

// Kind is `restart SERVICE|all [--no-backup]`.
type Kind struct {
	Engine Engine
	App    *target.Application
}

var _ ops.Kind = (*Kind)(nil)

const (
	// stopWithin is what a service gets to end by itself.
	stopWithin = 30 * time.Second
	// stepWithin is the longest that one container may take, and they go one after the other: to end, to start, and to be healthy.
	stepWithin = 4 * time.Minute
	all        = "all"
	noBackup   = "--no-backup"
)

// Word implements ops.Kind.
func (*Kind) Word() string { return "restart" }

// Plan implements ops.Kind.
func (k *Kind) Plan(ctx context.Context, req ops.Request) (ops.Plan, error) {
	project, err := k.Engine.Project(ctx)
	if err != nil {
		return ops.Plan{}, target.Explain(err)
	}
	names := slices.DeleteFunc(slices.Clone(req.Args), func(a string) bool { return strings.HasPrefix(a, "-") })
	if len(names) != 1 {
		return ops.Plan{}, &ops.Problem{Code: "no_service", Names: target.Names(project)}
	}
	services, err := k.services(project, names[0])
	if err != nil {
		return ops.Plan{}, err
	}
	bound, err := k.App.Bind(ctx)
	if err != nil {
		return ops.Plan{}, err
	}
	affected, err := k.App.Affected(ctx, services)
	if err != nil {
		return ops.Plan{}, err
	}
	p := ops.Plan{
		Word: k.Word(), Args: []string{names[0]}, Project: k.App.Project, Services: affected, Target: bound, Silence: services,
		Backup: ops.Backup{Choice: ops.BackupWanted},
	}
	if slices.Contains(req.Args, noBackup) {
		p.Args = append(p.Args, noBackup)
		p.Backup = ops.Backup{Choice: ops.BackupNone, Why: "asked"}
	}
	for _, s := range affected {
		if len(s.Containers) == 0 {
			return ops.Plan{}, &ops.Problem{Code: "not_created", Name: s.Name}
		}
		p.Steps = append(p.Steps, ops.StepPlan{Name: "restart:" + s.Name, Changes: true, Deadline: stepWithin * time.Duration(len(s.Containers))})
	}
	p.Checks = k.App.Checks(services)
	p.Notes = notes(project, services)
	return p, nil
}

// services are those that are restarted, in the order of their dependencies.
func (*Kind) services(p *docker.Project, name string) ([]string, error) {
	if name == all {
		return p.RestartOrder()
	}
	if _, err := target.Service(p, name); err != nil {
		return nil, err
	}
	return []string{name}, nil
}

// notes are what people should know before they approve: who feels it, and what cannot be seen afterwards.
func notes(p *docker.Project, services []string) []string {
	var dependents, blind []string
	for _, s := range p.Services {
		in := slices.Contains(services, s.Name)
		if in && !s.Healthcheck {
			blind = append(blind, s.Name)
		}
		if !in && slices.ContainsFunc(s.DependsOn, func(d string) bool { return slices.Contains(services, d) }) {
			dependents = append(dependents, s.Name)
		}
	}
	out := []string{"down_meanwhile"}
	if len(dependents) > 0 {
		out = append(out, "dependents: "+strings.Join(dependents, ", "))
	}
	if len(blind) > 0 {
		out = append(out, "no_healthcheck: "+strings.Join(blind, ", "))
	}
	return out
}

// Step implements ops.Kind.
func (k *Kind) Step(name string) (ops.Doer, bool) {
	if strings.HasPrefix(name, "restart:") {
		return step{k}, true
	}
	return k.App.Check(name)
}
