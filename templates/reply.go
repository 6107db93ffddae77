package templates

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ai-notebook/notebookbot/incidents"
)

// ErrNoWords says that a notice of this kind is no message: a card, an answer, or of the timeline alone.
var ErrNoWords = errors.New("no words for this kind of notice")

// replies are the kinds that are said in an incident's thread.
var replies = []incidents.NoticeKind{
	incidents.Opened, incidents.MoreAlerts, incidents.Acked, incidents.LevelChanged, incidents.CommanderSet, incidents.ClockNudge,
	incidents.ClockBreach, incidents.Escalated, incidents.Recovering, incidents.Refired, incidents.RecoveredNow,
	incidents.ResolvedNow, incidents.ReopenedNow, incidents.NoteAdded,
}

// Troubles are the constants that Fact.Text of a Trouble notice may hold. Fact.Titles carries details in the order named
// here, Fact.Count how often it happened, Fact.Late or Fact.After a length of time. Another text is shown as it is.
var Troubles = []string{
	TroubleToken, TroubleVersion, TroubleSize, TroubleUnreadable, TroubleUnknownAlertmanager, TroubleSlack, TroubleStore,
	TroubleStoreBack, TroubleLate, TroubleSocket, TroubleAlertmanagerAway, TroubleTarget, TroubleBackupLate, TroubleBackupBreach, TroubleBackupNone, TroubleBackupBack, TroubleBackupShort,
	TroubleRestore,
}

// The bot's own troubles.
const (
	TroubleToken               = "webhook.token"        // Titles: peer
	TroubleVersion             = "webhook.version"      // Titles: peer, the version found
	TroubleSize                = "webhook.size"         // Titles: peer
	TroubleUnreadable          = "webhook.unreadable"   // Titles: peer, why
	TroubleUnknownAlertmanager = "webhook.alertmanager" // Titles: peer, the name in the path
	TroubleSlack               = "slack.permanent"      // Titles: channel, Slack's error code
	TroubleStore               = "store"                // Titles: why
	TroubleStoreBack           = "store.back"           // After: how long it was away
	TroubleLate                = "clocks.late"          // Late: how long the bot was away; Count: how many clocks
	TroubleSocket              = "slack.socket"         // Titles: why
	TroubleAlertmanagerAway    = "alertmanager.away"    // Titles: address, why; After: how long
	TroubleTarget              = "target"               // Titles: name, why: a name of the ladder that could not be told
	TroubleBackupLate          = "backup.late"          // Titles: the newest proven set; After: its age; Late: how much may be lost
	TroubleBackupBreach        = "backup.breach"        // likewise
	TroubleBackupNone          = "backup.none"          // After: how long there is none
	TroubleRestore             = "restore.trial"        // Titles: the set, why; After: how long the trial took
	TroubleBackupShort         = "backup.short"         // Titles: the folder; After: until its disk is full; Late: how long sets are to be kept
	TroubleBackupBack          = "backup.back"          // Titles: the set; After: how long there was none; Late: how much may be lost
)

// ReplyView is what a notice needs to be said.
type ReplyView struct {
	Notice   incidents.Notice
	Incident *incidents.Incident // the newest state; nil for Trouble
	// Told are the people behind Fact.Names, resolved when it is sent. Without them the names are shown and nobody is pinged.
	Told []Target
	Link string // of the card, for Paged; empty: no button
}

// Reply builds the message of a notice: a reply in the incident's thread, the direct message of Paged, or Trouble.
func (t *Templates) Reply(v ReplyView) (Message, error) {
	switch {
	case v.Notice.Kind == incidents.Trouble:
		return t.trouble(v.Notice), nil
	case v.Incident == nil:
		return Message{}, fmt.Errorf("notice %s: no incident: %w", v.Notice.Key, ErrNoWords)
	case v.Notice.Kind == incidents.Paged:
		return t.paged(v), nil
	case slices.Contains(replies, v.Notice.Kind):
		return t.reply(v), nil
	}
	return Message{}, fmt.Errorf("notice %s of kind %q: %w", v.Notice.Key, v.Notice.Kind, ErrNoWords)
}

// replyArgs is what a sentence about a fact can speak of. The level is the one at that time, not today's.
func replyArgs(n incidents.Notice, in *incidents.Incident, told []Target) Args {
	f := n.Fact
	if len(told) == 0 {
		told = namesOf(f.Names)
	}
	a := Args{
		Level: n.Level, By: n.By, Person: f.Person, Told: told, Due: f.Due, Due2: f.Due2, At: n.At, Now: n.At, After: f.After,
		Late: f.Late, Count: f.Count, Total: f.Total, Percent: f.Percent, Clock: f.Clock, Text: f.Text, Names: f.Titles,
		Yes: f.StillFiring,
	}
	if f.From != nil {
		a.From = *f.From
	}
	if f.To != nil {
		a.Level = *f.To
	}
	if in != nil {
		a.Key, a.Title, a.Since, a.State = in.Key(), in.Title, in.Since, in.State
	}
	return a
}

