package commands

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/access"
	"github.com/ai-notebook/notebookbot/internal/audit"
	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/notify"
	"github.com/ai-notebook/notebookbot/templates"
)

// call is a request whose command is found.
type call struct {
	cmd    *command
	req    Request
	args   line
	number int64             // of the incident; 0: none
	op     int64             // of the operation; 0: none
	hash   string            // of the plan that a button was shown with
	values map[string]string // answers of the command's modal; nil: it came in words
	modal  bool              // a button that asks for the command's modal
	// here: the incident's own thread, card or modal, where everybody sees by itself what was changed.
	here bool
	text string // the words that would ask the same again
	now  time.Time
}

func (c *call) by() incidents.Actor { return incidents.Person(c.req.User) }

// outcome is what a command wants to be done.
type outcome struct {
	say       templates.Message // empty: nothing
	alone     bool              // for the caller alone, wherever it was asked
	everybody bool              // for all to see, wherever it was asked
	share     string            // words that give the same answer again; empty: the answer is not to be shared
	file      templates.Message // with a file that goes to the caller's direct messages besides; without one: nothing
	// key names the answer where two requests may lead to one message; empty: the request names it.
	key string

	// What the audit log says of it beside the request: verdict (empty: done), why it was refused or failed, and what it is about
	// where the words do not say.
	verdict        audit.Verdict
	reason, target string

	// For a terminal: the operation that was asked for or decided about, and the answer as programs read it.
	operation *ops.Operation
	data      []byte

	numbers    []int64 // incidents that change reads
	operations []int64 // likewise
	// change is carried out in the one transaction that also ends the request. It may run more than once. Its message is the answer.
	change change
}

// change is what a command does within the transaction.
type change func(tx ops.Tx, now time.Time) (outcome, error)

// Carry carries out one request: it looks, opens what must be opened at once, and then commits effect and answer together. A
// request that was carried out before changes nothing. An error says that nothing was done and that it should be tried again.
func (r *Runner) Carry(ctx context.Context, req Request) error {
	_, err := r.carry(ctx, req, false)
	return err
}

// errUnknown says that Slack could not be asked who that is; the next moment it may.
var errUnknown = errors.New("who asked is not known at the moment")

// patient: a person who cannot be looked up at this moment is not refused yet. It gives what was committed.
func (r *Runner) carry(ctx context.Context, req Request, patient bool) (outcome, error) {
	planning, cancel := context.WithTimeout(ctx, planWithin)
	defer cancel()
	c, out, err := r.plan(planning, req)
	if patient && passing(err) {
		return outcome{}, fmt.Errorf("%w: %w", errUnknown, err)
	}
	if err != nil {
		if out, err = r.outcomeOf(ctx, req, err); err != nil {
			return outcome{}, err
		}
	}
	home, err := r.home(ctx, req)
	if err != nil {
		return outcome{}, err
	}
	var said outcome
	var broke error // change panicked
	commit := func() error {
		want := ops.Want{Want: incidents.Want{Numbers: out.numbers}, Operations: out.operations}
		return r.Store.WriteOperations(ctx, want, func(tx ops.Tx) error {
			broke = nil
			fresh, err := r.finish(tx, req)
			if err != nil || !fresh {
				return err
			}
			said = out
			if out.change != nil {
				said, err = safely(func() (outcome, error) { return out.change(tx, r.Now()) })
				var refusal *Refusal
				switch {
				case errors.As(err, &refusal): // It has changed nothing, and the request ends with words.
					if said, err = r.outcomeOf(ctx, req, err); err != nil {
						return err
					}
				case errors.Is(err, errPanic):
					broke = err
					return err
				case err != nil:
					return err
				}
			}
			if err := r.record(tx, req, c, said); err != nil {
				return err
			}
			return r.answer(tx, req, home, said)
		})
	}
	err = commit()
	if err == nil || broke == nil {
		return said, err
	}
	// Whatever it wrote before it broke is not kept.
	out = r.apology(ctx, req, broke)
	err = commit()
	return said, err
}

// finish ends a request: true, if it was not ended before. A terminal's request was never kept, because who asked is still there.
func (*Runner) finish(tx ops.Tx, req Request) (bool, error) {
	if req.Source == Terminal {
		return true, nil
	}
	return tx.Finish(req.ID)
}

