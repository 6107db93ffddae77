package docker

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"

	"github.com/ai-notebook/notebookbot/internal/realparts"
)

func TestTheNewestFiguresOfRunningContainersAreKeptAndNoOthers(t *testing.T) {
	t.Parallel()
	a, id := one(t, realparts.Docker(t), nil, func(_ *container.Config, h *container.HostConfig) { h.Memory = 64 << 20 })
	s := NewSampler(a.Engine, 100*time.Millisecond, slog.New(slog.DiscardHandler))
	if figures, err := s.Newest(); len(figures) != 0 || err != nil {
		t.Errorf("before the first look there are %v, %v", figures, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	var first Stats
	until(t, "it is measured", func() bool {
		figures, _ := s.Newest()
		first = figures[id]
		return first.Memory > 0
	})
	if first.MemoryLimit != 64<<20 || time.Since(first.At) > time.Minute {
		t.Errorf("figures %+v", first)
	}
	until(t, "it is measured anew", func() bool {
		figures, _ := s.Newest()
		return figures[id].At.After(first.At)
	})
	if err := a.Stop(t.Context(), id, time.Second); err != nil {
		t.Fatal(err)
	}
	until(t, "what does not run has no figures", func() bool {
		figures, err := s.Newest()
		return len(figures) == 0 && err == nil
	})
	if err := a.Remove(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	until(t, "it says why there are none", func() bool {
		_, err := s.Newest()
		return errors.Is(err, ErrNoContainers)
	})
}
