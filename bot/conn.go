package bot

import (
	"cmp"
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

const (
	maxRead      = 4 << 20 // bytes of one frame from Slack
	writeBuffer  = 32 << 10
	writeTimeout = 5 * time.Second
	pongTimeout  = time.Second
	maxMalformed = 10 // frames in a row that are no JSON
	queuedAcks   = 1024
)

// conn is one WebSocket to Slack, from its handshake to its end.
type conn struct {
	ws     *websocket.Conn
	intake *intake
	timing timing
	ping   func(time.Time)

	hello   chan struct{} // closed when Slack said hello
	leaving chan struct{} // closed when Slack announced the socket's end
	deaf    chan struct{} // closed when nothing is read any more; answers may still be on their way

	out  chan ack
	dead chan struct{} // closed when nothing can be written any more
	work sync.WaitGroup

	mu          sync.Mutex
	stopping    bool
	reason      string // why it ended
	farewell    string // the reason of Slack's disconnect, while the socket is still read
	connections int    // what the hello told
}

// ack is an acknowledgement on its way.
type ack struct {
	frame    string
	received time.Time
}

func newConn(ws *websocket.Conn, in *intake, t timing, ping func(time.Time)) *conn {
	return &conn{
		ws: ws, intake: in, timing: t, ping: ping,
		hello: make(chan struct{}), leaving: make(chan struct{}), deaf: make(chan struct{}),
		out: make(chan ack, queuedAcks), dead: make(chan struct{}),
	}
}

// serve reads until the socket ends or ctx does, answers what was read, and leaves nothing behind.
func (c *conn) serve(ctx context.Context) {
	written := make(chan struct{})
	go func() {
		defer close(written)
		c.write()
	}()
	unhook := context.AfterFunc(ctx, func() { c.stop("stopped") })
	c.read(ctx)
	close(c.deaf)
	unhook()
	c.work.Wait()
	close(c.out)
	// What was committed in the last moment is still acknowledged, if Slack reads.
	t := time.AfterFunc(c.timing.flush, func() { c.ws.Close() }) //nolint:errcheck,gosec // it ends either way
	<-written
	t.Stop()
	c.ws.Close() //nolint:errcheck,gosec // nothing can be done about it
}

// stop ends reading; the first reason counts. What was read before is still answered.
func (c *conn) stop(reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reason == "" {
		c.reason = reason
	}
	c.stopping = true
	c.ws.SetReadDeadline(time.Now().Add(-time.Second)) //nolint:errcheck,gosec // fails only on a closed socket
}

// alive notes a sign of life: until the next one, silence may last its time.
func (c *conn) alive() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.stopping {
		c.ws.SetReadDeadline(time.Now().Add(c.timing.silence)) //nolint:errcheck,gosec // fails only on a closed socket
	}
}

func (c *conn) end() (reason string, connections int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return cmp.Or(c.farewell, c.reason), c.connections
}

func (c *conn) read(ctx context.Context) {
	c.ws.SetReadLimit(maxRead)
	c.ws.SetPingHandler(func(payload string) error {
		c.alive()
		c.ping(time.Now())
		var ne net.Error
		err := c.ws.WriteControl(websocket.PongMessage, []byte(payload), time.Now().Add(pongTimeout))
		if errors.Is(err, websocket.ErrCloseSent) || errors.As(err, &ne) && ne.Timeout() {
			return nil // the read deadline finds out whether it is dead
		}
		return err
	})
	c.alive()
	malformed := 0
	for {
		kind, frame, err := c.ws.ReadMessage()
		if err != nil {
			c.stop(lossReason(err))
			return
		}
		c.alive()
		n := parse(frame)
		if kind != websocket.TextMessage || n.at("type").text() == "" {
			c.intake.metrics.envelopes.WithLabelValues("other", "malformed").Inc()
			if malformed++; malformed >= maxMalformed {
				c.stop("malformed")
				return
			}
			continue
		}
		malformed = 0
		if !c.handle(ctx, n, time.Now()) {
			return
		}
	}
}

// lossReason names why a read failed, in words that are few enough for a metric.
func lossReason(err error) string {
	var ce *websocket.CloseError
	var ne net.Error
	switch {
	case errors.As(err, &ce):
		switch ce.Code {
		case websocket.CloseMessageTooBig:
			return "frame_too_big"
		case websocket.CloseAbnormalClosure:
			return "reset"
		}
		return "closed"
	case errors.As(err, &ne) && ne.Timeout():
		return "silent"
	}
	return "reset"
}

// handle takes one frame; false when nothing more is to be read.
func (c *conn) handle(ctx context.Context, n node, received time.Time) bool {
	switch n.at("type").text() {
	case "hello":
		c.greeted(int(n.at("num_connections").number()))
		return true
	case "disconnect":
		return c.dismissed(n.at("reason").text())
	}
	self, _ := c.intake.self.get()
	e := read(n, self, received)
	if e.id == "" {
		c.intake.metrics.envelopes.WithLabelValues("other", "unknown").Inc()
		return true
	}
	c.work.Go(func() {
		r := c.intake.answer(ctx, e)
		if !r.send {
			return
		}
		select {
		case c.out <- ack{c.intake.frame(e, r), received}:
		case <-c.dead:
			// Another socket must not send it: what Slack does with such an acknowledgement is not known.
			c.intake.metrics.acksLost.Inc()
		}
	})
	return true
}

func (c *conn) greeted(connections int) {
	c.mu.Lock()
	c.connections = connections
	c.mu.Unlock()
	closeOnce(c.hello)
}

// dismissed reads a disconnect. After a warning, or a refresh, envelopes may still come here: the supervisor opens the next
// socket while this one is read to its end.
func (c *conn) dismissed(reason string) bool {
	switch reason {
	case "link_disabled", "too_many_websockets":
		c.stop(reason)
		return false
	}
	if reason != "warning" && reason != "refresh_requested" {
		reason = "refresh_unknown"
	}
	c.mu.Lock()
	c.farewell = reason
	c.mu.Unlock()
	closeOnce(c.leaving)
	time.AfterFunc(c.timing.leave, func() { c.stop("left") })
	return true
}

// closeOnce closes a channel that only the reading goroutine closes.
func closeOnce(ch chan struct{}) {
	select {
	case <-ch:
	default:
		close(ch)
	}
}

// write sends acknowledgements, one frame each, until there are no more or the socket fails.
func (c *conn) write() {
	for a := range c.out {
		c.ws.SetWriteDeadline(time.Now().Add(writeTimeout)) //nolint:errcheck,gosec // the write tells
		if err := c.ws.WriteMessage(websocket.TextMessage, []byte(a.frame)); err != nil {
			c.intake.metrics.acksLost.Inc()
			close(c.dead)
			c.stop(lossReason(err))
			for range c.out {
				c.intake.metrics.acksLost.Inc()
			}
			return
		}
		c.intake.metrics.ack.Observe(time.Since(a.received).Seconds())
	}
	bye := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
	c.ws.WriteControl(websocket.CloseMessage, bye, time.Now().Add(pongTimeout)) //nolint:errcheck,gosec // a courtesy
}
