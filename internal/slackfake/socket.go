package slackfake

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/gorilla/websocket"
)

// maxFrame is the size of a frame over which Slack closes the socket.
const maxFrame = 20480

// socket is one Socket Mode connection.
type socket struct {
	n      int64 // applink-n
	ws     *websocket.Conn
	wire   *wire
	out    chan []byte
	end    chan struct{} // closed once: the socket is over
	opened time.Time
	life   time.Duration
	debug  bool
	// Under the server's lock:
	over     bool
	ready    bool // said hello
	retired  bool // gets no more envelopes
	frozen   bool // half-open: nothing comes, nothing goes
	lastPong time.Time
	pongs    int
	closing  []byte // the close frame to send, if any
	pieces   int    // messages in several frames that are not swallowed yet
}

// cut ends a socket without a word. The lock is held.
func (k *socket) cut() {
	if !k.over {
		k.over = true
		close(k.end)
	}
}

// close ends a socket with a close frame. The lock is held.
func (k *socket) close(code int, reason string) {
	if !k.over {
		k.closing = websocket.FormatCloseMessage(code, reason)
	}
	k.cut()
}

// send queues a frame. A client that does not read a thousand frames is cut off. The lock is held.
func (k *socket) send(data []byte) {
	select {
	case k.out <- data:
	default:
		k.cut()
	}
}

func (s *Server) connectionsOpen(*call) (map[string]any, *refusal) {
	ticket := s.id("ticket-")
	s.tickets[ticket] = true
	u := url.URL{Scheme: "ws", Host: s.addr, Path: "/link/"}
	u.RawQuery = url.Values{"ticket": {ticket}, "app_id": {s.cfg.App.ID}}.Encode()
	return map[string]any{"url": u.String()}, nil
}

func (s *Server) serveSocket(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	s.mu.Lock()
	ticket := q.Get("ticket")
	fresh, known := s.tickets[ticket]
	refused := s.noSockets
	switch {
	case refused:
	case !known:
		s.blame("socket", "an unknown ticket")
	case !fresh:
		s.blame("socket", "a ticket was used twice; each connection needs its own apps.connections.open")
	default:
		s.tickets[ticket] = false
	}
	s.mu.Unlock()
	if refused {
		http.Error(w, "service unavailable", http.StatusServiceUnavailable)
		return
	}
	if !fresh {
		http.Error(w, "invalid ticket", http.StatusForbidden)
		return
	}
	raw := connOf(r.Context())
	raw.watch()
	up := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	ws, err := up.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	k := &socket{
		ws: ws, wire: raw, out: make(chan []byte, 1024), end: make(chan struct{}),
		opened: time.Now(), lastPong: time.Now(), life: s.cfg.Times.Life, debug: q.Get("debug_reconnects") == "true",
	}
	if k.debug {
		k.life = s.cfg.Times.DebugLife
	}
	s.register(k)
	s.wg.Go(func() { s.writeLoop(k) })
	s.readLoop(k)
}

// register lets a socket in, or tells it that there are too many.
func (s *Server) register(k *socket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serial++
	k.n = s.serial
	host := fmt.Sprintf("applink-%d", k.n)
	if s.closed || s.away {
		k.cut()
		return
	}
	if s.registered() >= s.cfg.Limits.Sockets {
		k.send(disconnectFrame("too_many_websockets", host))
		k.retired = true
		s.later(s.cfg.Times.WarningClose/10, func() { k.close(websocket.CloseNormalClosure, "") })
		s.sockets = append(s.sockets, k)
		s.bump()
		return
	}
	k.ready = true
	s.sockets = append(s.sockets, k)
	k.send(encode(map[string]any{
		"type": "hello", "num_connections": s.registered(),
		"connection_info": map[string]any{"app_id": s.cfg.App.ID},
		"debug_info": map[string]any{
			"host": host, "started": k.opened.UTC().Format("2006-01-02 15:04:05.000"), "build_number": 54,
			"approximate_connection_time": int(k.life / time.Second),
		},
	}))
	s.bump()
}

// registered counts what Slack believes to be connected. The lock is held.
func (s *Server) registered() int {
	now := time.Now()
	s.ghosts = slices.DeleteFunc(s.ghosts, func(end time.Time) bool { return now.After(end) })
	n := len(s.ghosts)
	for _, k := range s.sockets {
		if k.ready && !k.over {
			n++
		}
	}
	return n
}

// writeLoop is the only writer of a socket: frames, pings, the end.
func (s *Server) writeLoop(k *socket) {
	payload := fmt.Appendf(nil, "Ping from applink-%d", k.n)
	tick := time.NewTicker(s.cfg.Times.Ping)
	defer tick.Stop()
	life := time.NewTimer(k.life)
	defer life.Stop()
	pinged := false
	for {
		select {
		case data := <-k.out:
			if !s.thawed(k) {
				continue
			}
			_ = k.ws.SetWriteDeadline(time.Now().Add(10 * time.Second))
			if err := k.ws.WriteMessage(websocket.TextMessage, data); err != nil {
				s.drop(k)
				return
			}
			// The first ping comes together with hello.
			if !pinged {
				pinged = true
				s.ping(k, payload)
			}
		case <-tick.C:
			s.ping(k, payload)
		case <-life.C:
			s.mu.Lock()
			s.disconnect(k, "refresh_requested")
			s.mu.Unlock()
		case <-k.end:
			s.finish(k)
			return
		}
	}
}

