package sample

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops/docker"
)

const (
	healthOK   = "ok"
	healthNone = "none" // nobody answers
	requests   = 10     // of which the share of errors is told
)

// watch looks at the containers and asks the application.
func (s *Sample) watch(ctx context.Context) {
	containers, err := s.engine.Containers(ctx)
	if errors.Is(err, docker.ErrNoContainers) {
		err = nil
	}
	health, version := s.ask(ctx, "health")
	answered, _ := s.ask(ctx, "api/version")
	if ctx.Err() != nil {
		return // nothing that was seen means anything
	}
	now := time.Now()
	list := services(containers, s.State().Services, now)
	share := s.errors(list, answered == healthOK)
	s.change(func(st *State) {
		st.Health, st.Errors, st.Error = health, share, ""
		if version != "" {
			st.Running = version
		}
		if err != nil {
			st.Error = err.Error()
			return
		}
		st.Services = list
	})
}

// errors counts one more answer and gives the share of bad ones in percent. While the backend is not up it counts none: that is told
// in another way, and is over with it.
func (s *Sample) errors(list []Service, good bool) int {
	if slices.ContainsFunc(list, func(v Service) bool { return v.Name == "backend" && v.State != ServiceUp }) {
		s.recent = nil
		return 0
	}
	s.recent = append(s.recent, !good)
	s.recent = s.recent[max(0, len(s.recent)-requests):]
	bad := 0
	for _, b := range s.recent {
		if b {
			bad++
		}
	}
	return bad * 100 / requests
}

// services tells how each service is. Since when is kept from before where nothing has changed.
func services(containers []docker.Container, before []Service, now time.Time) []Service {
	var out []Service
	for _, name := range Services {
		v := Service{Name: name, State: ServiceDown, Since: now}
		for _, c := range containers {
			if c.Service != name {
				continue
			}
			is := stateOf(c)
			// Of several, while a version is exchanged, the best one counts.
			order := []string{ServiceDown, ServiceUnhealthy, ServiceStarting, ServiceUp}
			if v.Version != "" && slices.Index(order, is) < slices.Index(order, v.State) {
				continue
			}
			v.State, v.Version, v.Detail = is, c.Image[strings.LastIndex(c.Image, ":")+1:], detail(c)
		}
		if name != "backend" && name != "frontend" {
			v.Version = ""
		}
		if i := slices.IndexFunc(before, func(b Service) bool { return b.Name == name && b.State == v.State }); i >= 0 {
			v.Since = before[i].Since
		}
		out = append(out, v)
	}
	return out
}

func stateOf(c docker.Container) string {
	switch {
	case !c.Running():
		return ServiceDown
	case c.Health == "starting":
		return ServiceStarting
	case c.Health == "unhealthy":
		return ServiceUnhealthy
	}
	return ServiceUp
}

func detail(c docker.Container) string {
	switch {
	case c.OOMKilled:
		return "out of memory"
	case !c.Running() && c.State == "exited":
		return fmt.Sprintf("exit code %d", c.ExitCode)
	}
	return ""
}

// ask gives "ok", the status, or "none", and the version that answers.
func (s *Sample) ask(ctx context.Context, path string) (string, string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.State().URL+path, http.NoBody)
	if err != nil {
		return healthNone, ""
	}
	res, err := s.http.Do(req)
	if err != nil {
		return healthNone, ""
	}
	defer res.Body.Close() //nolint:errcheck // Read as far as it matters.
	const enough = 4 << 10
	var said struct{ Version string }
	_ = json.NewDecoder(io.LimitReader(res.Body, enough)).Decode(&said) // an error page has none
	if res.StatusCode != http.StatusOK {
		return res.Status, said.Version
	}
	return healthOK, said.Version
}
