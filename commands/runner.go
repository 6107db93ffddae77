package commands

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/access"
	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/notify"
	"github.com/ai-notebook/notebookbot/templates"
)

// Domain is the part of incidents.Service that commands use.
type Domain interface {
	OpenIn(tx incidents.Tx, o incidents.Open, now time.Time) (*incidents.Incident, error)
	ApplyIn(tx incidents.Tx, number int64, ev incidents.Event, now time.Time) (*incidents.Incident, error)
}

var _ Domain = (*incidents.Service)(nil)

// Store is what commands read and change. All of a request is committed in one transaction.
type Store interface {
	incidents.Store
	ops.Store
}

// Operations is the part of ops.Service that commands use.
type Operations interface {
	Ask(ctx context.Context, req ops.Request) (*ops.Decision, error)
	Approve(ctx context.Context, number int64, ev ops.Approve) (*ops.Decision, error)
	Alone(ctx context.Context, number int64, ev ops.Alone) (*ops.Decision, error)
	Reject(ctx context.Context, number int64, ev ops.Reject) (*ops.Decision, error)
	Cancel(ctx context.Context, number int64, ev ops.Cancel) (*ops.Decision, error)
	Review(ctx context.Context, number int64, ev ops.Reviewed) (*ops.Decision, error)
	RefuseIn(tx ops.Tx, number int64, by ops.Person, what string, why error, now time.Time) error
}

var _ Operations = (*ops.Service)(nil)

// Places is the part of the outbox that knows where messages stand.
type Places interface {
	Posted(ctx context.Context, key string) (notify.Posted, bool, error)
	KeyAt(ctx context.Context, p notify.Posted) (string, error)
}

// Config is what the Runner works with. Fields without a remark are needed.
type Config struct {
	Inbox  Inbox
	Wake   <-chan struct{} // signalled when a request was accepted; nil: the Runner polls
	Store  Store
	Domain Domain
	// Operations plans and decides; nil: no application is configured to operate on.
	Operations Operations
	Places     Places
	Front      Front // nil: no modals, as from a terminal
	Audit      AuditLog
	Access     *access.Access
	// Terminal knows who may ask from a terminal; nil: nobody.
	Terminal *access.Access
	Words    *templates.Templates

	Ops       string             // channel where answers are for all to see
	Incidents []string           // likewise: every channel that cards go to
	Ladders   incidents.Policies // whom each level tells, for `contacts`
	// What is looked at on the application; nil: there is none.
	Health   Health
	Logs     Logs
	Security Security
	Database Database
	// Backups is nil where none are configured.
	Backups Backups
	// Link gives the address of a message; empty: not to be had. Optional.
	Link func(ctx context.Context, at notify.Posted) string

	Zone *time.Location // of the days that people name; nil: UTC

	Log *slog.Logger
	Now func() time.Time // nil: the system's clock

	// For tests. Zero values take the defaults.
	Workers int
	Poll    time.Duration
	Lease   time.Duration
}

// The Runner's measures.
const (
	defaultWorkers = 8
	defaultPoll    = time.Second
	// defaultLease is how long another Runner waits before it takes over what a dead one was at.
	defaultLease = 15 * time.Second
	// queueRoom is how many requests are held beyond those that are worked on: so many that one who asks a lot, or whose request
	// takes long, keeps nobody else waiting.
	queueRoom = 1000
	// takeAtOnce is how many are claimed in one commit.
	takeAtOnce = 64
	// oneRequest is how long one try may take.
	oneRequest = 10 * time.Second
	// grace is how long work that was begun may go on after the end was asked for.
	grace      = 2 * time.Second
	retryFirst = 100 * time.Millisecond
	retryLast  = 5 * time.Second
	// patience is how long a request waits for Slack to tell who asked. Nobody is allowed anything meanwhile.
	patience = time.Minute
	// giveUp is how often a request is tried that the store does not take although it is there. After that its person is told.
	giveUp = 6
)

// Runner carries out what was accepted: exactly once, in the order in which each person asked, several persons at a time.
type Runner struct {
	Config
	public map[string]bool

	mu     sync.Mutex
	held   map[string]bool   // ids of the requests that are here
	queues map[string][]*job // by user; a key says that a worker is at it, or will be
	ready  chan string       // users whose oldest request is to be tried now
	freed  chan struct{}     // signalled when a request has left
}

// job is a request on its way.
type job struct {
	req   Request
	try   int
	bad   int // tries that failed for a reason of the request's own
	wait  time.Duration
	since time.Time
}

