package templates

import (
	"slices"
	"strings"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
)

// Topic is one command that help speaks of.
type Topic struct {
	Word  string // "incident ack", "oncall"
	Class string // read, low, change, destructive
}

// Words are the commands that have words in help.
var Words = []string{
	"help", "incident", "incident open", "incident list", "incident show", "incident search", "incident ack", "incident level",
	"incident commander", "incident escalate", "incident resolve", "incident reopen", "incident note", "oncall", "contacts", "capacity",
	"audit-log", "audit", "health", "stats", "logs",
	"db", "db size", "db slow", "db indexes", "db connections", "db locks",
	"backup", "backup full", "backup incremental", "backup list", "backup verify", "backup status",
	"restart", "deploy", "rollback", "restore", "cleanup", "db maintain",
	"operation", "operation list", "operation show", "operation items", "operation approve", "operation reject", "operation cancel", "operation alone",
	"operation review",
}

func topicKey(word string) string { return "help." + strings.ReplaceAll(word, " ", ".") }

// HelpView lists the commands that somebody may run.
type HelpView struct {
	Topics []Topic
	Hidden int // how many there are besides that he may not run
}

// helpGroups is the order in which help speaks; a command belongs to the first group that names its first word.
var helpGroups = []struct {
	name  string
	words []string
}{
	{"incident", []string{"incident"}},
	{"operation", []string{"health", "stats", "logs", "audit", "db", "backup", "restore", "restart", "deploy", "rollback", "cleanup", "operation"}},
	{"people", []string{"oncall", "contacts"}},
	{"other", nil},
}

func groupOf(t Topic) string {
	first, _, _ := strings.Cut(t.Word, " ")
	for _, g := range helpGroups {
		if slices.Contains(g.words, first) {
			return g.name
		}
	}
	return "other"
}

// Help lists commands by group, each with a line.
func (t *Templates) Help(v HelpView) Message {
	m := Message{Summary: t.label("help.title")}
	m.Blocks = append(m.Blocks, text(t.line("help.intro", Args{})))
	for _, g := range helpGroups {
		b := Block{Kind: List}
		for _, topic := range v.Topics {
			if groupOf(topic) == g.name {
				b.Lines = append(b.Lines, t.helpLine(topic))
			}
		}
		if len(b.Lines) > 0 {
			m.Blocks = append(m.Blocks, text(t.line("help.group."+g.name, Args{})), b)
		}
	}
	notes := t.lines("help.more", Args{})
	if v.Hidden > 0 {
		notes = append(notes, t.line("help.hidden", Args{Count: v.Hidden}))
	}
	m.Blocks = append(m.Blocks, Block{Kind: Context, Lines: notes})
	return m
}

func (t *Templates) helpLine(topic Topic) Line {
	line := Line{{Text: cut(topic.Word, 60), Code: true}}
	if k := topicKey(topic.Word) + ".short"; t.set.Lookup(k) != nil {
		line = append(append(line, Span{Text: " "}), t.line(k, Args{})...)
	}
	return line
}

// HelpTopic explains one command: what it does, how it is written, who may, examples.
func (t *Templates) HelpTopic(topic Topic) Message {
	k := topicKey(topic.Word)
	if t.set.Lookup(k+".short") == nil {
		return t.Sentence("no_help", Args{Word: topic.Word})
	}
	who := t.line("help.who."+topic.Class, Args{})
	if t.set.Lookup("help.who."+topic.Class) == nil {
		who = nil
	}
	lines := []Line{t.line("help.topic", Args{Word: topic.Word, Text: t.label(k + ".short")})}
	if who != nil {
		lines = append(lines, who)
	}
	return t.message(lines,
		text(t.line("help.usage", Args{})), Block{Kind: Pre, Lines: t.lines(k+".usage", Args{})},
		text(t.line("help.examples", Args{})), Block{Kind: Pre, Lines: t.lines(k+".examples", Args{})})
}

// Usage is the line that tells how a command is written.
func (t *Templates) Usage(word string) string {
	k := topicKey(word) + ".usage"
	if t.set.Lookup(k) == nil {
		return t.opts.Command + " " + cut(word, 60)
	}
	return t.label(k)
}

