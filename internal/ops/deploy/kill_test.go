package deploy_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/deploy"
	"github.com/ai-notebook/notebookbot/internal/ops/docker"
)

var everyMoment = flag.Bool("deploy.every", false, "kill the bot at every moment of a deploy, which takes a quarter of an hour, and not at some")

// errDead is what everything answers that a killed process asks.
var errDead = errors.New("the process is dead")

// process is one run of the bot, which is killed at one moment: nothing it asks or writes afterwards comes through.
type process struct {
	ops.Store
	deploy.Docker
	cancel context.CancelFunc
	dead   atomic.Bool

	mu    sync.Mutex
	at    string         // the moment: "before roll:backend up 1"
	times map[string]int // how often each thing was done
	step  string
	seen  []string // all moments so far
}

func (p *process) kill() error {
	p.dead.Store(true)
	p.cancel()
	return errDead
}

// moment is where the process may be killed.
func (p *process) moment(when, what string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if when == "before" {
		p.times[p.step+" "+what]++
	}
	name := fmt.Sprintf("%s %s %s %d", when, p.step, what, p.times[p.step+" "+what])
	p.seen = append(p.seen, name)
	return name == p.at
}

// act does something that changes the world, unless the process is dead, and may die around it.
func (p *process) act(what string, do func() error) error {
	if p.dead.Load() || p.moment("before", what) {
		return p.kill()
	}
	err := do()
	if p.moment("after", what) {
		return p.kill()
	}
	return err
}

func (p *process) ComposeWith(ctx context.Context, call docker.Call, args ...string) (out string, err error) {
	err = p.act(args[0], func() error {
		out, err = p.Docker.ComposeWith(context.WithoutCancel(ctx), call, args...)
		return err
	})
	return out, err
}

func (p *process) Tag(ctx context.Context, id, ref string) error {
	return p.act("tag", func() error { return p.Docker.Tag(ctx, id, ref) })
}

func (p *process) Kill(ctx context.Context, id, signal string) error {
	return p.act(signal, func() error { return p.Docker.Kill(ctx, id, signal) })
}

func (p *process) Start(ctx context.Context, id string) error {
	return p.act("start", func() error { return p.Docker.Start(ctx, id) })
}

func (p *process) Stop(ctx context.Context, id string, timeout time.Duration) error {
	return p.act("stop", func() error { return p.Docker.Stop(context.WithoutCancel(ctx), id, timeout) })
}

func (p *process) Remove(ctx context.Context, id string) error {
	return p.act("remove", func() error { return p.Docker.Remove(context.WithoutCancel(ctx), id) })
}

// WriteOperations is the store as a dead process sees it.
func (p *process) WriteOperations(ctx context.Context, want ops.Want, fn func(ops.Tx) error) error {
	if p.dead.Load() {
		return errDead
	}
	return p.Store.WriteOperations(context.WithoutCancel(ctx), want, fn)
}

// mortal is a kind whose steps may be the last thing that a process does.
type mortal struct {
	ops.Kind
	p *process
}

func (m mortal) Step(name string) (ops.Doer, bool) {
	d, ok := m.Kind.Step(name)
	return mortalStep{d, m.p, name}, ok
}

type mortalStep struct {
	ops.Doer
	p    *process
	name string
}

func (m mortalStep) around(what string, do func() error) error {
	m.p.mu.Lock()
	m.p.step = m.name + " " + what
	m.p.mu.Unlock()
	return m.p.act("it", do)
}

func (m mortalStep) Do(ctx context.Context, r *ops.Run) error {
	return m.around("do", func() error { return m.Doer.Do(ctx, r) })
}

func (m mortalStep) Undo(ctx context.Context, r *ops.Run) error {
	return m.around("undo", func() error { return m.Doer.Undo(ctx, r) })
}

// live carries out an approved operation in a process that dies at that moment, and then in another that does not. It gives the
// moments that there were, and whether it died.
func (w *world) live(word, version, at string) (op *ops.Operation, moments []string, died bool) {
	w.Helper()
	ctx, cancel := context.WithCancel(w.Context())
	defer cancel()
	p := &process{Store: w.store, Docker: w.engine, cancel: cancel, at: at, times: map[string]int{}}
	w.openAs(p, p, func(k ops.Kind) ops.Kind { return mortal{k, p} })
	op = w.approved(word, version)
	if _, err := w.runner.Once(ctx); err != nil && !p.dead.Load() {
		w.Fatal(err)
	}
	died = p.dead.Load()
	w.openAs(w.store, w.engine, nil)
	if err := w.runner.Adopt(w.Context()); err != nil { // as at the bot's start
		w.Fatal(err)
	}
	for range 200 {
		if op = w.find(op); op.State.Over() {
			return op, p.seen, died
		}
		if _, err := w.runner.Once(w.Context()); err != nil {
			w.Fatal(err)
		}
		<-time.After(100 * time.Millisecond)
	}
	w.Fatalf("%s: it never ended: %+v", at, op)
	return nil, nil, false
}

// TestABotThatIsKilledAtAnyMomentOfADeployLeavesOneWholeVersion kills it before and after each thing that changes the world.
func TestABotThatIsKilledAtAnyMomentOfADeployLeavesOneWholeVersion(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "v2", "v3-bad")
	w.cfg.Never = append(w.cfg.Never, "frontend") // one service is enough
	w.cfg.Stable, w.cfg.Watch = 300*time.Millisecond, 300*time.Millisecond
	w.single = true
	w.version("v2", nil)
	w.version("v3-bad", w.fault("unhealthy"))

	now, next := "v2", "v1"
	op, _, _ := w.live("deploy", "v2", "")
	w.want(op, ops.Done, "v2")
	op, bad, _ := w.live("deploy", "v3-bad", "")
	w.want(op, ops.Undone, "v2")
	op, good, _ := w.live("deploy", "v1", "") // the images of both are kept from now on
	w.want(op, ops.Done, "v1")
	now, next = next, now
	if len(good) < 20 || len(bad) < 10 {
		t.Fatalf("too few moments: %q, %q", good, bad)
	}
	try := func(target, at string) {
		op, _, died := w.live("deploy", target, at)
		switch {
		case !died:
			t.Errorf("%s: it did not come to that", at)
		case op.State == ops.Done && target != "v3-bad":
			now, next = next, now
		case op.State != ops.Undone && !op.Outcome.Unchanged:
			t.Errorf("%s: it is %s: %+v", at, op.State, op.Outcome)
		}
		w.wantWhole(now)
		t.Logf("%s → %s", at, op.State)
		if t.Failed() {
			for _, st := range op.Steps {
				t.Logf("%-16s %-8s tries %d undos %d %s", st.Name, st.State, st.Tries, st.Undos, st.Reason)
			}
			t.FailNow()
		}
	}
	good = slices.DeleteFunc(good, func(at string) bool { return strings.Contains(at, "healthy:") || strings.Contains(at, " url ") })
	bad = slices.DeleteFunc(bad, func(at string) bool { return !strings.Contains(at, "undo") })
	if !*everyMoment {
		good, bad = some(good), some(bad)
	}
	for _, at := range good {
		try(next, at)
	}
	for _, at := range bad {
		try("v3-bad", at)
	}
}

// some is four of the moments, others each time.
func some(all []string) []string {
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:min(len(all), 2)]
}
