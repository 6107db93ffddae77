package incidents

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
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

// Receive takes what a webhook told and returns once it is committed. The same again, from the same or from a second
// Alertmanager, changes nothing.
func (s *Service) Receive(ctx context.Context, w Webhook) error {
	gid := w.Group.ID()
	err := s.store.Write(ctx, Want{Groups: []string{gid}}, func(tx Tx) error { return s.receive(tx, gid, w) })
	if err != nil {
		return fmt.Errorf("receive group %s: %w", gid[:min(8, len(gid))], err)
	}
	return nil
}

func (s *Service) receive(tx Tx, gid string, w Webhook) error {
	now := s.cfg.Now()
	in, err := tx.Latest(gid)
	if err != nil {
		return err
	}
	if in != nil && in.State.Open() {
		return s.save(tx, in, in.alerted(w, now))
	}
	ended, err := tx.Ended(gid)
	if err != nil {
		return err
	}
	if !isNews(in, ended, w, now) {
		if in != nil {
			if err := s.save(tx, in, in.alerted(w, now)); err != nil {
				return err
			}
		}
		return remember(tx, gid, in, ended, w, now)
	}
	if len(ended) > 0 {
		if err := tx.SetEnded(gid, nil); err != nil {
			return err
		}
	}
	n, err := tx.NextNumber()
	if err != nil {
		return err
	}
	fresh := &Incident{
		Number: n, Group: w.Group, Title: w.Title, Channel: cmp.Or(w.Channel, s.cfg.Channel), ExternalURL: w.ExternalURL,
	}
	known := w
	known.Alerts = slices.DeleteFunc(slices.Clone(w.Alerts), func(a Alert) bool { return isStale(in, ended, a, now) })
	fresh.merge(known, now)
	fresh.Level, _ = fresh.worst()
	by := Actor{Kind: ByAlertmanager, ID: w.Group.Alertmanager}
	return s.save(tx, fresh, fresh.birth(by, s.cfg.Policies, s.cfg.Hold, now))
}

// isNews tells whether a webhook carries trouble that the group's last, closed incident does not explain.
func isNews(last *Incident, ended map[string]Member, w Webhook, now time.Time) bool {
	for _, a := range w.Alerts {
		if !a.Firing || isStale(last, ended, a, now) {
			continue
		}
		if last == nil {
			return true
		}
		if m := last.Members[a.Fingerprint]; m == nil || !m.Firing {
			return true
		}
	}
	return false
}

// isStale tells whether a firing alert was heard to end already, so that this message of it came late.
func isStale(last *Incident, ended map[string]Member, a Alert, now time.Time) bool {
	if !a.Firing {
		return false
	}
	if m, ok := ended[a.Fingerprint]; ok && compare(&m, a, now) == same {
		return true
	}
	if last == nil {
		return false
	}
	m := last.Members[a.Fingerprint]
	return m != nil && !m.Firing && compare(m, a, now) == same
}

// remember keeps the ends that were heard of alerts which never began for us, so that a firing message that was overtaken opens
// nothing.
func remember(tx Tx, gid string, last *Incident, ended map[string]Member, w Webhook, now time.Time) error {
	next := maps.Clone(ended)
	if next == nil {
		next = map[string]Member{}
	}
	maps.DeleteFunc(next, func(_ string, m Member) bool { return now.Sub(m.Heard) >= LateFiring })
	changed := len(next) != len(ended)
	for _, a := range w.Alerts {
		if a.Firing || (last != nil && last.Members[a.Fingerprint] != nil) {
			continue
		}
		if _, known := next[a.Fingerprint]; !known {
			if a.EndsAt.IsZero() {
				a.EndsAt = now
			}
			next[a.Fingerprint] = Member{Alert: Alert{Fingerprint: a.Fingerprint, StartsAt: a.StartsAt, EndsAt: a.EndsAt}, Heard: now}
			changed = true
		}
	}
	if !changed {
		return nil
	}
	return tx.SetEnded(gid, next)
}

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
	if o.Title == "" {
		return nil, ErrEmpty
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
	numbers, _, err := s.store.Due(ctx, s.cfg.Now(), lookAt)
	if err != nil || len(numbers) == 0 {
		return false, err
	}
	errs := make([]error, len(numbers))
	var wg sync.WaitGroup
	for i, n := range numbers {
		wg.Go(func() { // together, so that they share a commit
			errs[i] = s.store.Write(ctx, Want{Numbers: []int64{n}}, func(tx Tx) error {
				_, err := s.ApplyIn(tx, n, Tick{}, s.cfg.Now())
				return err
			})
		})
	}
	wg.Wait()
	return len(numbers) == lookAt, errors.Join(errs...)
}
