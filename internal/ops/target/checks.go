package target

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/docker"
)

const (
	healthyWithin = 3 * time.Minute
	urlWithin     = time.Minute
	// Answers in a row that the public address must give: one may still come from what is about to end.
	answersInARow = 3
	askEvery      = 500 * time.Millisecond
	askWithin     = 5 * time.Second
)

// Checks are what is verified after an operation on these services: each is healthy for a while, and the public address answers.
func (a *Application) Checks(services []string) []ops.StepPlan {
	var out []ops.StepPlan
	for _, s := range services {
		out = append(out, ops.StepPlan{Name: "healthy:" + s, Deadline: healthyWithin})
	}
	if a.URL != "" {
		out = append(out, ops.StepPlan{Name: "url", Deadline: urlWithin})
	}
	return out
}

// Check gives what carries out a check of Checks.
func (a *Application) Check(name string) (ops.Doer, bool) {
	code, subject, _ := strings.Cut(name, ":")
	switch {
	case code == "healthy" && subject != "":
		return check{func(ctx context.Context, r *ops.Run) error { return a.Healthy(ctx, subject, Tell(r)) }}, true
	case name == "url":
		return check{func(ctx context.Context, _ *ops.Run) error { return a.Answers(ctx) }}, true
	}
	return nil, false
}

// check is a step that only looks: after a crash it is simply done again.
type check struct {
	do func(ctx context.Context, r *ops.Run) error
}

func (c check) Do(ctx context.Context, r *ops.Run) error       { return c.do(ctx, r) }
func (check) Look(context.Context, *ops.Run) (ops.Seen, error) { return ops.SeenNotDone, nil }
func (check) Undo(context.Context, *ops.Run) error             { return nil }

// Healthy waits until all containers of a service are healthy without a break. An error quotes what the container said last.
func (a *Application) Healthy(ctx context.Context, service string, progress func(docker.Progress)) error {
	containers, err := a.Engine.Containers(ctx)
	if err != nil {
		return Explain(err)
	}
	found := false
	for i := range containers {
		c := &containers[i]
		if c.Service != service {
			continue
		}
		found = true
		if _, err := a.Engine.WaitHealthy(ctx, c.ID, a.stable(), progress); err != nil {
			return a.Quote(err)
		}
	}
	if !found {
		return &ops.Because{Reason: ops.Reason{Code: "no_container", Name: service}}
	}
	return nil
}

// Tell shows how long a container is good already as the progress of a step.
func Tell(r *ops.Run) func(docker.Progress) {
	return func(p docker.Progress) {
		if p.Stable >= time.Second {
			r.Progress(ops.Progress{Done: int64(p.Good / time.Second), Total: int64(p.Stable / time.Second), Unit: "seconds"})
		}
	}
}

// Answers waits until the public address answers well several times in a row.
func (a *Application) Answers(ctx context.Context) error {
	good, last := 0, error(nil)
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	for {
		if err := a.ask(ctx); err == nil {
			good++
		} else if good, last = 0, err; ctx.Err() != nil && last == nil {
			last = ctx.Err()
		}
		if good >= answersInARow {
			return nil
		}
		select {
		case <-ctx.Done():
			if last == nil {
				last = ctx.Err()
			}
			return &ops.Because{Reason: ops.Reason{Code: "url_wrong", Name: a.URL, Text: last.Error()}, Err: last}
		case <-tick.C:
		}
	}
}

// publicClient follows no redirects to elsewhere and keeps no connection: each question is one of a new visitor.
var publicClient = &http.Client{
	Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

func (a *Application) ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.URL, http.NoBody)
	if err != nil {
		return err
	}
	res, err := publicClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close() //nolint:errcheck // Only read.
	const enough = 4 << 10
	body, err := io.ReadAll(io.LimitReader(res.Body, enough))
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		text := strings.TrimSpace(a.redactor().Text(string(body)))
		return fmt.Errorf("HTTP status %d: %.300s", res.StatusCode, text)
	}
	return nil
}
