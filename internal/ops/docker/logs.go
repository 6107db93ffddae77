package docker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
	"github.com/docker/docker/pkg/stdcopy"
)

const (
	logsWithin = time.Minute
	logsMost   = 32 << 20 // a service that floods its log must not fill memory or disk of whoever asked
)

// Logs writes a container's output, standard error among it: the last tail lines (0: all) since a time (zero: ever). After 32 MiB
// it ends with ErrCut. The text may hold secrets.
func (e *Engine) Logs(ctx context.Context, id string, tail int, since time.Time, w io.Writer) error {
	return e.do(ctx, "read the log of", id, logsWithin, func(ctx context.Context, api *client.Client, c *Container) error {
		return readLogs(ctx, api, c, tail, since, w)
	})
}

func readLogs(ctx context.Context, api *client.Client, c *Container, tail int, since time.Time, w io.Writer) error {
	opts := container.LogsOptions{ShowStdout: true, ShowStderr: true, Tail: "all"}
	if tail > 0 {
		opts.Tail = strconv.Itoa(tail)
	}
	if !since.IsZero() {
		opts.Since = fmt.Sprintf("%d.%09d", since.Unix(), since.Nanosecond())
	}
	r, err := api.ContainerLogs(ctx, c.ID, opts)
	if err != nil {
		if strings.Contains(err.Error(), "does not support reading") {
			return fmt.Errorf("its logging driver keeps nothing that can be read here: %w", err)
		}
		return err
	}
	defer r.Close() //nolint:errcheck // Only read.
	limited := &limitWriter{w: w, left: logsMost}
	if c.tty { // then it is one stream as it is
		_, err = io.Copy(limited, r)
	} else {
		_, err = stdcopy.StdCopy(limited, limited, r)
	}
	return err
}

// lastLines gives the last lines of a container's output for a report of failure; what cannot be read is left out.
func (e *Engine) lastLines(ctx context.Context, c *Container, n int) []string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second) // the caller's time is often over
	defer cancel()
	api, err := e.api(ctx)
	if err != nil {
		return nil
	}
	const most = 64 << 10
	buf := &keepWriter{most: most}
	if err := readLogs(ctx, api, c, n, time.Time{}, buf); err != nil && !errors.Is(err, ErrCut) {
		return nil
	}
	text := strings.TrimRight(buf.String(), "\n")
	if text == "" {
		return nil
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, "\r")
	}
	return lines[max(0, len(lines)-n):]
}

// limitWriter refuses what is beyond the limit.
type limitWriter struct {
	w    io.Writer
	left int
}

func (l *limitWriter) Write(b []byte) (int, error) {
	if len(b) <= l.left {
		n, err := l.w.Write(b)
		l.left -= n
		return n, err
	}
	n, err := l.w.Write(b[:l.left])
	l.left -= n
	if err == nil {
		err = ErrCut
	}
	return n, err
}

// keepWriter keeps the last of what is written.
type keepWriter struct {
	most int
	buf  bytes.Buffer
	cut  bool
}

func (k *keepWriter) Write(b []byte) (int, error) {
	n := len(b)
	if over := n - k.most; over > 0 {
		b, k.cut = b[over:], true
	}
	if over := k.buf.Len() + len(b) - k.most; over > 0 {
		k.buf.Next(over)
		k.cut = true
	}
	k.buf.Write(b)
	return n, nil
}

func (k *keepWriter) String() string { return strings.ToValidUTF8(k.buf.String(), "�") }