// New makes a Runner.
func New(cfg Config) *Runner {
	cfg.Workers = cmp.Or(cfg.Workers, defaultWorkers)
	cfg.Poll = cmp.Or(cfg.Poll, defaultPoll)
	cfg.Lease = cmp.Or(cfg.Lease, defaultLease)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	r := &Runner{
		Config: cfg,
		public: map[string]bool{},
		held:   map[string]bool{},
		queues: map[string][]*job{},
		ready:  make(chan string, cfg.Workers+queueRoom), // never full: at most that many requests are held
		freed:  make(chan struct{}, 1),
	}
	for _, c := range append([]string{cfg.Ops}, cfg.Incidents...) {
		r.public[c] = c != ""
	}
	return r
}

// Run takes requests from the inbox and carries them out until ctx ends. What is begun then is ended, what is not is left to
// the next Runner.
func (r *Runner) Run(ctx context.Context) error {
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(grace, stop) })()
	var wg sync.WaitGroup
	defer wg.Wait()
	for range r.Workers {
		wg.Go(func() { r.work(ctx, work) })
	}
	poll := time.NewTicker(r.Poll)
	defer poll.Stop()
	var wait time.Duration
	for ctx.Err() == nil {
		more, err := r.take(ctx)
		if err != nil && ctx.Err() == nil {
			wait = min(max(2*wait, retryFirst), retryLast)
			r.Log.ErrorContext(ctx, "taking requests", "err", err, "again_in", wait)
			pause(ctx, wait)
			continue
		}
		wait = 0
		if more {
			continue
		}
		select {
		case <-ctx.Done():
		case <-r.Wake:
		case <-r.freed:
		case <-poll.C:
		}
	}
	return nil
}

// take claims requests as far as there is room and tells whether it should be called again at once.
func (r *Runner) take(ctx context.Context) (more bool, err error) {
	r.mu.Lock()
	room := min(takeAtOnce, r.Workers+queueRoom-len(r.held))
	r.mu.Unlock()
	if room <= 0 {
		return false, nil // A request that leaves wakes us.
	}
	found, err := r.Inbox.Pending(ctx, r.Now(), r.Lease, room)
	if err != nil {
		return false, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	fresh := 0
	for _, req := range found {
		if r.held[req.ID] {
			continue // Its claim ran out while it is still tried here.
		}
		fresh++
		r.held[req.ID] = true
		queue, busy := r.queues[req.User]
		r.queues[req.User] = append(queue, &job{req: req})
		if !busy {
			r.ready <- req.User
		}
	}
	return fresh > 0 && len(found) == room, nil
}

// work carries out one person's requests after the other's.
func (r *Runner) work(ctx, work context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case user := <-r.ready:
			r.serve(ctx, work, user)
		}
	}
}

// serve tries the oldest request of a person once. When it must be tried again, nothing of this person overtakes it, and the
// worker is free for others meanwhile. It stays pending in the store, so nothing is lost when we end.
func (r *Runner) serve(ctx, work context.Context, user string) {
	r.mu.Lock()
	j := r.queues[user][0]
	r.mu.Unlock()
	j.try++
	if j.since.IsZero() {
		j.since = time.Now()
	}
	if err := r.once(work, j); err != nil {
		j.wait = min(max(2*j.wait, retryFirst), retryLast)
		r.Log.WarnContext(ctx, "request stays pending", "request", j.req.ID, "user", user, "try", j.try, "err", err, "again_in", j.wait)
		time.AfterFunc(j.wait, func() { r.ready <- user })
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.held, j.req.ID)
	if rest := r.queues[user][1:]; len(rest) > 0 {
		r.queues[user] = rest
		r.ready <- user
	} else {
		delete(r.queues, user)
	}
	select {
	case r.freed <- struct{}{}:
	default:
	}
}

// once tries a request once. What Slack cannot tell at this moment is waited for, and so is a store that is away, for as long as
// it takes; what fails again and again although the store takes other things is given up.
func (r *Runner) once(work context.Context, j *job) error {
	ctx, cancel := context.WithTimeout(work, oneRequest)
	defer cancel()
	_, err := safely(func() (outcome, error) { return r.carry(ctx, j.req, time.Since(j.since) < patience) })
	if errors.Is(err, errPanic) { // The same words would break us again at every start.
		return r.apologize(ctx, j.req, err)
	}
	if err == nil || errors.Is(err, errUnknown) || away(err) {
		return err
	}
	if j.bad++; j.bad < giveUp {
		return err
	}
	return r.apologize(ctx, j.req, err)
}

// away tells whether an error says that the store does not answer or cannot be written now: that ends by itself, and what was
// accepted meanwhile is not lost by it.
func away(err error) bool {
	var passing interface{ Temporary() bool }
	return errors.As(err, &passing) && passing.Temporary() ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// pause waits and tells whether ctx still goes on.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
