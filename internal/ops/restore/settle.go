package restore

import (
	"context"
	"slices"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/target"
)

// settleWithin is how long services get to find that what they need is back: more than three rounds of most healthchecks.
const settleWithin = 100 * time.Second

// settleStep waits until no service of the plan is unhealthy any more. They were, where their database was gone, and the checks that follow
// would take what the healthcheck said before the restore for what it says now. It never fails: the checks decide.
type settleStep struct {
	noUndo
	k *Kind
}

// Do implements ops.Doer.
func (s settleStep) Do(ctx context.Context, r *ops.Run) error {
	var names []string
	for _, a := range r.Operation.Plan.Services {
		names = append(names, a.Name)
	}
	ctx, cancel := context.WithTimeout(ctx, settleWithin)
	defer cancel()
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		containers, err := s.k.Engine.Containers(ctx)
		if err != nil && ctx.Err() == nil {
			return target.Explain(err)
		}
		sick := false
		for i := range containers {
			c := &containers[i]
			sick = sick || slices.Contains(names, c.Service) && c.Health == "unhealthy"
		}
		if err == nil && !sick {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil // the checks say what is wrong
		case <-tick.C:
		}
	}
}

// Look implements ops.Doer: it is waited again.
func (settleStep) Look(context.Context, *ops.Run) (ops.Seen, error) { return ops.SeenNotDone, nil }
