package restart

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/docker"
	"github.com/ai-notebook/notebookbot/internal/ops/target"
)

// step restarts the containers of one service.
type step struct{ k *Kind }

// before is when each container had started before the step: how its look tells whether it was restarted.
type before map[string]time.Time

// Do implements ops.Doer.
func (s step) Do(ctx context.Context, r *ops.Run) error {
	ids := containers(r)
	starts := before{}
	for _, id := range ids {
		c, err := s.k.Engine.Container(ctx, id)
		if err != nil {
			return fmt.Errorf("%w: %w", ops.ErrUnchanged, target.Explain(err))
		}
		starts[id] = c.Started
	}
	if err := r.Record(ctx, starts); err != nil {
		return fmt.Errorf("%w: %w", ops.ErrUnchanged, err)
	}
	for _, id := range ids {
		if err := r.Held(ctx); err != nil {
			return err
		}
		if err := s.k.Engine.Restart(ctx, id, stopWithin); err != nil {
			return target.Explain(err)
		}
		if _, err := s.k.Engine.WaitHealthy(ctx, id, time.Second, target.Tell(r)); err != nil {
			return s.k.App.Quote(err)
		}
	}
	return nil
}

// containers are those of the step's service that the plan names.
func containers(r *ops.Run) []string {
	var ids []string
	for _, s := range r.Operation.Plan.Services {
		if s.Name == r.Subject() {
			for _, c := range s.Containers {
				ids = append(ids, c.ID)
			}
		}
	}
	return ids
}

// late tells whether the step ran out of its time.
func late(r *ops.Run) bool {
	for _, st := range r.Operation.Steps {
		if st.Name == r.Step.Name {
			return st.Late
		}
	}
	return false
}

// Look implements ops.Doer: a container whose start is later than before was restarted. One that does not run was caught in the
// middle, and starting it is what is left to do.
func (s step) Look(ctx context.Context, r *ops.Run) (ops.Seen, error) {
	var starts before
	if ok, err := r.Output(r.Step.Name, &starts); err != nil || !ok {
		return ops.SeenNotDone, err // it records before it touches anything
	}
	for _, id := range containers(r) {
		c, err := s.k.Engine.Container(ctx, id)
		switch {
		case errors.Is(err, docker.ErrGone):
			return ops.SeenPartly, nil // somebody else was at it: nothing is repeated on what is not there
		case err != nil:
			return "", target.Explain(err)
		case !c.Running() || !c.Started.After(starts[id]):
			return ops.SeenNotDone, nil
		case c.Health == "unhealthy", c.Health == "starting" && late(r):
			return ops.SeenPartly, nil // it was restarted and does not come back: the next one must not follow
		case c.Health == "starting":
			return "", fmt.Errorf("%s is still starting", c.Name) // the next look will tell
		}
	}
	return ops.SeenDone, nil
}

// Undo implements ops.Doer. A restart cannot be taken back, and the plan says so.
func (step) Undo(context.Context, *ops.Run) error { return errors.New("a restart cannot be undone") }
