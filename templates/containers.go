package templates

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// StatsView is what each container uses.
type StatsView struct {
	Containers []ContainerStats
	Sampled    time.Time // when the oldest figures were taken; zero: there are none
	Now        time.Time
}

// ContainerStats is one container's figures, in bytes.
type ContainerStats struct {
	Name     string
	State    string // running, exited, …
	Measured bool
	CPU      float64 // percent of one processor
	Memory   int64
	Limit    int64 // 0: none
	In, Out  int64
	Read     int64
	Written  int64
	Restarts int
	OOM      bool // the kernel ended it, or one of its processes, for want of memory
	Hot      bool // near its memory limit
}

// Stats is the answer to `stats`: a table.
func (t *Templates) Stats(v StatsView) Message {
	rows := [][]string{{
		t.label("stats.name"), t.label("stats.cpu"), t.label("stats.memory"), t.label("stats.network"), t.label("stats.disk"), t.label("stats.restarts"),
	}}
	hot := 0
	for _, c := range v.Containers {
		row := []string{cut(c.Name, 40), "—", "—", "—", "—", strconv.Itoa(c.Restarts)}
		if c.OOM {
			row[5] += " OOM"
		}
		switch {
		case c.Measured:
			row[1] = decimal(c.CPU) + "%"
			row[2] = size(c.Memory)
			if c.Limit > 0 {
				row[2] += " / " + size(c.Limit) + " " + strconv.Itoa(int(100*c.Memory/c.Limit)) + "%"
			}
			row[3], row[4] = size(c.In)+" / "+size(c.Out), size(c.Read)+" / "+size(c.Written)
		case c.State != "running":
			row[1] = cut(c.State, 20)
		}
		if c.Hot {
			row[0] = "⚠ " + row[0]
			hot++
		}
		rows = append(rows, row)
	}
	a := Args{Count: len(v.Containers), Most: hot, Age: v.Now.Sub(v.Sampled), Yes: !v.Sampled.IsZero()}
	return t.message([]Line{t.line("stats.title", a)}, Block{Kind: Pre, Lines: table(rows)}, Block{Kind: Context, Lines: t.lines("stats.note", a)})
}

// table puts rows under each other: the first column to the left, the others to the right.
func table(rows [][]string) []Line {
	widths := make([]int, len(rows[0]))
	for _, r := range rows {
		for i, cell := range r {
			widths[i] = max(widths[i], width(cell))
		}
	}
	var out []Line
	for _, r := range rows {
		var b strings.Builder
		for i, cell := range r {
			pad := strings.Repeat(" ", widths[i]-width(cell))
			if i == 0 {
				b.WriteString(cell + pad)
			} else {
				b.WriteString("  " + pad + cell)
			}
		}
		out = append(out, Line{{Text: strings.TrimRight(b.String(), " ")}})
	}
	return out
}

// width is how many columns a text takes where all letters are of one width: Chinese ones take two.
func width(s string) int {
	n := 0
	for _, r := range s {
		n++
		if r >= 0x1100 && r <= 0x115f || r >= 0x2e80 && r <= 0xa4cf || r >= 0xac00 && r <= 0xd7a3 || r >= 0xf900 && r <= 0xfaff ||
			r >= 0xfe30 && r <= 0xfe6f || r >= 0xff00 && r <= 0xff60 || r >= 0xffe0 && r <= 0xffe6 || r >= 0x20000 {
			n++
		}
	}
	return n
}

// LogsView is what a service wrote, made short. All text in it is redacted already.
type LogsView struct {
	Service string
	Lines   []string
	Looked  int
	Cut     bool // there is more that was not looked at
	Match   string
	Since   time.Time
	Errors  int
	Groups  []LogGroup
	Answers []LogAnswer
	Slow    []LogSlow
	File    bool // all lines are sent as a file besides
}

// LogGroup is lines of one shape.
type LogGroup struct {
	Text  string
	Count int
	Error bool
}

// LogAnswer is what the web server answered to one path.
type LogAnswer struct {
	Status, Count int
	Method, Path  string
}

// LogSlow is statements of one form.
type LogSlow struct {
	Text    string
	Count   int
	Longest time.Duration
}

