package terminal

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/templates"
)

// Session is one command at a terminal from its words to its end.
type Session struct {
	House House
	Words *templates.Templates

	As      string // the user id of who asks
	JSON    bool   // one JSON object on Out, and no question
	Confirm bool   // what needs approvals begins without a question
	Reason  string // why it goes without them

	In       io.Reader
	Out, Err io.Writer // the answer; everything beside it

	lines chan string // of In, once it is read
}

// Code is how a session ended: the program's exit code.
type Code int

// The codes of the contract.
const (
	Done   Code = 0
	Failed Code = 1 // refused, or the operation did not end well, or its end is not known
	Usage  Code = 2 // something was not given that cannot be asked for
)

const (
	// soon is after which time without an answer is said that it takes a moment.
	soon = 1500 * time.Millisecond
	// lastWord is how long taking a request back may take once the session was interrupted.
	lastWord = 4 * time.Second
)

// ErrGone says that the bot went away before it had answered.
var ErrGone = errors.New("the bot went away before it had answered")

// Run carries the words out.
func (s *Session) Run(ctx context.Context, text string) (Code, error) {
	a, err := s.ask(ctx, text)
	if err != nil {
		return Failed, err
	}
	op := a.Operation
	if a.Refused || op == nil {
		return s.end(a, Failed)
	}
	if op.State == ops.Planned && op.Missing > 0 {
		var code Code
		if a, code, err = s.alone(ctx, a); err != nil || code != Done || a.Refused || a.Operation == nil {
			if err != nil {
				return Failed, err
			}
			return s.end(a, max(code, Failed))
		}
		op = a.Operation
	}
	if op.State.Over() { // It was cancelled as asked, or is void.
		a.Refused = op.State == ops.Void
		return s.end(a, Failed)
	}
	if op.State == ops.Planned {
		return s.end(a, Failed)
	}
	s.show(a)
	return s.watch(ctx, op.Number)
}

func (s *Session) say(name string, a templates.Args) {
	_, _ = fmt.Fprintln(s.Err, s.Words.AtTerminal(name, a))
}

// ask asks the house, and says so when that takes a moment.
func (s *Session) ask(ctx context.Context, text string) (Answer, error) {
	t := time.AfterFunc(soon, func() { s.say(templates.AtLooking, templates.Args{}) })
	defer t.Stop()
	return s.House.Ask(ctx, s.As, text)
}

// show writes an answer that is not the last.
func (s *Session) show(a Answer) {
	switch {
	case s.JSON:
	case a.Note:
		_, _ = io.WriteString(s.Err, a.Text)
	default:
		_, _ = io.WriteString(s.Out, a.Text)
	}
}

// end writes the last answer. Bad is the code where it is a refusal.
func (s *Session) end(a Answer, bad Code) (Code, error) {
	code := Done
	if a.Refused {
		code = bad
	}
	if !s.JSON {
		_, err := io.WriteString(s.Out, a.Text)
		return code, err
	}
	var out any
	switch {
	case len(a.Data) > 0:
		_, err := fmt.Fprintf(s.Out, "%s\n", a.Data)
		return code, err
	case a.Operation != nil:
		out = struct {
			Operation string    `json:"operation"`
			State     ops.State `json:"state"`
			Reason    string    `json:"reason,omitempty"`
			Steps     []Step    `json:"steps"`
			Text      string    `json:"text,omitempty"`
		}{ops.Key(a.Operation.Number), a.Operation.State, a.Operation.Reason, append([]Step{}, a.Operation.Steps...), a.Text}
	default:
		out = struct {
			Text    string `json:"text"`
			Refused bool   `json:"refused,omitempty"`
		}{a.Text, a.Refused}
	}
	e := json.NewEncoder(s.Out)
	e.SetEscapeHTML(false)
	return code, e.Encode(out)
}

