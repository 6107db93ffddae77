package templates

import (
	"encoding/json"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops"
)

// cleanupDetails is what a plan of cleanup says beside its steps, as its kind writes it.
type cleanupDetails struct {
	Freed  int64          `json:"freed"`
	Groups []cleanupGroup `json:"groups"`
	Large  []cleanupItem  `json:"large"`
}

type cleanupGroup struct {
	Step    string        `json:"step"`
	Count   int           `json:"count"`
	Size    int64         `json:"size"`
	Largest []cleanupItem `json:"largest"`
	More    int           `json:"more"`
}

type cleanupItem struct {
	Name string    `json:"name"`
	Size int64     `json:"size"`
	At   time.Time `json:"at"`
}

// cleanupDetails shows the sum of each sort with the largest of it, and the large files that stay.
func (t *Templates) cleanupDetails(raw json.RawMessage) []Block {
	var d cleanupDetails
	if err := json.Unmarshal(raw, &d); err != nil {
		return nil // of another version of the program
	}
	groups := Block{Kind: List}
	for _, g := range d.Groups {
		groups.Lines = append(groups.Lines, t.line("cleanup.group", Args{
			Word: t.stepName(g.Step), Count: g.Count, Bytes: g.Size, Names: named(g.Largest), Total: g.More,
		}))
	}
	out := []Block{text(t.line("cleanup.freed", Args{Bytes: d.Freed})), groups}
	if len(d.Large) > 0 {
		out = append(out, Block{Kind: Context, Lines: []Line{t.line("cleanup.large", Args{Names: named(d.Large)})}})
	}
	return out
}

func named(items []cleanupItem) []string {
	var out []string
	for _, i := range items {
		out = append(out, cut(i.Name, 60)+" "+size(i.Size))
	}
	return out
}

// CleanupView is a page of what a clean-up would remove.
type CleanupView struct {
	Plan ops.Plan
	Key  string // of the operation; empty: it was only tried
	From int    // the first item, from 0
}

// CleanupPage is how many items a page lists.
const CleanupPage = 40

// Cleanup lists item by item what a clean-up would remove.
func (t *Templates) Cleanup(v CleanupView) Message {
	var d cleanupDetails
	_ = json.Unmarshal(v.Plan.Details, &d) // then the sums are missing
	list := Block{Kind: Pre}
	n := 0
	for _, st := range v.Plan.Steps {
		var args struct {
			Items []cleanupItem `json:"items"`
		}
		if json.Unmarshal(st.Args, &args) != nil {
			continue
		}
		told := false
		for _, i := range args.Items {
			if n++; n <= v.From || n > v.From+CleanupPage {
				continue
			}
			if !told {
				list.Lines, told = append(list.Lines, Line{{Text: t.stepName(st.Name)}}), true
			}
			list.Lines = append(list.Lines, Line{{Text: "  " + pad(size(i.Size), 8) + "  " + i.At.In(t.zone).Format(time.DateOnly) + "  " + shorten(fold(i.Name), 120)}})
		}
	}
	a := Args{Key: v.Key, Count: n, Bytes: d.Freed, Most: min(n, v.From+CleanupPage), Total: v.From + 1}
	blocks := []Block{list}
	if len(list.Lines) == 0 {
		blocks = nil
	}
	if len(d.Large) > 0 && v.From == 0 {
		blocks = append(blocks, text(t.line("cleanup.large", Args{Names: named(d.Large)})))
	}
	notes := Block{Kind: Text}
	for _, note := range v.Plan.Notes {
		notes.Lines = append(notes.Lines, append(Line{{Text: "⚠️ "}}, t.coded("op.note.", note, Args{})...))
	}
	if len(notes.Lines) > 0 && v.From == 0 {
		blocks = append(blocks, notes)
	}
	return t.message([]Line{t.line("cleanup.title", a)}, append(blocks, Block{Kind: Context, Lines: t.lines("cleanup.next", a)})...)
}
