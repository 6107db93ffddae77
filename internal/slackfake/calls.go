package slackfake

import (
	"fmt"
	"maps"
	"strings"
	"time"
)

// record is a Call that is being made.
type record struct {
	call  *Call
	id    string
	start time.Time
}

func (s *Server) begin(method string, a args) *record {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serial++
	rec := &record{
		call:  &Call{Method: method, Channel: a.text("channel"), Args: maps.Clone(a.m), At: s.now()},
		id:    fmt.Sprintf("req-%d", s.serial),
		start: time.Now(),
	}
	s.calls = keep(append(s.calls, rec.call), s.cfg.Limits.Keep)
	return rec
}

func (r *record) fault(s *Server, k FaultKind) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.call.Fault = k
}

func (r *record) done(s *Server, yes bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.call.Done = yes
}

// end is called once, when the outcome is known.
func (r *record) end(s *Server, status int, no *refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.call.Took = time.Since(r.start)
	r.call.Status = status
	if no == nil {
		return
	}
	r.call.Error = no.code
	if no.blame {
		what := no.code
		if len(no.messages) > 0 {
			what += ": " + strings.Join(no.messages, "; ")
		}
		s.blame(r.call.Method, what)
	}
}
