package notify

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/access"
	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/templates"
)

// People tells who stands behind a name of the ladder.
type People interface {
	Target(name string) access.Target
	// ListTarget gives who stands in a list such as "commanders".
	ListTarget(list string) access.Target
}

// Incidents is what the outbox reads of the domain to show the newest state, and where it puts notices of its own.
type Incidents interface {
	Find(ctx context.Context, number int64) (*incidents.Incident, error)
	Write(ctx context.Context, want incidents.Want, fn func(tx incidents.Tx) error) error
	FindOperation(ctx context.Context, number int64) (*ops.Operation, error)
}

// Config is how the outbox behaves.
type Config struct {
	Ops     string              // channel for the bot's own troubles, and where goes what cannot go where it should
	Now     func() time.Time    // the wall clock, for the store and for people; nil: the system's
	Link    func(Posted) string // the address of a message, for buttons that lead to it; nil: none
	Workers int                 // tries at the same time; zero: 16
	Lease   time.Duration       // how long a claim lasts; zero: 45 s. A try is cut after two thirds of it
	Settle  time.Duration       // how long Slack may need to show a message whose answer was lost; zero: 3 s
}

// Outbox sends what the store's outbox holds, until each notice has been sent, or never can be.
type Outbox struct {
	store  Store
	inc    Incidents
	sender Sender
	people People
	words  *templates.Templates
	cfg    Config
	log    *slog.Logger
	owner  string

	budget   *budget
	reach    *reach
	slots    *slots
	parked   *parked
	troubles *troubles
	metrics  *metrics
	again    chan struct{} // something ended: there may be more to do

	mu      sync.Mutex
	confirm map[int64]bool // edits that were done after a try that may be done late
}

// New makes an outbox. Its metrics are registered with reg.
func New(store Store, inc Incidents, sender Sender, people People, words *templates.Templates, cfg Config, log *slog.Logger, reg prometheus.Registerer) *Outbox {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Workers == 0 {
		cfg.Workers = 16
	}
	if cfg.Lease == 0 {
		cfg.Lease = 45 * time.Second
	}
	if cfg.Settle == 0 {
		cfg.Settle = 3 * time.Second
	}
	return &Outbox{
		store: store, inc: inc, sender: sender, people: people, words: words, cfg: cfg, log: log, owner: uuid.NewString(),
		budget: newBudget(time.Now()), reach: &reach{}, slots: newSlots(cfg.Workers), parked: &parked{}, troubles: newTroubles(),
		metrics: newMetrics(reg), again: make(chan struct{}, 1), confirm: map[int64]bool{},
	}
}

const (
	// idle is how long the outbox waits at most before it looks again: the safety net below Wake.
	idle = time.Second
	// grace is what tries under way get to end when the program stops.
	grace = 3 * time.Second
)

// Run sends until ctx ends. Tries under way are given a moment to end, so that few answers are lost.
func (o *Outbox) Run(ctx context.Context) error {
	tries, cut := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cut(nil)
	var wg sync.WaitGroup
	for ctx.Err() == nil {
		wait, err := o.round(ctx, tries, &wg)
		if err != nil && ctx.Err() == nil {
			o.log.ErrorContext(ctx, "claiming deliveries", "err", err)
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-o.store.Wake():
		case <-o.again:
		case <-timer.C:
		}
		timer.Stop()
	}
	late := time.AfterFunc(grace, func() { cut(ErrStopped) })
	defer late.Stop()
	o.giveBack(tries, deliveries(o.parked.takeAll()))
	wg.Wait()
	return nil
}

// look makes the loop look for more at once.
func (o *Outbox) look() {
	select {
	case o.again <- struct{}{}:
	default:
	}
}

// longest is the longest wait that is recorded for a delivery. What Slack asks for beyond it is kept by the budget.
const longest = time.Minute

// in gives the time for the store after which a delivery may be tried again.
func (o *Outbox) in(wait time.Duration) time.Time { return o.cfg.Now().Add(min(wait, longest)) }

// limit is how long a try may take. The rest of the lease is for recording how it ended, and for clocks of replicas that differ.
func (o *Outbox) limit() time.Duration { return o.cfg.Lease * 2 / 3 }

// fateOf reads what a Sender's error means. What is no SendError is a defect of the sender; the message may be out.
func fateOf(err error) *SendError {
	if se, ok := errors.AsType[*SendError](err); ok {
		return se
	}
	return &SendError{Fate: Ambiguous, Reason: "unclassified", Err: err}
}
