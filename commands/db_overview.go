package commands

import (
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops/postgres/insight"
	"github.com/ai-notebook/notebookbot/templates"
)

// overviewOf is a line or two of each part. A part that could not be seen says why.
func overviewOf(o *insight.Overview, now time.Time) templates.DBView {
	v := templates.DBView{Title: "over"}
	s := templates.DBSection{}
	if t := o.Troubles["connections"]; t != nil {
		s.Lines = append(s.Lines, troubleOf("connections", t))
	} else {
		c := connectionsOf(o.Connections)
		line := templates.DBLine{Code: "over.connections", Mark: c.Mark, Args: c.Args}
		if o.Connections.Oldest != nil {
			line.Args.Age = o.Connections.Oldest.For
		}
		line.Args.Most = len(o.Connections.Idle)
		s.Lines = append(s.Lines, line)
		if !o.Connections.RightToAll {
			s.Lines = append(s.Lines, templates.DBLine{Code: "right", Mark: warning})
		}
	}
	if t := o.Troubles["locks"]; t != nil {
		s.Lines = append(s.Lines, troubleOf("locks", t))
	} else {
		line := templates.DBLine{Code: "over.locks", Args: templates.Args{Count: o.Locks.Waiting}}
		if len(o.Locks.Roots) > 0 {
			line.Mark = warning
			line.Args.Total, line.Args.Most = o.Locks.Roots[0].PID, o.Locks.Roots[0].All
		}
		s.Lines = append(s.Lines, line)
	}
	if t := o.Troubles["size"]; t != nil {
		s.Lines = append(s.Lines, troubleOf("size", t))
	} else {
		line := templates.DBLine{Code: "over.size", Args: templates.Args{Bytes: o.Size.Bytes, Count: o.Size.Count}}
		v.Args.Word = o.Size.Database
		if len(o.Size.Tables) > 0 {
			t := o.Size.Tables[0]
			line.Args.Word, line.Args.Of, line.Args.Yes = t.Name, t.Bytes(), t.Locked
		}
		s.Lines = append(s.Lines, line, frozenOf(o.Size.Frozen))
		for _, t := range o.Size.Bloated[:min(1, len(o.Size.Bloated))] {
			s.Lines = append(s.Lines, deadOf(t))
		}
	}
	if t := o.Troubles["slow"]; t != nil {
		s.Lines = append(s.Lines, troubleOf("slow", t))
	} else {
		s.Lines = append(s.Lines, slowLines(o.Slow)...)
	}
	if t := o.Troubles["indexes"]; t != nil {
		s.Lines = append(s.Lines, troubleOf("indexes", t))
	} else {
		x := indexesOf(o.Indexes, now)
		line := templates.DBLine{Code: "over.indexes", Args: x.Args}
		line.Args.Most = len(o.Indexes.Duplicates)
		for _, i := range o.Indexes.Invalid {
			if i.Left != "building" {
				line.Args.Limit++
				line.Mark = warning
			}
		}
		s.Lines = append(s.Lines, line)
	}
	v.Sections = []templates.DBSection{s}
	return v
}

// slowLines is the most expensive statement and the one that runs longest.
func slowLines(s *insight.Slow) []templates.DBLine {
	var out []templates.DBLine
	switch {
	case len(s.Missing) > 0:
		out = append(out, templates.DBLine{Code: "over.uncounted"})
	case len(s.Statements) > 0:
		out = append(out, templates.DBLine{Code: "over.slow", Args: statementOf(s.Statements[0])})
	default:
		out = append(out, templates.DBLine{Code: "over.slow_none"})
	}
	if len(s.Running) > 0 {
		line := runningOf(s.Running[0])
		line.Code, line.Args.Total = "over.running", len(s.Running)
		out = append(out, line)
	}
	return out
}

func troubleOf(part string, t *insight.Trouble) templates.DBLine {
	return templates.DBLine{Code: "over.trouble", Mark: warning, Args: templates.Args{
		Word: part, Class: t.Code, Text: t.Text, Count: int(t.After.Seconds()),
	}}
}
