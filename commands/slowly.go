package commands

import (
	"context"
	"errors"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/ops"
)

const (
	// soon is how long people wait for an answer before they wonder whether they were heard.
	soon = 1500 * time.Millisecond
	// lookWithin is how long a look may take; it ends before the request's own time does, which would have it tried again.
	lookWithin = 8 * time.Second
	// planWithin is how long finding out what is to be done may take in all: it leaves time to commit what came of it, a refusal
	// as well.
	planWithin = 8500 * time.Millisecond
)

// slowly looks at something that may take a while. Who waits longer than a moment is told, once, that it is being looked at. A look
// that takes too long is a *ops.Problem.
func (r *Runner) slowly(ctx context.Context, c *call, look func(ctx context.Context) error) error {
	outer := ctx
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	err := r.patiently(ctx, c, look)
	// On a machine that is that busy the request's own time may be over by now as well.
	if errors.Is(err, context.DeadlineExceeded) && !errors.Is(outer.Err(), context.Canceled) {
		return &ops.Problem{Code: "too_slow", Err: err}
	}
	return err
}

func (r *Runner) patiently(ctx context.Context, c *call, look func(ctx context.Context) error) error {
	done := make(chan error, 1)
	go func() {
		_, err := safely(func() (outcome, error) { return outcome{}, look(ctx) })
		done <- err
	}()
	t := time.NewTimer(soon)
	defer t.Stop()
	select {
	case err := <-done:
		return err
	case <-t.C:
	}
	if c.req.Source == Terminal {
		return <-done // which says by itself that it waits
	}
	if err := r.tellRunning(ctx, c); err != nil {
		r.Log.WarnContext(ctx, "telling that it takes a moment", "request", c.req.ID, "err", err)
	}
	return <-done
}

// tellRunning says where the answer will be that it is on its way. Its key makes it one message, however often the request is tried.
func (r *Runner) tellRunning(ctx context.Context, c *call) error {
	home, err := r.home(ctx, c.req)
	if err != nil {
		return err
	}
	out := outcome{say: r.Words.Running(c.text), alone: c.cmd.private || c.cmd.decides, key: "runs/" + c.req.ID}
	return r.Store.WriteOperations(ctx, ops.Want{Want: incidents.Want{}}, func(tx ops.Tx) error { return r.answer(tx, c.req, home, out) })
}
