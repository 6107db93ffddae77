package deploy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/docker"
)

// roll exchanges the containers of one service. Old is what was there when it began, by id; whatever else the service has is new. That
// holds for half-done states as well: for two containers instead of one, whoever finds them.
type roll struct{ *Kind }

// Do implements ops.Doer.
func (s roll) Do(ctx context.Context, r *ops.Run) error {
	var a rollArgs
	var want imageRecord
	err := r.Args(&a)
	if err == nil {
		_, err = r.Output(stepImage+":"+r.Subject(), &want)
	}
	if err == nil && want.ID == "" {
		err = errors.New("no image was recorded for it")
	}
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ops.ErrUnchanged, r.Subject(), err)
	}
	if err := s.others(ctx, r); err != nil {
		return fmt.Errorf("%w: %w", ops.ErrUnchanged, err)
	}
	rec, err := s.begin(ctx, r, &a.Service, want.ID)
	if err != nil || rec.Same {
		return err
	}
	p, err := s.proxyOf(ctx, a.Service.Name)
	if err == nil {
		err = p.test(ctx)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ops.ErrUnchanged, err)
	}
	if a.Service.Mode == Recreate {
		return s.recreate(ctx, r, &a.Service, rec, want.ID)
	}
	return s.exchange(ctx, r, &a.Service, rec, want.ID, p)
}

// others tells when a service that was exchanged before this one does not do well any more: there is no point in going on.
func (s roll) others(ctx context.Context, r *ops.Run) error {
	all, err := s.docker.Containers(ctx)
	if err != nil {
		return err
	}
	for _, st := range r.Operation.Steps {
		var rec rollRecord
		service, ok := strings.CutPrefix(st.Name, stepRoll+":")
		if !ok || st.Name == r.Step.Name {
			continue
		}
		if found, err := r.Output(st.Name, &rec); err != nil || !found {
			return err
		}
		for i := range all {
			c := &all[i]
			if c.Service != service || rec.isOld(c.ID) || c.Running() && c.Health != "unhealthy" {
				continue
			}
			reason := "is " + strings.TrimSpace(c.State+" "+c.Health)
			return s.unhealthy(&docker.UnhealthyError{Container: *c, Reason: reason, HealthOutput: c.HealthOutput, Log: s.log(ctx, c.ID)})
		}
	}
	return nil
}

// begin records what is there.
func (s roll) begin(ctx context.Context, r *ops.Run, sv *Service, want string) (*rollRecord, error) {
	rec := &rollRecord{}
	found, err := r.Output(r.Step.Name, rec)
	if err != nil || found {
		return rec, err
	}
	cs, err := s.of(ctx, sv.Name)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ops.ErrUnchanged, err)
	}
	rec.Wanted, rec.Same = sv.Replicas, !sv.Changed && runs(cs, sv.Name, want)
	// Beside one that runs, one that does not is what an earlier deploy could not remove: compose would start it again.
	some := slices.ContainsFunc(cs, func(c docker.Container) bool { return c.Running() })
	for _, c := range cs {
		if some && !c.Running() {
			rec.Left = append(rec.Left, c.ID)
			continue
		}
		rec.Old = append(rec.Old, ops.Container{ID: c.ID, Image: c.ImageID})
	}
	return rec, r.Record(ctx, rec)
}

// of gives the containers of a service.
func (k *Kind) of(ctx context.Context, service string) ([]docker.Container, error) {
	all, err := k.docker.Containers(ctx)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(c docker.Container) bool { return c.Service != service }), nil
}

// fresh gives the containers of a service that are not old.
func (rec *rollRecord) fresh(cs []docker.Container) []docker.Container {
	return slices.DeleteFunc(slices.Clone(cs), func(c docker.Container) bool { return rec.isOld(c.ID) || slices.Contains(rec.Left, c.ID) })
}

func (rec *rollRecord) isOld(id string) bool {
	return slices.ContainsFunc(rec.Old, func(o ops.Container) bool { return o.ID == id })
}

// exchange starts the new ones, waits until they are healthy, has nginx know them, and stops the old ones. Those are kept, stopped.
func (s roll) exchange(ctx context.Context, r *ops.Run, sv *Service, rec *rollRecord, want string, p *proxy) error {
	for _, id := range rec.Left {
		if err := s.docker.Remove(ctx, id); err != nil {
			return err
		}
	}
	if err := s.up(ctx, sv.Name, len(rec.Old)+rec.Wanted, "--no-recreate"); err != nil {
		return err
	}
	if err := s.good(ctx, r, sv, rec, want); err != nil {
		return err
	}
	rec.Reloaded = true
	if err := r.Record(ctx, rec); err != nil {
		return err
	}
	if err := p.reload(ctx); err != nil {
		return err
	}
	if err := errors.Join(r.Held(ctx), s.others(ctx, r)); err != nil {
		return err
	}
	rec.Stopped = true
	if err := r.Record(ctx, rec); err != nil {
		return err
	}
	cs, err := s.of(ctx, sv.Name)
	if err != nil {
		return err
	}
	if err := s.stop(ctx, slices.DeleteFunc(cs, func(c docker.Container) bool { return !rec.isOld(c.ID) })); err != nil {
		return err
	}
	if err := p.reload(ctx); err != nil {
		return err
	}
	rec.Settled = true
	return r.Record(ctx, rec)
}

