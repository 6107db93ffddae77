package security

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops/health"
)

// How long a scanner may take, and how long what it found is good enough.
const (
	scanWithin = 20 * time.Minute
	scanFresh  = 24 * time.Hour
)

// scans are the looks that take longer than a person waits: an audit asks for them, Run carries them out, and a later audit tells what they
// found.
type scans struct {
	asked chan scan

	mu    sync.Mutex
	begun map[string]*begun // those that wait or run
	found map[string]result
}

type scan struct {
	name string
	look func(ctx context.Context) []health.Finding
}

type begun struct {
	at   time.Time
	done chan struct{} // closed when it has ended
}

type result struct {
	at    time.Time
	found []health.Finding
}

func newScans() scans {
	const scanners = 3
	return scans{asked: make(chan scan, scanners), begun: map[string]*begun{}, found: map[string]result{}}
}

// Run carries out what audits asked for until ctx ends.
func (c *Checker) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		select {
		case <-ctx.Done():
			return nil
		case sc := <-c.scans.asked:
			wg.Go(func() {
				found := c.scan(ctx, sc)
				c.scans.mu.Lock()
				defer c.scans.mu.Unlock()
				c.scans.found[sc.name] = result{c.cfg.Now(), found}
				close(c.scans.begun[sc.name].done)
				delete(c.scans.begun, sc.name)
			})
		}
	}
}

// scan carries one out; a scanner that breaks is told like one that could not look.
func (c *Checker) scan(ctx context.Context, sc scan) (found []health.Finding) {
	ctx, cancel := context.WithTimeout(ctx, scanWithin)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			c.cfg.Log.ErrorContext(ctx, "a scan broke", "scan", sc.name, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			found = []health.Finding{unchecked("broke", health.Facts{Word: sc.name})}
		}
	}()
	return sc.look(ctx)
}

// scanned tells what a scanner found, and asks for a scan where that is older than fresh, or unknown.
func (s *scene) scanned(name string, fresh time.Duration, look func(ctx context.Context) []health.Finding) []health.Finding {
	c := s.Checker
	c.scans.mu.Lock()
	defer c.scans.mu.Unlock()
	last, known := c.scans.found[name]
	b := c.scans.begun[name]
	if b == nil && c.cfg.Scans && (!known || s.now.Sub(last.at) > fresh) {
		select {
		case c.scans.asked <- scan{name, look}:
			b = &begun{s.now, make(chan struct{})}
			c.scans.begun[name] = b
		default: // Each has one place, so there is room.
		}
	}
	switch {
	case known:
		return append(slices.Clone(last.found), ok("scan.at", health.Facts{At: last.at}))
	case b != nil:
		return []health.Finding{unchecked("scan.running", health.Facts{Word: name, Age: max(0, c.cfg.Now().Sub(b.at))})}
	}
	return []health.Finding{unchecked("scan.no_bot", health.Facts{Word: name})}
}

// waited is scanned for a scan that is often quick enough: it waits for what runs until ctx ends. A process that does not live long does
// it itself.
func (s *scene) waited(ctx context.Context, name string, fresh time.Duration, look func(ctx context.Context) []health.Finding) []health.Finding {
	if !s.cfg.Scans {
		return look(ctx)
	}
	found := s.scanned(name, fresh, look)
	s.scans.mu.Lock()
	b := s.scans.begun[name]
	s.scans.mu.Unlock()
	if b == nil || found[0].Code != "scan.running" {
		return found
	}
	select {
	case <-b.done:
	case <-ctx.Done():
	}
	return s.scanned(name, fresh, look)
}
