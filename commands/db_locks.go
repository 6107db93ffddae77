package commands

import (
	"strconv"

	"github.com/ai-notebook/notebookbot/internal/ops/postgres/insight"
	"github.com/ai-notebook/notebookbot/templates"
)

// How much of a tree is shown.
const (
	shownHolders = 25
	shownDepth   = 6
)

// locksOf is who waits for whom.
func locksOf(l *insight.Locks) templates.DBView {
	v := templates.DBView{Title: "locks", Args: templates.Args{Count: l.Waiting}}
	if l.Waiting > 0 {
		v.Mark = warning
	}
	if l.Circle {
		v.Sections = append(v.Sections, templates.DBSection{Lines: []templates.DBLine{{Code: "circle", Mark: warning}}})
	}
	all := templates.DBSection{}
	for _, root := range l.Roots {
		all.Lines = holderLines(all.Lines, root, 0)
	}
	total := 0
	for _, root := range l.Roots {
		total += 1 + root.All
	}
	if more := total - len(all.Lines); more > 0 {
		all.Lines = append(all.Lines, templates.DBLine{Code: "more", Args: templates.Args{Count: more}})
	}
	if len(l.Roots) > 0 {
		v.Sections = append(v.Sections, all)
		code := "end"
		switch root := l.Roots[0]; {
		case root.Prepared != nil:
			code = "end_prepared"
		case root.State == "active":
			code = "end_active"
		}
		v.Notes = append(v.Notes, templates.DBLine{Code: code, Args: templates.Args{Count: l.Roots[0].PID}})
	}
	if !l.RightToAll {
		v.Notes = append(v.Notes, templates.DBLine{Code: "right", Mark: warning})
	}
	return v
}

// holderLines adds a session and those behind it.
func holderLines(out []templates.DBLine, h *insight.Holder, depth int) []templates.DBLine {
	if len(out) >= shownHolders || depth >= shownDepth {
		return out
	}
	a := templates.Args{Count: h.PID, Word: h.User, Where: h.App, Class: h.State, Age: h.For, After: h.StateFor, Total: h.All, Text: h.Text}
	line := templates.DBLine{Code: "holder", Depth: depth, Args: a}
	switch w := h.Waits; {
	case h.Prepared != nil:
		line.Code, line.Args.Names = "holder_prepared", h.Prepared
	case w != nil:
		line.Code = "waiter"
		line.Args.Age, line.Args.Yes, line.Args.Ref, line.Args.Nearest, line.Args.Class = w.For, w.AtMost, w.Mode, w.On, w.Kind
		for _, pid := range w.Others {
			line.Args.Names = append(line.Args.Names, strconv.Itoa(pid))
		}
	}
	out = append(out, line)
	for _, b := range h.Behind {
		out = holderLines(out, b, depth+1)
	}
	return out
}
