package deploy

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/ai-notebook/notebookbot/internal/ops"
)

// tidy keeps the images of this and of the version before, and removes the old containers. The new version was found to be good by
// then: nothing that fails here takes it back.
type tidy struct{ *Kind }

// Do implements ops.Doer. It never fails.
func (s tidy) Do(ctx context.Context, r *ops.Run) error {
	var rec tidyRecord
	left := func(what string, err error) {
		if err != nil {
			rec.Left = append(rec.Left, fmt.Sprintf("%s: %v", what, err))
		}
	}
	var d Details
	left("the plan", json.Unmarshal(r.Operation.Plan.Details, &d))
	for _, sv := range d.Services {
		var rolled rollRecord
		var made imageRecord
		_, err := r.Output(stepRoll+":"+sv.Name, &rolled)
		left(sv.Name, err)
		_, err = r.Output(stepImage+":"+sv.Name, &made)
		left(sv.Name, err)
		for _, old := range rolled.Old[:min(1, len(rolled.Old))] {
			left("keep the image of "+sv.Name, s.keep(ctx, sv.Name, old.Image, d.From))
		}
		if made.ID != "" {
			left("keep the image of "+sv.Name, s.keep(ctx, sv.Name, made.ID, d.To))
		}
		if rolled.Settled && !rolled.Same {
			s.removeOld(ctx, &rolled, left)
		}
	}
	left("record", r.Record(ctx, rec))
	return nil
}

func (s tidy) removeOld(ctx context.Context, rolled *rollRecord, left func(string, error)) {
	for _, old := range rolled.Old {
		left("remove the container "+short(old.ID), s.docker.Remove(ctx, old.ID)) // one that runs again is refused
	}
}

// Look implements ops.Doer. To tidy up once more is no harm, and not to is no reason to call the deploy a failure.
func (tidy) Look(_ context.Context, r *ops.Run) (ops.Seen, error) {
	for _, st := range r.Operation.Steps {
		if st.Name == r.Step.Name && st.Tries < 2 && !st.Late {
			return ops.SeenNotDone, nil
		}
	}
	return ops.SeenDone, nil
}

// Undo implements ops.Doer. There is nothing to undo: the images stay kept.
func (tidy) Undo(context.Context, *ops.Run) error { return nil }
