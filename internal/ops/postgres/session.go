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
	d    *Database
	at   place
	stop context.CancelFunc
	in   *io.PipeWriter
	out  *io.PipeReader
	read *bufio.Reader
	wg   sync.WaitGroup
	err  error // of psql, once it has ended
}

// session connects to the application's database. It ends with ctx at the latest.
func (d *Database) session(ctx context.Context, vars map[string]string) (*session, error) {
	at, err := d.find(ctx)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	input, in := io.Pipe()
	output, out := io.Pipe()
	s := &session{d: d, at: at, stop: stop, in: in, out: output, read: bufio.NewReader(output)}
	s.wg.Go(func() {
		_, err := d.run(ctx, at, "psql", psql(d.cfg.Name, vars), input, out)
		s.err = err
		_ = input.CloseWithError(io.ErrClosedPipe)
		_ = out.CloseWithError(orEOF(err))
	})
	return s, nil
}

// line sends statements and reads the line that they print.
func (s *session) line(ctx context.Context, sql string) (string, error) {
	_, err := io.WriteString(s.in, sql)
	var line string
	if err == nil {
		line, err = s.read.ReadString('\n')
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

// end ends psql, whatever it is at.
func (s *session) end() {
	_ = s.in.Close()
	_ = s.out.Close() // psql may be writing
	s.stop()
	s.wg.Wait()
}