// passing tells whether a refusal is only for this moment: Slack was not reached, or had no time.
func passing(err error) bool {
	denied, ok := errors.AsType[*access.Denied](err)
	if !ok || denied.Reason != access.LookupFailed {
		return false
	}
	if said, ok := errors.AsType[*notify.SendError](err); ok {
		return said.Fate != notify.Permanent
	}
	return errors.Is(err, context.DeadlineExceeded)
}

// plan finds the command, asks whether the person may, and lets it say what is to be done. The call is nil where none was found.
func (r *Runner) plan(ctx context.Context, req Request) (*call, outcome, error) {
	c, err := r.understand(ctx, req)
	if err != nil {
		// Who may not even ask for help hears that, and nothing of how to write commands.
		if refusal := (*Refusal)(nil); errors.As(err, &refusal) {
			if denied := r.may(ctx, req, help); denied != nil {
				return nil, outcome{}, denied
			}
		}
		return nil, outcome{}, err
	}
	if err := r.may(ctx, req, c.cmd); err != nil {
		return c, outcome{}, err
	}
	if rule, _ := r.Access.Rule(c.cmd.access()); rule.Approvals > 0 && !c.cmd.plans {
		// Nothing happens without its approval, and this command has none to ask for.
		return c, outcome{}, refuse(templates.NoApproval, templates.Args{Word: c.cmd.words, Count: rule.Approvals})
	}
	if c.cmd.key && c.number == 0 {
		return c, outcome{}, refuse(templates.WhichIncident, templates.Args{Word: c.cmd.words})
	}
	if c.cmd.decides && c.op == 0 {
		return c, outcome{}, refuse(templates.WhichOperation, templates.Args{Word: c.cmd.words})
	}
	if req.Source == Terminal && slices.Contains(notFromTerminals, c.cmd) {
		return c, outcome{}, refuse(templates.NotFromTerminal, templates.Args{Word: c.cmd.words})
	}
	out, err := safely(func() (outcome, error) { return c.cmd.run(ctx, r, c) })
	return c, out, err
}

// errPanic says that a command broke.
var errPanic = errors.New("panic")

func safely(f func() (outcome, error)) (out outcome, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v\n%s", errPanic, p, debug.Stack())
		}
	}()
	return f()
}

// outcomeOf turns an error into words. Errors of the store come back: the request is tried again.
func (r *Runner) outcomeOf(ctx context.Context, req Request, err error) (outcome, error) {
	if m, ok := Explain(r.Words, err); ok {
		log := r.Log.With("request", req.ID, "user", req.User, "why", err.Error())
		var denied *access.Denied
		switch {
		case errors.As(err, &denied) && denied.Reason == access.IsBot:
			log.WarnContext(ctx, "a program asked")
			// Two programs that answer each other never end.
			return outcome{verdict: audit.Refused, reason: string(denied.Reason)}, nil
		case errors.As(err, &denied):
			log.WarnContext(ctx, "refused")
		default:
			log.DebugContext(ctx, "not understood")
		}
		return outcome{say: m, alone: true, verdict: audit.Refused, reason: reasonOf(err)}, nil
	}
	if errors.Is(err, errPanic) {
		return r.apology(ctx, req, err), nil
	}
	return outcome{}, err
}

// apology is the answer to what people cannot mend: a reference that finds the error in the log.
func (r *Runner) apology(ctx context.Context, req Request, err error) outcome {
	ref := strings.ToLower(rand.Text()[:8])
	r.Log.ErrorContext(ctx, "command", "ref", ref, "request", req.ID, "user", req.User, "source", string(req.Source),
		"action", req.Action, "callback", req.Callback, "err", err)
	return outcome{say: r.Words.Sentence(templates.Internal, templates.Args{Ref: ref}), alone: true, verdict: audit.Failed, reason: "internal " + ref}
}

// apologize ends a request that could not be carried out. The store must take that, so a request is not given up because the
// store is away.
func (r *Runner) apologize(ctx context.Context, req Request, cause error) error {
	home := place{channel: req.Channel, thread: req.Thread}
	c := r.guess(ctx, req)
	return r.Store.WriteOperations(ctx, ops.Want{}, func(tx ops.Tx) error {
		fresh, err := tx.Finish(req.ID)
		if err != nil || !fresh {
			return err
		}
		out := r.apology(ctx, req, cause)
		if err := r.record(tx, req, c, out); err != nil {
			return err
		}
		return r.answer(tx, req, home, out)
	})
}

// place is where an answer goes.
type place struct{ channel, thread string }