// ListView is a page of incidents.
type ListView struct {
	Incidents []*incidents.Incident
	Filter    incidents.Filter // what was asked for; shown on top
	Next      string           // cursor of the next page; empty: this is the last
	Now       time.Time
}

// List is the answer to `incident list` and `incident search`.
func (t *Templates) List(v ListView) Message {
	filter := t.filter(v.Filter)
	if len(v.Incidents) == 0 {
		name := "list.empty"
		switch {
		case v.Filter.Before > 0:
			name = "list.end"
		case v.Filter.Open && v.Filter.Text == "" && len(v.Filter.Levels) == 0 && v.Filter.Since.IsZero():
			name = "list.all_well"
		}
		return t.message(t.lines(name, Args{Text: filter}))
	}
	title := t.line("list.title", Args{Count: len(v.Incidents), Text: filter, Yes: v.Next != ""})
	b := Block{Kind: List}
	for _, in := range v.Incidents {
		b.Lines = append(b.Lines, t.listed(in, v.Now))
	}
	m := t.quietly(t.message([]Line{title}, b))
	if v.Next != "" {
		m.Blocks = append(m.Blocks, Block{Kind: Actions, Buttons: []Button{
			{Action: "incident.page", Value: v.Next, Label: t.label("button.next")},
		}})
	}
	return m
}

// listed is one incident in a list: level, key, state, what, since when, and how its clocks stand.
func (t *Templates) listed(in *incidents.Incident, now time.Time) Line {
	a := argsOf(in, now)
	line := t.line("list.item", a)
	if c := t.clockNow(in, now); len(c) > 0 {
		line = append(append(line, Span{Text: " · "}), c...)
	}
	return line
}

// clockNow says how the clock that matters stands at this moment.
func (t *Templates) clockNow(in *incidents.Incident, now time.Time) Line {
	kind := clockToWatch(in)
	c := in.Resolve
	if kind == incidents.Respond {
		c = in.Respond
	}
	switch {
	case kind == "" && (in.Respond.Stopped.After(in.Respond.Due) || in.Resolve.Stopped.After(in.Resolve.Due)):
		return t.line("list.clock.missed", Args{})
	case kind == "":
		return nil
	case in.State == incidents.Verifying:
		return t.line("list.clock.paused", Args{Clock: kind})
	case now.After(c.Due):
		return t.line("list.clock.over", Args{Clock: kind, Late: now.Sub(c.Due)})
	}
	return t.line("list.clock.left", Args{Clock: kind, After: c.Due.Sub(now)})
}

// filter says in words what a list was asked for.
func (t *Templates) filter(f incidents.Filter) string {
	var parts []string
	if f.Open {
		parts = append(parts, t.label("filter.open"))
	}
	for _, l := range f.Levels {
		parts = append(parts, l.String())
	}
	if f.Text != "" {
		parts = append(parts, t.plain("filter.text", Args{Text: f.Text}))
	}
	if !f.Since.IsZero() {
		parts = append(parts, t.plain("filter.since", Args{Since: f.Since}))
	}
	return t.join(parts)
}

// ShowView is everything about one incident.
type ShowView struct {
	CardView
	Timeline []incidents.Entry
	Link     string // of the card; empty: no button
}

// shownEntries is how many entries of the timeline `incident show` lists.
const shownEntries = 15

// Show is the answer to `incident show`: what the card says, and the newest of the timeline. It has none of the card's
// buttons: a copy is not edited later and would offer what is over.
func (t *Templates) Show(v ShowView) Message {
	m := t.cardBody(v.CardView)
	if len(v.Timeline) > 0 {
		m.Blocks = append(m.Blocks, text(t.line("timeline.title", Args{})), Block{Kind: List, Lines: t.Timeline(v.Timeline, shownEntries)})
	}
	m = t.quietly(m)
	links := t.cardLinks(v.CardView)
	if u, _, ok := webAddress(v.Link); ok {
		links = append([]Button{{Label: t.label("button.card"), URL: u}}, links...)
	}
	if len(links) > 0 {
		m.Blocks = append(m.Blocks, Block{Kind: Actions, Buttons: links})
	}
	return m
}
