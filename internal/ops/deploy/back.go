package deploy

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/docker"
)

// Undo implements ops.Doer: the way back to the old version, from wherever the exchange got to, without a gap where that is possible. What
// still serves is stopped last.
func (s roll) Undo(ctx context.Context, r *ops.Run) error {
	var a rollArgs
	rec := &rollRecord{}
	found, err := r.Output(r.Step.Name, rec)
	if err != nil || !found || rec.Same {
		return err
	}
	if err := r.Args(&a); err != nil {
		return err
	}
	// Compose makes what the files say.
	if err := s.restore(ctx, r); err != nil {
		return err
	}
	cs, err := s.of(ctx, a.Service.Name)
	if err != nil {
		return err
	}
	if !rec.Back {
		rec.Back = true
		for _, c := range rec.fresh(cs) {
			rec.Bad = append(rec.Bad, c.ID)
		}
		if err := r.Record(ctx, rec); err != nil {
			return err
		}
	}
	if a.Service.Mode == Recreate {
		return s.recreateBack(ctx, &a.Service, rec, cs)
	}
	return s.exchangeBack(ctx, &a.Service, rec, cs)
}

// restore puts files, pins and names of images back. It may be asked again.
func (k *Kind) restore(ctx context.Context, r *ops.Run) error {
	errs := []error{k.restoreFiles(ctx, r), k.restorePins(r)}
	for _, st := range r.Operation.Steps {
		if strings.HasPrefix(st.Name, stepImage+":") {
			errs = append(errs, k.restoreImage(ctx, r, st.StepPlan))
		}
	}
	return errors.Join(errs...)
}

func (rec *rollRecord) isBad(id string) bool { return slices.Contains(rec.Bad, id) }

// parted tells the containers that stay from those that go.
func (rec *rollRecord) parted(cs []docker.Container) (stay, gone []docker.Container) {
	for _, c := range cs {
		switch {
		case rec.isBad(c.ID):
			gone = append(gone, c)
		case !slices.Contains(rec.Left, c.ID):
			stay = append(stay, c)
		}
	}
	return stay, gone
}

func (s roll) exchangeBack(ctx context.Context, sv *Service, rec *rollRecord, cs []docker.Container) error {
	wanted := len(rec.Old)
	stay, gone := rec.parted(cs)
	var waits []docker.Container // those that did not run all the time
	if missing := wanted - len(stay); missing > 0 {
		if err := s.up(ctx, sv.Name, len(cs)+missing, "--no-recreate"); err != nil {
			return err
		}
		known := cs
		var err error
		if cs, err = s.of(ctx, sv.Name); err != nil {
			return err
		}
		stay, gone = rec.parted(cs)
		for _, c := range stay {
			if !slices.ContainsFunc(known, func(k docker.Container) bool { return k.ID == c.ID && k.Running() }) {
				waits = append(waits, c)
			}
		}
	}
	for _, c := range stay {
		if !c.Running() {
			if err := s.docker.Start(ctx, c.ID); err != nil {
				return err
			}
			waits = append(waits, c)
		}
	}
	if err := s.healthy(ctx, waits, 0, nil); err != nil {
		return err
	}
	return s.dismiss(ctx, sv.Name, rec, gone)
}

// dismiss takes the bad ones away. nginx is told before they go, where it may know them, and once more after.
func (s roll) dismiss(ctx context.Context, service string, rec *rollRecord, gone []docker.Container) error {
	p, err := s.proxyOf(ctx, service)
	if err != nil {
		return err
	}
	if rec.Reloaded {
		if err := p.reload(ctx); err != nil {
			return err
		}
	}
	if err := s.stop(ctx, gone); err != nil {
		return err
	}
	if rec.Reloaded {
		if err := p.reload(ctx); err != nil {
			return err
		}
	}
	for _, c := range gone {
		if err := s.docker.Remove(ctx, c.ID); err != nil {
			return err
		}
	}
	return nil
}

// recreateBack makes room first: there can be one only.
func (s roll) recreateBack(ctx context.Context, sv *Service, rec *rollRecord, cs []docker.Container) error {
	stay, gone := rec.parted(cs)
	if len(stay) == 0 && len(rec.Old) > 0 {
		if err := s.up(ctx, sv.Name, 0, "--force-recreate"); err != nil {
			return err
		}
	} else {
		if err := s.stop(ctx, gone); err != nil {
			return err
		}
		for _, c := range gone {
			if err := s.docker.Remove(ctx, c.ID); err != nil {
				return err
			}
		}
		for _, c := range stay {
			if err := s.docker.Start(ctx, c.ID); err != nil {
				return err
			}
		}
	}
	cs, err := s.of(ctx, sv.Name)
	if err != nil {
		return err
	}
	stay, _ = rec.parted(cs)
	if err := s.healthy(ctx, stay, 0, nil); err != nil {
		return err
	}
	return s.dismiss(ctx, sv.Name, rec, nil)
}

// Look implements ops.Doer.
func (s roll) Look(ctx context.Context, r *ops.Run) (ops.Seen, error) {
	rec := &rollRecord{}
	found, err := r.Output(r.Step.Name, rec)
	if err != nil {
		return ops.SeenUnclear, err
	}
	if !found {
		return ops.SeenNotDone, nil
	}
	if rec.Same {
		if undoing(r) {
			return ops.SeenNotDone, nil
		}
		return ops.SeenDone, nil
	}
	cs, err := s.of(ctx, r.Subject())
	if err != nil && !errors.Is(err, docker.ErrNoContainers) {
		return ops.SeenUnclear, err
	}
	return rec.seen(cs, undoing(r)), nil
}

// seen says what the containers mean.
func (rec *rollRecord) seen(cs []docker.Container, back bool) ops.Seen {
	oldRun, freshRun := 0, 0
	for _, c := range cs {
		switch {
		case !c.Running():
		case rec.isOld(c.ID):
			oldRun++
		default:
			freshRun++
		}
	}
	stay, gone := rec.parted(cs)
	switch {
	case back && rec.Back:
		up := 0
		for _, c := range stay {
			if c.Running() && c.Health != "unhealthy" {
				up++
			}
		}
		if len(gone) == 0 && up >= len(rec.Old) {
			return ops.SeenNotDone
		}
		return ops.SeenPartly
	case back:
		if len(rec.fresh(cs)) == 0 && oldRun == len(rec.Old) && !rec.Reloaded {
			return ops.SeenNotDone
		}
		return ops.SeenPartly
	case rec.Settled && freshRun >= rec.Wanted && oldRun == 0:
		return ops.SeenDone
	case len(rec.fresh(cs)) == 0 && oldRun == len(rec.Old) && !rec.Reloaded:
		return ops.SeenNotDone
	}
	return ops.SeenPartly
}
