package slackfake

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Ending says how an interaction ended.
type Ending string

// The ends of an interaction.
const (
	Acked          Ending = "acked"
	DispatchFailed Ending = "dispatch_failed"   // no socket was open
	TimedOut       Ending = "operation_timeout" // not acknowledged in time
	Refused        Ending = "refused"           // Slack's client did not let the person do it
	Unheard        Ending = "unheard"           // no event was delivered: not subscribed, or the bot is not in the channel
	GivenUp        Ending = "given_up"          // an event was not acknowledged in any of its attempts
)

// Outcome is the end of an interaction.
type Outcome struct {
	Ended    Ending          `json:"ended"`
	Took     time.Duration   `json:"took"`               // until the acknowledgement
	Attempts int             `json:"attempts,omitempty"` // deliveries of the event until it was acknowledged
	Error    string          `json:"error,omitempty"`    // what the person sees go wrong
	Ack      json.RawMessage `json:"ack,omitempty"`      // the payload of the acknowledgement
}

// Interaction is one thing that a person did, and how it ended. It goes on by itself.
type Interaction struct {
	User    string `json:"user"`
	Kind    string `json:"kind"`
	Trigger string `json:"trigger,omitempty"`
	Message Ref    `json:"message,omitzero"` // of Post and Mention: what was posted
	URL     string `json:"url,omitempty"`    // of a button with an address: what the browser would open
	Confirm bool   `json:"confirm,omitempty"`

	s       *Server
	out     Outcome
	over    bool
	done    chan struct{}
	pending int
	missing bool
	on      func(json.RawMessage) string // what an acknowledgement does; returns what the person sees go wrong
}

// newInteraction is under the lock, as all that is not exported here.
func (s *Server) newInteraction(user, kind string) *Interaction {
	return &Interaction{User: user, Kind: kind, s: s, done: make(chan struct{})}
}

// Done is closed at the end.
func (in *Interaction) Done() <-chan struct{} { return in.done }

// Wait waits for the end.
func (in *Interaction) Wait(ctx context.Context) (Outcome, error) {
	select {
	case <-in.done:
		in.s.mu.Lock()
		defer in.s.mu.Unlock()
		return in.out, nil
	case <-ctx.Done():
		return Outcome{}, fmt.Errorf("waiting for the end of %s by %s: %w", in.Kind, in.User, ctx.Err())
	}
}

// View waits for a modal that was opened with the interaction's trigger.
func (in *Interaction) View(ctx context.Context) (View, error) {
	for {
		in.s.mu.Lock()
		version := in.s.version
		for _, v := range in.s.views {
			if v.Trigger == in.Trigger && in.Trigger != "" {
				out := v.copy()
				in.s.mu.Unlock()
				return out, nil
			}
		}
		in.s.mu.Unlock()
		if _, err := in.s.WaitChange(ctx, version); err != nil {
			return View{}, fmt.Errorf("waiting for a modal after %s by %s: %w", in.Kind, in.User, err)
		}
	}
}

func (in *Interaction) end(out Outcome) {
	if in == nil || in.over {
		return
	}
	in.over = true
	in.out = out
	close(in.done)
	in.s.bump()
}

// refuse ends it before anything was sent.
func (in *Interaction) refuse(why string) *Interaction {
	in.end(Outcome{Ended: Refused, Error: why})
	return in
}

// expect counts an event that is on its way.
func (in *Interaction) expect(n int) {
	if in != nil {
		in.pending += n
	}
}

// arrived is an event that was acknowledged.
func (in *Interaction) arrived(out Outcome) {
	if in == nil {
		return
	}
	in.out.Ended = Acked
	in.out.Took = max(in.out.Took, out.Took)
	in.out.Attempts = max(in.out.Attempts, out.Attempts)
	in.settle()
}

// missed is an event that was given up.
func (in *Interaction) missed() {
	if in == nil {
		return
	}
	in.missing = true
	in.settle()
}

// settle ends it when nothing is on its way any more.
func (in *Interaction) settle() {
	in.pending--
	if in.pending > 0 {
		return
	}
	out := in.out
	switch {
	case in.missing:
		out.Ended = GivenUp
	case out.Ended == "":
		out.Ended = Unheard
	}
	in.end(out)
}

// respond does what an acknowledgement asks for.
func (in *Interaction) respond(payload json.RawMessage) string {
	if in.on == nil {
		return ""
	}
	return in.on(payload)
}

// failure is what the person sees when nobody acknowledges.
func (in *Interaction) failure(how Ending) string {
	switch in.Kind {
	case "slash":
		return fmt.Sprintf("failed with the error %q", string(how))
	case "submit":
		return "We had some trouble connecting. Try again?"
	}
	return "⚠"
}

type trigger struct {
	user    string
	view    string // the modal that the person acted in
	expires time.Time
	used    bool
}

// newTrigger makes a trigger id. The lock is held.
func (s *Server) newTrigger(user, view string) string {
	id := s.id("trigger.")
	s.triggers[id] = &trigger{user: user, view: view, expires: time.Now().Add(s.cfg.Times.Trigger)}
	return id
}

// useTrigger spends a trigger id. The lock is held.
func (s *Server) useTrigger(id string) (*trigger, *refusal) {
	t := s.triggers[id]
	switch {
	case t == nil:
		return nil, faulty("invalid_trigger_id")
	case t.used:
		return nil, refuse("exchanged_trigger_id")
	case time.Now().After(t.expires):
		return nil, refuse("expired_trigger_id")
	}
	t.used = true
	return t, nil
}