// recreate stops the old one first: it cannot be done in another way.
func (s roll) recreate(ctx context.Context, r *ops.Run, sv *Service, rec *rollRecord, want string) error {
	rec.Reloaded, rec.Stopped = true, true
	if err := errors.Join(r.Record(ctx, rec), r.Held(ctx)); err != nil {
		return err
	}
	if err := s.up(ctx, sv.Name, 0, "--force-recreate"); err != nil {
		return err
	}
	if err := s.good(ctx, r, sv, rec, want); err != nil {
		return err
	}
	p, err := s.proxyOf(ctx, sv.Name)
	if err != nil {
		return err
	}
	if err := p.reload(ctx); err != nil {
		return err
	}
	rec.Settled = true
	return r.Record(ctx, rec)
}

// up has compose create the containers of one service and of no other.
func (k *Kind) up(ctx context.Context, service string, scale int, how string) error {
	ctx, cancel := context.WithTimeout(ctx, composeIn)
	defer cancel()
	args := []string{"up", "-d", "--no-deps", "--no-build", how}
	if scale > 0 {
		args = append(args, "--scale", fmt.Sprintf("%s=%d", service, scale))
	}
	out, err := k.docker.ComposeWith(ctx, docker.Call{}, append(args, service)...)
	return k.quoted(err, out)
}

// good waits until the new ones are healthy, and makes sure that they run what was approved.
func (s roll) good(ctx context.Context, r *ops.Run, sv *Service, rec *rollRecord, want string) error {
	cs, err := s.of(ctx, sv.Name)
	if err != nil {
		return err
	}
	fresh := rec.fresh(cs)
	if len(fresh) < rec.Wanted {
		return ops.Caused("compose_made", sv.Name, fmt.Errorf("%d new containers, and %d were to be made", len(fresh), rec.Wanted))
	}
	for _, c := range fresh {
		if c.ImageID != want {
			return fmt.Errorf("the new container %s runs the image %s, and %s was approved", c.Name, shortID(c.ImageID), shortID(want))
		}
	}
	return s.healthy(ctx, fresh, s.cfg.Stable, r.Progress)
}

// healthy waits until all of them are healthy for so long.
func (k *Kind) healthy(ctx context.Context, cs []docker.Container, stable time.Duration, show func(ops.Progress)) error {
	ctx, cancel := context.WithTimeout(ctx, k.cfg.HealthyIn)
	defer cancel()
	g, gctx := errgroup.WithContext(ctx)
	for i, c := range cs {
		g.Go(func() error {
			var progress func(docker.Progress)
			if i == 0 && show != nil {
				progress = func(p docker.Progress) {
					show(ops.Progress{Done: int64(p.Good / time.Second), Total: int64(p.Stable / time.Second), Unit: "seconds"})
				}
			}
			_, err := k.docker.WaitHealthy(gctx, c.ID, stable, progress)
			return k.unhealthy(err)
		})
	}
	return g.Wait()
}

// unhealthy quotes the last health output and the last lines of the log, without secrets.
func (k *Kind) unhealthy(err error) error {
	u, ok := errors.AsType[*docker.UnhealthyError](err)
	if !ok {
		return err
	}
	text := ""
	if out := lastLines(k.redact(u.HealthOutput), 5); out != "" {
		text += "\nhealthcheck: " + out
	}
	if log := k.redact(strings.Join(u.Log, "\n")); log != "" {
		text += "\nlog:\n" + lastLines(log, quotes)
	}
	return &ops.Because{Reason: ops.Reason{Code: "unhealthy", Name: u.Container.Service, Text: err.Error() + text}, Err: err}
}

// stop stops containers side by side.
func (k *Kind) stop(ctx context.Context, cs []docker.Container) error {
	var g errgroup.Group
	for _, c := range cs {
		g.Go(func() error {
			if err := k.docker.Stop(ctx, c.ID, k.cfg.StopIn); err != nil && !errors.Is(err, docker.ErrGone) {
				return err
			}
			return nil
		})
	}
	return g.Wait()
}

// argsOf reads the arguments of a step that is not the running one.
func argsOf(st ops.StepPlan, into any) error {
	if err := json.Unmarshal(st.Args, into); err != nil {
		return fmt.Errorf("read the arguments of step %s: %w", st.Name, err)
	}
	return nil
}
