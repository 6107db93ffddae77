package templates

import (
	"slices"
	"strings"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
)

// Shift is a stretch of time in which somebody is on call.
type Shift struct {
	Users    []string
	From, To time.Time
	Override bool // set by command, not by the rotation
}

// OnCallView is who is on call.
type OnCallView struct {
	Now       *Shift
	Next      []Shift
	Operators []string // who stands in when there is no rotation: users (U…) and groups (S…)
	At        time.Time
}

// OnCall is the answer to `oncall`. It names people and pings nobody.
func (t *Templates) OnCall(v OnCallView) Message {
	if v.Now == nil && len(v.Next) == 0 {
		if len(v.Operators) == 0 {
			return t.message(t.lines("oncall.nobody", Args{}))
		}
		line := append(t.line("oncall.operators", Args{}), t.people(v.Operators)...)
		return t.message([]Line{line}, Block{Kind: Context, Lines: t.lines("oncall.no_rotation", Args{})})
	}
	var now []Line
	if v.Now != nil && len(v.Now.Users) > 0 {
		now = append(now, t.shift("oncall.now", *v.Now, v.At))
	} else {
		now = t.lines("oncall.gap", Args{})
	}
	next := Block{Kind: List}
	for _, s := range v.Next {
		if len(s.Users) == 0 {
			continue
		}
		next.Lines = append(next.Lines, t.shift("oncall.shift", s, v.At))
	}
	m := t.message(now)
	if len(next.Lines) > 0 {
		m.Blocks = append(m.Blocks, text(t.line("oncall.next", Args{})), next)
	}
	return m
}

func (t *Templates) shift(name string, s Shift, now time.Time) Line {
	line := t.line(name, Args{})
	line = append(line, t.people(s.Users)...)
	return append(line, t.line("oncall.times", Args{Since: s.From, Due: s.To, Now: now, Yes: s.Override})...)
}

// people puts persons and groups in a row without pinging them.
func (t *Templates) people(ids []string) Line {
	var line Line
	for i, id := range ids {
		if i > 0 {
			line = append(line, Span{Text: t.separator()})
		}
		line = append(line, t.quiet(id))
	}
	return line
}

// Contact is a team or a vendor of the contact list.
type Contact struct {
	Name   string
	Mail   string
	Slack  string            // a user (U…) or a group (S…)
	Levels []incidents.Level // whose ladder names it
}

// ContactsView is the contact list.
type ContactsView struct{ Contacts []Contact }

// Contacts is the answer to `contacts`: how to reach each, and which levels escalate to it. It pings nobody.
func (t *Templates) Contacts(v ContactsView) Message {
	if len(v.Contacts) == 0 {
		return t.message(t.lines("contacts.none", Args{}))
	}
	b := Block{Kind: List}
	for _, c := range v.Contacts {
		line := Line{{Text: t.contactName(c.Name), Bold: true}}
		if c.Mail != "" {
			line = append(line, Span{Text: " · " + cut(c.Mail, 120)})
		}
		if c.Slack != "" {
			line = append(line, Span{Text: " · Slack "}, t.quiet(c.Slack))
		}
		if c.Mail == "" && c.Slack == "" {
			line = append(line, t.line("contacts.unreachable", Args{})...)
		}
		if len(c.Levels) > 0 {
			var ls []string
			for _, l := range slices.Sorted(slices.Values(c.Levels)) {
				ls = append(ls, l.String())
			}
			line = append(line, t.line("contacts.levels", Args{Word: t.join(ls)})...)
		}
		b.Lines = append(b.Lines, line)
	}
	return t.message([]Line{t.line("contacts.title", Args{Count: len(v.Contacts)})}, b)
}

// CapacityView is the guide's forecast.
type CapacityView struct {
	Users  int     // today
	Growth float64 // a month; 0.15 is 15 %
	Months int

	FutureUsers    int
	StorageGB      int
	MaxConnections int
	BandwidthGB    int // a month
	ByMonth        []int
}

// The chart of a forecast: rows that fit a screen, bars that fit a phone.
const (
	chartRows = 24
	barWidth  = 20
)

// Capacity is the answer to `capacity`.
func (t *Templates) Capacity(v CapacityView) Message {
	pairs := []Pair{
		{t.label("capacity.users"), Line{{Text: number(v.FutureUsers)}}},
		{t.label("capacity.storage"), Line{{Text: number(v.StorageGB) + " GB"}}},
		{t.label("capacity.connections"), Line{{Text: number(v.MaxConnections)}}},
		{t.label("capacity.bandwidth"), Line{{Text: number(v.BandwidthGB) + " GB"}}},
	}
	m := t.message(t.lines("capacity.title", Args{Count: v.Users, Share: v.Growth, Total: v.Months}))
	m.Blocks = append(m.Blocks, Block{Kind: Fields, Pairs: pairs})
	if chart := t.chart(v); len(chart.Lines) > 0 {
		m.Blocks = append(m.Blocks, chart)
	}
	m.Blocks = append(m.Blocks, Block{Kind: Context, Lines: t.lines("capacity.basis", Args{})})
	return m
}

// chart draws the users of each month as a bar; of many months, every n-th and always the last.
func (t *Templates) chart(v CapacityView) Block {
	step := (len(v.ByMonth) + chartRows - 1) / chartRows
	most := 0
	for _, n := range v.ByMonth {
		most = max(most, n)
	}
	b := Block{Kind: Pre}
	if most <= 0 {
		return b
	}
	width := len(number(most))
	for i, n := range v.ByMonth {
		if last := len(v.ByMonth) - 1; i != last && (last-i)%step != 0 {
			continue
		}
		value := number(n)
		label := t.plain("capacity.month", Args{Word: pad(number(i+1), len(number(len(v.ByMonth))))})
		bar := max(0, int(float64(n)/float64(most)*barWidth*2+0.5))
		row := label + " " + pad(value, width) + " " + strings.Repeat("█", bar/2) + strings.Repeat("▌", bar%2)
		b.Lines = append(b.Lines, Line{{Text: strings.TrimRight(row, " ")}})
	}
	return b
}

// pad puts blanks before a number.
func pad(s string, width int) string { return strings.Repeat(" ", max(0, width-len(s))) + s }
