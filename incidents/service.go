package incidents

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// Config is what Service needs to know of the house's rules.
type Config struct {
	Policies Policies      // Escalate holds only names that somebody fills
	Hold     time.Duration // how long all alerts must have ended before an incident counts as recovered
	Channel  string        // of cards that nothing else routes
	Now      func() time.Time
}

// Service brings events to incidents over a Store, and fires the clocks that ran out.
type Service struct {
	store Store
	cfg   Config
	log   *slog.Logger
}

// NewService makes a Service. Now may be nil: the system's clock.
func NewService(store Store, cfg Config, log *slog.Logger) *Service {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Service{store: store, cfg: cfg, log: log}
}

// now is the time as every store keeps it.
func (s *Service) now() time.Time { return s.cfg.Now().UTC().Truncate(time.Microsecond) }

func (s *Service) save(tx Tx, in *Incident, r Result) error {
	if !r.Changed {
		return nil
	}
	if err := tx.Save(in); err != nil {
		return err
	}
	if err := tx.Log(r.Entries...); err != nil {
		return err
	}
	return tx.Notify(r.Notices...)
}

// OpenIn opens an incident by hand within a transaction of the caller's.
func (s *Service) OpenIn(tx Tx, o Open, now time.Time) (*Incident, error) {
	if strings.TrimSpace(o.Title) == "" {
		return nil, ErrEmpty
	}
	if !o.Level.valid() {
		return nil, ErrLevel
	}
	n, err := tx.NextNumber()
	if err != nil {
		return nil, err
	}
	in := &Incident{Number: n, Title: o.Title, Channel: cmp.Or(o.Channel, s.cfg.Channel), Level: o.Level, LevelByHand: true}
	return in, s.save(tx, in, in.birth(o.By, s.cfg.Policies, s.cfg.Hold, now))
}

// ApplyIn brings an event to the incident of that number within a transaction of the caller's, and gives it back as it is
// then. A repeat is no error. Errors: ErrNotFound, and those of Apply.
func (s *Service) ApplyIn(tx Tx, number int64, ev Event, now time.Time) (*Incident, error) {
	in, err := tx.Incident(number)
	if err != nil {
		return nil, err
	}
	if _, ok := ev.(Reopen); ok && in.Group != (Group{}) {
		last, err := tx.Latest(in.Group.ID())
		if err != nil {
			return nil, err
		}
		if last != nil && last.Number != in.Number {
			return last, ErrSuperseded
		}
	}
	r, err := in.Apply(ev, now)
	if err != nil {
		return in, err
	}
	return in, s.save(tx, in, r)
}

// Find gives the incident of that number, or ErrNotFound.
func (s *Service) Find(ctx context.Context, number int64) (*Incident, error) {
	return s.store.Find(ctx, number)
}

// How often the clocks look, at least, and how many incidents they take at once.
const (
	lookEvery = 500 * time.Millisecond
	lookAt    = 256
)

// Run fires the clocks that run out until ctx ends. What ran out while nobody looked fires on the first pass, once, and says
// that it is late.
func (s *Service) Run(ctx context.Context) error {
	t := time.NewTicker(lookEvery)
	defer t.Stop()
	for {
		more, err := s.FireDue(ctx)
		if err != nil && ctx.Err() == nil {
			s.log.ErrorContext(ctx, "firing clocks", "err", err)
		}
		if more && err == nil {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}

// FireDue fires the clocks that are due now and tells whether more may be.
func (s *Service) FireDue(ctx context.Context) (more bool, err error) {
	numbers, _, err := s.store.Due(ctx, s.now(), lookAt)
	if err != nil || len(numbers) == 0 {
		return false, err
	}
	errs := make([]error, len(numbers))
	var wg sync.WaitGroup
	for i, n := range numbers {
		wg.Go(func() { // together, so that they share a commit
			errs[i] = s.store.Write(ctx, Want{Numbers: []int64{n}}, func(tx Tx) error {
				_, err := s.ApplyIn(tx, n, Tick{}, s.now())
				return err
			})
		})
	}
	wg.Wait()
	return len(numbers) == lookAt, errors.Join(errs...)
}
