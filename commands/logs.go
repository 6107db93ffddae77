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

// logsQuery reads `logs SERVICE [N] [since 1h] [text|/regexp/]`, and the options that fingers know from Docker and tail: `--tail N`, `-n N`,
// `--since=1h`. What follows is taken as it was written.
func (r *Runner) logsQuery(c *call) (logs.Query, error) {
	l := c.args
	if len(l.tokens) == 0 {
		return logs.Query{}, wrongUsage(c.cmd)
	}
	q := logs.Query{Service: l.word(0)}
	for l = l.without(0); len(l.tokens) > 0; {
		word, value, both := strings.Cut(l.word(0), "=")
		if !strings.HasPrefix(word, "-") {
			word, value, both = l.word(0), "", false
		}
		rest := l.without(0)
		if !both && len(rest.tokens) > 0 {
			value = rest.word(0)
		}
		_, err := strconv.Atoi(word)
		switch {
		case l.tokens[0].quoted:
			return matching(q, l)
		case err == nil && q.Lines == 0:
			if q.Lines, err = lines(word); err != nil {
				return q, err
			}
			l = rest
			continue
		case value != "" && q.Lines == 0 && (word == "--tail" || word == "-n" || word == "tail" || word == "--lines"):
			if q.Lines, err = lines(value); err != nil {
				return q, err
			}
		case value != "" && q.Since.IsZero() && (word == "since" || word == "自" || word == "--since"):
			since, ok := Since(value, r.Now(), r.Zone)
			if !ok {
				return q, refuse(templates.NotANumber, templates.Args{Word: value, Text: allowedSince})
			}
			q.Since = since
		case !both && value != "" && (word == "grep" || word == "|" || word == "--grep"):
			l = rest
			continue
		default:
			return matching(q, l)
		}
		if l = rest; !both {
			l = l.without(0)
		}
	}
	return q, nil
}

// lines is how many lines somebody asks for.
func lines(word string) (int, error) {
	n, err := strconv.Atoi(word)
	if err != nil || n < 1 || n > logs.MaxLines {
		return 0, refuse(templates.NotANumber, templates.Args{Word: word, Text: allowedLines})
	}
	return n, nil
}

// matching takes the rest as what is looked for.
func matching(q logs.Query, l line) (logs.Query, error) {
	q.Match = strings.TrimSpace(l.from(0))
	return q, tooLong(q.Match, maxReason)
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
