package restart

import "github.com/ai-notebook/notebookbot/internal/ops"

// Tell implements ops.Kind: which services were restarted.
func (*Kind) Tell(op *ops.Operation) []ops.Fact {
	f := ops.Fact{Code: "restarted"}
	for _, s := range op.Plan.Services {
		if op.DoneStep("restart:" + s.Name) {
			f.Names, f.Count = append(f.Names, s.Name), f.Count+len(s.Containers)
		}
	}
	if f.Count == 0 {
		return nil
	}
	return []ops.Fact{f}
}
