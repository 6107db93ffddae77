package slackfake

import (
	"encoding/json"
	"slices"
	"time"
)

// Envelope is what was sent through a socket.
type Envelope struct {
	ID      string         `json:"id"`
	Type    string         `json:"type"`
	EventID string         `json:"event_id,omitempty"`
	Payload map[string]any `json:"payload,omitempty"`
	Attempt int            `json:"attempt"`
	Socket  int64          `json:"socket"` // 0: a ghost
	At      time.Time      `json:"at"`
}

// envelope is one delivery and its clock.
type envelope struct {
	Envelope
	accepts  bool
	frame    []byte
	copies   int // how often it was sent
	acks     int
	expired  bool
	delivery *delivery    // of an event
	asked    *Interaction // of everything else
	timer    *time.Timer
}

func (e *envelope) stop() {
	if e.timer != nil {
		e.timer.Stop()
	}
}

// delivery is an event on its way, through all its attempts.
type delivery struct {
	id      string
	payload map[string]any
	attempt int
	asked   *Interaction // of the person who caused it, if any
}

// Shuffle makes the delivery of events worse than it has to be.
type Shuffle struct {
	Duplicate float64       // probability that an event is delivered twice, with the same event_id
	SameID    bool          // duplicates carry the same envelope_id too
	Reorder   float64       // probability that an event is held back for up to Hold
	Hold      time.Duration // zero: 200 ms
}

// SetShuffle sets how events are duplicated and reordered from now on.
func (s *Server) SetShuffle(sh Shuffle) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sh.Hold == 0 {
		sh.Hold = 200 * time.Millisecond
	}
	s.shuffle = sh
}

// deliver begins to deliver an event. The lock is held.
func (s *Server) deliver(d *delivery) {
	if s.shuffle.Reorder > 0 && s.rng.Float64() < s.shuffle.Reorder {
		s.later(time.Duration(s.rng.Int64N(int64(s.shuffle.Hold))), func() { s.attempt(d) })
	} else {
		s.attempt(d)
	}
	if s.shuffle.Duplicate > 0 && s.rng.Float64() < s.shuffle.Duplicate {
		twin := *d
		twin.asked = nil
		if !s.shuffle.SameID {
			s.attempt(&twin)
		}
	}
}

// attempt sends an event once. The lock is held.
func (s *Server) attempt(d *delivery) {
	e := &envelope{
		Envelope: Envelope{ID: s.id("env-"), Type: "events_api", EventID: d.id, Payload: d.payload, Attempt: d.attempt},
		delivery: d, asked: d.asked,
	}
	reason := ""
	if d.attempt > 0 {
		reason = "timeout"
	}
	e.frame = encode(map[string]any{
		"envelope_id": e.ID, "type": e.Type, "accepts_response_payload": false, "payload": d.payload,
		"retry_attempt": d.attempt, "retry_reason": reason,
	})
	if !s.route(e) {
		s.again(d)
		return
	}
	if s.shuffle.SameID && s.shuffle.Duplicate > 0 && s.rng.Float64() < s.shuffle.Duplicate {
		s.route(e)
	}
	e.timer = s.later(s.cfg.Times.Ack, func() {
		if e.acks == 0 {
			e.expired = true
			s.again(d)
		}
	})
}

// again waits for the next attempt, or gives up. The lock is held.
func (s *Server) again(d *delivery) {
	if d.attempt >= len(s.cfg.Times.Retry) {
		d.asked.missed()
		return
	}
	wait := s.cfg.Times.Retry[d.attempt]
	d.attempt++
	s.later(wait, func() { s.attempt(d) })
}

// ask sends a slash command or an interaction. It is never sent again. The lock is held.
func (s *Server) ask(in *Interaction, kind string, accepts bool, payload map[string]any) {
	e := &envelope{Envelope: Envelope{ID: s.id("env-"), Type: kind, Payload: payload}, accepts: accepts, asked: in}
	e.frame = encode(map[string]any{
		"envelope_id": e.ID, "type": kind, "accepts_response_payload": accepts, "payload": payload,
	})
	if !s.route(e) {
		in.end(Outcome{Ended: DispatchFailed, Error: in.failure(DispatchFailed)})
		return
	}
	e.timer = s.later(s.cfg.Times.Ack, func() {
		if e.acks == 0 {
			e.expired = true
			in.end(Outcome{Ended: TimedOut, Error: in.failure(TimedOut)})
		}
	})
}

// route gives an envelope to one of the registered sockets, ghosts among them. False means that there is none. The lock is held.
func (s *Server) route(e *envelope) bool {
	s.registered() // Forgets the ghosts whose time is over.
	var live []*socket
	for _, k := range s.sockets {
		if k.ready && !k.over && !k.retired {
			live = append(live, k)
		}
	}
	n := len(live) + len(s.ghosts)
	if n == 0 {
		return false
	}
	e.At = time.Now()
	e.Socket = 0
	if i := s.rng.IntN(n); i < len(live) {
		e.Socket = live[i].n
		live[i].send(e.frame)
	}
	e.copies++
	if e.copies == 1 {
		s.envelopes[e.ID] = e
		s.envOrder = append(s.envOrder, e.ID)
		if len(s.envOrder) > s.cfg.Limits.Keep {
			delete(s.envelopes, s.envOrder[0])
			s.envOrder = slices.Delete(s.envOrder, 0, 1)
		}
	}
	s.sent = keep(append(s.sent, e.Envelope), s.cfg.Limits.Keep)
	s.bump()
	return true
}

// acknowledge takes an acknowledgement. The lock is held.
func (s *Server) acknowledge(k *socket, id string, payload json.RawMessage) {
	e := s.envelopes[id]
	ack := Ack{Envelope: id, At: s.now(), Payload: len(payload) > 0 && string(payload) != "null"}
	if e == nil {
		ack.Unknown = true
		s.acks = keep(append(s.acks, ack), s.cfg.Limits.Keep)
		s.blame("socket", "an acknowledgement of the unknown envelope "+cut(id, 60))
		return
	}
	e.acks++
	ack.Type, ack.EventID, ack.Took = e.Type, e.EventID, time.Since(e.At)
	ack.Late, ack.Duplicate, ack.Elsewhere = e.expired, e.acks > 1, k.n != e.Socket
	s.acks = keep(append(s.acks, ack), s.cfg.Limits.Keep)
	s.bump()
	switch {
	case e.acks > e.copies:
		s.blame("socket", "envelope "+id+" was acknowledged twice")
		return
	case ack.Late, ack.Duplicate:
		return
	}
	e.stop()
	if ack.Payload && !e.accepts {
		s.blame("socket", "an acknowledgement with a payload where none is accepted ("+e.Type+")")
		payload = nil
	}
	if e.asked == nil {
		return
	}
	out := Outcome{Ended: Acked, Took: ack.Took, Attempts: e.Attempt + 1}
	if ack.Payload {
		out.Ack = slices.Clone(payload)
	}
	if e.delivery != nil {
		e.asked.arrived(out)
		return
	}
	if ack.Payload {
		out.Error = e.asked.respond(payload)
	} else {
		out.Error = e.asked.respond(nil)
	}
	e.asked.end(out)
}
