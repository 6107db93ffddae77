package incidents

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"time"
)

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
	now := s.now()
	last, err := tx.Latest(gid)
	if err != nil {
		return err
	}
	if last == nil {
		return s.receiveFirst(tx, gid, w, now)
	}
	if last.State == Verifying { // a hold that is over ends the incident, whoever is faster, the clock or the next alert
		if err := s.save(tx, last, last.tick(now)); err != nil {
			return err
		}
	}
	if last.State.Open() {
		return s.save(tx, last, last.alerted(w, now))
	}
	ends := lateEnds(last.Members, now)
	if !isNews(last, ends, w, now) {
		return s.save(tx, last, last.alerted(w, now))
	}
	if last.StillFiring { // from now on its alerts are the new incident's
		var r Result
		last.StillFiring = false
		last.card(&r, now)
		if err := s.save(tx, last, r); err != nil {
			return err
		}
	}
	return s.open(tx, w, ends, now)
}

// receiveFirst is for a group that never had an incident.
func (s *Service) receiveFirst(tx Tx, gid string, w Webhook, now time.Time) error {
	known, err := tx.Ended(gid)
	if err != nil {
		return err
	}
	ended := make(map[string]*Member, len(known))
	for f, m := range known {
		ended[f] = &m
	}
	ends := lateEnds(ended, now)
	if !isNews(nil, ends, w, now) {
		return remember(tx, gid, known, w, now)
	}
	if len(known) > 0 {
		if err := tx.SetEnded(gid, nil); err != nil {
			return err
		}
	}
	return s.open(tx, w, ends, now)
}

// open opens an incident for a group. What was heard to end just now comes along, so that a late message of it does not fire
// in the new incident.
func (s *Service) open(tx Tx, w Webhook, ends map[string]*Member, now time.Time) error {
	n, err := tx.NextNumber()
	if err != nil {
		return err
	}
	in := &Incident{
		Number: n, Group: w.Group, Title: w.Title, Channel: cmp.Or(w.Channel, s.cfg.Channel), ExternalURL: w.ExternalURL,
		Members: maps.Clone(ends),
	}
	in.merge(w, now)
	in.Level, _ = in.worst()
	by := Actor{Kind: ByAlertmanager, ID: w.Group.Alertmanager}
	r := in.birth(by, s.cfg.Policies, s.cfg.Hold, now)
	if w.Listed {
		r.listed()
	}
	return s.save(tx, in, r)
}

// lateEnds gives the members whose end was heard so lately that a firing message from before may still come.
func lateEnds(members map[string]*Member, now time.Time) map[string]*Member {
	ends := map[string]*Member{}
	for f, m := range members {
		if !m.Firing && m.heardLately(now) {
			ends[f] = m
		}
	}
	return ends
}

// isNews tells whether a webhook carries trouble that neither the ends that were heard lately nor the group's last, closed
// incident explain.
func isNews(last *Incident, ends map[string]*Member, w Webhook, now time.Time) bool {
	for _, a := range w.Alerts {
		if !a.Firing || last != nil && last.explains(a, now) {
			continue
		}
		if compare(ends[a.Fingerprint], a, now) != same {
			return true
		}
	}
	return false
}

// remember keeps the ends that were heard of alerts which never began for us, so that a firing message that was overtaken opens
// nothing.
func remember(tx Tx, gid string, ended map[string]Member, w Webhook, now time.Time) error {
	next := maps.Clone(ended)
	if next == nil {
		next = map[string]Member{}
	}
	maps.DeleteFunc(next, func(_ string, m Member) bool { return !m.heardLately(now) })
	changed := len(next) != len(ended)
	for _, a := range w.Alerts {
		if a.Firing {
			continue
		}
		if a.EndsAt.IsZero() {
			a.EndsAt = now
		}
		if m, known := next[a.Fingerprint]; known && !a.EndsAt.After(m.EndsAt) {
			continue
		}
		next[a.Fingerprint] = Member{Alert: a, Heard: now}
		changed = true
	}
	if !changed {
		return nil
	}
	return tx.SetEnded(gid, next)
}
