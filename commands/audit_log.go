package commands

import (
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/access"
	"github.com/ai-notebook/notebookbot/internal/audit"
	"github.com/ai-notebook/notebookbot/templates"
)

var auditLog = &command{words: "audit-log", read: true, private: true, run: runAuditLog}

// entryCursor is how a page's button names the entry before which the next page begins.
var entryCursor = regexp.MustCompile(`^<#([1-9][0-9]{0,17})$`)

// auditActors are the actors that are no people.
var auditActors = []string{audit.Bot, audit.Clock, audit.Alertmanager, audit.Terminal, audit.Nobody}

// runAuditLog shows a page of the audit log to the caller alone: it tells what everybody asked.
func runAuditLog(ctx context.Context, r *Runner, c *call) (outcome, error) {
	if r.Audit == nil {
		return outcome{}, refuse(templates.NotYet, templates.Args{Word: c.cmd.words})
	}
	q, err := r.auditQuery(c)
	if err != nil {
		return outcome{}, err
	}
	q.Limit = q.page*pageSize + 1
	found, err := r.Audit.List(ctx, q.Filter)
	if err != nil {
		return outcome{}, err
	}
	v := templates.AuditView{
		Actor: q.Actor, Target: q.Target, Word: wordsOf(q.Word), Verdict: string(q.Verdict), Since: q.Since,
		Later: q.page > 1 || q.Before > 0,
	}
	found = found[min(len(found), (q.page-1)*pageSize):]
	more := len(found) > pageSize
	for _, e := range found[:min(len(found), pageSize)] {
		v.Entries = append(v.Entries, templates.AuditEntry{
			Seq: e.Seq, At: e.At, Actor: e.Actor, OSUser: e.OSUser, Word: wordsOf(e.Word), Target: e.Target,
			Verdict: string(e.Verdict), Reason: e.Reason, Detail: e.Detail,
		})
	}
	if more {
		v.Next = c.cmd.words + " <#" + strconv.FormatInt(v.Entries[pageSize-1].Seq, 10) + strings.Join(q.words, "")
	}
	return outcome{say: r.Words.Audit(v), alone: true}, nil
}

// auditQuery is what a line asks of the log.
type auditQuery struct {
	audit.Filter
	page  int
	words []string // the same question for the next page, besides where it begins; each with a blank before it
}

// auditQuery reads `audit-log [@somebody|INC-3|command|verdict] [since 24h|2026-11-01] [page]`.
func (r *Runner) auditQuery(c *call) (auditQuery, error) {
	q := auditQuery{page: 1}
	wrong := wrongUsage(c.cmd)
	if c.number != 0 {
		q.Target = incidents.Key(c.number)
		q.words = append(q.words, " "+q.Target)
	}
	for l := c.args; len(l.tokens) > 0; l = l.without(0) {
		word := l.word(0)
		user, isUser := personOf(l.tokens[0].text)
		number, err := strconv.Atoi(word)
		m := entryCursor.FindStringSubmatch(word)
		key, isKey := keyOf(keyWord, word)
		switch {
		case m != nil:
			q.Before, _ = strconv.ParseInt(m[1], 10, 64)
			continue
		case err == nil && number >= 1 && number <= maxPage:
			q.page = number
			continue
		case (word == "since" || word == "自") && len(l.tokens) > 1 && q.Since.IsZero():
			l = l.without(0)
			since, ok := Since(l.word(0), r.Now(), r.Zone)
			if !ok {
				return q, refuse(templates.NotANumber, templates.Args{Word: l.tokens[0].text, Text: allowedSince})
			}
			q.Since = since
			word = "since " + l.word(0)
		case q.Actor == "" && (isUser || word == "me" || word == "我"):
			q.Actor = user
			if !isUser {
				q.Actor = c.req.User
			}
			word = "<@" + q.Actor + ">"
		case q.Actor == "" && slices.Contains(auditActors, word):
			q.Actor = word
		case q.Target == "" && isKey:
			q.Target = incidents.Key(key)
		case q.Verdict == "" && slices.Contains(audit.Verdicts, audit.Verdict(word)):
			q.Verdict = audit.Verdict(word)
		case q.Word == "":
			known, two := auditWord(word, l.word(1))
			if known == "" {
				return q, wrong
			}
			if two {
				l = l.without(0)
			}
			q.Word = known
			word = wordsOf(known)
		default:
			return q, wrong
		}
		q.words = append(q.words, " "+word)
	}
	return q, nil
}

// auditWord finds the command that one or two words of a line name, or its family. Commands of later versions are known too: a log
// may have them.
func auditWord(first, second string) (word string, two bool) {
	first = strings.Replace(first, ".", " ", 1)
	switch full := short(first); {
	case byWords(first+" "+second) != nil:
		return byWords(first + " " + second).access(), true
	case byWords(first) != nil:
		return byWords(first).access(), false
	case full != "":
		return byWords(full).access(), false
	case slices.Contains(families(), first), slices.Contains(access.Words(), first):
		return first, false
	}
	return "", false
}

// wordsOf is a command's key in the log as people write it.
func wordsOf(word string) string { return strings.Replace(word, ".", " ", 1) }

// allowedSince is what follows since, in a form that needs no language.
const allowedSince = "24h, 90m, 7d, 2026-11-01"

// Since reads a length of time before now, or a day.
func Since(word string, now time.Time, zone *time.Location) (time.Time, bool) {
	if zone == nil {
		zone = time.UTC
	}
	if day, err := time.ParseInLocation(time.DateOnly, word, zone); err == nil {
		return day, true
	}
	const most = 100 * 366
	if days, ok := strings.CutSuffix(word, "d"); ok {
		n, err := strconv.Atoi(days)
		return now.AddDate(0, 0, -n), err == nil && n > 0 && n <= most
	}
	d, err := time.ParseDuration(word)
	return now.Add(-d), err == nil && d > 0
}
