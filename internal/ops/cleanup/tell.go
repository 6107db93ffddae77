package cleanup

import (
	"encoding/json"
	"strings"

	"github.com/ai-notebook/notebookbot/internal/ops"
)

// Tell implements ops.Kind: what went, and what stays of the list although it was approved, also where a step failed in the middle.
func (*Kind) Tell(op *ops.Operation) []ops.Fact {
	var removed, kept ops.Fact
	var why []string
	for _, st := range op.Steps {
		var d Removed
		if !strings.HasPrefix(st.Name, "clean_") || json.Unmarshal(st.Output, &d) != nil {
			continue // nothing was recorded: nothing went
		}
		removed.Count, removed.Bytes = removed.Count+d.Count, removed.Bytes+d.Freed
		kept.Count += d.Kept
		why = append(why, d.Why...)
	}
	var out []ops.Fact
	if removed.Count > 0 {
		removed.Code = "cleaned"
		out = append(out, removed)
	}
	if kept.Count > 0 {
		kept.Code, kept.Text = "cleanup_kept", strings.Join(why[:min(len(why), saidMost)], "; ")
		out = append(out, kept)
	}
	return out
}
