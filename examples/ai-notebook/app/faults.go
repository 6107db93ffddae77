package app

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// What can be broken. Exit and leak end the program, forget is for good; the others last until the container is restarted.
const (
	hangs     = "hang"      // no request is answered
	errs      = "errors"    // the API answers 500, the health check says ok
	leaks     = "leak"      // memory grows until the container's limit ends the program
	exits     = "exit"      // the program ends
	forgets   = "forget"    // every other note is deleted, which nothing but a backup brings back
	unhealthy = "unhealthy" // of a version: never healthy
	fails     = "fails"     // of a version: good at first, then the API and the health check answer 5xx
)

// failsAfter is when a version that fails begins to, unless it says so itself: long enough to be taken for good.
const failsAfter = 20 * time.Second

// faults is how the program misbehaves.
type faults struct {
	out io.Writer

	forget func(context.Context) error

	mu  sync.Mutex
	now string
}

// newFaults begins with what the version brings along: FAULT is "unhealthy", or "fails" with or without a duration.
func newFaults(out io.Writer) *faults {
	f := &faults{out: out}
	word, after, _ := strings.Cut(os.Getenv("FAULT"), " ")
	switch word {
	case unhealthy:
		f.now = unhealthy
	case fails:
		d, err := time.ParseDuration(after)
		if err != nil {
			d = failsAfter
		}
		time.AfterFunc(d, func() { f.set(fails) })
	}
	return f
}

func (f *faults) set(what string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = what
	fmt.Fprintln(f.out, "ERROR from now on:", what) //nolint:errcheck // Its log.
}

func (f *faults) is(what ...string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Contains(what, f.now)
}

// around lets a handler suffer from the faults.
func (f *faults) around(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch api := strings.HasPrefix(r.URL.Path, "/api/"); {
		case strings.HasPrefix(r.URL.Path, "/break/"):
		case f.is(hangs):
			<-r.Context().Done()
			return
		case api && f.is(errs, fails):
			fmt.Fprintln(f.out, "ERROR", r.Method, r.URL.Path, "nil pointer in the note cache") //nolint:errcheck // Its log.
			http.Error(w, "something went wrong", http.StatusInternalServerError)
			return
		case r.URL.Path == "/health" && f.is(unhealthy, fails):
			reply(w, http.StatusServiceUnavailable, map[string]string{"version": version(), "notes": "the index of notes cannot be read"})
			return
		}
		next.ServeHTTP(w, r)
	})
}

// breaks is what breaks the program, for whoever is inside the container.
func (f *faults) breaks(w http.ResponseWriter, r *http.Request) {
	if peer, err := netip.ParseAddrPort(r.RemoteAddr); err != nil || !peer.Addr().Unmap().IsLoopback() {
		http.Error(w, "only from inside the container", http.StatusForbidden)
		return
	}
	switch what := r.PathValue("what"); what {
	case hangs, errs:
		f.set(what)
	case leaks:
		f.set(what)
		go leak()
	case exits:
		f.set(what)
		time.AfterFunc(100*time.Millisecond, func() { os.Exit(3) }) // after the answer
	case forgets:
		if f.forget == nil {
			http.Error(w, "there are no notes here", http.StatusNotFound)
			return
		}
		if err := f.forget(r.Context()); err != nil {
			told(w, f.out, nil, err)
			return
		}
	default:
		http.Error(w, errUsage.Error(), http.StatusNotFound)
		return
	}
	reply(w, http.StatusOK, map[string]string{"broken": r.PathValue("what")})
}

// leaked keeps what leak took.
var leaked [][]byte

// leak takes memory, and touches it, until there is no more.
func leak() {
	const (
		piece = 4 << 20
		page  = 4 << 10
	)
	for range time.Tick(100 * time.Millisecond) {
		b := make([]byte, piece)
		for i := 0; i < len(b); i += page {
			b[i] = 1
		}
		leaked = append(leaked, b)
	}
}
