package notify

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/access"
	"github.com/ai-notebook/notebookbot/templates"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
)

// People tells who stands behind a name of the ladder.
type People interface {
	Target(name string) access.Target
}

// Incidents is what the outbox reads of the domain to show the newest state, and where it puts notices of its own.
type Incidents interface {
	Find(ctx context.Context, number int64) (*incidents.Incident, error)
	Write(ctx context.Context, want incidents.Want, fn func(tx incidents.Tx) error) error
}

// Config is how the outbox behaves.
type Config struct {
	Ops     string              // channel for the bot's own troubles, and where goes what cannot go where it should
	Now     func() time.Time    // nil: the system's clock
	Link    func(Posted) string // the address of a message, for buttons that lead to it; nil: none
	Workers int                 // tries at the same time; zero: 16
	Lease   time.Duration       // how long a claim lasts; zero: 45 s, longer than any try can take
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

	budget  *budget
	metrics *metrics
	slots   chan struct{}
	again   chan struct{} // a try ended: its lane may have more

	mu       sync.Mutex
	failures int       // tries in a row that did not reach Slack
	rest     time.Time // nothing is tried before that
	troubles map[trouble]time.Time
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
		budget: newBudget(), metrics: newMetrics(reg), slots: make(chan struct{}, cfg.Workers), again: make(chan struct{}, 1),
		troubles: map[trouble]time.Time{},
	}
}

// idle is how long the outbox waits at most before it looks again: the safety net below Wake.
const idle = time.Second

// grace is what tries under way get to end when the program stops.
const grace = 3 * time.Second

// Run sends until ctx ends. Tries under way are given a moment to end, so that few answers are lost.
func (o *Outbox) Run(ctx context.Context) error {
	tries, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	var wg sync.WaitGroup
	defer wg.Wait()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(grace, cancel) })()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		wait, err := o.round(ctx, tries, &wg)
		if err != nil && ctx.Err() == nil {
			o.log.ErrorContext(ctx, "claiming deliveries", "err", err)
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			return nil
		case <-o.store.Wake():
		case <-o.again:
		case <-timer.C:
		}
	}
}

// round claims what can be sent now, begins to send it, and tells how long to wait for the next round.
func (o *Outbox) round(ctx, tries context.Context, wg *sync.WaitGroup) (time.Duration, error) {
	now := o.cfg.Now()
	if rest := o.resting(now); rest > 0 {
		return min(rest, idle), nil
	}
	free := cap(o.slots) - len(o.slots)
	if free == 0 {
		return idle, nil // a try that ends wakes us
	}
	full, opens := o.budget.full(now)
	ds, next, err := o.store.Claim(ctx, Claim{Owner: o.owner, Now: now, Lease: o.cfg.Lease, Limit: free, Full: full})
	if err != nil {
		return idle, err
	}
	var back []Delivery
	for _, d := range ds {
		if o.costs(d) && !o.budget.take(d.Notice.Channel, now) {
			back = append(back, d)
			continue
		}
		o.slots <- struct{}{}
		wg.Go(func() {
			defer func() {
				<-o.slots
				select {
				case o.again <- struct{}{}:
				default:
				}
			}()
			o.try(tries, d)
		})
	}
	if len(back) > 0 {
		if err := o.store.Release(ctx, back); err != nil {
			return idle, err
		}
	}
	wait := idle
	for _, t := range []time.Time{next, opens} {
		if !t.IsZero() {
			wait = min(wait, max(5*time.Millisecond, t.Sub(now)))
		}
	}
	if len(ds) > len(back) && len(ds) == free {
		wait = 0 // there may be more
	}
	return wait, nil
}

// costs tells whether a delivery spends a channel's budget.
func (o *Outbox) costs(d Delivery) bool {
	n := d.Notice
	return n.Channel != "" && n.Edits == "" && n.User == ""
}

// resting tells how long nothing is to be tried, because Slack could not be reached.
func (o *Outbox) resting(now time.Time) time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	return max(0, o.rest.Sub(now))
}

// reached notes whether a try reached Slack. As long as none does, all wait, at first for a quarter of a second, at most for
// fifteen: what waits goes out in its order when Slack is back, and Slack is not overrun.
func (o *Outbox) reached(ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if ok {
		o.failures, o.rest = 0, time.Time{}
		return
	}
	o.failures++
	d := min(15*time.Second, 250*time.Millisecond<<min(o.failures-1, 6))
	o.rest = o.cfg.Now().Add(d/2 + rand.N(d/2)) //nolint:gosec // spreads tries, guards nothing
}

// fateOf reads what a Sender's error means. What is no SendError is a defect of the sender; the message may be out.
func fateOf(err error) *SendError {
	var se *SendError
	if errors.As(err, &se) {
		return se
	}
	return &SendError{Fate: Ambiguous, Reason: "unclassified", Err: err}
}
