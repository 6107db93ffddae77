package deploy

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// fetchPatience is how long a plan waits for the remote: somebody waits for the plan.
const fetchPatience = 4 * time.Second

// fetcher gets the tags of the remote, one fetch at a time. One that takes longer than anybody waits goes on, so that its tags are
// there when it is asked again.
type fetcher struct {
	repo repo

	mu   sync.Mutex
	runs *fetch
}

type fetch struct {
	done chan struct{}
	err  error
}

// get waits for a fetch. An error says why the tags may not be those of the remote.
func (f *fetcher) get(ctx context.Context) error {
	f.mu.Lock()
	if f.runs == nil {
		now := &fetch{done: make(chan struct{})}
		f.runs = now
		go func() {
			_, now.err = f.repo.fetch(context.WithoutCancel(ctx))
			f.mu.Lock()
			f.runs = nil
			f.mu.Unlock()
			close(now.done)
		}()
	}
	now := f.runs
	f.mu.Unlock()
	t := time.NewTimer(fetchPatience)
	defer t.Stop()
	select {
	case <-now.done:
		return now.err
	case <-t.C:
		return fmt.Errorf("git fetch: no end after %s; it goes on, ask again in a while", fetchPatience)
	case <-ctx.Done():
		return ctx.Err()
	}
}
