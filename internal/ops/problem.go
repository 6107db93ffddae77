package ops

import (
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
