package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/notify"
)

// The states of an outbox row. The migrations know these numbers.
const (
	outboxWaiting = 0
	outboxSent    = 1
	outboxFailed  = 2
	outboxSkipped = 3
)

// laneOf is the lane of a notice. One without a lane waits for nobody.
func laneOf(n incidents.Notice) string {
	if n.Lane == "" {
		return clean("\uFFFDkey:" + n.Key)
	}
	return clean(n.Lane)
}

var (
	// What waits in a channel that is full costs nothing, however much it is: the channels are found one by one, and of each that
	// is not full the first few are looked at. All of that reads one partial index, of the heads by channel. A row that was claimed
	// is not due before its lease is over. The plus keeps SQLite from reading that index for the rows chosen.
	claimable = query{
		lite: both(`WITH RECURSIVE ` + headChannels + ` SELECT ` + claimColumns + ` FROM outbox WHERE id IN (
			SELECT p.id FROM channels CROSS JOIN outbox p WHERE NOT (channels.v {any $2 text}) AND p.id IN (
				SELECT o.id FROM outbox o WHERE o.head = 1 AND o.channel = channels.v AND o.next_at <= $1
				ORDER BY o.priority, o.id LIMIT $3)
			ORDER BY p.priority, p.id LIMIT $3) AND +head = 1 ORDER BY priority, id LIMIT $3`)[lite],
		// Rows that another replica is claiming at this moment are passed over: there are more to choose from than are taken.
		postgres: both(`WITH RECURSIVE ` + headChannels + ` SELECT ` + claimColumns + ` FROM outbox WHERE id = ANY(ARRAY(
			SELECT p.id FROM channels CROSS JOIN LATERAL (
				SELECT o.id, o.priority FROM outbox o WHERE o.head = 1 AND o.channel = channels.v AND o.next_at <= $1
				ORDER BY o.priority, o.id LIMIT 4 * $3::bigint) AS p
			WHERE NOT (channels.v {any $2 text}) ORDER BY p.priority, p.id LIMIT 4 * $3::bigint))
			AND +head = 1 AND next_at <= $1 AND NOT (channel {any $2 text})
			ORDER BY priority, id LIMIT $3::bigint {skip}`)[postgres],
	}
	claim = both(`UPDATE outbox SET attempts = attempts + 1, claimed_by = $2, next_at = $3,
		unknown = CASE WHEN claimed_by <> '' THEN 1 ELSE unknown END,
		first_try = CASE WHEN first_try = 0 THEN $4 ELSE first_try END WHERE id {any $1 bigint}`)
	nextClaim = both(`WITH RECURSIVE ` + headChannels + ` SELECT COALESCE(MIN(n), -1) FROM (
		SELECT (SELECT MIN(o.next_at) FROM outbox o WHERE o.head = 1 AND o.channel = channels.v) AS n
		FROM channels WHERE NOT (channels.v {any $1 text})) AS open`)
)

const (
	claimColumns = `id, doc, lane, revision, attempts, first_try, unknown, claimed_by`
	// headChannels is a table of the channels for which something may be taken, read from the index by one step a channel.
	headChannels = `steps(v) AS (
		SELECT (SELECT o.channel FROM outbox o WHERE o.head = 1 ORDER BY o.channel LIMIT 1)
		UNION ALL
		SELECT (SELECT o.channel FROM outbox o WHERE o.head = 1 AND o.channel > steps.v ORDER BY o.channel LIMIT 1)
		FROM steps WHERE steps.v IS NOT NULL),
		channels AS (SELECT v FROM steps WHERE v IS NOT NULL)`
)

