package commands

import (
	"context"

	"github.com/ai-notebook/notebookbot/internal/ops/health"
	"github.com/ai-notebook/notebookbot/templates"
)

var stats = &command{words: "stats", read: true, run: runStats}

// nearLimit is the share of its memory limit from which a container stands out in the table.
const nearLimit = 85

// runStats shows what each container uses.
func runStats(ctx context.Context, r *Runner, c *call) (outcome, error) {
	if len(c.args.tokens) > 0 {
		return outcome{}, wrongUsage(c.cmd)
	}
	if r.Health == nil {
		return outcome{}, refuse(templates.NotConfigured, templates.Args{Word: "target"})
	}
	var list []health.Usage
	err := r.slowly(ctx, c, func(ctx context.Context) (err error) {
		list, err = r.Health.Usage(ctx)
		return err
	})
	if err != nil {
		return outcome{}, fromOperations(err, 0, nil)
	}
	return outcome{say: r.Words.Stats(statsView(list, r)), share: c.cmd.words}, nil
}

func statsView(list []health.Usage, r *Runner) templates.StatsView {
	v := templates.StatsView{Now: r.Now()}
	for _, u := range list {
		row := templates.ContainerStats{Name: u.Name, State: u.State, Restarts: u.Restarts, OOM: u.OOMKilled}
		if st := u.Stats; st != nil {
			row.Measured, row.CPU = true, st.CPU
			row.Memory, row.Limit = whole(st.Memory), whole(st.MemoryLimit)
			row.In, row.Out, row.Read, row.Written = whole(st.NetworkIn), whole(st.NetworkOut), whole(st.DiskRead), whole(st.DiskWritten)
			row.Hot = st.MemoryShare() >= nearLimit
			if v.Sampled.IsZero() || st.At.Before(v.Sampled) {
				v.Sampled = st.At
			}
		}
		v.Containers = append(v.Containers, row)
	}
	return v
}

// whole is a number of bytes; no machine has as many as do not fit.
func whole(n uint64) int64 { return int64(min(n, 1<<62)) }
