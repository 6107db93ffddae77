package templates

import "github.com/ai-notebook/notebookbot/internal/ops"

// operationFacts are the codes of what an operation has changed or made: op.fact.<code>.
var operationFacts = []string{
	"restarted",
	"deployed", "deploy_back", "deploy_left", "migrated",
	"backup_set", "backup_proven", "backup_sent", "backup_expired", "backup_verified",
	"restored", "restored_undone", "restore_swapped", "restore_counted", "restore_back",
	"cleaned", "cleanup_kept",
	"maintain_size", "maintain_pruned", "maintain_pruned_least", "maintain_pruned_partly", "maintain_reindexed", "maintain_not_reindexed",
	"maintain_no_room", "maintain_dropped", "maintain_stay", "maintain_vacuumed", "maintain_not_vacuumed",
}

// operationLed says what an operation that is over has led to, a line each.
func (t *Templates) operationLed(op *ops.Operation) []Block {
	b := Block{Kind: List}
	for _, f := range op.Outcome.Facts {
		name := "op.fact." + f.Code
		if t.set.Lookup(name) == nil {
			continue // of another release: the steps say what was done
		}
		a := Args{
			Word: cut(f.Name, 80), Ref: cut(f.From, 60), Where: cut(f.To, 60), Text: cut(f.Text, 300), Count: f.Count, Total: int(f.Total), Bytes: f.Bytes, Of: f.Total,
			At: f.At, Due: f.Until, After: f.Took,
		}
		for _, n := range f.Names[:min(len(f.Names), cardSteps)] {
			a.Names = append(a.Names, cut(n, 60))
		}
		b.Lines = append(b.Lines, t.line(name, a))
	}
	if len(b.Lines) == 0 {
		return nil
	}
	return []Block{b}
}
