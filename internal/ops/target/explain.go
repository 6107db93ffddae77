package target

import (
	"errors"
	"strings"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/docker"
)

// problems are what the engine can say that people mend.
var problems = []struct {
	err  error
	code string
}{
	{docker.ErrUnreachable, "docker_away"},
	{docker.ErrForbidden, "docker_forbidden"},
	{docker.ErrComposeFile, "compose_file"},
	{docker.ErrNoCompose, "no_compose"},
	{docker.ErrMixedCompose, "mixed_compose"},
	{docker.ErrNoContainers, "no_containers"},
}

// Explain turns what the engine says into a problem that people can act on; other errors come back as they are.
func Explain(err error) error {
	for _, p := range problems {
		if errors.Is(err, p.err) {
			return &ops.Problem{Code: p.code, Text: err.Error(), Err: err}
		}
	}
	return err
}

// Service refuses a name that is no service of the compose file, and tells which ones there are.
func Service(p *docker.Project, name string) (docker.Service, error) {
	s, err := p.Service(name)
	if err == nil {
		return s, nil
	}
	return s, &ops.Problem{Code: "unknown_service", Name: name, Names: Names(p), Err: err}
}

// Names lists the services that are operated.
func Names(p *docker.Project) []string {
	var out []string
	for _, s := range p.Services {
		out = append(out, s.Name)
	}
	return out
}

// Quote adds to an error what the container said last, without its secrets: its health output and the end of its log.
func (a *Application) Quote(err error) error {
	u, ok := errors.AsType[*docker.UnhealthyError](err)
	if !ok {
		return err
	}
	return &ops.Because{Reason: ops.Reason{Code: "unhealthy", Name: u.Container.Service, Text: err.Error() + a.said(u)}, Err: err}
}

func (a *Application) said(u *docker.UnhealthyError) string {
	hide := a.redactor()
	var b strings.Builder
	if out := strings.TrimSpace(hide.Text(u.HealthOutput)); out != "" {
		b.WriteString("\nhealth: " + out)
	}
	for _, line := range hide.Lines(u.Log) {
		b.WriteString("\n| " + line)
	}
	return b.String()
}
