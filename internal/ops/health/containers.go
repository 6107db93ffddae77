package health

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops/docker"
	"github.com/ai-notebook/notebookbot/internal/ops/logs"
)

const (
	// recently is how long a restart counts as news.
	recently = time.Hour
	// errorsOver is the length of time whose error lines are counted, and errorsLooked how many lines of a container are looked at.
	errorsOver   = time.Hour
	errorsLooked = 5000
	// manyErrors of an hour are a warning; fewer are told.
	manyErrors = 10
)

func lookDocker(ctx context.Context, s *scene) []Check {
	k := check{name: "docker"}
	list, err := s.containers(ctx)
	switch {
	case errors.Is(err, docker.ErrUnreachable):
		return []Check{k.one(Failed, "docker.down", Facts{Word: "away", Text: s.text(err.Error(), shortText)})}
	case errors.Is(err, docker.ErrForbidden):
		return []Check{k.one(Failed, "docker.down", Facts{Word: "forbidden", Text: s.text(err.Error(), shortText)})}
	case errors.Is(err, docker.ErrNoContainers):
		return []Check{k.one(Failed, "docker.down", Facts{Word: "none", Text: s.text(err.Error(), shortText)})}
	case err != nil:
		return []Check{k.trouble(s, err)}
	}
	n := 0
	for _, c := range list {
		if c.Running() {
			n++
		}
	}
	ck := k.one(OK, "docker.up", Facts{Count: n, Total: len(list)})
	if _, err := s.planned(ctx); err != nil { // then a service without a container is not missed
		ck.Findings = append(ck.Findings, Finding{Warning, "docker.compose", Facts{Text: s.text(err.Error(), shortText)}})
	}
	return []Check{ck}
}

// lookContainers tells of each container, and of each service that has none.
func lookContainers(ctx context.Context, s *scene) []Check {
	k := check{name: "container"}
	list, err := s.containers(ctx)
	if err != nil {
		return []Check{k.trouble(s, err)}
	}
	var out []Check
	several := map[string]int{}
	for _, c := range list {
		several[c.Service]++
	}
	for _, c := range list {
		if !s.about(c.Service) {
			continue
		}
		subject := c.Service
		if several[c.Service] > 1 {
			subject = c.Name
		}
		out = append(out, Check{Name: k.name, Subject: subject, Service: c.Service, Findings: s.container(&c)})
	}
	for _, service := range s.services(ctx) {
		if s.about(service) && several[service] == 0 {
			out = append(out, Check{Name: k.name, Subject: service, Service: service, Findings: []Finding{{Failed, "container.missing", Facts{Word: service}}}})
		}
	}
	return out
}

// container says how one container is.
func (s *scene) container(c *docker.Container) []Finding {
	var out []Finding
	add := func(st State, code string, f Facts) { out = append(out, Finding{st, code, f}) }
	now := s.Now()
	health := Facts{Count: c.FailedChecks, Text: s.text(c.HealthOutput, shortText)}
	switch {
	case c.State == "exited" && c.ExitCode == 0 && !c.OOMKilled && (c.Restart == "" || c.Restart == "no"):
		add(OK, "container.finished", Facts{At: c.Finished})
	case c.State == "exited", c.State == "dead":
		add(Failed, "container.exited", Facts{Count: c.ExitCode, At: c.Finished, Text: s.text(c.Error, shortText)})
	case c.State == "restarting":
		add(Failed, "container.restarting", Facts{Count: c.ExitCode, Total: c.Restarts})
	case !c.Running(): // created, paused, removing
		add(Failed, "container.off", Facts{Word: c.State, Text: s.text(c.Error, shortText)})
	case c.Health == "unhealthy":
		add(Failed, "container.unhealthy", health)
	case c.Health == "starting":
		health.Age = now.Sub(c.Started)
		add(Warning, "container.starting", health)
	case c.FailedChecks > 0:
		add(Warning, "container.failing", health)
	default:
		add(OK, "container.up", Facts{Age: now.Sub(c.Started), Word: c.Health})
	}
	if c.OOMKilled {
		add(Warning, "container.oom", Facts{Of: c.MemoryLimit})
	}
	if c.Restarts > 0 && c.State != "restarting" {
		age := now.Sub(c.Started)
		st := OK
		if age < recently {
			st = Warning
		}
		add(st, "container.restarts", Facts{Count: c.Restarts, Age: age})
	}
	if c.Running() {
		out = append(out, s.used(c)...)
	}
	return out
}

