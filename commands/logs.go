package commands

import (
	"context"
	"strconv"
	"strings"

	"github.com/ai-notebook/notebookbot/internal/ops/logs"
	"github.com/ai-notebook/notebookbot/templates"
)

// Logs reads what containers wrote, without its secrets.
type Logs interface {
	// Read reads the log of a service. A *ops.Problem says what people can mend.
	Read(ctx context.Context, q logs.Query) (*logs.Report, error)
}

var _ Logs = (*logs.Reader)(nil)

var logsOf = &command{words: "logs", read: true, private: true, run: runLogs}

// allowedLines is how many lines one may ask for, in a form that needs no language.
const allowedLines = "1 … 2,000"

// runLogs shows a service's log to the caller alone: people's data may stand in it.
func runLogs(ctx context.Context, r *Runner, c *call) (outcome, error) {
	if r.Logs == nil {
		return outcome{}, refuse(templates.NotConfigured, templates.Args{Word: "target"})
	}
	q, err := r.logsQuery(c)
	if err != nil {
		return outcome{}, err
	}
	var found *logs.Report
	err = r.slowly(ctx, c, func(ctx context.Context) (err error) {
		found, err = r.Logs.Read(ctx, q)
		return err
	})
	if err != nil {
		return outcome{}, fromOperations(err, 0, nil)
	}
	v := logsView(found, q)
	out := outcome{alone: true, target: found.Service}
	if v.File = !templates.LogsFit(v.Lines) && c.req.Source != Terminal; v.File {
		name := found.Service + "-" + r.Now().UTC().Format("20060102T150405Z") + ".log"
		out.file = r.Words.LogsFile(v, name)
	}
	out.say = r.Words.Logs(v)
	return out, nil
}

// logsQuery reads `logs SERVICE [N] [since 1h] [text|/regexp/]`. What follows is taken as it was written.
func (r *Runner) logsQuery(c *call) (logs.Query, error) {
	l := c.args
	if len(l.tokens) == 0 {
		return logs.Query{}, wrongUsage(c.cmd)
	}
	q := logs.Query{Service: l.word(0)}
	for l = l.without(0); len(l.tokens) > 0; {
		word := l.word(0)
		n, err := strconv.Atoi(word)
		switch {
		case err == nil && q.Lines == 0 && !l.tokens[0].quoted:
			if n < 1 || n > logs.MaxLines {
				return q, refuse(templates.NotANumber, templates.Args{Word: l.tokens[0].text, Text: allowedLines})
			}
			q.Lines, l = n, l.without(0)
		case (word == "since" || word == "自") && q.Since.IsZero() && len(l.tokens) > 1 && !l.tokens[0].quoted:
			since, ok := Since(l.word(1), r.Now(), r.Zone)
			if !ok {
				return q, refuse(templates.NotANumber, templates.Args{Word: l.tokens[1].text, Text: allowedSince})
			}
			q.Since, l = since, l.without(0).without(0)
		case (word == "grep" || word == "|") && len(l.tokens) > 1 && !l.tokens[0].quoted:
			l = l.without(0)
		default:
			q.Match = strings.TrimSpace(l.from(0))
			return q, tooLong(q.Match, maxReason)
		}
	}
	return q, nil
}

func logsView(found *logs.Report, q logs.Query) templates.LogsView {
	v := templates.LogsView{
		Service: found.Service, Lines: found.Lines, Looked: found.Looked, Cut: found.Cut, Match: q.Match, Since: q.Since, Errors: found.Errors,
	}
	for _, g := range found.Groups {
		text := g.Shape
		if g.Count == 1 {
			text = g.Example
		}
		v.Groups = append(v.Groups, templates.LogGroup{Text: text, Count: g.Count, Error: g.Error})
	}
	for _, a := range found.Answers {
		v.Answers = append(v.Answers, templates.LogAnswer{Status: a.Status, Count: a.Count, Method: a.Method, Path: a.Path})
	}
	for _, s := range found.Slow {
		v.Slow = append(v.Slow, templates.LogSlow{Text: s.Statement, Count: s.Count, Longest: s.Longest})
	}
	return v
}
