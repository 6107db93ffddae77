package ops_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/store"
)

var (
	worlds = flag.Int("ops.worlds", 8, "how many random worlds TestNothingIsDoneTwiceAndNothingHalfDoneIsCalledDone lives through on each store")
	seed   = flag.Uint64("ops.seed", 0, "the one world to live through again; 0: others each time")
)

// errDead is what everything answers that a killed process asks.
var errDead = errors.New("the process is dead")

// process is one run of the bot. It is killed in the middle of whatever it does.
type process struct {
	ops.Store
	w      *world
	name   string
	dead   atomic.Bool
	cancel context.CancelFunc
	ctx    context.Context
	runner *ops.Runner
}

func (p *process) kill() error {
	p.dead.Store(true)
	p.cancel()
	return errDead
}

// WriteOperations is a store that fails, loses its answer, or outlives the process.
func (p *process) WriteOperations(ctx context.Context, want ops.Want, fn func(ops.Tx) error) error {
	if p.dead.Load() {
		return errDead
	}
	fate := p.w.roll(60)
	if !p.w.cruel {
		fate = 59
	}
	switch fate {
	case 0:
		p.w.step("%s: killed before a commit", p.name)
		return p.kill()
	case 1, 2:
		return store.ErrUnavailable
	}
	err := p.Store.WriteOperations(context.WithoutCancel(ctx), want, fn)
	switch {
	case fate == 3:
		p.w.step("%s: killed after a commit", p.name)
		return p.kill()
	case fate == 4 && err == nil:
		p.w.step("%s: an answer was lost", p.name)
		return store.ErrUnavailable
	}
	return err
}

// world is a bot that is killed and started again, with people who click whatever they find. It knows what was really done and
// who really approved, and holds the operations against it.
type world struct {
	*story
	dice  *rand.Rand
	cruel bool
	procs int
	steps []string
	ops   []int64
	over  map[int64]*ops.Operation
	yes   map[int64]map[string]bool // who approved, as far as the bot said that it counts
	alone map[int64]bool
}

func newWorld(t *testing.T, s *store.Store, seed uint64) *world {
	w := &world{
		story: newStory(t, s), dice: rand.New(rand.NewPCG(seed, 0)), cruel: true, over: map[int64]*ops.Operation{},
		yes: map[int64]map[string]bool{}, alone: map[int64]bool{},
	}
	for i := range w.kind.plan.Steps {
		w.kind.plan.Steps[i].Deadline = 30 * time.Millisecond
	}
	w.kind.plan.Checks[0].Deadline = 30 * time.Millisecond
	w.kind.plan.Silence = []string{"backend"}
	w.cfg.Silencer = silencer{w}
	w.kind.must = w.approved
	return w
}

func (w *world) roll(sides int) int { return w.dice.IntN(sides) }

func (w *world) step(format string, args ...any) {
	w.steps = append(w.steps, w.Now().Format("15:04:05.000 ")+fmt.Sprintf(format, args...))
}

func (w *world) fail(format string, args ...any) {
	w.Helper()
	for _, s := range w.steps[max(0, len(w.steps)-60):] {
		w.Log(s)
	}
	w.Fatalf(format, args...)
}

// start is a start of the bot.
func (w *world) start() *process {
	w.procs++
	p := &process{Store: w.store, w: w, name: fmt.Sprintf("process %d", w.procs)}
	p.ctx, p.cancel = context.WithCancel(w.Context())
	cfg, k := w.cfg, *w.kind
	k.every = func(ctx context.Context, what string, r *ops.Run, th *thing) (ops.Seen, error) {
		return p.act(ctx, what, r, th)
	}
	cfg.Kinds = []ops.Kind{&k}
	svc := ops.NewService(p, cfg, slog.New(slog.DiscardHandler))
	p.runner = ops.NewRunner(svc, ops.RunnerConfig{Owner: p.name, Retry: time.Millisecond})
	return p
}

// act is what really happens at the application.
func (p *process) act(_ context.Context, what string, r *ops.Run, th *thing) (ops.Seen, error) {
	w := p.w
	if p.dead.Load() {
		return "", errDead
	}
	fate := w.roll(20)
	if !w.cruel {
		fate = 19
	}
	w.step("%s: %s %s %s, fate %d", p.name, r.Operation.Key(), what, r.Step.Name, fate)
	effect := func() { th.done, th.partly = what == "do", false }
	switch what {
	case "look":
		switch fate {
		case 0:
			return ops.SeenUnclear, nil
		case 1:
			return "", errors.New("no docker")
		case 2:
			return "", p.kill()
		case 3:
			panic("a look breaks")
		}
		return truth(th), nil
	case "do", "undo":
		switch fate {
		case 0:
			return "", p.kill()
		case 1:
			effect()
			return "", p.kill()
		case 2:
			th.partly = true
			return "", p.kill()
		case 3:
			return "", ops.ErrUnclear
		case 4:
			effect()
			return "", ops.ErrUnclear
		case 5:
			th.partly = true
			panic("a step breaks")
		case 6:
			if what == "do" {
				return "", ops.ErrUnchanged
			}
			return "", errors.New("does not come back")
		case 7:
			th.partly = true
			return "", errors.New("half way")
		}
		effect()
	}
	return "", nil
}