// alone has what needs approvals confirmed and lets it begin without them. Where that does not happen it is taken back, so that nobody
// approves later what nobody waits for.
func (s *Session) alone(ctx context.Context, a Answer) (Answer, Code, error) {
	op := a.Operation
	key := ops.Key(op.Number)
	s.show(a)
	reason, code, why := s.confirm(ctx, op)
	if why != "" {
		s.say(why, templates.Args{Key: key})
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWord)
		defer cancel()
		a, err := s.House.Ask(last, s.As, "operation cancel "+key)
		a.Refused = true
		return a, code, err
	}
	a, err := s.ask(ctx, "operation alone "+key+" "+reason)
	return a, Done, err
}

// confirm gives the reason, or the sentence that says why it does not begin.
func (s *Session) confirm(ctx context.Context, op *Operation) (reason string, code Code, why string) {
	key := ops.Key(op.Number)
	given := cmp.Or(strings.TrimSpace(s.Reason), strings.TrimSpace(op.Reason))
	if s.JSON && (!s.Confirm || given == "") {
		return "", Usage, templates.AtNeeds
	}
	if !s.Confirm {
		line, err := s.read(ctx, templates.AtConfirm, templates.Args{Key: key, Title: op.Title})
		switch {
		case ctx.Err() != nil:
			return "", Failed, templates.AtInterrupted
		case err != nil || !strings.EqualFold(line, key):
			return "", Failed, templates.AtNotYes
		}
	}
	if strings.TrimSpace(s.Reason) != "" || s.JSON {
		return given, Done, ""
	}
	line, err := s.read(ctx, templates.AtReason, templates.Args{Text: given})
	switch {
	case ctx.Err() != nil:
		return "", Failed, templates.AtInterrupted
	case err != nil && given == "", line == "" && given == "":
		return "", Failed, templates.AtNoReason
	}
	return cmp.Or(line, given), Done, ""
}

// read asks a question and reads a line, trimmed.
func (s *Session) read(ctx context.Context, name string, a templates.Args) (string, error) {
	_, _ = fmt.Fprint(s.Err, s.Words.AtTerminal(name, a)+" ")
	if !isTerminal(s.In) { // where no Enter is seen
		_, _ = fmt.Fprintln(s.Err)
	}
	if s.lines == nil {
		s.lines = make(chan string)
		go func() { // A terminal cannot be interrupted in the middle of a line: this ends with the program.
			defer close(s.lines)
			const longest = 64 << 10
			in := bufio.NewScanner(io.LimitReader(s.In, longest))
			for in.Scan() {
				s.lines <- strings.TrimSpace(in.Text())
			}
		}()
	}
	select {
	case <-ctx.Done():
		_, _ = fmt.Fprintln(s.Err)
		return "", context.Cause(ctx)
	case line, ok := <-s.lines:
		if !ok {
			_, _ = fmt.Fprintln(s.Err)
			return "", io.EOF
		}
		return line, nil
	}
}

// isTerminal tells whether a person types, as far as that can be told.
func isTerminal(in io.Reader) bool {
	f, ok := in.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// watch shows how an operation goes on.
func (s *Session) watch(ctx context.Context, number int64) (Code, error) {
	var last Answer
	mine, err := s.House.Watch(ctx, s.As, number, func(a Answer) {
		if a.Operation != nil && a.Operation.State.Over() && !a.Note {
			last = a
			return
		}
		s.show(a)
	})
	switch {
	case err == nil:
		return s.end(last, Failed)
	case ctx.Err() != nil && mine:
		s.say(templates.AtStopped, templates.Args{Key: ops.Key(number)})
		return Failed, nil
	case ctx.Err() != nil:
		s.say(templates.AtLeft, templates.Args{Key: ops.Key(number)})
		return Failed, nil
	case errors.Is(err, ErrGone):
		s.say(templates.AtUnanswered, templates.Args{Key: ops.Key(number)})
		return Failed, nil
	}
	return Failed, err
}
