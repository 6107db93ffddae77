package backup

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/access"
	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/store"
	"github.com/ai-notebook/notebookbot/internal/store/storetest"
	"github.com/ai-notebook/notebookbot/notify"
)

// everybody may do everything.
type everybody struct{}

func (everybody) Rule(string) (access.Rule, bool) {
	return access.Rule{Class: access.Low, Run: "operators"}, true
}
func (everybody) MayRun(context.Context, ops.Person, string) error      { return nil }
func (everybody) MayApprove(context.Context, ops.Person, string) error  { return nil }
func (everybody) MayActAlone(context.Context, ops.Person, string) error { return nil }

var kim = ops.Person{Actor: incidents.Person("U01KIM")}

// bot is a process that carries operations out on the story's application, until it dies.
type bot struct {
	*story
	store *store.Store
	svc   *ops.Service
	run   *ops.Runner
	ctx   context.Context
	kill  context.CancelFunc
	dead  atomic.Bool
}

// mortal is a store that answers a dead process nothing.
type mortal struct {
	ops.Store
	b *bot
}

var errDead = errors.New("the process is dead")

func (m mortal) WriteOperations(ctx context.Context, want ops.Want, fn func(ops.Tx) error) error {
	if m.b.dead.Load() {
		return errDead
	}
	return m.Store.WriteOperations(ctx, want, fn)
}

// newBot starts a process. dies names a step and an instant at which it is killed, such as "after files"; empty: it lives.
func (s *story) newBot(st *store.Store, dies string, more ...ops.Kind) *bot {
	s.Helper()
	s.open()
	b := &bot{story: s, store: st}
	b.ctx, b.kill = context.WithCancel(s.Context())
	s.Cleanup(b.kill)
	kinds := append([]ops.Kind{dying{s.sets.Operation(), b, dies}}, more...)
	cfg := ops.Config{Kinds: kinds, People: everybody{}, Backups: dyingBackups{s.sets.Before(), b, dies}, Ops: "C0OPS", Now: s.clock}
	b.svc = ops.NewService(mortal{st, b}, cfg, slog.New(slog.DiscardHandler))
	b.run = ops.NewRunner(b.svc, ops.RunnerConfig{Owner: fmt.Sprint("bot ", &b.dead), Retry: time.Millisecond})
	return b
}

// die ends a process as kill -9 does: it writes nothing more, and the kernel gives its locks back.
func (b *bot) die() {
	b.dead.Store(true)
	b.kill()
	b.sets.mu.Lock()
	defer b.sets.mu.Unlock()
	for id, h := range b.sets.holds {
		if h.lock != nil {
			_ = h.lock.Close()
		}
		delete(b.sets.holds, id)
	}
}

type dying struct {
	ops.Kind
	b    *bot
	dies string
}

func (d dying) Step(name string) (ops.Doer, bool) {
	do, ok := d.Kind.Step(name)
	return dyingStep{do, d.b, d.dies, name}, ok
}

type dyingStep struct {
	ops.Doer
	b          *bot
	dies, name string
}

func (d dyingStep) Do(ctx context.Context, r *ops.Run) error {
	if d.dies == "before "+d.name {
		d.b.die()
		return errDead
	}
	err := d.Doer.Do(ctx, r)
	if d.dies == "after "+d.name {
		d.b.die()
	}
	return err
}

type dyingBackups struct {
	ops.Backups
	b    *bot
	dies string
}

func (d dyingBackups) Do(ctx context.Context, r *ops.Run) error {
	return dyingStep{d.Backups, d.b, d.dies, ops.BackupStep}.Do(ctx, r)
}

func (b *bot) ask(word string, args ...string) *ops.Operation {
	b.Helper()
	d, err := b.svc.Ask(b.Context(), ops.Request{Word: word, Args: args, By: kim})
	if err != nil {
		b.Fatalf("ask: %v", err)
	}
	op, _, err := b.svc.Do(b.Context(), d)
	if err != nil {
		b.Fatal(err)
	}
	return op
}

// carry lets the process do what is due, until it dies or nothing is left.
func (b *bot) carry() {
	b.Helper()
	for {
		worked, err := b.run.Once(b.ctx)
		if b.dead.Load() || !worked {
			return
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

func (b *bot) want(op *ops.Operation, state ops.State) *ops.Operation {
	b.Helper()
	op, err := b.store.FindOperation(context.WithoutCancel(b.Context()), op.Number)
	if err != nil {
		b.Fatal(err)
	}
	if op.State != state {
		b.Errorf("%s is %s, want %s: %+v", op.Key(), op.State, state, op.Outcome)
	}
	return op
}

// told gives what waits in the outbox, and settles it.
func (b *bot) told() (out []string) {
	b.Helper()
	for {
		ds, _, err := b.store.Claim(b.Context(), notify.Claim{Owner: "t", Now: b.clock(), Lease: time.Minute, Limit: 50})
		if err != nil {
			b.Fatal(err)
		}
		if len(ds) == 0 {
			slices.Sort(out)
			return out
		}
		for _, d := range ds {
			out = append(out, string(d.Notice.Kind)+" "+d.Notice.Fact.Text)
			o := notify.Outcome{Result: notify.Sent, Where: notify.Posted{Channel: d.Notice.Channel, TS: fmt.Sprint(d.ID)}}
			if err := b.store.Settle(b.Context(), d, o); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func newBotStore(t *testing.T) *store.Store {
	t.Helper()
	return storetest.Open(t)
}
