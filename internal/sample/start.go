package sample

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops/docker"
	"github.com/ai-notebook/notebookbot/internal/sample/images"
)

// Versions are those that can be deployed: v1 runs first, v2 is good, v3 never is healthy, v4 is good until the
// bot watches it.
var Versions = []images.Version{{Name: "v1"}, {Name: "v2"}, {Name: "v3", Fault: "unhealthy"}, {Name: "v4", Fault: "fails 35s"}}

// healthyWithin is how long the application may take until it is healthy. PostgreSQL makes its database first.
const healthyWithin = 2 * time.Minute

var (
	errTaken = errors.New("another demo on this machine runs the sample application")
	errNever = errors.New("not healthy in time")
)

// start brings the application up. What fails leaves nothing behind.
func (s *Sample) start(ctx context.Context) {
	s.change(func(st *State) { st.Phase, st.Steps, st.Error = Starting, nil, "" })
	err := s.bringUp(ctx)
	if err == nil {
		s.recent = nil
		s.change(func(st *State) { st.Phase = Up })
		s.watch(ctx)
		return
	}
	s.log.WarnContext(ctx, "starting the sample application", "err", err)
	left, cancel := context.WithTimeout(context.WithoutCancel(ctx), endWithin)
	defer cancel()
	if s.lock.Locked() {
		err = errors.Join(err, s.sweep(left), s.lock.Unlock())
	}
	s.change(func(st *State) { st.Phase, st.Error = Failed, words(err) })
}

// words are what is shown of an error: compose says more than its exit code.
func words(err error) string {
	text := err.Error()
	if c, ok := errors.AsType[*docker.ComposeError](err); ok {
		const enough = 600
		said := strings.TrimSpace(c.Output)
		text += "\n" + said[max(0, len(said)-enough):]
	}
	return text
}

func (s *Sample) bringUp(ctx context.Context) error {
	// Another demo that looks whether it is free holds it for an instant.
	patient, cancel := context.WithTimeout(ctx, lookEvery)
	defer cancel()
	if ok, err := s.lock.TryLockContext(patient, 50*time.Millisecond); !ok {
		return errors.Join(errTaken, err)
	}
	if others, err := s.others(ctx); err != nil || others != "" {
		return errors.Join(err, fmt.Errorf("the project %s belongs to %s", Project, others)) //nolint:err113 // Shown to the visitor.
	}
	steps := []struct {
		code, name string
		do         func() error
	}{
		{"clean", "", func() error { return s.sweep(ctx) }},
		{"files", "", func() error { return s.Files(ctx) }},
	}
	for _, p := range images.Parts {
		steps = append(steps, struct {
			code, name string
			do         func() error
		}{"image", p.Name, func() error { return p.Make(ctx, s.cfg.Host, Project) }})
	}
	steps = append(steps, []struct {
		code, name string
		do         func() error
	}{
		{"image", "backend, frontend", func() error {
			return images.Program(ctx, s.cfg.Host, Project, s.cfg.Program, s.cfg.Env, Versions...)
		}},
		{"up", "", func() error { _, err := s.engine.Compose(ctx, "up", "-d"); return err }},
		{"healthy", "", func() error { return s.waitHealthy(ctx) }},
	}...)
	for _, step := range steps {
		if err := s.step(step.code, step.name, step.do); err != nil {
			return err
		}
	}
	return nil
}

// step does something and shows how long it takes.
func (s *Sample) step(code, name string, do func() error) error {
	began := time.Now()
	s.change(func(st *State) { st.Steps = append(slices.Clone(st.Steps), Step{Code: code, Name: name, Began: began}) })
	if err := do(); err != nil {
		return err
	}
	s.change(func(st *State) {
		st.Steps = slices.Clone(st.Steps)
		st.Steps[len(st.Steps)-1].Took = max(1, int(time.Since(began).Milliseconds()))
	})
	return nil
}

func (s *Sample) waitHealthy(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, healthyWithin)
	defer cancel()
	tick := time.NewTicker(lookEvery / 4) //nolint:mnd // Quicker than later.
	defer tick.Stop()
	for {
		s.watch(ctx)
		st := s.State()
		if st.Health == healthOK && !slices.ContainsFunc(st.Services, func(v Service) bool { return v.State != ServiceUp }) {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			var not []string
			for _, v := range st.Services {
				if v.State != ServiceUp {
					not = append(not, v.Name+" is "+v.State)
				}
			}
			return fmt.Errorf("%w: %s; its address answers: %s", errNever, strings.Join(not, ", "), st.Health)
		}
	}
}
