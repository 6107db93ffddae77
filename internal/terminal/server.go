package terminal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/user"
	"strconv"
	"sync"
	"time"
)

// Server answers at a socket what is asked at terminals of this machine.
type Server struct {
	// House gives the house for somebody whom the operating system knows by that name.
	House func(osUser string) House
	Log   *slog.Logger

	// peer tells which user is at the other end; nil: the kernel is asked.
	peer func(net.Conn) (uid int, err error)
}

const (
	atOnce = 16 // connections
	// heardWithin is how long a question may take to arrive, and how long an answer may take to be taken.
	heardWithin = 10 * time.Second
)

// Listen makes the socket, for the bot's own user alone. It may be called only by who holds the store: a socket that is there was left
// behind by a dead bot, and is replaced. Anything else that is there stays.
func Listen(path string) (net.Listener, error) {
	if info, err := os.Lstat(path); err == nil {
		if info.Mode()&os.ModeSocket == 0 {
			return nil, fmt.Errorf("%s is there and is no socket", path)
		}
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	name, done, err := shortened(path)
	if err != nil {
		return nil, err
	}
	defer done()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: name, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	l.SetUnlinkOnClose(false) // by the name that it was made with, which may be gone by then
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return &listener{Listener: l, path: path}, nil
}

// listener removes its socket at the end.
type listener struct {
	net.Listener
	path string
}

// Close implements net.Listener.
func (l *listener) Close() error {
	return errors.Join(l.Listener.Close(), os.Remove(l.path))
}

// Serve answers until ctx ends, and closes the listener.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		<-ctx.Done()
		if err := l.Close(); err != nil {
			s.Log.WarnContext(ctx, "closing the terminal's socket", "err", err)
		}
	})
	slots := make(chan struct{}, atOnce)
	for {
		c, err := l.Accept()
		if ctx.Err() != nil {
			if err == nil {
				_ = c.Close()
			}
			return nil
		}
		if err != nil {
			s.Log.WarnContext(ctx, "taking a terminal", "err", err)
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(time.Second): // out of files, mostly
			}
			continue
		}
		select {
		case slots <- struct{}{}:
		default:
			_ = c.Close() // Who asks sees that it was not taken.
			continue
		}
		wg.Go(func() {
			defer func() { <-slots }()
			defer func() { _ = c.Close() }()
			if err := s.one(ctx, c); err != nil && ctx.Err() == nil {
				s.Log.WarnContext(ctx, "a terminal", "err", err)
			}
		})
	}
}

// one answers one question.
func (s *Server) one(ctx context.Context, c net.Conn) error {
	peer := s.peer
	if peer == nil {
		peer = peerOf
	}
	uid, err := peer(c)
	if err != nil {
		return fmt.Errorf("who is there: %w", err)
	}
	if uid != 0 && uid != os.Geteuid() {
		return fmt.Errorf("user %d is neither the bot's own nor root", uid)
	}
	if err := c.SetReadDeadline(time.Now().Add(heardWithin)); err != nil {
		return err
	}
	q, err := readQuestion(c)
	if errors.Is(err, errNothing) {
		return nil // somebody looked whether we are here
	}
	if err != nil {
		_ = send(c, reply{End: true, Error: err.Error()})
		return err
	}
	if err := c.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	house := s.House(UserName(uid))
	if q.Watch == 0 {
		// It is committed or not, whether or not anybody still listens.
		a, err := house.Ask(ctx, q.As, q.Text)
		if err != nil {
			return errors.Join(err, send(c, reply{End: true, Error: err.Error()}))
		}
		return send(c, reply{Answer: a, End: true})
	}
	watching, stop := context.WithCancel(ctx)
	defer stop()
	var wg sync.WaitGroup
	defer wg.Wait()
	defer func() { _ = c.SetReadDeadline(time.Now()) }()
	wg.Go(func() { // Who goes away says so by closing.
		_, _ = io.Copy(io.Discard, c)
		stop()
	})
	_, err = house.Watch(watching, q.As, q.Watch, func(a Answer) {
		if send(c, reply{Answer: a}) != nil {
			stop()
		}
	})
	switch {
	case err != nil && watching.Err() != nil:
		return nil // Nobody listens, or we end: the line without an end says it.
	case err != nil:
		return errors.Join(err, send(c, reply{End: true, Error: err.Error()}))
	}
	return send(c, reply{End: true})
}

func send(c net.Conn, r reply) error {
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := c.SetWriteDeadline(time.Now().Add(heardWithin)); err != nil {
		return err
	}
	_, err = c.Write(append(b, '\n'))
	return err
}

// UserName is what the operating system calls a user; where it has no name, its number.
func UserName(uid int) string {
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil && u.Username != "" {
		return u.Username
	}
	return "uid " + strconv.Itoa(uid)
}
