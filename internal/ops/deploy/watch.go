package deploy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/docker"
)

// watch looks at the new version for a while, as the public would: its containers, its address, the answers that nginx logs.
type watch struct{ *Kind }

const (
	askWithin   = 5 * time.Second
	failsInARow = 3 // of the public address: one may be the network's

	// nginx's answers of 5xx are laid at the new version when they are at least so many, more than so large a share of all, and
	// more than twice the share of the minutes before.
	manyErrors   = 10
	errorShare   = 0.05
	shareBefore  = 5 * time.Minute
	readLogEvery = 5 // looks
)

// Do implements ops.Doer.
func (s watch) Do(ctx context.Context, r *ops.Run) error {
	var a watchArgs
	if err := r.Args(&a); err != nil {
		return err
	}
	rec := watchRecord{Since: time.Now().UTC()}
	if err := r.Record(ctx, rec); err != nil {
		return err
	}
	w := &watching{Kind: s.Kind, services: a.Services, since: rec.Since}
	if err := w.begin(ctx, r); err != nil {
		return err
	}
	tick := time.NewTicker(s.cfg.PollEvery)
	defer tick.Stop()
	for {
		past := time.Since(rec.Since)
		last := past >= a.For
		if err := w.look(ctx, last); err != nil {
			return err
		}
		r.Progress(ops.Progress{Done: int64(min(past, a.For) / time.Second), Total: int64(a.For / time.Second), Unit: "seconds"})
		if last && w.fails == 0 {
			return nil // an address that does not answer right now is asked a few times more
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// Look implements ops.Doer: a watch that was broken off is begun anew.
func (watch) Look(context.Context, *ops.Run) (ops.Seen, error) { return ops.SeenNotDone, nil }

// Undo implements ops.Doer. There is nothing to undo.
func (watch) Undo(context.Context, *ops.Run) error { return nil }

// watching is what is known of the new version so far.
type watching struct {
	*Kind
	services []string
	since    time.Time
	first    map[string]docker.Container // of the new version, by id
	before   float64                     // share of 5xx before the change
	fails    int                         // of the public address, in a row
	looks    int
}

func (w *watching) begin(ctx context.Context, r *ops.Run) error {
	w.first = map[string]docker.Container{}
	all, err := w.docker.Containers(ctx)
	if err != nil {
		return err
	}
	for _, c := range all {
		if c.Running() && slices.Contains(w.services, c.Service) {
			w.first[c.ID] = c
		}
	}
	changed := time.Time{} // when the first container was exchanged
	for _, st := range r.Operation.Steps {
		if strings.HasPrefix(st.Name, stepRoll+":") && changed.IsZero() {
			changed = st.Started
		}
	}
	if changed.IsZero() {
		return nil
	}
	total, bad, err := w.answers(ctx, changed.Add(-shareBefore), changed)
	if total > 0 {
		w.before = float64(bad) / float64(total)
	}
	return err
}

func (w *watching) look(ctx context.Context, last bool) error {
	w.looks++
	if err := w.lookAtContainers(ctx); err != nil {
		return err
	}
	if err := w.ask(ctx); err != nil {
		w.fails++
		if w.fails >= failsInARow {
			return &ops.Because{Reason: ops.Reason{Code: "url_wrong", Name: w.cfg.HealthURL, Count: w.fails, Text: err.Error()}, Err: err}
		}
	} else {
		w.fails = 0
	}
	if !last && w.looks%readLogEvery != 0 {
		return nil
	}
	total, bad, err := w.answers(ctx, w.since, time.Time{})
	if err != nil {
		return err
	}
	if share := float64(bad) / float64(max(total, 1)); bad >= manyErrors && share > errorShare && share > 2*w.before {
		return &ops.Because{Reason: ops.Reason{
			Code: "answers_5xx", Count: bad, Total: total,
			Text: fmt.Sprintf("nginx answered %.1f %% of the requests with 5xx; before it were %.1f %%", 100*share, 100*w.before),
		}}
	}
	return nil
}

// lookAtContainers tells when one of the new ones ended, was restarted or is unhealthy.
func (w *watching) lookAtContainers(ctx context.Context) error {
	for id, first := range w.first {
		c, err := w.docker.Container(ctx, id)
		if errors.Is(err, docker.ErrGone) {
			return ops.Caused("container_gone", first.Name, nil)
		}
		if err != nil {
			return err
		}
		reason := ""
		switch {
		case c.Restarts > first.Restarts:
			reason = fmt.Sprintf("restarted %d times while it was watched", c.Restarts-first.Restarts)
		case !c.Running():
			reason = fmt.Sprintf("is %s (exit code %d)", c.State, c.ExitCode)
		case c.OOMKilled && !first.OOMKilled:
			reason = "ran out of memory"
		case c.Health == "unhealthy":
			reason = fmt.Sprintf("is unhealthy: %d checks failed in a row", c.FailedChecks)
		}
		if reason != "" {
			return w.unhealthy(&docker.UnhealthyError{Container: *c, Reason: reason, HealthOutput: c.HealthOutput, Log: w.log(ctx, id)})
		}
	}
	return nil
}

func (k *Kind) log(ctx context.Context, id string) []string {
	var b bytes.Buffer
	if err := k.docker.Logs(ctx, id, quotes, time.Time{}, &b); err != nil {
		return nil
	}
	return strings.Split(strings.TrimRight(b.String(), "\n"), "\n")
}

// ask asks the public address.
func (w *watching) ask(ctx context.Context) error {
	if w.cfg.HealthURL == "" {
		return nil
	}
	within, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	req, err := http.NewRequestWithContext(within, http.MethodGet, w.cfg.HealthURL, http.NoBody)
	if err != nil {
		return err
	}
	res, err := w.http.Do(req)
	if err != nil {
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err // the address stands in the sentence already
		}
		return err
	}
	_ = res.Body.Close() // nothing was read
	if res.StatusCode >= http.StatusBadRequest {
		return errors.New(res.Status)
	}
	return nil
}

// An answer in nginx's usual log: "GET / HTTP/1.1" 502 157. In a log of another form nothing is counted.
var answer = regexp.MustCompile(`" ([1-5]\d\d) (?:\d+|-)(?: |$)`)

// answers counts what nginx answered from one time to another.
func (w *watching) answers(ctx context.Context, from, to time.Time) (total, bad int, err error) {
	p, err := w.proxyOf(ctx, "")
	if err != nil {
		return 0, 0, err
	}
	for _, c := range p.containers {
		if c.Started.After(from) && !to.IsZero() && c.Started.After(to) {
			continue
		}
		n := &counter{until: to}
		if err := w.docker.Logs(ctx, c.ID, 0, from, n); err != nil && !errors.Is(err, docker.ErrCut) {
			return 0, 0, err
		}
		total, bad = total+n.total, bad+n.bad
	}
	return total, bad, nil
}

// counter counts answers as the log comes.
type counter struct {
	until      time.Time
	rest       []byte
	total, bad int
}

func (n *counter) Write(b []byte) (int, error) {
	n.rest = append(n.rest, b...)
	for {
		i := bytes.IndexByte(n.rest, '\n')
		if i < 0 {
			break
		}
		if m := answer.FindSubmatch(n.rest[:i]); m != nil && n.counts(n.rest[:i]) {
			n.total++
			if m[1][0] == '5' {
				n.bad++
			}
		}
		n.rest = n.rest[i+1:]
	}
	const most = 64 << 10 // a line without an end
	if len(n.rest) > most {
		n.rest = nil
	}
	return len(b), nil
}

var loggedAt = regexp.MustCompile(`\[(\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\]`)

// counts tells whether a line was written before the end, where there is one.
func (n *counter) counts(line []byte) bool {
	if n.until.IsZero() {
		return true
	}
	m := loggedAt.FindSubmatch(line)
	if m == nil {
		return false
	}
	at, err := time.Parse("02/Jan/2006:15:04:05 -0700", string(m[1]))
	return err == nil && at.Before(n.until)
}
