package docker

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	healthyWithin = 5 * time.Minute // for a caller without a deadline
	lookEvery     = 250 * time.Millisecond
	restartsMost  = 3 // while it is waited for: one may be the wait for a database, three are a loop
	linesQuoted   = 20
	reasonWithin  = 3 * time.Second // from a container's end until the engine tells that memory was the reason
)

// Progress is what is seen while a container is waited for.
type Progress struct {
	Service   string
	Container string
	State     string
	Health    string        // empty: it has no healthcheck, so only that it runs can be seen
	Good      time.Duration // how long it is good already
	Stable    time.Duration // how long it must be
	Restarts  int           // since the wait began
}

// Healthy is how a wait ended well.
type Healthy struct {
	Checked bool // false: it has no healthcheck, it only ran all the time
	Took    time.Duration
}

// UnhealthyError is how a wait ended badly. HealthOutput and Log are what the container said; they may hold secrets, so they are
// not part of the error's text.
type UnhealthyError struct {
	Container    Container
	Reason       string // a sentence without the container's name
	HealthOutput string
	Log          []string // the last 20 lines
	Err          error    // of the context, where the time ran out
}

func (u *UnhealthyError) Error() string {
	return fmt.Sprintf("%s (container %s) %s", u.Container.Service, u.Container.Name, u.Reason)
}

func (u *UnhealthyError) Unwrap() error { return u.Err }

// WaitHealthy waits until a container is healthy for that long without a break; a check that failed in between begins anew.
// Without a healthcheck it must run for that long, and the result says so. When stable is shorter than the healthcheck's interval it rests
// on a single check. It fails early, with an UnhealthyError, when the container is unhealthy, ended, or restarts
// again and again. progress, which may be nil, is called when something changed and about each second.
func (e *Engine) WaitHealthy(ctx context.Context, id string, stable time.Duration, progress func(Progress)) (Healthy, error) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, healthyWithin)
		defer cancel()
	}
	c, err := e.Container(ctx, id)
	if err != nil {
		return Healthy{}, err
	}
	w := &watch{stable: stable, begin: time.Now(), first: *c, progress: progress}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		done, reason := w.look(c, time.Now())
		switch {
		case reason != "" && killed(c):
			c = e.whyKilled(ctx, c)
			return Healthy{}, e.unhealthy(ctx, c, ended(c), nil)
		case reason != "":
			return Healthy{}, e.unhealthy(ctx, c, reason, nil)
		case done:
			return Healthy{Checked: c.Health != "", Took: time.Since(w.begin)}, nil
		}
		select {
		case <-ctx.Done():
			return Healthy{}, e.unhealthy(ctx, c, w.late(c), ctx.Err())
		case <-tick.C:
		}
		next, err := e.Container(ctx, id)
		switch {
		case err == nil:
			c = next
		case ctx.Err() != nil:
			return Healthy{}, e.unhealthy(ctx, c, w.late(c), ctx.Err())
		case errors.Is(err, ErrGone):
			return Healthy{}, e.unhealthy(ctx, c, "was removed while it was waited for", err)
		default:
			return Healthy{}, fmt.Errorf("wait for %s (container %s): %w", c.Service, c.Name, err)
		}
	}
}

// killed tells whether a container ended by SIGKILL and nobody said why yet.
func killed(c *Container) bool {
	const sigkill = 128 + 9
	return (c.State == "exited" || c.State == "dead") && c.ExitCode == sigkill && !c.OOMKilled
}

// whyKilled looks again for a moment: the engine hears that a container ended and that it ran out of memory in two messages, in any order.
func (e *Engine) whyKilled(ctx context.Context, c *Container) *Container {
	ctx, cancel := context.WithTimeout(ctx, reasonWithin)
	defer cancel()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for killed(c) {
		select {
		case <-ctx.Done():
			return c
		case <-tick.C:
		}
		next, err := e.Container(ctx, c.ID)
		if err != nil {
			return c
		}
		c = next
	}
	return c
}

func (e *Engine) unhealthy(ctx context.Context, c *Container, reason string, err error) error {
	return &UnhealthyError{Container: *c, Reason: reason, HealthOutput: c.HealthOutput, Log: e.lastLines(ctx, c, linesQuoted), Err: err}
}

// watch decides what a series of looks at a container means.
type watch struct {
	stable   time.Duration
	begin    time.Time
	first    Container
	progress func(Progress)

	good    time.Time // since when it is good; zero: it is not
	started time.Time // which start of it that was
	ended   string    // how it ended when that was last seen
	told    Progress
	toldAt  time.Time
}

func (w *watch) look(c *Container, now time.Time) (done bool, reason string) {
	restarts := c.Restarts - w.first.Restarts
	if c.Restarts < w.first.Restarts { // somebody restarted it by hand, which counts from zero
		w.first.Restarts, restarts = 0, c.Restarts
	}
	if c.Running() && c.FailedChecks == 0 && (c.Health == "" || c.Health == "healthy") {
		if w.good.IsZero() || !c.Started.Equal(w.started) {
			w.good, w.started = now, c.Started
		}
	} else {
		w.good = time.Time{}
	}
	if !c.Running() || w.ended == "" { // while it runs the engine does not say how it ended before
		w.ended = ended(c)
	}
	w.tell(c, restarts, now)
	switch {
	case c.State == "exited" || c.State == "dead":
		return false, ended(c)
	case c.State == "paused":
		return false, "is paused"
	case restarts >= restartsMost:
		return false, fmt.Sprintf("restarted %d times in %s; the last time it %s", restarts, round(now.Sub(w.begin)), w.ended)
	case c.Health == "unhealthy":
		return false, fmt.Sprintf("is unhealthy: %d checks failed in a row", c.FailedChecks)
	}
	return !w.good.IsZero() && now.Sub(w.good) >= w.stable, ""
}

func (w *watch) tell(c *Container, restarts int, now time.Time) {
	if w.progress == nil {
		return
	}
	p := Progress{Service: c.Service, Container: c.Name, State: c.State, Health: c.Health, Stable: w.stable, Restarts: restarts}
	changed := p != w.told
	if !changed && now.Sub(w.toldAt) < time.Second {
		return
	}
	w.told, w.toldAt = p, now
	if !w.good.IsZero() {
		p.Good = now.Sub(w.good)
	}
	w.progress(p)
}

func (w *watch) late(c *Container) string {
	state := c.State
	if c.Health != "" {
		state += " and " + c.Health
	}
	return fmt.Sprintf("was not good for %s within %s: it is %s", round(w.stable), round(time.Since(w.begin)), state)
}

func ended(c *Container) string {
	switch {
	case c.OOMKilled:
		return fmt.Sprintf("was killed because it used more memory than its limit of %d MiB", c.MemoryLimit>>20)
	case c.Error != "":
		return "could not be started: " + c.Error
	}
	return fmt.Sprintf("ended with exit code %d", c.ExitCode)
}

func round(d time.Duration) time.Duration {
	if d < 10*time.Second {
		return d.Round(100 * time.Millisecond)
	}
	return d.Round(time.Second)
}
