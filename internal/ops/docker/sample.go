package docker

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"sync"
	"time"
)

const (
	sampleEvery  = 10 * time.Second
	sampleWithin = 8 * time.Second // of one container; the engine takes one to two seconds
	sampleAlso   = 8               // so many are measured at the same time
)

// Sampler keeps the newest Stats of each running container, because measuring takes the engine two seconds and people who ask how
// the application is should not wait for that.
type Sampler struct {
	e     *Engine
	every time.Duration
	log   *slog.Logger

	mu     sync.Mutex
	newest map[string]Stats // by container id
	err    error            // why the last look failed
}

// NewSampler makes a Sampler; Run makes it measure. Every zero means 10 s.
func NewSampler(e *Engine, every time.Duration, log *slog.Logger) *Sampler {
	return &Sampler{e: e, every: cmp.Or(every, sampleEvery), log: log}
}

// Run measures until ctx ends. It logs when the engine goes away and when it is back, and nothing in between.
func (s *Sampler) Run(ctx context.Context) error {
	away := false
	for {
		err := s.once(ctx)
		switch {
		case ctx.Err() != nil:
		case err != nil && !away:
			away = true
			s.log.WarnContext(ctx, "containers cannot be measured", "err", err)
		case err == nil && away:
			away = false
			s.log.InfoContext(ctx, "containers are measured again")
		}
		t := time.NewTimer(s.every)
		select {
		case <-ctx.Done():
			t.Stop()
			return nil
		case <-t.C:
		}
	}
}

// Newest gives the newest figures by container id, each with its time, and why the last look failed, if it did. Figures of
// containers that are gone or do not run are not among them.
func (s *Sampler) Newest() (map[string]Stats, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.newest), s.err
}

// once measures all running containers.
func (s *Sampler) once(ctx context.Context) error {
	list, err := s.e.Containers(ctx)
	if err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.err = err
		return err
	}
	fresh := s.e.Measure(ctx, list)
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := map[string]Stats{}
	for _, c := range list {
		if st, ok := fresh[c.ID]; ok {
			kept[c.ID] = st
		} else if st, ok := s.newest[c.ID]; ok && c.Running() && st.At.After(c.Started) { // it is busy: what was known says how old it is
			kept[c.ID] = st
		}
	}
	s.newest, s.err = kept, nil
	return nil
}

// Measure measures all of the containers that run, at the same time. What cannot be measured is left out.
func (e *Engine) Measure(ctx context.Context, list []Container) map[string]Stats {
	ctx, cancel := within(ctx, sampleWithin)
	defer cancel()
	var mu sync.Mutex
	out := map[string]Stats{}
	room := make(chan struct{}, sampleAlso)
	var wg sync.WaitGroup
	for _, c := range list {
		if !c.Running() {
			continue
		}
		wg.Go(func() {
			room <- struct{}{}
			defer func() { <-room }()
			st, err := e.Stats(ctx, c.ID)
			if err != nil {
				return // it ended meanwhile, or the engine is busy
			}
			mu.Lock()
			defer mu.Unlock()
			out[c.ID] = *st
		})
	}
	wg.Wait()
	return out
}
