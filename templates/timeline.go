package templates

import (
	"slices"
	"strings"

	"github.com/ai-notebook/notebookbot/incidents"
)

// TimelineLine is one entry of the timeline: when, and what.
func (t *Templates) TimelineLine(e incidents.Entry) Line {
	a := replyArgs(incidents.Notice{Kind: e.Kind, At: e.At, By: e.By, Fact: e.Fact}, nil, nil)
	a.Yes = e.By == incidents.Person(e.Fact.Person)
	a.Text = cut(a.Text, 200)
	a.Word = t.names(e.Fact.Names)
	if e.Kind == incidents.ResolvedNow {
		a.Text, a.Yes = cut(e.Fact.Report.Cause, 200), e.Fact.StillFiring
	}
	if len(a.Names) > 3 {
		a.Names = a.Names[:3]
	}
	a.Names = slices.Clone(a.Names)
	for i := range a.Names {
		a.Names[i] = cut(a.Names[i], 80)
	}
	name := "timeline." + string(e.Kind)
	if t.set.Lookup(name) == nil {
		return Line{{Time: e.At.UTC(), TimeStyle: DateTime}, {Text: " " + cut(string(e.Kind), 60)}}
	}
	line := Line{{Time: e.At.UTC(), TimeStyle: DateTime}, {Text: " "}}
	line = append(line, t.line(name, a)...)
	if e.Fact.Listed {
		line = append(line, t.line("timeline.listed", a)...)
	}
	if e.Fact.Late > 0 {
		line = append(line, t.line("timeline.late", a)...)
	}
	return line
}

// Timeline is the newest n entries in their order; before them, how many there are besides.
func (t *Templates) Timeline(es []incidents.Entry, n int) []Line {
	var ls []Line
	if skip := len(es) - n; skip > 0 {
		ls, es = append(ls, t.line("timeline.earlier", Args{Count: skip})), es[skip:]
	}
	for _, e := range es {
		ls = append(ls, t.TimelineLine(e))
	}
	return ls
}

// names puts names of the ladder in a row, without mentions.
func (t *Templates) names(names []string) string {
	called := make([]string, len(names))
	for i, n := range names {
		called[i] = t.contactName(n)
	}
	return strings.TrimSpace(t.join(called))
}
