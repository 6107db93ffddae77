package postgres

import (
	"bufio"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
)

// session is a psql that stays connected, for many statements in a row whose answers are a line each.
type session struct {
	d     *Database
	at    place
	stop  context.CancelFunc
	in    *io.PipeWriter
	out   *io.PipeReader
	lines *bufio.Reader // of out
	wg    sync.WaitGroup
	err   error // of psql, once it has ended
}

// session connects to the application's database. It ends with ctx at the latest.
func (d *Database) session(ctx context.Context, at place, vars map[string]string) *session {
	ctx, stop := context.WithCancel(ctx)
	input, in := io.Pipe()
	output, out := io.Pipe()
	s := &session{d: d, at: at, stop: stop, in: in, out: output, lines: bufio.NewReader(output)}
	s.wg.Go(func() {
		_, err := d.run(ctx, at, "psql", psql(d.cfg.Name, vars), input, out)
		s.err = err
		_ = input.CloseWithError(io.ErrClosedPipe)
		_ = out.CloseWithError(orEOF(err))
	})
	return s
}

// line sends statements and reads the line that they print.
func (s *session) line(ctx context.Context, sql string) (string, error) {
	_, err := io.WriteString(s.in, sql)
	var line string
	if err == nil {
		line, err = s.lines.ReadString('\n')
	}
	if err == nil {
		return strings.TrimSuffix(line, "\n"), nil
	}
	s.end()
	if s.err != nil {
		err = s.err
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return "", s.d.explain(ctx, s.at, s.d.cfg.Name, err)
}

// close lets psql end by itself.
func (s *session) close() {
	_ = s.in.Close()
	_, _ = io.Copy(io.Discard, s.lines) // psql is not left waiting
	s.wg.Wait()
}

// end ends psql, whatever it is at.
func (s *session) end() {
	_ = s.in.Close()
	_ = s.out.Close() // psql may be writing
	s.stop()
	s.wg.Wait()
}
