package restore

import (
	"context"
	"fmt"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/backup"
)

// fetchWithin is how long a set may take to come from the second place.
const fetchWithin = 12 * time.Hour

// Fetching is what a plan shows of what comes from the second place first.
type Fetching struct {
	Bucket string `json:"bucket"`
	Bytes  int64  `json:"bytes"`
	Sets   int    `json:"sets"`
	Sealed bool   `json:"sealed,omitempty"` // and a key that is here opens it
}

// planFetch puts first what brings parts of a set here that lie in the second place only.
func (k *Kind) planFetch(ctx context.Context, p *ops.Plan, d *Details, set *backup.Set, wanted []string) error {
	var names []string
	for _, part := range wanted {
		names = append(names, stored[part])
	}
	f, err := k.Sets.Missing(ctx, set, names)
	if err != nil || f == nil {
		return err
	}
	d.Fetch = &Fetching{Bucket: f.Bucket, Bytes: f.Bytes, Sets: len(f.Sets), Sealed: f.Sealed}
	p.Notes = append(p.Notes, "restore_far")
	if set.Project != "" && set.Project != p.Project {
		p.Notes = append(p.Notes, "restore_other_project: "+set.Project)
	}
	p.Steps = append(p.Steps, ops.StepPlan{Name: stepFetch + ":" + set.ID, Args: args(f), Deadline: fetchWithin})
	return nil
}

// fetchStep brings a set from the second place. It changes nothing of the application.
type fetchStep struct {
	noUndo
	k *Kind
}

// Do implements ops.Doer. What an earlier try has brought is compared and kept.
func (s fetchStep) Do(ctx context.Context, r *ops.Run) error {
	var f backup.Fetch
	if err := r.Args(&f); err != nil {
		return err
	}
	err := s.k.Sets.Fetch(ctx, r.Operation.Number, f, func(done, total int64) {
		r.Progress(ops.Progress{Done: done, Total: total, Unit: "bytes"})
	})
	if err != nil {
		return fmt.Errorf("%w: %w", ops.ErrUnchanged, err)
	}
	return nil
}

// Look implements ops.Doer.
func (s fetchStep) Look(_ context.Context, r *ops.Run) (ops.Seen, error) {
	var f backup.Fetch
	if err := r.Args(&f); err != nil {
		return "", err
	}
	if s.k.Sets.Fetched(f) {
		return ops.SeenDone, nil
	}
	return ops.SeenNotDone, nil
}
