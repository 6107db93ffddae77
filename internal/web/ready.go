package web

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"
)

// State is how a part is, in the words of `health --json`.
type State string

// The states of a part.
const (
	OK        State = "ok"
	Warning   State = "warning"
	Failed    State = "failed"
	Unchecked State = "unchecked"
)

// Part is one thing that /readyz tells of.
type Part struct {
	Name string
	// Needed says that without it no alert can be taken: when it fails, /readyz is 503. Slack is not.
	Needed bool
	// Check tells how it is, and why, in a sentence without secrets. It returns when ctx ends.
	Check func(ctx context.Context) (State, string)
}

const (
	checkWithin = 2 * time.Second
	checkEvery  = time.Second // whoever asks more often gets the last answer: asking costs a write to the store
)

// readiness asks the parts, all at once and not too often.
type readiness struct {
	parts []Part

	mu    sync.Mutex
	last  report
	asked time.Time
}

type report struct {
	Ready  bool    `json:"ready"`
	Checks []check `json:"checks"`
}

type check struct {
	Name   string `json:"name"`
	State  State  `json:"state"`
	Reason string `json:"reason"`
}

func (r *readiness) serve(w http.ResponseWriter, req *http.Request) {
	rep := r.ask(req.Context())
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if !rep.Ready {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	_ = enc.Encode(rep) // who is gone does not read it
}

func (r *readiness) ask(ctx context.Context) report {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.asked.IsZero() && time.Since(r.asked) < checkEvery {
		return r.last
	}
	// Others get this answer too, so it does not end with the request of the one who asked.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkWithin)
	defer cancel()
	rep := report{Ready: true, Checks: make([]check, len(r.parts))}
	var wg sync.WaitGroup
	for i, p := range r.parts {
		wg.Go(func() {
			state, reason := p.Check(ctx)
			rep.Checks[i] = check{p.Name, state, reason}
		})
	}
	wg.Wait()
	for i, p := range r.parts {
		if s := rep.Checks[i].State; p.Needed && s != OK && s != Warning {
			rep.Ready = false
		}
	}
	r.last, r.asked = rep, time.Now()
	return rep
}
