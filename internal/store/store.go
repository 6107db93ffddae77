package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ai-notebook/notebookbot/commands"
	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/notify"
)

// Store is one SQLite file or one PostgreSQL database.
type Store struct {
	db   driver
	log  *slog.Logger
	opts Options

	queue   chan *item
	closing chan struct{} // closed by Close: nothing new is taken
	ended   chan struct{} // closed when the committer has ended
	once    sync.Once
	wg      sync.WaitGroup

	regrets []taken // requests that are to be taken back; the committer's own

	wake      chan struct{}
	inboxWake chan struct{}
	health    health

	commits atomic.Int64
	writes  atomic.Int64
}

// Options are the store's few knobs. Zero values take the defaults.
type Options struct {
	// Begin is how long work may wait until its transaction begins; after that it fails with ErrUnavailable. 5 s.
	Begin time.Duration
	// Batch is how many pieces of work share a commit at most. 256.
	Batch int
	// Readers is how many connections read beside the one that writes. 4.
	Readers int
}

const (
	defaultBegin   = 5 * time.Second // an Alertmanager waits 10 s, a person less
	defaultBatch   = 256
	defaultReaders = 4
	queueLength    = 4096
)

var (
	_ incidents.Store = (*Store)(nil)
	_ incidents.Tx    = (*tx)(nil)
	_ notify.Store    = (*Store)(nil)
	_ commands.Inbox  = (*Store)(nil)
)

// Open opens the store that the URL names, sqlite:FILE or postgres://…, and brings its schema up to date. The caller closes it.
func Open(ctx context.Context, url string, log *slog.Logger, opts Options) (*Store, error) {
	if opts.Begin <= 0 {
		opts.Begin = defaultBegin
	}
	if opts.Batch <= 0 {
		opts.Batch = defaultBatch
	}
	if opts.Readers <= 0 {
		opts.Readers = defaultReaders
	}
	db, err := openDriver(ctx, url, log, opts)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	s := &Store{
		db: db, log: log, opts: opts,
		queue:     make(chan *item, queueLength),
		closing:   make(chan struct{}),
		ended:     make(chan struct{}),
		wake:      make(chan struct{}, 1),
		inboxWake: make(chan struct{}, 1),
		health:    health{turn: make(chan struct{}, 1)},
	}
	s.wg.Go(s.commitAll)
	return s, nil
}

// Close lets the work that was begun end, refuses the rest with ErrClosed, and gives the file or the connections back.
func (s *Store) Close() error {
	var err error
	s.once.Do(func() {
		close(s.closing)
		s.wg.Wait()
		if err = s.db.close(); err != nil {
			err = fmt.Errorf("store: close: %w", err)
		}
	})
	return err
}

// Wake is signalled after a commit that put notices into the outbox, by any replica while Run runs.
func (s *Store) Wake() <-chan struct{} { return s.wake }

// InboxWake is signalled after a commit that accepted requests, by any replica while Run runs.
func (s *Store) InboxWake() <-chan struct{} { return s.inboxWake }

// Stats counts since the start: pieces of work that were kept, and the commits that they shared.
func (s *Store) Stats() (writes, commits int64) { return s.writes.Load(), s.commits.Load() }

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // one signal says it all
	}
}

// Run keeps the store tidy, and on PostgreSQL hears of other replicas' commits, until ctx ends.
func (s *Store) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	wg.Go(func() { s.listen(ctx) })
	defer wg.Wait()
	tick := time.NewTicker(pruneEvery)
	defer tick.Stop()
	for {
		if err := s.Prune(ctx, time.Now()); err != nil && ctx.Err() == nil && !errors.Is(err, ErrClosed) {
			s.log.ErrorContext(ctx, "pruning the store", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// The news that replicas tell each other.
const (
	newsOutbox = "outbox"
	newsInbox  = "inbox"
	relisten   = 2 * time.Second
)

func (s *Store) listen(ctx context.Context) {
	for {
		err := s.db.listen(ctx, func(payload string) {
			switch payload {
			case newsOutbox:
				signal(s.wake)
			case newsInbox:
				signal(s.inboxWake)
			}
		})
		if ctx.Err() != nil {
			return
		}
		// Nothing is lost meanwhile, it only comes later: both readers also poll.
		s.log.WarnContext(ctx, "listening for other replicas", "err", err)
		// What was told while nobody listened is unknown: let both readers look.
		signal(s.wake)
		signal(s.inboxWake)
		select {
		case <-ctx.Done():
			return
		case <-time.After(relisten):
		}
	}
}