// used says what a container uses of its memory limit and of the processors.
func (s *scene) used(c *docker.Container) []Finding {
	st, ok := s.stats[c.ID]
	if !ok {
		return []Finding{{OK, "container.unmeasured", Facts{}}}
	}
	if st.MemoryLimit == 0 {
		return []Finding{{OK, "container.memory_free", Facts{Bytes: int64(min(st.Memory, 1<<62)), Value: st.CPU}}}
	}
	share := int(st.MemoryShare() + 0.5)
	f := Facts{Percent: share, Limit: s.Memory, Bytes: int64(min(st.Memory, 1<<62)), Of: int64(min(st.MemoryLimit, 1<<62)), Value: st.CPU}
	return []Finding{{level(share, s.Memory), "container.memory", f}}
}

// lookErrors counts the error lines of the last hour by service.
func lookErrors(ctx context.Context, s *scene) []Check {
	k := check{name: "errors"}
	list, err := s.containers(ctx)
	if err != nil {
		return []Check{k.trouble(s, err)}
	}
	type seen struct {
		lines  []string
		looked int
		full   bool
		err    error
	}
	list = slices.DeleteFunc(slices.Clone(list), func(c docker.Container) bool { return !s.about(c.Service) })
	found := make([]seen, len(list))
	done := make(chan int, len(list))
	since := s.Now().Add(-errorsOver)
	for i, c := range list {
		go func() {
			defer func() { done <- i }()
			lines, err := logs.Tail(ctx, s.Engine, c.ID, errorsLooked, since)
			found[i].looked, found[i].full, found[i].err = len(lines), len(lines) >= errorsLooked, err
			found[i].lines = slices.DeleteFunc(lines, func(l string) bool { return !logs.IsError(l) })
		}()
	}
	for range list {
		<-done
	}
	by := map[string]*Check{}
	var names []string
	bad := map[string][]string{}
	full := map[string]bool{}
	for i, c := range list {
		if by[c.Service] == nil {
			by[c.Service] = &Check{Name: k.name, Subject: c.Service, Service: c.Service}
			names = append(names, c.Service)
		}
		if err := found[i].err; err != nil {
			by[c.Service].Findings = append(by[c.Service].Findings, k.trouble(s, err).Findings...)
			continue
		}
		bad[c.Service] = append(bad[c.Service], found[i].lines...)
		full[c.Service] = full[c.Service] || found[i].full
	}
	var out []Check
	slices.Sort(names)
	for _, name := range names {
		ck := by[name]
		ck.Findings = append(ck.Findings, s.errorLines(bad[name], full[name]))
		out = append(out, *ck)
	}
	return out
}

// errorLines says how many there are, and quotes the shape that is seen most: everybody may ask for health, and only some for logs.
func (s *scene) errorLines(lines []string, full bool) Finding {
	if len(lines) == 0 {
		return Finding{OK, "errors.none", Facts{Age: errorsOver}}
	}
	f := Facts{Count: len(lines), Age: errorsOver}
	if full {
		f.Total = errorsLooked
	}
	g := logs.Groups(s.hide.Lines(lines))
	if len(g) > 0 {
		f.Most, f.Text = g[0].Count, s.text(g[0].Shape, shortText)
	}
	st := OK
	if len(lines) >= manyErrors || slices.ContainsFunc(lines, deadly) {
		st = Warning
	}
	return Finding{st, "errors.some", f}
}

// deadly lines are news even if there is but one.
func deadly(l string) bool {
	return strings.Contains(l, "PANIC") || strings.Contains(l, "panic:") || strings.Contains(strings.ToLower(l), "out of memory")
}

// level is a warning from the threshold on, and a failure when three quarters of what was left then are gone too.
func level(percent, threshold int) State {
	switch {
	case threshold <= 0 || percent < threshold:
		return OK
	case 4*(100-percent) <= 100-threshold:
		return Failed
	}
	return Warning
}
