package maintain

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/ai-notebook/notebookbot/internal/ops"
)

// shownWhy is how many reasons a fact quotes.
const shownWhy = 3

// Tell implements ops.Kind: what was freed, and what was left out and why. What a step had done before it failed is told as well.
func (*Kind) Tell(op *ops.Operation) []ops.Fact {
	var before, after Measured
	var left Left
	var vac Vacuumed
	var out, pruned []ops.Fact
	done, not := ops.Fact{Code: "maintain_reindexed"}, ops.Fact{Code: "maintain_not_reindexed"}
	var why, room, stay []string
	read := func(st ops.Step, into any) bool { return len(st.Output) > 0 && json.Unmarshal(st.Output, into) == nil }
	for _, st := range op.Steps {
		var p Pruned
		var i Rebuilt
		code, subject := cut(st.Name)
		switch {
		case st.Name == stepBefore:
			read(st, &before)
		case st.Name == stepAfter:
			read(st, &after)
		case st.Name == stepLeftovers:
			read(st, &left)
		case st.Name == stepVacuum:
			read(st, &vac)
		case code == stepPrune && read(st, &p) && (p.Rows > 0 || p.Rest):
			pruned = append(pruned, p.fact(subject, st))
		case code == stepReindex && read(st, &i):
			stay = append(stay, i.Stay...)
			switch {
			case i.After > 0:
				done.Count, done.Bytes, done.Total, done.Took = done.Count+1, done.Bytes+i.Before, done.Total+i.After, done.Took+i.Took
			case i.Room:
				room = append(room, subject)
			case i.Why != "":
				not.Names, why = append(not.Names, subject), append(why, i.Why)
			}
		}
	}
	add := func(f ops.Fact, when bool) {
		if when {
			out = append(out, f)
		}
	}
	add(ops.Fact{Code: "maintain_size", Bytes: before.Size, Total: after.Size}, before.Size > 0 && after.Size > 0)
	const tables = 4 // the rest stands in the steps
	out = append(out, pruned[:min(len(pruned), tables)]...)
	add(done, done.Count > 0)
	add(ops.Fact{Code: "maintain_dropped", Names: left.Dropped}, len(left.Dropped) > 0)
	slices.Sort(why)
	why = slices.Compact(why)
	not.Text = strings.Join(why[:min(len(why), shownWhy)], "; ")
	add(not, len(not.Names) > 0)
	add(ops.Fact{Code: "maintain_no_room", Names: room}, len(room) > 0)
	stay = append(stay, left.Stay...)
	add(ops.Fact{Code: "maintain_stay", Count: len(stay), Text: strings.Join(stay[:min(len(stay), shownWhy)], "; ")}, len(stay) > 0)
	add(ops.Fact{Code: "maintain_vacuumed", Count: vac.Next - len(vac.Failed)}, vac.Next > len(vac.Failed))
	add(ops.Fact{Code: "maintain_not_vacuumed", Names: vac.Failed, Text: vac.Why}, len(vac.Failed) > 0)
	return out
}

func (p Pruned) fact(table string, st ops.Step) ops.Fact {
	f := ops.Fact{Code: "maintain_pruned", Name: table, Count: int(p.Rows), Took: p.Took}
	var a pruneArgs
	if json.Unmarshal(st.Args, &a) == nil {
		f.At = a.Before
	}
	if p.Again {
		f.Code = "maintain_pruned_least"
	}
	if p.Rest {
		f.Code = "maintain_pruned_partly"
	}
	return f
}
