package ops

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Problem is a refusal that people can act on. What they read is the sentence of its code, in their language.
type Problem struct {
	Code  string   // of the sentence: "unknown_service"
	Name  string   // the thing that this is about, as somebody wrote it: hostile
	Names []string // what would be right, or what else belongs to it
	Text  string   // what a program said: hostile
	Count int
	Total int
	Err   error // what led to it
}

func (p *Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.Code)
	if p.Name != "" {
		fmt.Fprintf(&b, " %q", p.Name)
	}
	if p.Text != "" {
		b.WriteString(": " + p.Text)
	}
	if p.Err != nil {
		b.WriteString(": " + p.Err.Error())
	}
	return b.String()
}

func (p *Problem) Unwrap() error { return p.Err }

// CodeFailed is the code of a problem that is only what a program said.
const CodeFailed = "failed"

// unplanned makes a problem of what a kind could not find out, so that people read it at once. What passes (a store that is away, time
// that ran out) and what is a defect stay what they are: the one is tried again, the other is told with a reference.
func (s *Service) unplanned(ctx context.Context, word string, err error) error {
	wrapped := fmt.Errorf("plan %s: %w", word, err)
	var passing interface{ Temporary() bool }
	if _, known := errors.AsType[*Problem](err); known || ctx.Err() != nil || errors.As(err, &passing) && passing.Temporary() || errors.Is(err, ErrPlan) {
		return wrapped
	}
	return &Problem{Code: CodeFailed, Text: s.reason(err), Err: wrapped}
}
