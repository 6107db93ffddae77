package templates

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops"
)

// maintainDetails is what a plan of db maintain says beside its steps, as its kind writes it.
type maintainDetails struct {
	Size      int64             `json:"size"`
	Deletes   []maintainDelete  `json:"deletes"`
	Leftovers []string          `json:"leftovers"`
	Indexes   []maintainRebuild `json:"indexes"`
	Bytes     int64             `json:"bytes"`
	Waste     int64             `json:"waste"`
	Tables    int               `json:"tables"`
}

type maintainDelete struct {
	Table  string    `json:"table"`
	Column string    `json:"column"`
	Rows   int64     `json:"rows"` // below zero: not counted
	Before time.Time `json:"before"`
}

type maintainRebuild struct {
	Index string `json:"index"`
	Size  int64  `json:"size"`
	Waste int64  `json:"waste"` // below zero: not known
}

// maintainShown is how many indexes a plan names; the steps list more.
const maintainShown = 5

// maintainDetails shows what goes, what is rebuilt, and how big it is.
func (t *Templates) maintainDetails(raw json.RawMessage) []Block {
	var d maintainDetails
	if err := json.Unmarshal(raw, &d); err != nil {
		return nil // of another version of the program
	}
	list := Block{Kind: List}
	add := func(name string, a Args) { list.Lines = append(list.Lines, t.line(name, a)) }
	for _, x := range d.Deletes {
		add("maintain.delete", Args{Word: cut(x.Table, 80), Ref: cut(x.Column, 60), At: x.Before, Count: int(max(x.Rows, 0)), Yes: x.Rows < 0})
	}
	if n := len(d.Leftovers); n > 0 {
		a := Args{Total: max(0, n-maintainShown)}
		for _, name := range d.Leftovers[:min(n, maintainShown)] {
			a.Names = append(a.Names, cut(name, 80))
		}
		add("maintain.leftovers", a)
	}
	switch n := len(d.Indexes); n {
	case 0:
		add("maintain.no_indexes", Args{})
	default:
		a := Args{Count: n, Bytes: d.Bytes, Of: d.Waste, Total: max(0, n-maintainShown)}
		for _, i := range d.Indexes[:min(n, maintainShown)] {
			a.Names = append(a.Names, t.plain("maintain.index", Args{
				Word: cut(i.Index, 80), Bytes: i.Size, Of: max(i.Waste, 0), Percent: int(max(i.Waste, 0) * 100 / max(i.Size, 1)),
			}))
		}
		add("maintain.indexes", a)
	}
	return []Block{text(t.line("maintain.size", Args{Bytes: d.Size, Count: d.Tables})), list}
}

// Maintain shows what maintaining the database would do.
func (t *Templates) Maintain(p ops.Plan) Message {
	blocks := t.maintainDetails(p.Details)
	notes := Block{Kind: Text}
	for _, note := range p.Notes {
		notes.Lines = append(notes.Lines, append(Line{{Text: "⚠️ "}}, t.coded("op.note.", note, Args{})...))
	}
	args := strings.Join(append([]string{""}, p.Args...), " ")
	blocks = append(blocks, notes, Block{Kind: Context, Lines: t.lines("maintain.next", Args{Text: args})})
	return t.message(t.lines("maintain.title", Args{}), blocks...)
}
