package templates

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
)

// The bounds of what a card lists. Slack's own limits are wider; a card that is longer is not read.
const (
	cardAlerts = 5
	titleRunes = 120
	alertRunes = 160
	reportCut  = 700 // each answer of a report
	reportRows = 8
)

// CardView is what an incident's root message is made of.
type CardView struct {
	Incident *incidents.Incident
	Now      time.Time
	Report   string // address of the report; empty: no button
}

// Card is the incident's root message.
func (t *Templates) Card(v CardView) Message {
	in := v.Incident
	m := t.cardBody(v)
	m.Blocks = append(m.Blocks, Block{Kind: Actions, Buttons: t.cardButtons(in)})
	if links := t.cardLinks(v); len(links) > 0 {
		m.Blocks = append(m.Blocks, Block{Kind: Actions, Buttons: links})
	}
	return m
}

// argsOf is what sentences about an incident can speak of.
func argsOf(in *incidents.Incident, now time.Time) Args {
	a := Args{
		Key: in.Key(), Title: in.Title, Level: in.Level, State: in.State, Person: in.Commander, By: in.AckedBy,
		Since: in.Since, Now: now, Due: in.Respond.Due, Due2: in.Resolve.Due,
		Count: len(in.Firing()), Total: in.Truncated, Yes: !in.Acked.IsZero(),
	}
	switch in.State {
	case incidents.Verifying:
		a.Due = in.HoldUntil
	case incidents.Recovered:
		a.At, a.After = in.Ended, in.Ended.Sub(in.Opened)
	case incidents.Resolved:
		a.By, a.At, a.After = in.ResolvedBy, in.ResolvedAt, in.ResolvedAt.Sub(in.Opened)
	default:
		a.After = in.Acked.Sub(in.Opened)
	}
	return a
}

func (t *Templates) cardBody(v CardView) Message {
	in := v.Incident
	a := argsOf(in, v.Now)
	m := Message{
		Summary: t.plain("card.summary", a),
		Blocks: []Block{
			{Kind: Header, Lines: t.lines("card.header", a)},
			text(t.line("card.status", a), t.line("card.next."+string(in.State), a)),
		},
	}
	if in.StillFiring && in.State == incidents.Resolved {
		m.Blocks = append(m.Blocks, text(t.line("card.still_firing", a)))
	}
	m.Blocks = append(m.Blocks, Block{Kind: Fields, Pairs: t.cardFields(in)})
	m.Blocks = append(m.Blocks, t.cardAlerts(in)...)
	m.Blocks = append(m.Blocks, t.report(in.Report)...)
	if notes := t.cardNotes(in); len(notes) > 0 {
		m.Blocks = append(m.Blocks, Block{Kind: Context, Lines: notes})
	}
	return m
}

func (t *Templates) cardFields(in *incidents.Incident) []Pair {
	commander := t.line("card.nobody", Args{})
	if in.Commander != "" {
		commander = Line{{User: in.Commander}}
	}
	ps := []Pair{
		{t.label("card.respond"), t.clock(in, in.Respond, incidents.Respond)},
		{t.label("card.resolve"), t.clock(in, in.Resolve, incidents.Resolve)},
		{t.label("card.commander"), commander},
	}
	if len(in.Members) > 0 || in.Truncated > 0 {
		ps = append(ps, Pair{t.label("card.alerts"), t.line("card.counts", Args{Count: len(in.Firing()), Total: len(in.Quiet())})})
	}
	return ps
}

// clock says in words how a clock stands.
func (t *Templates) clock(in *incidents.Incident, c incidents.Clock, kind incidents.ClockKind) Line {
	a := Args{Clock: kind, Due: c.Due, Since: in.Since, After: c.Stopped.Sub(c.Started), Late: c.Stopped.Sub(c.Due)}
	name := "running"
	switch {
	case c.Started.IsZero():
		name = "none"
	case !c.Stopped.IsZero() && c.Stopped.After(c.Due):
		name = "missed"
	case !c.Stopped.IsZero() && kind == incidents.Respond && in.Acked.IsZero():
		name = "unneeded"
	case !c.Stopped.IsZero():
		name = "met"
	case c.Breached:
		name = "breached"
	case in.State == incidents.Verifying:
		name = "paused"
	}
	return t.line("card.clock."+name, a)
}

// cardAlerts lists the first alerts that fire, or what ended when none fires any more.
func (t *Templates) cardAlerts(in *incidents.Incident) []Block {
	members, name := in.Firing(), "card.more"
	if len(members) == 0 {
		members, name = in.Quiet(), "card.more_ended"
	}
	var bs []Block
	if len(members) > 0 {
		common := commonLabels(in)
		b := Block{Kind: List}
		for _, m := range members[:min(len(members), cardAlerts)] {
			b.Lines = append(b.Lines, t.alert(in, m, common))
		}
		bs = append(bs, b)
	}
	var rest []Line
	if n := len(members) - cardAlerts; n > 0 {
		rest = append(rest, t.line(name, Args{Count: n}))
	}
	if in.Truncated > 0 {
		rest = append(rest, t.line("card.truncated", Args{Count: in.Truncated}))
	}
	if len(rest) > 0 {
		bs = append(bs, Block{Kind: Context, Lines: rest})
	}
	return bs
}

