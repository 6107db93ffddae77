package templates

import (
	"slices"
	"strconv"
	"time"
)

// AuditEntry is one line of the audit log.
type AuditEntry struct {
	Seq     int64
	At      time.Time
	Actor   string // a Slack user id, or one of auditActors
	OSUser  string
	Word    string // "incident ack"
	Target  string // INC-3
	Verdict string
	Reason  string // why it was refused or failed
	Detail  string // what was asked: hostile
}

// AuditView is a page of the audit log, the newest first.
type AuditView struct {
	Entries []AuditEntry
	// What was asked for, shown on top. Zero fields were not.
	Actor, Word, Target, Verdict string
	Since                        time.Time

	Later bool   // not the first page
	Next  string // cursor of the next page; empty: this is the last
}

// verdicts are what an entry can end with.
var verdicts = []string{
	"asked", "done", "unchanged", "refused", "failed", "approved", "rejected", "started", "undone", "expired", "void", "unknown",
}

// auditActors are the actors that are no people.
var auditActors = []string{"bot", "clock", "alertmanager", "terminal", "nobody"}

// shownDetail is how much of what was asked a line of the log shows.
const shownDetail = 160

// Audit is the answer to `audit-log`. It names people and pings nobody.
func (t *Templates) Audit(v AuditView) Message {
	filter := t.auditFilter(v)
	if len(v.Entries) == 0 {
		name := "audit.empty"
		if v.Later {
			name = "audit.end"
		}
		return t.message(t.lines(name, Args{Text: filter}))
	}
	b := Block{Kind: List}
	for _, e := range v.Entries {
		b.Lines = append(b.Lines, t.audited(e))
	}
	m := t.quietly(t.message([]Line{t.line("audit.title", Args{Count: len(v.Entries), Text: filter, Yes: v.Next != ""})}, b,
		Block{Kind: Context, Lines: t.lines("audit.note", Args{})}))
	if v.Next != "" {
		m.Blocks = append(m.Blocks, Block{Kind: Actions, Buttons: []Button{
			{Action: "incident.page", Value: v.Next, Label: t.label("button.next")},
		}})
	}
	return m
}

func (t *Templates) audited(e AuditEntry) Line {
	a := Args{
		Ref: strconv.FormatInt(e.Seq, 10), At: e.At, Word: cut(e.Word, 60), Key: cut(e.Target, 60), Title: t.verdict(e.Verdict),
		Class: cut(e.Reason, 80), Text: cut(e.Detail, shownDetail),
	}
	if a.Text == a.Word || a.Text == a.Key { // it says nothing more
		a.Text = ""
	}
	if userID.MatchString(e.Actor) {
		a.Person = e.Actor
	} else {
		a.Where = t.actorName(e.Actor)
	}
	if e.OSUser != "" {
		a.Where, a.Person = t.plain("audit.os_user", Args{Person: t.actorName(e.Actor), Text: cut(e.OSUser, 60)}), ""
	}
	return t.line("audit.item", a)
}

// actorName is how people call an actor of the log.
func (t *Templates) actorName(actor string) string {
	switch {
	case userID.MatchString(actor):
		return t.flat([]Line{{t.quiet(actor)}})
	case slices.Contains(auditActors, actor):
		return t.label("audit.actor." + actor)
	}
	return cut(actor, 60)
}

func (t *Templates) verdict(v string) string {
	if slices.Contains(verdicts, v) {
		return t.label("verdict." + v)
	}
	return cut(v, 60)
}

func (t *Templates) auditFilter(v AuditView) string {
	var parts []string
	if v.Actor != "" {
		parts = append(parts, t.actorName(v.Actor))
	}
	for _, s := range []string{v.Target, v.Word} {
		if s != "" {
			parts = append(parts, cut(s, 60))
		}
	}
	if v.Verdict != "" {
		parts = append(parts, t.verdict(v.Verdict))
	}
	if !v.Since.IsZero() {
		parts = append(parts, t.plain("filter.since", Args{Since: v.Since}))
	}
	return t.join(parts)
}

// AuditHead tells the end of the audit log, so that a log that is written anew afterwards can be told from this one.
func (t *Templates) AuditHead(seq int64, hash string) Message {
	return t.message(t.lines("audit.head", Args{Count: int(seq), Text: strconv.FormatInt(seq, 10) + ":" + hash}))
}
