package store

import (
	"context"
	"fmt"
	"time"
)

const (
	pruneEvery  = time.Hour
	pruneAtOnce = 1000 // rows a commit, so that nothing waits long behind the broom

	keepRequests = 48 * time.Hour // Slack delivers again for far less
	keepOutbox   = 30 * 24 * time.Hour
	keepEnded    = 24 * time.Hour
)

// What is pruned, each with the age it reaches. Cards stay: their message is edited as long as the incident is. Each condition
// stands twice: another replica may change a row between its choice and its end, and only the outer condition is looked at again.
var prunes = []struct {
	what string
	keep time.Duration
	sql  query
}{
	{"requests", keepRequests, both(`DELETE FROM inbox WHERE state = 1 AND done < $1 AND id IN (
		SELECT id FROM inbox WHERE state = 1 AND done < $1 ORDER BY done LIMIT $2)`)},
	{"deliveries", keepOutbox, both(`DELETE FROM outbox WHERE state <> 0 AND done < $1 AND id IN (
		SELECT id FROM outbox WHERE state <> 0 AND kind <> 'card' AND done < $1 ORDER BY done LIMIT $2)`)},
	{"groups", keepEnded, both(`DELETE FROM alert_groups WHERE latest = 0 AND updated < $1 AND id IN (
		SELECT id FROM alert_groups WHERE (ended <> '' OR latest = 0) AND latest = 0 AND updated < $1
		ORDER BY id LIMIT $2)`)},
	{"ended alerts", keepEnded, both(`UPDATE alert_groups SET ended = '' WHERE updated < $1 AND id IN (
		SELECT id FROM alert_groups WHERE ended <> '' AND updated < $1 ORDER BY id LIMIT $2)`)},
}

// Prune removes what nobody will ask for again.
func (s *Store) Prune(ctx context.Context, now time.Time) error {
	for _, p := range prunes {
		for {
			var n int64
			err := s.submit(&item{ctx: ctx, after: func(ctx context.Context, b *batch) error {
				var err error
				n, err = b.ses.exec(ctx, p.sql, micros(now.Add(-p.keep)), pruneAtOnce)
				b.wrote = b.wrote || n > 0
				return err
			}})
			if err != nil {
				return fmt.Errorf("prune %s: %w", p.what, err)
			}
			if n < pruneAtOnce {
				break
			}
		}
	}
	return nil
}
