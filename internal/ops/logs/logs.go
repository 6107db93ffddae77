// Package logs reads what the containers of a service wrote and makes it short enough to be read by somebody in a hurry: lines that
// differ in numbers, ids, times and addresses alone are counted as one, errors come first, answers of the web server from 400 on
// are counted by path and slow statements of the database by their form.
//
// Nothing leaves it before the secrets are taken out, and what is searched for is searched for in that text: who may not see a
// password cannot guess it letter by letter either.
package logs

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/sync/errgroup"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/docker"
	"github.com/ai-notebook/notebookbot/internal/ops/redact"
	"github.com/ai-notebook/notebookbot/internal/ops/target"
)

// Engine is the part of docker.Engine that is needed.
type Engine interface {
	Containers(ctx context.Context) ([]docker.Container, error)
	Logs(ctx context.Context, id string, tail int, since time.Time, w io.Writer) error
}

const (
	// DefaultLines is the guide's.
	DefaultLines = 50
	// MaxLines is how many lines one answer may have, as a file.
	MaxLines = 2000
	// searched is how many lines of a container are looked through for a word.
	searched = 10_000
	maxLine  = 4000 // bytes of a line that are kept
)

// Query is what somebody wants to see.
type Query struct {
	Service string
	Lines   int       // the newest so many, of all containers together; 0: DefaultLines, or with Since all
	Since   time.Time // zero: ever
	// Match is a plain text that lines have, whatever its case, or between slashes a regular expression (RE2). Empty: all lines.
	Match string
}

// Report is what was found. All text in it is redacted.
type Report struct {
	Service    string
	Containers int
	Lines      []string // in the order in which each container wrote them, after its number where there are several
	Looked     int      // lines that were looked through
	Cut        bool     // there are more that were not looked through
	Errors     int      // of Lines
	Groups     []Group  // errors first, then by count
	Answers    []Answer // of the web server, 400 and above, by count
	Slow       []Slow   // statements, the slowest first
}

// Reader reads logs.
type Reader struct {
	Engine Engine
	Redact func() *redact.Redactor // asked for each time, since secrets change
}

// Read reads what a service's containers wrote. A *ops.Problem says what people can mend.
func (r *Reader) Read(ctx context.Context, q Query) (*Report, error) {
	match, err := matcher(q.Match)
	if err != nil {
		return nil, err
	}
	all, err := r.Engine.Containers(ctx)
	if err != nil {
		return nil, target.Explain(err)
	}
	list := slices.DeleteFunc(slices.Clone(all), func(c docker.Container) bool { return !strings.EqualFold(c.Service, q.Service) })
	if len(list) == 0 {
		p := &ops.Problem{Code: "unknown_service", Name: q.Service}
		for _, c := range all {
			if !slices.Contains(p.Names, c.Service) {
				p.Names = append(p.Names, c.Service)
			}
		}
		return nil, p
	}
	most := min(cmp.Or(q.Lines, DefaultLines), MaxLines)
	if q.Lines == 0 && !q.Since.IsZero() {
		most = MaxLines
	}
	tail := most
	if match != nil {
		tail = searched
	}
	texts := make([][]string, len(list))
	out := &Report{Service: list[0].Service, Containers: len(list)}
	share := (most + len(list) - 1) / len(list) // of each container
	g, gctx := errgroup.WithContext(ctx)
	for i, c := range list {
		g.Go(func() error {
			var err error
			texts[i], err = Tail(gctx, r.Engine, c.ID, tail, q.Since)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	hide := r.Redact()
	var bare []string
	for i, lines := range texts {
		out.Looked += len(lines)
		out.Cut = out.Cut || len(lines) >= tail
		lines = hide.Lines(lines)
		if match != nil {
			lines = slices.DeleteFunc(lines, func(l string) bool { return !match(l) })
		}
		for _, l := range lines[max(0, len(lines)-share):] {
			bare = append(bare, l)
			if len(list) > 1 {
				l = strconv.Itoa(list[i].Number) + "| " + l
			}
			out.Lines = append(out.Lines, l)
		}
	}
	for _, l := range bare {
		if IsError(l) {
			out.Errors++
		}
	}
	out.Groups, out.Answers, out.Slow = Groups(bare), Answers(bare), SlowStatements(bare)
	return out, nil
}

// Tail reads the last lines of a container. They are not redacted.
func Tail(ctx context.Context, e Engine, id string, n int, since time.Time) ([]string, error) {
	var buf bytes.Buffer
	if err := e.Logs(ctx, id, n, since, &buf); err != nil && !errors.Is(err, docker.ErrCut) {
		return nil, err
	}
	text := strings.TrimRight(strings.ToValidUTF8(buf.String(), "\uFFFD"), "\n")
	if text == "" {
		return nil, nil
	}
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		if len(l) > maxLine {
			for end := maxLine; ; end-- {
				if utf8.RuneStart(l[end]) {
					lines[i] = l[:end] + "…"
					break
				}
			}
		}
	}
	return lines, nil
}

// matcher reads what is searched for; nil: everything.
func matcher(s string) (func(string) bool, error) {
	switch {
	case s == "":
		return nil, nil
	case len(s) > 2 && s[0] == '/' && s[len(s)-1] == '/':
		re, err := regexp.Compile("(?i)" + s[1:len(s)-1])
		if err != nil {
			return nil, &ops.Problem{Code: "regexp", Name: s, Err: err}
		}
		return re.MatchString, nil
	}
	s = strings.ToLower(s)
	return func(l string) bool { return strings.Contains(strings.ToLower(l), s) }, nil
}