func (t *Templates) reply(v ReplyView) Message {
	n, in := v.Notice, v.Incident
	a := replyArgs(n, in, v.Told)
	var more []Block
	switch n.Kind {
	case incidents.MoreAlerts:
		more = append(more, t.titles(n.Fact))
	case incidents.Refired:
		more = append(more, t.titles(n.Fact))
		a.Yes = reached(a.Told)
	case incidents.ClockBreach, incidents.Escalated:
		a.Yes = reached(a.Told)
	case incidents.Acked:
		a.Yes = !in.Respond.Stopped.IsZero() && in.Respond.Stopped.After(in.Respond.Due)
	case incidents.LevelChanged:
		a.Yes = in.Acked.IsZero() || in.Acked.After(n.At)
		more = append(more, quoted(n.Fact.Text, reportCut))
	case incidents.CommanderSet:
		a.Yes = n.By == incidents.Person(n.Fact.Person)
	case incidents.ResolvedNow:
		more = t.report(n.Fact.Report)
	case incidents.ReopenedNow:
		more = append(more, quoted(n.Fact.Text, reportCut))
	case incidents.NoteAdded:
		more = append(more, quoted(n.Fact.Text, 2900))
	}
	m := t.message(t.lines("reply."+string(n.Kind), a), append(more, t.byList(n.Fact), t.late(a))...)
	if n.Kind != incidents.Opened { // which says all of it by itself
		a.Text = m.Summary
		if n.Kind == incidents.NoteAdded {
			a.Text += " " + cut(n.Fact.Text, 300)
		}
		m.Summary = t.plain("reply.summary", a)
	}
	return m
}

// titles lists the alerts of a fact and says how many are not listed.
func (t *Templates) titles(f incidents.Fact) Block {
	b := Block{Kind: List}
	for _, s := range f.Titles {
		b.Lines = append(b.Lines, Line{{Text: cut(s, alertRunes)}})
	}
	if n := f.Count - len(f.Titles); n > 0 && len(f.Titles) > 0 {
		b.Lines = append(b.Lines, t.line("reply.more_titles", Args{Count: n}))
	}
	return b
}

func quoted(s string, n int) Block { return Block{Kind: Quote, Lines: textLines(s, n, 30)} }

// byList says that no message told a fact.
func (t *Templates) byList(f incidents.Fact) Block {
	if !f.Listed {
		return Block{}
	}
	return Block{Kind: Context, Lines: t.lines("reply.listed", Args{})}
}

// late says that a fact is told after its time, and why.
func (t *Templates) late(a Args) Block {
	if a.Late <= 0 {
		return Block{}
	}
	return Block{Kind: Context, Lines: t.lines("reply.late", a)}
}

// paged is the direct message to somebody to whom an incident was escalated: level, what, since when, what to do.
func (t *Templates) paged(v ReplyView) Message {
	in := v.Incident
	a := argsOf(in, v.Notice.At)
	a.Late, a.Clock = v.Notice.Fact.Late, clockToWatch(in)
	a.Due = in.Respond.Due
	a.Yes = a.Clock != "" && !v.Notice.At.Before(in.Resolve.Due) || a.Clock == incidents.Respond && !v.Notice.At.Before(in.Respond.Due)
	why := t.lines("paged.why", Args{Text: v.Notice.Fact.Text})
	if v.Notice.Fact.Text == "" {
		why = nil
	}
	m := t.message(append(t.lines("paged.what", a), why...), Block{Kind: Text, Lines: t.lines("paged.do", a)}, t.late(a))
	m.Summary = t.plain("card.summary", a)
	var bs []Button
	if in.State.Open() && in.Acked.IsZero() {
		bs = append(bs, t.ackButton(in.Key()))
	}
	if u, _, ok := webAddress(v.Link); ok {
		bs = append(bs, Button{Label: t.label("button.card"), URL: u})
	}
	if len(bs) > 0 {
		m.Blocks = append(m.Blocks, Block{Kind: Actions, Buttons: bs})
	}
	return m
}

// clockToWatch is the clock that runs out next; empty when neither counts.
func clockToWatch(in *incidents.Incident) incidents.ClockKind {
	switch {
	case !in.State.Open():
		return ""
	case in.Respond.Running():
		return incidents.Respond
	}
	return incidents.Resolve
}

// trouble says what is wrong with the bot itself.
func (t *Templates) trouble(n incidents.Notice) Message {
	a := replyArgs(n, nil, nil)
	name := "trouble." + n.Fact.Text
	if !slices.Contains(Troubles, n.Fact.Text) {
		name = "trouble.other"
	}
	if len(a.Names) > 0 {
		a.Where = cut(a.Names[0], 100)
	}
	if len(a.Names) > 1 {
		a.Text = cut(strings.Join(a.Names[1:], " "), 300)
	} else if name != "trouble.other" {
		a.Text = ""
	}
	lines := t.lines(name, a)
	if n.Fact.Count > 1 && n.Fact.Text != TroubleLate {
		lines = append(lines, t.line("trouble.count", a))
	}
	return t.message(lines)
}
