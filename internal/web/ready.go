package web

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"
)

// Part is one thing that /readyz tells of beside the store. Whatever its state, alerts are taken.
type Part struct {
	Name string
	// Check tells how it is (ok, warning, failed or unchecked, as in `health --json`) and why: a sentence, or something that is
	// shown as JSON, without secrets. It returns when ctx ends.
	Check func(ctx context.Context) (state string, detail any)
}

const (
	checkWithin = 2 * time.Second
	checkEvery  = time.Second // whoever asks more often gets the last answer: asking costs a write to the store
)

// readiness asks the parts, all at once and not too often.
type readiness struct {
	store Store
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
	State  string `json:"state"`
	Reason string `json:"reason"`
	Detail any    `json:"detail,omitempty"`
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
	checks := make([]check, 1+len(r.parts))
	var wg sync.WaitGroup
	wg.Go(func() { checks[0] = r.checkStore(ctx) })
	for i, p := range r.parts {
		wg.Go(func() {
			c := check{Name: p.Name}
			c.State, c.Detail = p.Check(ctx)
			if text, ok := c.Detail.(string); ok {
				c.Reason, c.Detail = text, nil
			}
			checks[i+1] = c
		})
	}
	wg.Wait()
	r.last, r.asked = report{Ready: checks[0].State == "ok", Checks: checks}, time.Now()
	return r.last
}

// checkStore looks whether alerts can be taken: the one thing that readiness hangs on.
func (r *readiness) checkStore(ctx context.Context) check {
	if err := r.store.Healthy(ctx); err != nil {
		return check{Name: "store", State: "failed", Reason: err.Error()}
	}
	return check{Name: "store", State: "ok"}
}
