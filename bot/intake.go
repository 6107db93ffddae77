package bot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"time"

	"github.com/ai-notebook/notebookbot/commands"
)

const (
	// maxAccepts bounds the requests that are being committed at once. They share commits, so many at once are good.
	maxAccepts = 256
	// maxFrame is what Slack reads of a frame: above 20480 bytes it drops it silently or closes the socket.
	maxFrame = 20000
	maxError = 500 // of one sentence below an input, in code points
	// lastWord is how long the store has to say no when its time is over.
	lastWord = 50 * time.Millisecond
)

// intake turns envelopes into committed requests and answers.
type intake struct {
	cfg      Config
	log      *slog.Logger
	acceptor Acceptor
	metrics  *metrics
	self     *identity
	met      func(responseURL string)
	slots    chan struct{}
}

// ackReply is how an envelope is answered; send is false when it must stay unacknowledged.
type ackReply struct {
	send    bool
	payload any
}

// answer decides on one envelope within the second that the contract gives. Events that were not committed stay
// unacknowledged, and Slack sends them again; a click stays so, and Slack shows that it failed; slash commands and modals are
// told in words.
func (in *intake) answer(ctx context.Context, e envelope) (out ackReply) {
	outcome := string(e.verdict)
	defer func() { in.metrics.envelopes.WithLabelValues(e.kind, outcome).Inc() }()
	if e.group != "" && in.cfg.OnGroupChanged != nil {
		in.cfg.OnGroupChanged(e.group)
	}
	switch {
	case e.verdict == broken:
		in.log.WarnContext(ctx, "an envelope without what is needed to act on it", "kind", e.kind)
		return ackReply{send: true}
	case e.verdict != take && e.kind == "block_suggestion" && e.answers:
		return ackReply{send: true, payload: map[string]any{"options": []any{}}}
	case e.verdict != take:
		return ackReply{send: true}
	}
	for _, r := range e.requests {
		in.met(r.ResponseURL)
	}
	wrong, err := in.accept(ctx, e)
	switch {
	case err != nil:
		outcome = "refused"
		in.log.ErrorContext(ctx, "a request was not taken", "kind", e.kind, "request", e.requests[0].ID, "err", err)
		return in.refuse(e)
	case len(wrong) > 0:
		outcome = "wrong"
		return ackReply{send: e.answers, payload: viewErrors(wrong)}
	}
	outcome = "accepted"
	return ackReply{send: true}
}

// errNotInTime says that the store had not committed when the second was over. It may yet.
var errNotInTime = errors.New("not committed in time")

type accepted struct {
	wrong map[string]string
	err   error
}

// accept checks and commits the requests of one envelope. It comes back in time even when the store does not.
func (in *intake) accept(ctx context.Context, e envelope) (map[string]string, error) {
	// A commit that has begun is not broken off because the bot shuts down. The store's own no comes first, since it knows what it
	// keeps; ours is for a store that says nothing.
	end := e.received.Add(in.cfg.timing.accept)
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), end.Add(-lastWord))
	late := time.NewTimer(time.Until(end))
	defer late.Stop()
	select {
	case in.slots <- struct{}{}:
	case <-ctx.Done():
		cancel()
		return nil, errNotInTime
	}
	done := make(chan accepted, 1)
	go func() { // ends with the store's call, at the latest when the store heeds its context
		defer cancel()
		defer func() { <-in.slots }()
		done <- in.commit(ctx, e)
	}()
	select {
	case a := <-done:
		return a.wrong, a.err
	case <-late.C:
	}
	select {
	case a := <-done: // both at once
		return a.wrong, a.err
	default:
		return nil, errNotInTime
	}
}

// errBroke says that answers broke the check that they are given to.
var errBroke = errors.New("panic")

func (in *intake) commit(ctx context.Context, e envelope) (out accepted) {
	defer func() {
		if p := recover(); p != nil { // one person's words do not end everybody's bot
			out = accepted{err: fmt.Errorf("%w: %v\n%s", errBroke, p, debug.Stack())}
		}
	}()
	for _, r := range e.requests {
		if r.Source == commands.Submit && in.cfg.Validate != nil {
			if wrong := below(in.cfg.Validate(r), e.inputs); len(wrong) > 0 {
				return accepted{wrong: wrong}
			}
		}
		if err := in.acceptor.Accept(ctx, r); err != nil {
			return accepted{err: err}
		}
	}
	return accepted{}
}

// below puts each sentence under an input: Slack shows a sentence for anything else as trouble of its own.
func below(wrong map[string]string, inputs []string) map[string]string {
	if len(wrong) == 0 || len(inputs) == 0 {
		return nil // without questions there is no wrong answer; the command refuses what is wrong besides
	}
	out := map[string]string{}
	for id, sentence := range wrong {
		if !slices.Contains(inputs, id) {
			id = inputs[0]
		}
		out[id] = cut(clean(sentence), maxError)
	}
	return out
}

func viewErrors(wrong map[string]string) any {
	return map[string]any{"response_action": "errors", "errors": wrong}
}

// refuse answers what was not taken.
func (in *intake) refuse(e envelope) ackReply {
	text := ellipsis
	if in.cfg.NotTaken != nil {
		text = clean(in.cfg.NotTaken())
	}
	switch {
	case !e.answers:
	case e.kind == "slash_commands":
		return ackReply{send: true, payload: map[string]any{"response_type": "ephemeral", "text": escapeCut(text, maxText)}}
	case e.kind == "view_submission" && len(e.inputs) > 0:
		return ackReply{send: true, payload: viewErrors(map[string]string{e.inputs[0]: cut(text, maxError)})}
	}
	return ackReply{}
}

// frame is the acknowledgement as it goes over the wire. One that is too large for Slack goes with its first sentence only.
func (in *intake) frame(e envelope, r ackReply) string {
	ack := map[string]any{"envelope_id": e.id}
	if r.payload != nil && e.answers {
		ack["payload"] = r.payload
	}
	f := encode(ack)
	if len(f) < maxFrame {
		return f
	}
	if p, ok := r.payload.(map[string]any); ok {
		if wrong, ok := p["errors"].(map[string]string); ok {
			for _, id := range e.inputs {
				if s := wrong[id]; s != "" {
					ack["payload"] = viewErrors(map[string]string{id: s})
					return encode(ack)
				}
			}
		}
	}
	delete(ack, "payload")
	return encode(ack)
}
