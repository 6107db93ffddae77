package terminal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/ai-notebook/notebookbot/commands"
	"github.com/ai-notebook/notebookbot/internal/access"
	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/templates"
)

// Here is the house in this process.
type Here struct {
	Commands interface {
		Answer(ctx context.Context, req commands.Request) (commands.Reply, error)
	}
	Operations interface {
		FindOperation(ctx context.Context, number int64) (*ops.Operation, error)
	}
	Words  *templates.Templates
	OSUser string // who asks, as the operating system knows them
	Log    *slog.Logger

	// Carry carries operations out until ctx ends, and of them only those that only says; Owner is how their leases name it. Nil:
	// somebody else's Runner carries everything out. It is begun when nobody has taken an operation up for Patience.
	Carry    func(ctx context.Context, only func(number int64) bool) error
	Owner    string
	Patience time.Duration

	Poll time.Duration // how often is looked; zero: a quarter of a second
}

var _ House = (*Here)(nil)

// Ask implements House.
func (h *Here) Ask(ctx context.Context, as, text string) (Answer, error) {
	reply, err := h.Commands.Answer(ctx, commands.Request{
		ID: "terminal/" + uuid.NewString(), User: as, Team: access.TerminalTeam, OSUser: h.OSUser, Source: commands.Terminal,
		Text: text, Received: time.Now(),
	})
	if err != nil {
		return Answer{}, err
	}
	a := Answer{Text: h.Words.TerminalText(reply.Message), Refused: reply.Refused, Data: reply.Data}
	if reply.Operation != nil {
		a.Operation = h.seen(reply.Operation)
	}
	return a, nil
}

// seen is an operation as a session knows it.
func (h *Here) seen(op *ops.Operation) *Operation {
	out := &Operation{
		Number: op.Number, State: op.State, Missing: op.Missing(), Title: h.Words.OperationTitle(op.Plan.Word, op.Plan.Args),
		Reason: cmp.Or(op.Outcome.Reason.String(), op.Why.String(), op.EndReason, op.Plan.Reason),
	}
	for _, st := range op.Steps {
		s := Step{Name: st.Name, State: st.State, Reason: st.Reason.String()}
		if !st.Started.IsZero() && !st.Ended.IsZero() {
			s.Seconds = st.Ended.Sub(st.Started).Seconds()
		}
		out.Steps = append(out.Steps, s)
	}
	return out
}

const (
	defaultPoll = 250 * time.Millisecond
	// shareEvery is how often the progress of a running step is told.
	shareEvery = 5 * time.Second
	// enough is how long a store that does not answer is asked again.
	enough = time.Minute
)

// Watch implements House.
func (h *Here) Watch(ctx context.Context, _ string, number int64, each func(Answer)) (mine bool, err error) {
	w := &watch{Here: h, number: number, each: each, began: time.Now()}
	working, stop := context.WithCancel(ctx)
	defer w.work.Wait()
	defer stop()
	tick := time.NewTicker(cmp.Or(h.Poll, defaultPoll))
	defer tick.Stop()
	for {
		over, err := w.look(ctx, working)
		if over || err != nil {
			return w.mine(), err
		}
		select {
		case <-ctx.Done():
			return w.mine(), context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// watch is one watching of one operation.
type watch struct {
	*Here
	number int64
	each   func(Answer)
	began  time.Time // when nobody was seen to be at it first

	was    *ops.Operation
	shared time.Time // when the share of a step was told last
	silent time.Time // since when the store does not answer
	told   bool      // who carries it out

	work     sync.WaitGroup
	working  bool
	waitsFor atomic.Int64 // the operation whose lock it waits for
}

func (w *watch) mine() bool {
	return w.working && w.was != nil && (w.was.Lease.Owner == w.Owner || w.was.Lease.Owner == "")
}

func (w *watch) note(name string, a templates.Args) {
	w.each(Answer{Text: w.Words.AtTerminal(name, a) + "\n", Note: true})
}

// look looks once, and tells what is new.
func (w *watch) look(ctx, working context.Context) (over bool, err error) {
	op, err := w.Operations.FindOperation(ctx, w.number)
	now := time.Now()
	switch {
	case ctx.Err() != nil:
		return false, context.Cause(ctx)
	case errors.Is(err, ops.ErrNotFound):
		return false, err
	case err != nil:
		if w.silent.IsZero() {
			w.silent = now
			w.note(templates.AtMoment, templates.Args{Text: err.Error()})
		}
		if now.Sub(w.silent) > enough {
			return false, fmt.Errorf("%s: %w", ops.Key(w.number), err)
		}
		return false, nil
	}
	w.silent = time.Time{}
	w.waitsFor.Store(op.WaitsFor)
	shares := now.Sub(w.shared) >= shareEvery
	lines := w.Words.OperationProgress(w.was, op, now, shares)
	if len(lines) > 0 || shares {
		w.shared = now
	}
	if op.State == ops.Running && op.Lease.Owner != w.Owner && !w.told {
		w.told = true
		w.note(templates.AtBot, templates.Args{Key: op.Key()})
	}
	if len(lines) > 0 {
		w.each(Answer{Text: strings.Join(lines, "\n") + "\n", Note: true, Operation: w.seen(op)})
	}
	w.was = op
	if op.State.Over() {
		m := w.Words.OperationResult(templates.OperationView{Operation: op, Now: now}, "")
		w.each(Answer{Text: w.Words.TerminalText(m), Operation: w.seen(op), Refused: op.State != ops.Done})
		return true, nil
	}
	w.carry(working, op, now)
	return false, nil
}

// carry begins to carry the operation out here when nobody else does.
func (w *watch) carry(working context.Context, op *ops.Operation, now time.Time) {
	idle := op.State == ops.Approved || op.State == ops.Running && now.After(op.NextDue())
	if !idle {
		w.began = now
	}
	if w.Carry == nil || w.working || !idle || now.Sub(w.began) < w.Patience {
		return
	}
	w.working, w.told = true, true
	w.note(templates.AtOwn, templates.Args{Key: op.Key()})
	w.work.Go(func() {
		// What holds the project's lock and was left behind by a dead bot is carried out as well: else this would wait for ever.
		only := func(n int64) bool { return n == w.number || n == w.waitsFor.Load() }
		if err := w.Carry(working, only); err != nil && working.Err() == nil {
			w.Log.ErrorContext(working, "carrying out", "operation", ops.Key(w.number), "err", err)
		}
	})
}
