package commands

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops"
)

func TestALookThatTookAllOfTheRequestsTimeIsSaidToBeTooSlow(t *testing.T) {
	t.Parallel()
	waits := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	c := &call{req: Request{Source: Terminal}}
	short, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	var problem *ops.Problem
	if err := (&Runner{}).slowly(short, c, waits); !errors.As(err, &problem) || problem.Code != "too_slow" {
		t.Errorf("a busy machine is told as %v", err)
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if err := (&Runner{}).slowly(stopped, c, waits); errors.As(err, &problem) && problem.Code == "" || !errors.Is(err, context.Canceled) {
		t.Errorf("a bot that stops says %v", err)
	}
}
