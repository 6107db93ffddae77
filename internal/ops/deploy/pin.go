package deploy

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/ai-notebook/notebookbot/internal/ops"
)

// pin writes the version into the file .env, where compose and people find it.
type pin struct{ *Kind }

// Do implements ops.Doer.
func (s pin) Do(ctx context.Context, r *ops.Run) error {
	var a pinArgs
	if err := r.Args(&a); err != nil {
		return fmt.Errorf("%w: %w", ops.ErrUnchanged, err)
	}
	var rec pinRecord
	found, err := r.Output(r.Step.Name, &rec)
	if err == nil && !found { // begun again after a crash, what was is what was recorded first
		rec.Was, err = currentEnv(s.cfg.Dir, slices.Collect(maps.Keys(a.Pins))...)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ops.ErrUnchanged, err)
	}
	if err := r.Record(ctx, rec); err != nil {
		return err
	}
	return setEnv(s.cfg.Dir, a.values())
}

func (a pinArgs) values() map[string]was {
	out := map[string]was{}
	for name, v := range a.Pins {
		out[name] = was{Value: v, Set: true}
	}
	return out
}

// Look implements ops.Doer.
func (s pin) Look(_ context.Context, r *ops.Run) (ops.Seen, error) {
	var a pinArgs
	var rec pinRecord
	if err := r.Args(&a); err != nil {
		return ops.SeenUnclear, err
	}
	found, err := r.Output(r.Step.Name, &rec)
	if err != nil {
		return ops.SeenUnclear, err
	}
	now, err := currentEnv(s.cfg.Dir, slices.Collect(maps.Keys(a.Pins))...)
	switch {
	case err != nil:
		return ops.SeenUnclear, err
	case !found || maps.Equal(now, rec.Was):
		return ops.SeenNotDone, nil
	case maps.Equal(now, a.values()):
		return ops.SeenDone, nil
	}
	return ops.SeenPartly, nil
}

// Undo implements ops.Doer.
func (s pin) Undo(_ context.Context, r *ops.Run) error { return s.restorePins(r) }

// restorePins puts the values back that the file .env had before. It may be asked again.
func (k *Kind) restorePins(r *ops.Run) error {
	var rec pinRecord
	if found, err := r.Output(stepPin, &rec); err != nil || !found {
		return err
	}
	return setEnv(k.cfg.Dir, rec.Was)
}