func (s *Server) thawed(k *socket) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !k.frozen
}

// ping pings, and closes a client that has not answered for too long. It writes without the server's lock: a client that does
// not read must not stop the workspace.
func (s *Server) ping(k *socket, payload []byte) {
	if s.pingable(k) {
		_ = k.ws.WriteControl(websocket.PingMessage, payload, time.Now().Add(5*time.Second))
	}
}

func (s *Server) pingable(k *socket) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k.frozen || k.over {
		return false
	}
	if time.Since(k.lastPong) > s.cfg.Times.Pong {
		s.blame("socket", "no pong for "+s.cfg.Times.Pong.String())
		k.close(websocket.CloseGoingAway, "no pong")
		return false
	}
	return true
}

// finish sends what is left, and ends the connection.
func (s *Server) finish(k *socket) {
	s.mu.Lock()
	closing, frozen := k.closing, k.frozen
	s.mu.Unlock()
	if closing != nil && !frozen {
		_ = k.ws.SetWriteDeadline(time.Now().Add(time.Second))
		for len(k.out) > 0 {
			_ = k.ws.WriteMessage(websocket.TextMessage, <-k.out)
		}
		_ = k.ws.WriteControl(websocket.CloseMessage, closing, time.Now().Add(time.Second))
		_ = k.ws.Close()
	} else {
		k.wire.reset()
	}
	s.drop(k)
}

// drop forgets a socket.
func (s *Server) drop(k *socket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k.cut()
	s.sockets = slices.DeleteFunc(s.sockets, func(x *socket) bool { return x == k })
	s.bump()
}

func (s *Server) readLoop(k *socket) {
	k.wire.onContinuation(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.blame("socket", "a message came in continuation frames, which Slack does not put together")
		k.pieces++
	})
	k.ws.SetPongHandler(func(data string) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		if data != fmt.Sprintf("Ping from applink-%d", k.n) {
			s.blamef("socket", "a pong with the wrong payload %q", cut(data, 40))
		}
		k.lastPong = time.Now()
		k.pongs++
		return nil
	})
	k.ws.SetPingHandler(func(data string) error {
		if s.thawed(k) {
			_ = k.ws.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(time.Second))
		}
		return nil
	})
	for {
		kind, data, err := k.ws.ReadMessage()
		if err != nil {
			s.lost(k, err)
			return
		}
		if s.thawed(k) {
			s.receive(k, kind, data)
		}
	}
}

// lost is the end of reading. A socket that vanished without a close frame may stay registered as a ghost.
func (s *Server) lost(k *socket, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var closed *websocket.CloseError
	polite := errors.As(err, &closed) && closed.Code != websocket.CloseAbnormalClosure
	if s.cfg.Times.Ghost > 0 && k.ready && !k.over && !k.retired && (!polite || k.frozen) {
		s.ghosts = append(s.ghosts, time.Now().Add(s.cfg.Times.Ghost))
	}
	k.cut()
	k.ready = false
	s.bump()
}

// receive takes an acknowledgement.
func (s *Server) receive(k *socket, kind int, data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k.pieces > 0 {
		k.pieces--
		return
	}
	if len(data) > maxFrame {
		s.blamef("socket", "a frame of %d bytes; the limit is %d", len(data), maxFrame)
		k.close(websocket.CloseMessageTooBig, "Max frame length of 20480 has been exceeded.")
		return
	}
	if kind != websocket.TextMessage {
		s.blame("socket", "a binary frame")
		return
	}
	var frame map[string]json.RawMessage
	if err := json.Unmarshal(data, &frame); err != nil {
		s.blame("socket", "a frame that is no JSON object")
		return
	}
	var id string
	if err := json.Unmarshal(frame["envelope_id"], &id); err != nil || id == "" {
		s.blame("socket", "a frame without envelope_id")
		return
	}
	for name := range frame {
		if name != "envelope_id" && name != "payload" {
			s.blame("socket", "an acknowledgement with "+cut(name, 40))
		}
	}
	s.acknowledge(k, id, frame["payload"])
}

func disconnectFrame(reason, host string) []byte {
	return encode(map[string]any{"type": "disconnect", "reason": reason, "debug_info": map[string]any{"host": host}})
}

// later runs a function under the lock, unless the server has been closed by then.
func (s *Server) later(d time.Duration, f func()) *time.Timer {
	return time.AfterFunc(d, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if !s.closed {
			f()
		}
	})
}

var _ net.Conn = (*wire)(nil)
