package slackfake

import (
	"context"
	"encoding/binary"
	"net"
	"sync"

	"github.com/gorilla/websocket"
)

// wire is a client's connection. Once it is watched it looks at the WebSocket frames that pass, because the library puts
// continuation frames together before anybody sees them, and Slack does not.
type wire struct {
	net.Conn

	mu           sync.Mutex
	watched      bool
	continuation func()
	head         []byte
	skip         uint64
}

type connKey struct{}

func withConn(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
}

func connOf(ctx context.Context) *wire {
	w, _ := ctx.Value(connKey{}).(*wire)
	return w
}

// listener wraps what it accepts, and cuts it at once while the workspace is away.
type listener struct {
	net.Listener
	s *Server
}

func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err // net/http compares it.
		}
		w := &wire{Conn: c}
		l.s.mu.Lock()
		away := l.s.away
		l.s.mu.Unlock()
		if !away {
			return w, nil
		}
		w.reset()
	}
}

// reset ends the connection the hard way.
func (w *wire) reset() {
	if t, ok := w.Conn.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
	_ = w.Close()
}

func (w *wire) watch() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.watched = true
}

func (w *wire) onContinuation(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.continuation = f
}

func (w *wire) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.watched {
		w.look(p[:n])
	}
	return n, err
}

// look follows the frames' headers.
func (w *wire) look(p []byte) {
	for len(p) > 0 {
		if w.skip > 0 {
			n := min(w.skip, uint64(len(p)))
			w.skip -= n
			p = p[n:]
			continue
		}
		w.head = append(w.head, p[0])
		p = p[1:]
		size, ok := frameSize(w.head)
		if !ok {
			continue
		}
		opcode, final := w.head[0]&0x0f, w.head[0]&0x80 != 0
		if (opcode == websocket.TextMessage || opcode == websocket.BinaryMessage) && !final && w.continuation != nil {
			w.continuation()
		}
		w.head = w.head[:0]
		w.skip = size
	}
}

// frameSize tells how much follows a frame's header, mask included; false while the header is incomplete.
func frameSize(head []byte) (uint64, bool) {
	if len(head) < 2 {
		return 0, false
	}
	size := uint64(head[1] & 0x7f)
	switch {
	case size == 126 && len(head) < 4, size == 127 && len(head) < 10:
		return 0, false
	case size == 126:
		size = uint64(binary.BigEndian.Uint16(head[2:]))
	case size == 127:
		size = binary.BigEndian.Uint64(head[2:])
	}
	if head[1]&0x80 != 0 {
		size += 4
	}
	return size, true
}