// alert is one line: its name, what it says beyond the title, and the labels in which it differs from its neighbours.
func (t *Templates) alert(in *incidents.Incident, m *incidents.Member, common map[string]string) Line {
	a := Args{Title: m.Name()}
	for _, k := range []string{"summary", "description", "message"} {
		if s := m.Annotations[k]; s != "" && s != in.Title {
			a.Text = s
			break
		}
	}
	var labels []string
	for _, k := range slices.Sorted(maps.Keys(m.Labels)) {
		if _, shared := common[k]; !shared && k != "alertname" && k != "instance" && k != "severity" && k != "priority" {
			labels = append(labels, cut(k, 40)+"="+cut(m.Labels[k], 60))
		}
	}
	a.Word = strings.Join(labels, " ")
	if d := m.StartsAt.Sub(in.Since); d > time.Minute {
		a.Since, a.Now = m.StartsAt, in.Since
	}
	return t.line("card.alert", a)
}

// commonLabels are those that all alerts of the incident share.
func commonLabels(in *incidents.Incident) map[string]string {
	var common map[string]string
	first := true
	for _, m := range in.Members {
		if first {
			common, first = maps.Clone(m.Labels), false
			continue
		}
		maps.DeleteFunc(common, func(k, v string) bool { w, ok := m.Labels[k]; return !ok || w != v })
	}
	return common
}

// report is what was written when the incident was resolved.
func (t *Templates) report(r incidents.Report) []Block {
	var bs []Block
	for _, p := range []struct{ name, text string }{
		{"report.cause", r.Cause}, {"report.solution", r.Solution}, {"report.prevention", r.Prevention},
	} {
		if ls := textLines(p.text, reportCut, reportRows); len(ls) > 0 {
			bs = append(bs, text(t.line(p.name, Args{})), Block{Kind: Quote, Lines: ls})
		}
	}
	return bs
}

// cardNotes are the small print.
func (t *Templates) cardNotes(in *incidents.Incident) []Line {
	var ls []Line
	if in.State.Open() && len(in.Told) > 0 {
		ls = append(ls, t.line("card.told", Args{Word: t.names(in.Told)}))
	}
	if in.LevelByHand {
		ls = append(ls, t.line("card.by_hand", Args{Level: in.Level}))
	}
	if in.Reopened > 0 {
		ls = append(ls, t.line("card.reopened", Args{Count: in.Reopened}))
	}
	if in.OpenedBy.Kind == incidents.ByPerson {
		ls = append(ls, t.line("card.opened_by", Args{By: in.OpenedBy}))
	}
	return ls
}

func (t *Templates) cardButtons(in *incidents.Incident) []Button {
	key := in.Key()
	more := Button{Action: "incident.more", Value: key, Label: t.label("button.more")}
	resolve := Button{Action: "incident.resolve", Value: key, Label: t.label("button.resolve")}
	switch in.State {
	case incidents.Resolved:
		return []Button{more}
	case incidents.Recovered:
		resolve.Style = Primary
		return []Button{resolve, more}
	}
	var bs []Button
	if in.Acked.IsZero() {
		bs = append(bs, t.ackButton(key))
	}
	return append(bs, t.escalateButton(in), resolve, more)
}

// NextName is the name that the next step of an incident's ladder tells; empty: nobody is left.
func NextName(in *incidents.Incident) string {
	for _, name := range in.Policies.Levels[in.Level].Escalate {
		if !slices.Contains(in.Told, name) {
			return name
		}
	}
	return ""
}

// escalateButton asks first: a slip of the finger would wake the management. Its value says, behind the key, whom the question
// names, so that a yes to one name never tells the next one.
func (t *Templates) escalateButton(in *incidents.Incident) Button {
	var next []string
	name := NextName(in)
	if name != "" {
		next = append(next, name)
	}
	return Button{Action: "incident.escalate", Value: in.Key() + "/" + name, Label: t.label("button.escalate"), Confirm: &Confirm{
		Title: t.plain("confirm.escalate", Args{Key: in.Key()}), Text: t.plain("confirm.escalate.text", Args{Word: t.names(next)}),
		Yes: t.label("button.escalate"), No: t.label("modal.cancel"),
	}}
}

func (t *Templates) ackButton(key string) Button {
	return Button{Action: "incident.ack", Value: key, Label: t.label("button.ack"), Style: Primary}
}
