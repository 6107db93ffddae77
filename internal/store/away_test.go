package store_test

import (
	"net"
	"net/url"
	"sync"
	"testing"

	"github.com/ai-notebook/notebookbot/internal/store"
	"github.com/ai-notebook/notebookbot/internal/store/storetest"
)

// link stands between a store and its server, and can be cut.
type link struct {
	listener net.Listener
	server   string

	mu    sync.Mutex
	conns []net.Conn
	mode  linkMode
}

type linkMode int

const (
	linkUp     linkMode = iota
	linkDown            // what comes is hung up on
	linkSilent          // what comes gets no answer, ever
)

func (l *link) set(mode linkMode) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mode = mode
	if mode != linkSilent {
		for _, c := range l.conns {
			_ = c.Close()
		}
		l.conns = nil
	}
}

func (l *link) run() {
	for {
		c, err := l.listener.Accept()
		if err != nil {
			return
		}
		l.mu.Lock()
		switch l.mode {
		case linkDown:
			_ = c.Close()
		case linkSilent:
			l.conns = append(l.conns, c)
		case linkUp:
			if s, err := net.Dial("tcp", l.server); err == nil {
				l.conns = append(l.conns, c, s)
				go l.copy(s, c)
				go l.copy(c, s)
			}
		}
		l.mu.Unlock()
	}
}

func (l *link) copy(dst, src net.Conn) {
	buf := make([]byte, 32<<10)
	for {
		n, err := src.Read(buf)
		l.mu.Lock()
		silent := l.mode == linkSilent
		l.mu.Unlock()
		if silent && err == nil {
			continue // swallowed
		}
		if n > 0 {
			if _, err := dst.Write(buf[:n]); err != nil {
				break
			}
		}
		if err != nil {
			break
		}
	}
	_ = src.Close()
	_ = dst.Close()
}

func TestAServerThatIsAwayIsSaidToBeGoneUntilItIsBack(t *testing.T) {
	t.Parallel()
	address := storetest.Postgres(t)
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	l := &link{server: u.Host}
	if l.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	go l.run()
	t.Cleanup(func() {
		_ = l.listener.Close()
		l.set(linkDown)
	})
	u.Host = l.listener.Addr().String()
	s := storetest.OpenURL(t, u.String())
	if err := s.Healthy(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]linkMode{"it hangs up": linkDown, "it is silent": linkSilent} {
		mustOpen(t, s, name)
		l.set(mode)
		wantUnavailable(t, s, "gone")
		if _, err := s.CountOpen(t.Context()); store.Reason(err) != "gone" {
			t.Errorf("%s: reading = %v, want gone", name, err)
		}
		l.set(linkUp)
		wantHealthy(t, s)
	}
	if n := mustOpen(t, s, "last"); n != 4 {
		t.Errorf("the last number is %d, want 4", n)
	}
}
