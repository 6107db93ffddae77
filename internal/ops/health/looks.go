package health

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"
)

// Look is one look: it gives one or more checks, each with at least one finding, and ends soon after its context does if it can.
type Look struct {
	Name    string
	Service string        // of the compose file; empty: of none
	Within  time.Duration // how long it may take
	Run     func(ctx context.Context) []Check
}

// Looks carries looks out. Those that are past their deadline are left alone, and are not begun again before they have ended: a
// mount or an engine that hangs must not collect waiters. The zero value is ready.
type Looks struct {
	Log *slog.Logger // nil: nothing is logged

	mu   sync.Mutex
	late map[string]time.Time // looks that are past their deadline and still run, with when they began
}

// All looks all at once, and is not later than the longest deadline. The checks come in the order of the looks.
func (l *Looks) All(ctx context.Context, looks []Look) []Check {
	results := make([][]Check, len(looks))
	var wg sync.WaitGroup
	for i, k := range looks {
		wg.Go(func() { results[i] = l.one(ctx, k) })
	}
	wg.Wait()
	return slices.Concat(results...)
}

// one carries out a look until its deadline, whatever it does.
func (l *Looks) one(ctx context.Context, k Look) []Check {
	began := time.Now()
	l.mu.Lock()
	since, late := l.late[k.Name]
	l.mu.Unlock()
	if late {
		return k.unchecked("hangs", Facts{Age: time.Since(since)})
	}
	ctx, cancel := context.WithTimeout(ctx, k.Within)
	defer cancel()
	done := make(chan []Check, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				if l.Log != nil {
					l.Log.ErrorContext(ctx, "a check broke", "check", k.Name, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
				}
				done <- k.unchecked("broke", Facts{Word: k.Name})
			}
			l.mu.Lock()
			defer l.mu.Unlock()
			delete(l.late, k.Name)
		}()
		done <- k.Run(ctx)
	}()
	var out []Check
	select {
	case out = <-done:
	case <-ctx.Done():
		select {
		case out = <-done: // it told at the last moment why
		case <-time.After(lastWords):
			l.mu.Lock()
			select {
			case out = <-done:
			default:
				if l.late == nil {
					l.late = map[string]time.Time{}
				}
				l.late[k.Name] = began
				out = k.unchecked("slow", Facts{Took: k.Within})
			}
			l.mu.Unlock()
		}
	}
	for i := range out {
		out[i].Took = time.Since(began)
		slices.SortStableFunc(out[i].Findings, func(a, b Finding) int { return a.State.Rank() - b.State.Rank() })
		out[i].State = out[i].Findings[0].State
	}
	return out
}

// lastWords is how long after its deadline a look may still say what it saw.
const lastWords = 50 * time.Millisecond

func (k Look) unchecked(code string, f Facts) []Check {
	return []Check{{Name: k.Name, Service: k.Service, State: Unchecked, Findings: []Finding{{Unchecked, code, f}}}}
}

// Sort puts checks in the order of their names, and those of one name in that of their subjects.
func Sort(checks []Check, names []string) {
	slices.SortStableFunc(checks, func(a, b Check) int {
		return cmp.Or(cmp.Compare(slices.Index(names, a.Name), slices.Index(names, b.Name)), strings.Compare(a.Subject, b.Subject))
	})
}
