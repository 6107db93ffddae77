package slackfake

import (
	"fmt"
	"slices"
	"time"
)

// Violation is something that the bot must not do.
type Violation struct {
	At    time.Time `json:"at"`
	Where string    `json:"where"` // the method, or the part of the protocol
	What  string    `json:"what"`
}

func (v Violation) String() string { return v.Where + ": " + v.What }

// Call is a request to the Web API, a response address or an upload address. Tokens are never kept.
type Call struct {
	Method  string         `json:"method"`
	Channel string         `json:"channel,omitempty"`
	Args    map[string]any `json:"args,omitempty"` // without the token
	At      time.Time      `json:"at"`
	Took    time.Duration  `json:"took"`
	Status  int            `json:"status"` // 0: no answer yet, or the connection was cut
	Error   string         `json:"error,omitempty"`
	Fault   FaultKind      `json:"fault,omitempty"` // the test's order that it met
	Done    bool           `json:"done"`            // it took effect
}

// Ack is an acknowledgement that came.
type Ack struct {
	Envelope  string        `json:"envelope"`
	Type      string        `json:"type"` // of the envelope: slash_commands, interactive, events_api
	EventID   string        `json:"event_id,omitempty"`
	At        time.Time     `json:"at"`
	Took      time.Duration `json:"took"`
	Late      bool          `json:"late,omitempty"`
	Duplicate bool          `json:"duplicate,omitempty"`
	Unknown   bool          `json:"unknown,omitempty"`
	Elsewhere bool          `json:"elsewhere,omitempty"` // on another socket than the one that delivered
	Payload   bool          `json:"payload,omitempty"`
}

// blame records a violation. The lock is held.
func (s *Server) blame(where, what string) {
	s.violations = keep(append(s.violations, Violation{s.now(), where, what}), s.cfg.Limits.Keep)
	s.bump()
}

func (s *Server) blamef(where, format string, args ...any) {
	s.blame(where, fmt.Sprintf(format, args...))
}

func keep[T any](list []T, n int) []T {
	if len(list) > n+n/4 {
		return slices.Clone(list[len(list)-n:])
	}
	return list
}

// Violations are the refusals for which the bot is to blame: arguments and blocks that Slack would refuse, unknown methods, broken
// rules of Socket Mode. Faults that the test ordered, races (a trigger that ended, a message that somebody deleted), and wrong
// tokens or scopes, which are the operator's mistakes, are not among them.
func (s *Server) Violations() []Violation {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.violations)
}

// TakeViolations returns the violations and forgets them, for tests that provoke them.
func (s *Server) TakeViolations() []Violation {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.violations
	s.violations = nil
	return v
}

// Calls are the requests of a method, oldest first; an empty method means all. Response addresses are called "response_url",
// uploads "upload".
func (s *Server) Calls(method string) []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Call
	for _, c := range s.calls {
		if method == "" || c.Method == method {
			out = append(out, *c)
		}
	}
	return out
}

// Acks are the acknowledgements that came, oldest first.
func (s *Server) Acks() []Ack {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.acks)
}

// Envelopes are the envelopes that were sent, oldest first.
func (s *Server) Envelopes() []Envelope {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.sent)
}

// PostsByKey are the messages that chat.postMessage accepted, by the key in their metadata's event_payload as it was posted,
// deleted ones among them. A key with two places was posted twice.
func (s *Server) PostsByKey() map[string][]Ref {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make(map[string][]Ref, len(s.posted))
	for k, refs := range s.posted {
		out[k] = slices.Clone(refs)
	}
	return out
}