// Claim implements notify.Store. The next time is never before c.Now; it leaves out the channels in c.Full.
func (s *Store) Claim(ctx context.Context, c notify.Claim) (ds []notify.Delivery, next time.Time, err error) {
	if c.Owner == "" {
		return nil, time.Time{}, fmt.Errorf("store: claim deliveries: no owner")
	}
	until := micros(c.Now.Add(c.Lease))
	fullChannels := make([]string, 0, len(c.Full))
	for _, ch := range c.Full {
		fullChannels = append(fullChannels, clean(ch))
	}
	err = s.submit(&item{ctx: ctx, after: func(ctx context.Context, b *batch) error {
		ds, next = nil, time.Time{}
		var ids []int64
		err := b.ses.rows(ctx, claimable, func(scan scanner) error {
			var d notify.Delivery
			var doc []byte
			var lane, claimedBy string
			var first int64
			var unknown int
			err := scan(&d.ID, &doc, &lane, &d.Revision, &d.Attempts, &first, &unknown, &claimedBy)
			if err != nil {
				return err
			}
			if err := json.Unmarshal(doc, &d.Notice); err != nil {
				return fmt.Errorf("read delivery %d: %w", d.ID, err)
			}
			d.Notice.Lane = lane
			d.Attempts++
			if first == 0 {
				first = micros(c.Now)
			}
			d.First = fromMicros(first)
			d.Unknown = unknown == 1 || claimedBy != ""
			ids = append(ids, d.ID)
			ds = append(ds, d)
			return nil
		}, micros(c.Now), fullChannels, c.Limit+1)
		if err != nil {
			return fmt.Errorf("choose deliveries: %w", err)
		}
		more := len(ids) > c.Limit
		if more {
			ds, ids, next = ds[:c.Limit], ids[:c.Limit], c.Now
		}
		if len(ids) > 0 {
			b.wrote = true
			args := []any{ids, clean(c.Owner), until, micros(c.Now)}
			if err := b.ses.send(ctx, []stmt{{claim[b.d], args}}); err != nil {
				return fmt.Errorf("claim deliveries: %w", err)
			}
		}
		if more {
			return nil // no need to look at all that waits
		}
		at := int64(-1)
		err = b.ses.rows(ctx, nextClaim, func(scan scanner) error { return scan(&at) }, fullChannels)
		if err != nil {
			return fmt.Errorf("find the next delivery: %w", err)
		}
		if at >= 0 {
			next = c.Now
			if t := fromMicros(at); t.After(next) {
				next = t
			}
		}
		return nil
	}})
	if err != nil {
		return nil, time.Time{}, err
	}
	return ds, next, nil
}

// settlement is how a claim ended.
type settlement struct {
	d       notify.Delivery
	o       notify.Outcome
	release bool
}

// A claim is told from later ones by the number of tries; what comes from an earlier claim is not heard, except that a message
// was sent, which stays true.
var (
	settleDone = both(`UPDATE outbox SET
		state = CASE WHEN revision > $2 THEN 0 ELSE $4 END,
		head = CASE WHEN revision > $2 THEN head ELSE 0 END,
		attempts = CASE WHEN revision > $2 THEN 0 ELSE attempts END,
		first_try = CASE WHEN revision > $2 THEN 0 ELSE first_try END,
		next_at = 0, claimed_by = '', unknown = 0, reason = $5, done = $6,
		posted_channel = CASE WHEN $8 = '' THEN posted_channel ELSE $7 END,
		posted_ts = CASE WHEN $8 = '' THEN posted_ts ELSE $8 END
		WHERE id = $1 AND state = 0 AND (attempts = $3 OR $4 = 1)`)
	settleLater = both(`UPDATE outbox SET next_at = $3, claimed_by = '', unknown = $4, reason = $5
		WHERE id = $1 AND state = 0 AND attempts = $2 AND claimed_by <> ''`)
	releaseClaim = both(`UPDATE outbox SET next_at = 0, claimed_by = '', unknown = $3, attempts = attempts - 1,
		first_try = CASE WHEN attempts = 1 THEN 0 ELSE first_try END
		WHERE id = $1 AND state = 0 AND attempts = $2 AND claimed_by <> ''`)
)

