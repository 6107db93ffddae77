package slackfake

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// FaultKind says what goes wrong.
type FaultKind string

// The faults of a request.
const (
	Limited   FaultKind = "limited"    // 429, with Retry-After unless Bare is set; not done
	Broken    FaultKind = "broken"     // 500 with an HTML body; not done
	Hang      FaultKind = "hang"       // no answer until the client leaves; not done
	Cut       FaultKind = "cut"        // the connection is cut; not done
	Lost      FaultKind = "lost"       // done, and the connection is cut instead of an answer
	Doubtful  FaultKind = "doubtful"   // done, and answered 500 with an HTML body
	Late      FaultKind = "late"       // done after Delay, whether the client still waits or not
	Slow      FaultKind = "slow"       // done after Delay if the client still waits
	ErrorCode FaultKind = "error_code" // refused with Error; not done
)

// Fault is what a test orders to go wrong.
type Fault struct {
	Method  string // empty: every method; "response_url" and "upload" too
	Channel string // empty: every channel
	Kind    FaultKind
	// Count ends the fault after so many hits; zero: it stays until it is cleared.
	Count int
	// Skip lets so many matching requests pass first.
	Skip int
	// Probability of a hit, decided by the Config's Seed; zero means always.
	Probability float64
	RetryAfter  time.Duration // of Limited, in whole seconds; zero: 1 s
	Bare        bool          // Limited without Retry-After
	Error       string        // of ErrorCode
	Delay       time.Duration // of Late and Slow
}

type fault struct {
	Fault
	hits int
}

// Fault orders a fault. Of several that match a request the oldest hits. The function that is returned takes it back.
func (s *Server) Fault(f Fault) (takeBack func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	it := &fault{Fault: f}
	s.faults = append(s.faults, it)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.faults = slices.DeleteFunc(s.faults, func(x *fault) bool { return x == it })
	}
}

// ClearFaults takes all faults back. Requests that hang already hang on.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// takeFault finds the fault that hits a request.
func (s *Server) takeFault(method, channel string) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, f := range s.faults {
		if f.Method != "" && f.Method != method || f.Channel != "" && f.Channel != channel {
			continue
		}
		if f.Skip > 0 {
			f.Skip--
			continue
		}
		if f.Probability > 0 && s.rng.Float64() >= f.Probability {
			continue
		}
		f.hits++
		if f.Count > 0 && f.hits >= f.Count {
			s.faults = slices.Delete(s.faults, i, i+1)
		}
		out := f.Fault
		return &out
	}
	return nil
}

// before does what a fault does before the request takes effect. True means that the request has ended.
func (s *Server) before(w http.ResponseWriter, r *http.Request, rec *record, f *Fault) bool {
	if f == nil {
		return false
	}
	switch f.Kind {
	case Limited:
		after := max(1, int(f.RetryAfter/time.Second))
		no := tooMany(rec.call.Method, after)
		if f.Bare {
			no.headers = nil
		}
		s.answer(w, rec, args{}, nil, no)
	case Broken:
		s.html(w, rec)
	case Hang:
		s.wait(r.Context(), -1)
		rec.end(s, 0, nil)
		panic(http.ErrAbortHandler)
	case Cut:
		rec.end(s, 0, nil)
		panic(http.ErrAbortHandler)
	case Slow:
		if !s.wait(r.Context(), f.Delay) {
			rec.end(s, 0, nil)
			panic(http.ErrAbortHandler)
		}
		return false
	case Late:
		s.wait(context.WithoutCancel(r.Context()), f.Delay)
		return false
	default:
		return false
	}
	return true
}

// after does what a fault does instead of answering.
func (s *Server) after(w http.ResponseWriter, rec *record, f *Fault) bool {
	if f == nil {
		return false
	}
	switch f.Kind {
	case Lost:
		rec.end(s, 0, nil)
		panic(http.ErrAbortHandler)
	case Doubtful:
		s.html(w, rec)
		return true
	default:
		return false
	}
}

func (s *Server) html(w http.ResponseWriter, rec *record) {
	rec.end(s, http.StatusInternalServerError, nil)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(http.StatusInternalServerError)
	_, _ = w.Write([]byte("<!DOCTYPE html><html><title>Server Error | Slack</title><body>Something went wrong.</body></html>"))
}

// wait returns true when the time is over, and false when the client or the server ended before. A negative time never ends.
func (s *Server) wait(ctx context.Context, d time.Duration) bool {
	var over <-chan time.Time
	if d >= 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		over = t.C
	}
	select {
	case <-over:
		return true
	case <-ctx.Done():
	case <-s.ctx.Done():
	}
	return false
}

func tooMany(method string, seconds int) *refusal {
	code := "ratelimited"
	if method == "chat.postMessage" {
		code = "rate_limited"
	}
	return &refusal{
		code: code, status: http.StatusTooManyRequests,
		headers: map[string]string{"Retry-After": strconv.Itoa(seconds)},
	}
}
