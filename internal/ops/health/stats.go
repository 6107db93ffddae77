package health

import (
	"context"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/docker"
	"github.com/ai-notebook/notebookbot/internal/ops/target"
)

// Usage is a container with what it uses.
type Usage struct {
	docker.Container
	Stats *docker.Stats // nil: it does not run, or could not be measured
}

// Usage lists the containers with the newest figures of the background sample. Where there are none yet, as right after the start,
// it measures, which takes two seconds.
func (c *Checker) Usage(ctx context.Context) ([]Usage, error) {
	if c.cfg.Engine == nil {
		return nil, &ops.Problem{Code: "nothing_configured"}
	}
	list, err := c.cfg.Engine.Containers(ctx)
	if err != nil {
		return nil, target.Explain(err)
	}
	var known map[string]docker.Stats
	if c.cfg.Stats != nil {
		known, _ = c.cfg.Stats() // a sample that failed is measured anew
	}
	var missing []docker.Container
	for _, ct := range list {
		if _, ok := known[ct.ID]; !ok {
			missing = append(missing, ct)
		}
	}
	fresh := c.cfg.Engine.Measure(ctx, missing)
	out := make([]Usage, 0, len(list))
	for _, ct := range list {
		u := Usage{Container: ct}
		if st, ok := known[ct.ID]; ok {
			u.Stats = &st
		} else if st, ok := fresh[ct.ID]; ok {
			u.Stats = &st
		}
		if !ct.Running() {
			u.Stats = nil
		}
		out = append(out, u)
	}
	return out, nil
}
