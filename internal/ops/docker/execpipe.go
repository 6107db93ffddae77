package docker

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// What a program in a container writes goes through three processes before it is here: half of the time of a dump. A program that can be given the name
// of a file gets that of a pipe instead, where one can be made. Where not, or where the program does not take it, nothing has happened yet and the
// usual way is gone.

// pipeBuffer is how many bytes are moved at a time.
const pipeBuffer = 256 << 10

// ExecOut is Exec for a program with much output that can write it to a file: argv is given the file's name, or an empty one for the standard output. said
// gets what the program says besides. The program may be started twice when it fails before its first byte.
func (e *Engine) ExecOut(ctx context.Context, id string, argv func(file string) []string, out, said io.Writer) (int, error) {
	p, err := e.openPipe(id)
	if err != nil {
		return e.Exec(ctx, id, argv(""), nil, out, said)
	}
	defer p.close()
	var words bytes.Buffer
	inner, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	copied := make(chan int64, 1)
	go func() {
		n, err := io.CopyBuffer(struct{ io.Writer }{out}, struct{ io.Reader }{p.r}, make([]byte, pipeBuffer))
		if err != nil {
			fail(err)
		}
		copied <- n
	}()
	code, err := e.Exec(inner, id, argv(p.name), nil, &words, &words)
	if err != nil {
		_ = p.r.Close() // a program that could not be ended may still hold the other end
	}
	_ = p.w.Close()
	n := <-copied
	refused := context.Cause(inner)
	if err == nil {
		err = refused
	}
	if n == 0 && refused == nil && (code != 0 || err != nil) {
		return e.Exec(ctx, id, argv(""), nil, out, said)
	}
	_, _ = said.Write(words.Bytes())
	return code, err
}

// ExecIn is Exec for a program with much input that can read it from a file: argv is given the file's name, or an empty one for the standard input. The
// program may be started twice when it fails without having read anything.
func (e *Engine) ExecIn(ctx context.Context, id string, argv func(file string) []string, in io.Reader, said io.Writer) (int, error) {
	first := bufio.NewReaderSize(in, pipeBuffer)
	_, empty := first.Peek(1) // one who opens a pipe to which nobody writes waits for ever
	p, err := e.openPipe(id)
	if err != nil || empty != nil {
		if err == nil {
			p.close()
		}
		return e.Exec(ctx, id, argv(""), first, said, said)
	}
	in = first
	defer p.close()
	var words bytes.Buffer
	inner, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	f := &feeder{in: in, p: p, over: make(chan struct{}), ended: make(chan struct{})}
	go func() {
		defer close(f.ended)
		if err := f.run(); err != nil {
			// The end of a half input would look like its whole to the program.
			fail(fmt.Errorf("read the input: %w", err))
		}
	}()
	code, err := e.Exec(inner, id, argv(p.name), nil, &words, &words)
	close(f.over)
	again := code != 0 && err == nil && f.untouched(ctx)
	_ = p.w.Close()
	if cause := context.Cause(inner); err == nil && cause != nil {
		err = cause
	}
	if again {
		return e.Exec(ctx, id, argv(""), f.rest(), said, said)
	}
	_, _ = said.Write(words.Bytes())
	return code, err
}

// feeder puts an input into a pipe.
type feeder struct {
	in    io.Reader
	p     *pipe
	over  chan struct{} // the program has ended
	ended chan struct{} // run has

	sent int64
	left []byte // what was read and does not fit into the pipe any more
}

// run ends the input for the program once all of it was taken out of the pipe: one that has not opened it yet would wait for ever for the other end. Its
// error is that of the input alone.
func (f *feeder) run() error {
	buf := make([]byte, pipeBuffer)
	for {
		n, err := f.in.Read(buf)
		if n > 0 {
			k, broken := f.p.w.Write(buf[:n])
			f.sent += int64(k)
			if broken != nil {
				f.left = bytes.Clone(buf[k:n])
				return nil // a program may end without having read all; its exit code tells
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for f.p.unread() > 0 {
		select {
		case <-f.over:
			return nil
		case <-tick.C:
		}
	}
	_ = f.p.w.Close()
	return nil
}

// untouched tells whether the program has read nothing. It waits until no more is read of the input.
func (f *feeder) untouched(ctx context.Context) bool {
	_ = f.p.w.Close()
	select {
	case <-f.ended:
	case <-ctx.Done():
		return false
	}
	return f.sent > 0 && int64(f.p.unread()) == f.sent
}

// rest is the whole input once more: what is in the pipe, what did not fit, and what was not read yet.
func (f *feeder) rest() io.Reader {
	first := make([]byte, f.sent)
	if _, err := io.ReadFull(f.p.r, first); err != nil {
		return failing{fmt.Errorf("take the input back: %w", err)}
	}
	return io.MultiReader(bytes.NewReader(first), bytes.NewReader(f.left), f.in)
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
