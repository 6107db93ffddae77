package terminal

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
)

// Remote is a running bot's house.
type Remote struct {
	Path string // of its socket
}

var _ House = Remote{}

// ErrNoBot says that no bot answers at the socket.
var ErrNoBot = errors.New("no bot answers at its socket")

// Dial connects to the bot's socket. ErrNoBot: nobody is there.
func (r Remote) dial(ctx context.Context) (net.Conn, error) {
	name, done, err := shortened(r.Path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoBot, err)
	}
	defer done()
	var d net.Dialer
	c, err := d.DialContext(ctx, "unix", name)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrNoBot, r.Path, err)
	}
	return c, nil
}

// There tells whether a bot listens.
func (r Remote) There(ctx context.Context) bool {
	c, err := r.dial(ctx)
	if err != nil {
		return false
	}
	_ = c.Close()
	return true
}

// Ask implements House.
func (r Remote) Ask(ctx context.Context, as, text string) (Answer, error) {
	var last Answer
	err := r.talk(ctx, question{As: as, Text: text}, func(a Answer) { last = a })
	return last, err
}

// Watch implements House.
func (r Remote) Watch(ctx context.Context, as string, number int64, each func(Answer)) (mine bool, err error) {
	return false, r.talk(ctx, question{As: as, Watch: number}, each)
}

// talk asks one question and gives each answer until the last.
func (r Remote) talk(ctx context.Context, q question, each func(Answer)) error {
	c, err := r.dial(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	b, err := json.Marshal(q)
	if err != nil {
		return err
	}
	if _, err := c.Write(append(b, '\n')); err != nil {
		return fmt.Errorf("%w: %w", ErrGone, err)
	}
	in := bufio.NewScanner(c)
	in.Buffer(nil, maxReply)
	for in.Scan() {
		var a reply
		if err := json.Unmarshal(in.Bytes(), &a); err != nil {
			return fmt.Errorf("what the bot answered: %w", err)
		}
		if a.Error != "" {
			return errors.New(a.Error)
		}
		if a.Text != "" || a.Operation != nil || len(a.Data) > 0 {
			each(a.Answer)
		}
		if a.End {
			return nil
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	err = in.Err()
	if err == nil {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("%w: %w", ErrGone, err)
}
