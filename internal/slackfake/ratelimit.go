package slackfake

import (
	"math"
	"time"
)

// bucket holds what may still be spent.
type bucket struct {
	left float64
	at   time.Time
}

// take spends one of burst, refilled at perSecond. When nothing is left it tells the whole seconds until there is.
func (b *bucket) take(now time.Time, burst int, perSecond float64) (wait int) {
	if b.at.IsZero() {
		b.left = float64(burst)
	} else {
		b.left = min(float64(burst), b.left+now.Sub(b.at).Seconds()*perSecond)
	}
	b.at = now
	if b.left >= 1 {
		b.left--
		return 0
	}
	return max(1, int(math.Ceil((1-b.left)/perSecond)))
}

// SetRateLimits turns Slack's limits on or off: one message a second and channel with a small burst, and each method's tier.
func (s *Server) SetRateLimits(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limited = on
	clear(s.buckets)
}

// limit refuses what is too much. The lock is held.
func (s *Server) limit(c *call, m method) *refusal {
	if !s.limited {
		return nil
	}
	if m.tier > 0 {
		if wait := s.bucket("method "+c.method).take(s.now(), m.tier, float64(m.tier)/60); wait > 0 {
			return tooMany(c.method, wait)
		}
	}
	if c.method == "chat.postMessage" {
		return s.limitChannel(c.text("channel"))
	}
	return nil
}

// limitChannel spends a message of a channel, whichever way it comes. The lock is held.
func (s *Server) limitChannel(id string) *refusal {
	if !s.limited {
		return nil
	}
	if s.users[id] != nil {
		id = s.direct(id).ID
	}
	if wait := s.bucket("channel "+id).take(s.now(), s.cfg.Limits.Burst, 1); wait > 0 {
		return tooMany("chat.postMessage", wait)
	}
	return nil
}

func (s *Server) bucket(name string) *bucket {
	b := s.buckets[name]
	if b == nil {
		b = &bucket{}
		s.buckets[name] = b
	}
	return b
}