// silencer forgets nothing, and is killed as well.
type silencer struct{ w *world }

func (silencer) CanSilence(string) bool { return true }

func (s silencer) Silence(_ context.Context, r ops.SilenceRequest) (string, error) {
	if s.w.roll(5) == 0 {
		return "", errors.New("no alertmanager")
	}
	return "silence of " + r.Key, nil
}

func (s silencer) Unsilence(context.Context, string) error { return nil }

// approved says what is wrong with an operation that does something.
func (w *world) approved(r *ops.Run) error {
	op := r.Operation
	n := 0
	for who := range w.yes[op.Number] {
		if who != op.By.ID {
			n++
		}
	}
	hash, err := op.Plan.Hash()
	if err != nil || hash != op.Hash {
		return fmt.Errorf("%s runs another plan: %w", op.Key(), err)
	}
	if n < op.Policy.Approvals && !w.alone[op.Number] {
		return fmt.Errorf("%s runs with %d approvals of %d", op.Key(), n, op.Policy.Approvals)
	}
	return nil
}

func (w *world) live(steps int) {
	p := w.start()
	for range steps {
		switch w.roll(10) {
		case 0, 1:
			w.people.approvals = w.roll(3)
			op := w.ask(fmt.Sprintf("project=%d", w.roll(2)))
			w.ops = append(w.ops, op.Number)
			w.step("%s asked, needs %d", op.Key(), op.Policy.Approvals)
		case 2, 3, 4:
			w.act()
		case 5, 6, 7:
			p = w.run(p)
		case 8:
			w.pass([]time.Duration{time.Second, 20 * time.Second, 40 * time.Second, 5 * time.Minute, 2 * time.Hour}[w.roll(5)])
		default:
			if w.roll(2) == 0 {
				w.target.set([]string{"abc", "def"}[w.roll(2)], nil)
			} else {
				w.step("%s ends well", p.name)
				p.cancel()
			}
		}
		w.check()
	}
	w.cruel = false
	w.target.set("abc", nil)
	for range 20 {
		w.pass(time.Minute)
		p = w.run(p)
	}
	w.check()
	for _, n := range w.ops {
		if op := w.find(&ops.Operation{Number: n}); !op.State.Over() && op.State != ops.Planned {
			w.fail("%s is %s for ever", op.Key(), op.State)
		}
	}
}

func (w *world) run(p *process) *process {
	if p.ctx.Err() != nil {
		p = w.start()
	}
	_, err := p.runner.Once(p.ctx)
	if err != nil && p.ctx.Err() == nil {
		w.fail("%v", err)
	}
	return p
}

// act is somebody's click.
func (w *world) act() {
	if len(w.ops) == 0 {
		return
	}
	n := w.ops[len(w.ops)-1-w.roll(min(len(w.ops), 4))]
	by := []ops.Person{ann, bob, cat, dan, eve}[w.roll(5)]
	was := w.find(&ops.Operation{Number: n})
	var d *ops.Decision
	var err error
	what := w.roll(12)
	switch what {
	case 0:
		d, err = w.svc.Reject(w.Context(), n, ops.Reject{By: by, Reason: "no"})
	case 1:
		d, err = w.svc.Cancel(w.Context(), n, ops.Cancel{By: by})
	case 2:
		d, err = w.svc.Alone(w.Context(), n, ops.Alone{By: by, Reason: "now"})
	case 3:
		d, err = w.svc.Approve(w.Context(), n, ops.Approve{By: by, Hash: "another"})
	default:
		d, err = w.svc.Approve(w.Context(), n, ops.Approve{By: by, Hash: was.Hash})
	}
	op, changed, err := w.commit(d, err)
	w.step("%s: %s does %d: changed %v, %v", was.Key(), by.ID, what, changed, err)
	if err != nil || op.State == ops.Void {
		return
	}
	switch {
	case what == 2 && changed:
		w.alone[n] = true
	case what > 2 && changed:
		if w.yes[n] == nil {
			w.yes[n] = map[string]bool{}
		}
		if w.yes[n][by.ID] {
			w.fail("%s approved %s twice", by.ID, op.Key())
		}
		w.yes[n][by.ID] = true
		if len(op.Votes) != len(w.yes[n]) {
			w.fail("%s has %d votes of %d", op.Key(), len(op.Votes), len(w.yes[n]))
		}
	}
}
