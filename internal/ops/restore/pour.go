package restore

import (
	"context"
	"errors"
	"io"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/postgres"
)

// pour fills a new database with a dump of another server's, without a stop in between.
func (k *Kind) pour(ctx context.Context, from *postgres.Database, name string, progress func(done, total int64)) (*postgres.Dump, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	r, w := io.Pipe()
	type result struct {
		dump *postgres.Dump
		err  error
	}
	dumped := make(chan result, 1)
	go func() {
		dump, err := from.Dump(ctx, w, progress)
		dumped <- result{dump, err}
		_ = w.CloseWithError(err) // never fails; nil is the end
	}()
	err := k.DB.Fill(ctx, name, r, nil)
	if err == nil {
		_, err = io.Copy(io.Discard, r) // pg_restore may end before the last byte
	}
	if err != nil {
		_ = r.CloseWithError(err)
		stop()
	}
	d := <-dumped
	switch {
	case errors.Is(d.err, postgres.ErrNoDatabase):
		return nil, ops.Caused("database_not_then", k.DB.Name(), d.err)
	case d.err != nil && !errors.Is(d.err, context.Canceled) && !errors.Is(d.err, err):
		return nil, d.err
	}
	return d.dump, err
}
