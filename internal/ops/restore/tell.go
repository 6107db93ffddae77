package restore

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops"
)

// Tell implements ops.Kind: which state is live now, how long the database was away, and until when the one before can be had back.
func (*Kind) Tell(op *ops.Operation) []ops.Fact {
	var d Details
	if json.Unmarshal(op.Plan.Details, &d) != nil {
		return nil // a plan of another release
	}
	live := ops.Fact{Code: "restored", Name: d.Set, At: d.At}
	if d.Undoes != "" {
		live.Code, live.Name = "restored_undone", d.Undoes
	}
	var out []ops.Fact
	var kept time.Time // since when the state before lies aside
	for _, st := range op.Steps {
		if st.State != ops.StepDone {
			continue
		}
		switch code, part, _ := strings.Cut(st.Name, ":"); code {
		case stepSwap:
			live.Names, kept = append(live.Names, partDatabase), st.Ended
			var s swapped
			if op.Recorded(st.Name, &s) {
				out = append(out, ops.Fact{Code: "restore_swapped", Took: time.Duration(s.Took) * time.Millisecond})
			}
		case stepExchange:
			live.Names, kept = append(live.Names, part), st.Ended
		case stepVerify:
			if d.Tables > 0 {
				out = append(out, ops.Fact{Code: "restore_counted", Count: d.Tables, Total: d.Rows})
			}
		}
	}
	if len(live.Names) == 0 {
		return nil
	}
	out = append([]ops.Fact{live}, out...)
	return append(out, ops.Fact{Code: "restore_back", Name: op.Key(), Until: kept.Add(KeptFor)})
}
