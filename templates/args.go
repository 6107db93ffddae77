package templates

import (
	"slices"
	"strings"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
)

// Args is what a sentence can speak of. Each sentence uses a few of the fields; what it does not get is left out or a dash.
// Every text in it is shown as text, whoever wrote it.
type Args struct {
	Key         string // INC-3
	Title       string
	Level, From incidents.Level
	State       incidents.State
	Clock       incidents.ClockKind

	By     incidents.Actor
	Person string   // Slack user id
	Told   []Target // who is mentioned, or whom to ask

	Since, Due, Due2, At, Now time.Time
	After, Late               time.Duration
	Count, Total, Percent     int
	Share                     float64 // 0.15 is 15 %
	Bytes, Of                 int64   // bytes, and what they are part of
	Heap, Indexes, Toast      int64   // bytes of a table
	Limit                     int     // percent from which it matters
	Most                      int     // of Count
	Value                     float64 // a number that is no count
	Age                       time.Duration

	Text    string // what a person wrote or an alert carries
	Word    string // the word that this is about
	Nearest string // the right word that is nearest to it; empty: none is near
	Class   string // read, low, change, destructive
	Ref     string // finds the error in the log
	Where   string // a peer, a channel, a container, where somebody came from
	Account string // of a user of a machine
	Names   []string
	Yes     bool // what the sentence says of it
}

// Target is a name of the ladder or of the contacts, and who fills it.
type Target struct {
	Name   string // oncall, ops, management
	Users  []string
	Groups []string
	Mail   string
}

// told puts targets in a row with their mentions.
func (t *Templates) told(ts []Target) string {
	var parts []string
	for _, g := range ts {
		var ids []string
		for _, u := range g.Users {
			ids = append(ids, mention(u))
		}
		for _, s := range g.Groups {
			ids = append(ids, mentionGroup(s))
		}
		name := t.contactName(g.Name)
		switch {
		case len(ids) > 0 && name != "":
			parts = append(parts, name+" "+strings.Join(ids, " "))
		case len(ids) > 0:
			parts = append(parts, strings.Join(ids, " "))
		case g.Mail != "":
			parts = append(parts, t.marked("told.mail", Args{Word: name, Text: g.Mail}))
		default:
			parts = append(parts, t.marked("told.nobody", Args{Word: name}))
		}
	}
	return t.join(parts)
}

// marked is a define with its delimiters, to be put into another.
func (t *Templates) marked(name string, a Args) string {
	s, err := t.execute(name, a)
	if err != nil {
		return name
	}
	return s
}

// contactName is how people call a contact; a name that the house made up stays as it is.
func (t *Templates) contactName(name string) string {
	if name == "" {
		return ""
	}
	if t.set.Lookup("contact."+name) != nil {
		return t.label("contact." + name)
	}
	return cut(name, 60)
}

// reached tells whether a message that mentions the targets reaches anybody.
func reached(ts []Target) bool {
	return slices.ContainsFunc(ts, func(g Target) bool { return len(g.Users)+len(g.Groups) > 0 })
}

// namesOf stands in for targets that nobody looked up.
func namesOf(names []string) []Target {
	ts := make([]Target, len(names))
	for i, n := range names {
		ts[i] = Target{Name: n}
	}
	return ts
}

func text(lines ...Line) Block { return Block{Kind: Text, Lines: lines} }

// message is a message of one paragraph, whose summary is the same words.
func (t *Templates) message(lines []Line, more ...Block) Message {
	m := Message{Summary: t.flat(lines)}
	if len(lines) > 0 {
		m.Blocks = append(m.Blocks, Block{Kind: Text, Lines: lines})
	}
	for _, b := range more {
		if len(b.Lines)+len(b.Pairs)+len(b.Buttons) > 0 {
			m.Blocks = append(m.Blocks, b)
		}
	}
	return m
}

// Say builds a message of one define, for example Say("done.ack", Args{Key: "INC-3"}).
func (t *Templates) Say(name string, a Args) Message { return t.message(t.lines(name, a)) }

// Plain is a define as a string, for places that show nothing but text.
func (t *Templates) Plain(name string, a Args) string { return t.plain(name, a) }

// WithShare puts a button under an answer that one person alone sees; value finds the answer again.
func (t *Templates) WithShare(m Message, value string) Message {
	m.Blocks = append(slices.Clip(m.Blocks), Block{Kind: Actions, Buttons: []Button{
		{Action: "answer.share", Value: value, Label: t.label("button.share")},
	}})
	return m
}

// quietly takes the mentions out of an answer that tells of people and calls nobody.
func (t *Templates) quietly(m Message) Message {
	hush := func(l Line) {
		for i, s := range l {
			if id := s.User + s.UserGroup; id != "" {
				l[i] = t.quiet(id)
			}
		}
	}
	for _, b := range m.Blocks {
		for _, l := range b.Lines {
			hush(l)
		}
		for _, p := range b.Pairs {
			hush(p.Value)
		}
	}
	return m
}
