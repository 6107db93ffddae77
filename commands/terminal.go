package commands

import (
	"context"
	"errors"
	"time"

	"github.com/ai-notebook/notebookbot/internal/access"
	"github.com/ai-notebook/notebookbot/internal/audit"
	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/templates"
)

// notFromTerminals are the commands of a second person. At a terminal nobody proves who they are beyond the operating system's user,
// so that one person could be both.
var notFromTerminals = []*command{operationApprove, operationReview}

// may tells whether the person of a request may run a command. Who asks from a terminal is looked up nowhere.
func (r *Runner) may(ctx context.Context, req Request, c *command) error {
	people := r.Access
	if req.Source == Terminal && r.Terminal != nil {
		people = r.Terminal
	}
	return people.Allow(ctx, req.User, req.Team, c.access())
}

// Reply is the answer to a request from a terminal.
type Reply struct {
	Message templates.Message
	Refused bool // not allowed, not understood, not possible, or broken: nothing was done
	// Operation was asked for or decided about; nil: the request was about something else.
	Operation *ops.Operation
	Data      []byte // the answer as JSON, where it has a form of its own; nil: it has none
}

// atTerminal is how long one request may take for which somebody waits at a terminal.
const atTerminal = 30 * time.Second

// Answer carries out the request of somebody who waits for the answer at a terminal, with the same words, rules and audit log as any
// other. The answer is given back and is told nowhere else; what others must know is told as always. An error says that nothing was
// done, because the store or what was to be looked at did not answer.
func (r *Runner) Answer(ctx context.Context, req Request) (Reply, error) {
	req.Source, req.Team = Terminal, access.TerminalTeam
	ctx, cancel := context.WithTimeout(ctx, atTerminal)
	defer cancel()
	out, err := safely(func() (outcome, error) { return r.carry(ctx, req, false) })
	if errors.Is(err, errPanic) {
		out, err = r.apology(ctx, req, err), nil
	}
	if err != nil {
		return Reply{}, err
	}
	return Reply{
		Message: out.say, Refused: out.verdict == audit.Refused || out.verdict == audit.Failed, Operation: out.operation, Data: out.data,
	}, nil
}
