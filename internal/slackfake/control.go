package slackfake

import (
	"encoding/json"
	"time"

	"github.com/gorilla/websocket"
)

// Socket describes a connection.
type Socket struct {
	N      int64     `json:"n"`
	Opened time.Time `json:"opened"`
	Hello  bool      `json:"hello"`
	Frozen bool      `json:"frozen,omitempty"`
	Debug  bool      `json:"debug,omitempty"` // with debug_reconnects=true
	Pongs  int       `json:"pongs"`
}

// Sockets are the connections that are open.
func (s *Server) Sockets() []Socket {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Socket
	for _, k := range s.sockets {
		if !k.over {
			out = append(out, Socket{k.n, k.opened, k.ready, k.frozen, k.debug, k.pongs})
		}
	}
	return out
}

// Registered counts what Slack believes to be connected: open sockets and ghosts.
func (s *Server) Registered() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.registered()
}

// Disconnect sends a disconnect frame with a reason to every socket: warning, refresh_requested, link_disabled,
// too_many_websockets, or what the test likes. After a warning the old socket lives on and gets its share of envelopes until its
// time is over; after any other it gets none, and is closed soon.
func (s *Server) Disconnect(reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.sockets {
		s.disconnect(k, reason)
	}
}

// DisconnectOne is Disconnect for a single socket.
func (s *Server) DisconnectOne(n int64, reason string) {
	s.each(n, func(k *socket) { s.disconnect(k, reason) })
}

func (s *Server) disconnect(k *socket, reason string) {
	if k.over {
		return
	}
	k.send(disconnectFrame(reason, "applink"))
	wait := s.cfg.Times.WarningClose / 10
	if reason == "warning" {
		wait = s.cfg.Times.WarningClose
	} else {
		k.retired = true
	}
	s.later(wait, func() { k.close(websocket.CloseNormalClosure, "") })
}

// CutSockets ends every socket abruptly, without a close frame.
func (s *Server) CutSockets() { s.each(0, (*socket).cut) }

// CutSocket is CutSockets for a single socket.
func (s *Server) CutSocket(n int64) { s.each(n, (*socket).cut) }

// CloseSockets ends every socket with a close frame.
func (s *Server) CloseSockets(code int, reason string) {
	s.each(0, func(k *socket) { k.close(code, reason) })
}

// FreezeSockets makes every socket half-open: the connection stays, nothing is read or written any more, and it still gets its
// share of envelopes. Sockets that open later are alive.
func (s *Server) FreezeSockets() { s.each(0, func(k *socket) { k.frozen = true }) }

// FreezeSocket is FreezeSockets for a single socket.
func (s *Server) FreezeSocket(n int64) { s.each(n, func(k *socket) { k.frozen = true }) }

// AddGhosts registers sockets that nobody holds, for so long. They count, and take their share of envelopes.
func (s *Server) AddGhosts(n int, life time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range n {
		s.ghosts = append(s.ghosts, time.Now().Add(life))
	}
	s.bump()
}

// RemoveGhosts ends them.
func (s *Server) RemoveGhosts() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ghosts = nil
	s.bump()
}

// RefuseSockets makes the WebSocket address answer 503 while apps.connections.open goes on working.
func (s *Server) RefuseSockets(yes bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noSockets = yes
}

// SendRaw writes a text frame, whatever it says, to one live socket. False means that there is none.
func (s *Server) SendRaw(frame string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.sockets {
		if k.ready && !k.over && !k.retired {
			k.send([]byte(frame))
			return true
		}
	}
	return false
}

// SendEnvelope sends an envelope of any type, for example one that the bot cannot know. It waits for its acknowledgement like an
// interaction. The payload is JSON.
func (s *Server) SendEnvelope(kind string, payload string) *Interaction {
	s.mu.Lock()
	defer s.mu.Unlock()
	in := s.newInteraction("", "envelope")
	var p map[string]any
	if err := json.Unmarshal([]byte(payload), &p); err != nil {
		in.end(Outcome{Ended: Refused, Error: "the payload is no JSON object"})
		return in
	}
	s.ask(in, kind, false, p)
	return in
}

// SendEvent delivers an event of any type, subscribed or not, in the usual wrapper, with redelivery. The event is JSON.
func (s *Server) SendEvent(event string) *Interaction {
	s.mu.Lock()
	defer s.mu.Unlock()
	in := s.newInteraction("", "event")
	var p map[string]any
	if err := json.Unmarshal([]byte(event), &p); err != nil {
		in.end(Outcome{Ended: Refused, Error: "the event is no JSON object"})
		return in
	}
	in.expect(1)
	s.deliver(&delivery{id: s.id("Ev"), payload: s.wrap(p, ""), asked: in})
	return in
}

func (s *Server) each(n int64, f func(*socket)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.sockets {
		if n == 0 || k.n == n {
			f(k)
		}
	}
	s.bump()
}