func (b *batch) settleStmts() []stmt {
	out := make([]stmt, 0, len(b.settled))
	for _, x := range b.settled {
		d, o := x.d, x.o
		unknown := 0
		if d.Unknown || o.Result == notify.Unknown {
			unknown = 1
		}
		switch {
		case x.release:
			out = append(out, stmt{releaseClaim[b.d], []any{d.ID, d.Attempts, unknown}})
			continue
		case o.Result == notify.Again, o.Result == notify.Unknown:
			out = append(out, stmt{settleLater[b.d], []any{d.ID, d.Attempts, microsAfter(o.At), unknown, clean(o.Reason)}})
			continue
		}
		state := outboxSent
		switch o.Result {
		case notify.Failed:
			state = outboxFailed
		case notify.Skipped:
			state = outboxSkipped
		case notify.Sent, notify.Again, notify.Unknown:
		}
		out = append(out, stmt{settleDone[b.d], []any{
			d.ID, d.Revision, d.Attempts, state, clean(o.Reason), micros(now()), clean(o.Where.Channel), clean(o.Where.TS),
		}})
		b.lanes[laneOf(d.Notice)] = true
		b.freed = true // the next of the lane may go
	}
	return out
}

// Settle implements notify.Store.
func (s *Store) Settle(ctx context.Context, d notify.Delivery, o notify.Outcome) error {
	switch o.Result {
	case notify.Sent, notify.Again, notify.Unknown, notify.Failed, notify.Skipped:
	default:
		return fmt.Errorf("store: settle delivery %d: no such result: %q", d.ID, o.Result)
	}
	return s.submit(&item{ctx: ctx, run: func(t *tx) error {
		t.settled = append(t.settled, settlement{d: d, o: o})
		return nil
	}})
}

// Release implements notify.Store.
func (s *Store) Release(ctx context.Context, ds []notify.Delivery) error {
	if len(ds) == 0 {
		return nil
	}
	return s.submit(&item{ctx: ctx, run: func(t *tx) error {
		for _, d := range ds {
			t.settled = append(t.settled, settlement{d: d, release: true})
		}
		return nil
	}})
}

var (
	readPosted = both(`SELECT posted_channel, posted_ts FROM outbox WHERE key = $1 AND posted_ts <> ''`)
	readKeyAt  = both(`SELECT key FROM outbox WHERE posted_channel = $1 AND posted_ts = $2 AND posted_ts <> ''
		ORDER BY id LIMIT 1`)
	readDepth  = both(`SELECT COUNT(*), COALESCE(MIN(created), 0) FROM outbox WHERE state = 0`)
	readFailed = both(`SELECT COUNT(*) FROM outbox WHERE state = 2`)
)

// Posted implements notify.Store.
func (s *Store) Posted(ctx context.Context, key string) (notify.Posted, bool, error) {
	var p notify.Posted
	found := false
	err := s.db.read(ctx, readPosted, func(scan scanner) error {
		found = true
		return scan(&p.Channel, &p.TS)
	}, clean(key))
	return p, found, s.explain(err)
}

// KeyAt implements notify.Store.
func (s *Store) KeyAt(ctx context.Context, p notify.Posted) (string, error) {
	var key string
	err := s.db.read(ctx, readKeyAt, func(scan scanner) error { return scan(&key) }, clean(p.Channel), clean(p.TS))
	return key, s.explain(err)
}

// Depth implements notify.Store.
func (s *Store) Depth(ctx context.Context) (notify.Depth, error) {
	var d notify.Depth
	var oldest int64
	err := s.db.read(ctx, readDepth, func(scan scanner) error { return scan(&d.Waiting, &oldest) })
	if err == nil {
		err = s.db.read(ctx, readFailed, func(scan scanner) error { return scan(&d.Failed) })
	}
	d.Oldest = fromMicros(oldest)
	return d, s.explain(err)
}
