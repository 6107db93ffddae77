package console

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"
)

// Sample is the sample application, which the visitor can start, break and remove. What it is comes in as functions: the console
// knows nothing of Docker.
type Sample struct {
	// State gives what the page shows, as soon as its version is another one than since, or when ctx ends.
	State func(ctx context.Context, since int64) any
	// Do does what a button says, and gives NotNow where that is not possible at the moment.
	Do     func(ctx context.Context, what string) error
	NotNow error
}

// doWithin is how long a button of the sample application may take.
const doWithin = 30 * time.Second

func (c *Console) sampleState(w http.ResponseWriter, r *http.Request) {
	if c.cfg.Sample == nil {
		reply(w, nil)
		return
	}
	since, err := strconv.ParseInt(r.URL.Query().Get("since"), 10, 64)
	if err != nil {
		since = -1
	}
	ctx, cancel := context.WithTimeout(r.Context(), wait)
	defer cancel()
	reply(w, c.cfg.Sample.State(ctx, since))
}

func (c *Console) sample(ctx context.Context, r request) answer {
	if c.cfg.Sample == nil {
		return answer{Note: "notnow"}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), doWithin) // who leaves the page does not undo the click
	defer cancel()
	switch err := c.cfg.Sample.Do(ctx, r.Name); {
	case errors.Is(err, c.cfg.Sample.NotNow):
		return answer{Note: "notnow"}
	case err != nil:
		return answer{Error: err.Error()}
	}
	return answer{}
}