// home finds where the answer to a request goes. A modal has no channel: its answer goes to the incident's card, or to the
// person's own messages.
func (r *Runner) home(ctx context.Context, req Request) (place, error) {
	if req.Source == Terminal {
		return place{}, nil // Its answer is given back.
	}
	if req.Channel != "" {
		p := place{channel: req.Channel, thread: req.Thread}
		if p.thread == req.Message {
			p.thread = "" // It was clicked at the top of the channel, and that is where its person looks.
		}
		return p, nil
	}
	for _, named := range []string{req.Metadata, req.Value} {
		if card := cardIn(named); card != "" {
			at, ok, err := r.Places.Posted(ctx, card)
			if err != nil {
				return place{}, err
			}
			if ok {
				return place{channel: at.Channel}, nil
			}
		}
	}
	return place{channel: req.User}, nil
}

// cardIn gives the notice key of the card that a button's value or a modal's metadata names; empty: of none.
func cardIn(named string) string {
	if n, _, ok := operationIn(named); ok {
		return (&ops.Operation{Number: n}).CardKey()
	}
	if n, err := keyIn(named); err == nil {
		return (&incidents.Incident{Number: n}).CardKey()
	}
	return ""
}

// answer puts the answer into the outbox: for all to see, or for the caller alone.
func (r *Runner) answer(tx ops.Tx, req Request, home place, out outcome) error {
	if req.Source == Terminal || req.User == "" || (out.say.Summary == "" && len(out.say.Blocks) == 0) {
		return nil // Without a person there is nobody to tell alone.
	}
	n := incidents.Notice{
		Key: "req/" + req.ID, Kind: incidents.Answer, Lane: "answer/" + req.User, Priority: incidents.PriorityAnswer,
		At: r.Now(), By: incidents.Person(req.User), Channel: home.channel, ThreadTS: home.thread,
	}
	if out.key != "" {
		n.Key = out.key
	}
	switch {
	case req.Direct || home.channel == req.User: // Their own messages with the bot.
	case out.alone || !out.everybody && !r.seen(req):
		n.User, n.ResponseURL = req.User, req.ResponseURL
		if out.share != "" && !out.alone && len(out.share) <= maxShare {
			out.say = r.Words.WithShare(out.say, out.share)
		}
	case out.everybody: // Not below the answer that one person alone sees.
	case req.Source == Mention || req.Source == Action:
		n.ThreadTS = cmp.Or(req.Thread, req.Message) // Below the question, so that the channel stays readable.
	}
	b, err := json.Marshal(out.say)
	if err != nil {
		return fmt.Errorf("write an answer: %w", err)
	}
	n.Message = b
	if err := tx.Notify(n); err != nil || out.file.File == nil {
		return err
	}
	if b, err = json.Marshal(out.file); err != nil {
		return fmt.Errorf("write a file: %w", err)
	}
	return tx.Notify(incidents.Notice{
		Key: n.Key + "/file", Kind: incidents.Answer, Lane: "file/" + req.User, Priority: incidents.PriorityAnswer, At: n.At, By: n.By,
		Channel: req.User, Message: b,
	})
}

// maxShare keeps the words of a share button below Slack's 2,000 characters.
const maxShare = 1900

// seen tells whether an answer to the request is for all to see: in ops, in incident channels, in threads.
func (r *Runner) seen(req Request) bool {
	return req.Channel != "" && (r.public[req.Channel] || req.Thread != "")
}

// implied gives the key of the card in whose thread, or on which, a request was made, such as "INC-3" or "OP-7"; empty: none.
func (r *Runner) implied(ctx context.Context, req Request) (string, error) {
	for _, ts := range []string{req.Thread, req.Message} {
		if req.Channel == "" || ts == "" || (ts == req.Message && req.Source != Action) {
			continue
		}
		key, err := r.Places.KeyAt(ctx, notify.Posted{Channel: req.Channel, TS: ts})
		if err != nil {
			return "", fmt.Errorf("which incident's thread: %w", err)
		}
		if name, ok := strings.CutSuffix(key, "/card"); ok {
			return name, nil
		}
	}
	return "", nil
}

// numbered reads the number of the incident, or of the operation, out of an implied key.
func numbered(key string) (incident, operation int64) {
	if n, err := ops.ParseKey(key); err == nil {
		return 0, n
	}
	if n, err := incidents.ParseKey(key); err == nil {
		return n, 0
	}
	return 0, 0
}