// How much of a log a message shows. Beyond so many lines or letters all of them go into a file.
const (
	shownGroups  = 12
	shownAnswers = 8
	shownSlow    = 5
	shownLines   = 15
	shownLetters = 2500
	lineLetters  = 300
)

// LogsFit tells whether lines can be shown in the message itself.
func LogsFit(lines []string) bool {
	n := 0
	for _, l := range lines {
		n += utf8.RuneCountInString(l)
		if utf8.RuneCountInString(l) > lineLetters {
			return false
		}
	}
	return len(lines) <= shownLines && n <= shownLetters
}

// LogsFile is all lines of a log as a file; of one that is too large, the last of it.
func (t *Templates) LogsFile(v LogsView, name string) Message {
	text := strings.Join(v.Lines, "\n") + "\n"
	if over := len(text) - MaxFile; over > 0 {
		text = text[over:]
		text = text[strings.IndexByte(text, '\n')+1:]
	}
	return Message{Summary: t.plain("logs.file", Args{Word: v.Service, Count: len(v.Lines)}), File: &File{Name: name, Text: text}}
}

// FileRefused says in place of a file that Slack did not take it, and why.
func (t *Templates) FileRefused(summary, reason string) Message {
	return t.message(t.lines("logs.file_refused", Args{Text: cut(summary, 200), Word: cut(reason, 80)}))
}

// Logs is the answer to `logs`.
func (t *Templates) Logs(v LogsView) Message {
	a := Args{Word: v.Service, Count: len(v.Lines), Total: v.Looked, Most: v.Errors, Text: cut(v.Match, 80), Since: v.Since, Yes: v.Cut}
	if len(v.Lines) == 0 {
		return t.message(t.lines("logs.empty", a))
	}
	var blocks []Block
	// What was said once and is no error is seen in the lines themselves.
	groups := slices.DeleteFunc(slices.Clone(v.Groups), func(g LogGroup) bool { return !g.Error && g.Count < 2 })
	if len(groups) > 0 && !LogsFit(v.Lines) || slices.ContainsFunc(groups, func(g LogGroup) bool { return g.Count > 1 }) {
		b := Block{Kind: List}
		for _, g := range groups[:min(len(groups), shownGroups)] {
			b.Lines = append(b.Lines, t.line("logs.group", Args{Count: g.Count, Text: cut(g.Text, 240), Yes: g.Error}))
		}
		if n := len(groups) - shownGroups; n > 0 {
			b.Lines = append(b.Lines, t.line("logs.more", Args{Count: n}))
		}
		blocks = append(blocks, text(t.line("logs.groups", a)), b)
	}
	if len(v.Answers) > 0 {
		b := Block{Kind: List}
		for _, x := range v.Answers[:min(len(v.Answers), shownAnswers)] {
			b.Lines = append(b.Lines, t.line("logs.answer", Args{Total: x.Status, Count: x.Count, Text: cut(x.Method+" "+x.Path, 160)}))
		}
		blocks = append(blocks, text(t.line("logs.answers", a)), b)
	}
	if len(v.Slow) > 0 {
		b := Block{Kind: List}
		for _, x := range v.Slow[:min(len(v.Slow), shownSlow)] {
			b.Lines = append(b.Lines, t.line("logs.slow_one", Args{After: x.Longest, Count: x.Count, Text: cut(x.Text, 240), Value: x.Longest.Seconds()}))
		}
		blocks = append(blocks, text(t.line("logs.slow", a)), b)
	}
	shown := v.Lines
	if !LogsFit(v.Lines) {
		shown = v.Lines[max(0, len(v.Lines)-shownLines):]
	}
	b := Block{Kind: Pre}
	for _, l := range shown {
		b.Lines = append(b.Lines, Line{{Text: shorten(strings.TrimRight(strings.ReplaceAll(fold(l), "\t", " "), " "), lineLetters)}})
	}
	last := Args{Count: len(shown), Yes: len(shown) < len(v.Lines)}
	if last.Yes {
		blocks = append(blocks, text(t.line("logs.last", last)))
	}
	blocks = append(blocks, b, Block{Kind: Context, Lines: t.lines("logs.note", Args{Yes: v.File, Word: v.Service})})
	return t.message([]Line{t.line("logs.title", a)}, blocks...)
}
