package bot

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/ai-notebook/notebookbot/notify"
)

// SocketState says how a socket stands.
type SocketState string

// The states of a socket.
const (
	Connecting SocketState = "connecting"
	Connected  SocketState = "connected"
	Failed     SocketState = "failed"
)

// Socket is the state of one socket, for /readyz and metrics.
type Socket struct {
	Name        string      `json:"name"`
	State       SocketState `json:"state"`
	Reason      string      `json:"reason,omitempty"` // why it is not connected, or why it had to reconnect
	Since       time.Time   `json:"since"`
	LastPing    time.Time   `json:"last_ping,omitzero"`
	Connections int         `json:"connections,omitempty"` // sockets of the app by Slack's count, dead ones among them
}

// socket keeps one connection to Slack open.
type socket struct {
	bot *Bot

	mu    sync.Mutex
	state Socket
	conns []*conn // that said hello; during a change of sockets two of them are read
}

func newSocket(number int, b *Bot) *socket {
	return &socket{bot: b, state: Socket{Name: strconv.Itoa(number), State: Connecting, Since: time.Now()}}
}

// State tells how the socket stands.
func (s *socket) State() Socket {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

func (s *socket) set(state SocketState, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if state != Connected && s.served() {
		return // an older connection still serves
	}
	if s.state.State != state {
		s.state.Since = time.Now()
	}
	s.state.State, s.state.Reason = state, reason
}

// served tells whether any connection is read, and forgets those that are not. The lock is held.
func (s *socket) served() bool {
	s.conns = slices.DeleteFunc(s.conns, func(c *conn) bool {
		select {
		case <-c.deaf:
			return true
		default:
			return false
		}
	})
	return len(s.conns) > 0
}

func (s *socket) pinged(at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.LastPing = at
}

// run keeps the socket open until ctx ends.
func (s *socket) run(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	t := s.bot.cfg.timing
	back := &backoff{first: t.retry, longest: t.retries}
	for ctx.Err() == nil {
		c, err := s.open(ctx, &wg)
		if err != nil {
			if ctx.Err() == nil {
				wait(ctx, s.refused(ctx, err, back))
			}
			continue
		}
		greeted := time.Now()
		select {
		case <-c.leaving:
		case <-c.deaf:
		}
		if ctx.Err() == nil {
			wait(ctx, s.lost(ctx, c, time.Since(greeted), back))
		}
	}
}

// lost says how long to wait after a connection that worked.
func (s *socket) lost(ctx context.Context, c *conn, lived time.Duration, back *backoff) time.Duration {
	reason, _ := c.end()
	s.bot.metrics.closes.WithLabelValues(reason).Inc()
	s.set(Connecting, reason)
	s.bot.log.InfoContext(ctx, "slack socket goes", "socket", s.state.Name, "reason", reason, "lived", lived)
	if lived >= s.bot.cfg.timing.healthy {
		back.reset()
		if !mendable(reason) && reason != "too_many_websockets" {
			return 0 // the gate keeps the sockets apart
		}
	}
	return s.after(ctx, reason, back)
}

// refused says how long to wait after a connection that did not come about.
func (s *socket) refused(ctx context.Context, err error, back *backoff) time.Duration {
	reason, after := "network", time.Duration(0)
	var se *notify.SendError
	var oe *openError
	switch {
	case errors.As(err, &se):
		reason, after = se.Reason, se.After
	case errors.As(err, &oe):
		reason = oe.reason
	}
	s.bot.metrics.opens.WithLabelValues(reason).Inc()
	s.set(Failed, reason)
	s.bot.log.WarnContext(ctx, "slack socket does not open", "socket", s.state.Name, "reason", reason, "err", err)
	return max(after, s.after(ctx, reason, back))
}

// after is the wait for a reason. What only a person can mend is asked for again after minutes, and said aloud.
func (s *socket) after(ctx context.Context, reason string, back *backoff) time.Duration {
	switch {
	case mendable(reason):
		s.set(Failed, reason)
		s.bot.log.ErrorContext(ctx, "slack refuses the socket until somebody mends the app or its tokens",
			"socket", s.state.Name, "reason", reason)
		return jitter(s.bot.cfg.timing.mend)
	case reason == "too_many_websockets":
		s.set(Failed, reason)
		back.atLeast(3)
	}
	return back.next()
}

func mendable(reason string) bool { return IsAuth(reason) }

// openError is why a socket did not come about after Slack gave an address.
type openError struct{ reason string }

func (e *openError) Error() string { return "socket: " + e.reason }

// open asks for an address, connects and waits for the hello. Each step has a time limit of its own. The connection is served
// from its handshake on; wg waits for it.
func (s *socket) open(ctx context.Context, wg *sync.WaitGroup) (*conn, error) {
	if err := s.bot.gate.enter(ctx); err != nil {
		return nil, err
	}
	defer s.bot.gate.leave()
	ws, err := s.dial(ctx)
	if err != nil {
		return nil, err
	}
	c := newConn(ws, s.bot.intake, s.bot.cfg.timing, s.pinged)
	wg.Go(func() { c.serve(ctx) })
	wg.Go(func() {
		<-c.deaf
		s.ended(c)
	})
	t := time.NewTimer(s.bot.cfg.timing.open)
	defer t.Stop()
	select {
	case <-c.hello:
	case <-c.deaf:
		reason, _ := c.end()
		return nil, &openError{reason}
	case <-t.C:
		c.stop("no_hello")
		return nil, &openError{"no_hello"}
	}
	s.bot.metrics.opens.WithLabelValues("ok").Inc()
	_, connections := c.end()
	s.mu.Lock()
	s.conns = append(s.conns, c)
	s.state.Connections = connections
	s.mu.Unlock()
	s.set(Connected, "")
	select {
	case s.bot.opened <- struct{}{}:
	default: // it is known
	}
	s.bot.log.InfoContext(ctx, "slack socket is connected", "socket", s.state.Name, "connections", connections)
	return c, nil
}

// ended notes that a connection is no longer read; when another is, or a worse state is known, nothing changes.
func (s *socket) ended(c *conn) {
	reason, _ := c.end()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state.State == Connected && !s.served() {
		s.state.State, s.state.Reason, s.state.Since = Connecting, reason, time.Now()
	}
}

// dial never shows the address in an error: its ticket opens a socket.
func (s *socket) dial(ctx context.Context) (*websocket.Conn, error) {
	t := s.bot.cfg.timing.open
	octx, cancel := context.WithTimeout(ctx, t)
	defer cancel()
	a, err := s.bot.web.do(octx, call{method: "apps.connections.open", token: s.bot.cfg.AppToken, repeatable: true})
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(a.head.at("url").text())
	if err != nil || u.Host == "" || u.Scheme != "wss" && (u.Scheme != "ws" || s.bot.web.api.Scheme != "http") {
		return nil, &openError{"bad_address"}
	}
	d := websocket.Dialer{
		Proxy: http.ProxyFromEnvironment, HandshakeTimeout: t,
		WriteBufferSize: writeBuffer, // an acknowledgement must be one frame
	}
	dctx, cancel := context.WithTimeout(ctx, t)
	defer cancel()
	ws, resp, err := d.DialContext(dctx, u.String(), http.Header{"Origin": {"https://api.slack.com"}})
	if resp != nil && resp.Body != nil {
		resp.Body.Close() //nolint:errcheck,gosec // nothing of it is needed
	}
	if errors.Is(err, websocket.ErrBadHandshake) && resp != nil {
		return nil, &openError{"http_" + strconv.Itoa(resp.StatusCode)}
	}
	if err != nil {
		return nil, transportError(err, false, true)
	}
	return ws, nil
}
