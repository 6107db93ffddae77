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

// scans are the looks that take minutes: an audit asks for them, Run carries them out one after the other, and a later audit tells what
// they found.
type scans struct {
	asked chan scan

	mu    sync.Mutex
	begun map[string]time.Time // those that wait or run
	found map[string]result
}

type scan struct {
	name string
	look func(ctx context.Context) []health.Finding
}

type result struct {
	at    time.Time
	found []health.Finding
}

func newScans() scans {
	const scanners = 2
	return scans{asked: make(chan scan, scanners), begun: map[string]time.Time{}, found: map[string]result{}}
}

// Run carries out what audits asked for until ctx ends.
func (c *Checker) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case sc := <-c.scans.asked:
			found := c.scan(ctx, sc)
			c.scans.mu.Lock()
			delete(c.scans.begun, sc.name)
			c.scans.found[sc.name] = result{c.cfg.Now(), found}
			c.scans.mu.Unlock()
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

// scanned tells what a scanner found, and asks for a scan where that is old or unknown.
func (s *scene) scanned(name string, look func(ctx context.Context) []health.Finding) []health.Finding {
	c := s.Checker
	c.scans.mu.Lock()
	defer c.scans.mu.Unlock()
	last, known := c.scans.found[name]
	since, runs := c.scans.begun[name]
	if !runs && c.cfg.Scans && (!known || s.now.Sub(last.at) > scanFresh) {
		select {
		case c.scans.asked <- scan{name, look}:
			since, runs = s.now, true
			c.scans.begun[name] = s.now
		default: // Each has one place, so there is room.
		}
	}
	switch {
	case known:
		return append(slices.Clone(last.found), ok("scan.at", health.Facts{At: last.at}))
	case runs:
		return []health.Finding{unchecked("scan.running", health.Facts{Word: name, Age: s.now.Sub(since)})}
	}
	return []health.Finding{unchecked("scan.no_bot", health.Facts{Word: name})}
}
