package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/ai-notebook/notebookbot/commands"
)

// The states of an inbox row. The migrations know these numbers.
const requestWaiting = 0

// Accept implements commands.Inbox. Its caller tells a person at once that nothing was taken when ctx ends, so then it does not
// wait for a commit that is under way: what that keeps is taken back before anybody sees it. Words that Slack delivers again until
// they are acknowledged stay.
func (s *Store) Accept(ctx context.Context, r commands.Request) error {
	if r.ID == "" {
		return errors.New("store: accept a request: it has no id")
	}
	it := &item{ctx: ctx, run: func(t *tx) error {
		t.accepted = append(t.accepted, r)
		return nil
	}}
	if r.Source != commands.Mention {
		it.back = &taken{clean(r.ID), micros(r.Received)}
	}
	return s.submit(it)
}

// taken is a request as this process put it in. Where another one has promised the same request since, the time differs.
type taken struct {
	id       string
	received int64
}

var takeBack = both(`DELETE FROM inbox WHERE id = $1 AND received = $2 AND state = 0`)

// regret notes which requests of a commit must be taken back, because their callers have said that they were not taken; unsure
// says that nobody knows whether the commit took effect, which all callers hear as a no. The next commit does it, so that on this
// replica nobody ever sees them.
func (s *Store) regret(items []*item, unsure bool) {
	promised := map[string]bool{}
	var back []taken
	for _, it := range items {
		switch {
		case it.back == nil || it.err != nil:
		case unsure || !it.state.CompareAndSwap(running, kept):
			back = append(back, *it.back)
		default:
			promised[it.back.id] = true
		}
	}
	for _, r := range back {
		if !promised[r.id] {
			s.regrets = append(s.regrets, r)
		}
	}
}

// takeBack takes back what is to be taken back without waiting for work. If it cannot, the next commit does.
func (s *Store) takeBack() {
	if len(s.regrets) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), batchWithin)
	defer cancel()
	if err := s.attempt(ctx, nil); err != nil {
		s.log.WarnContext(ctx, "taking back requests that came too late", "count", len(s.regrets), "err", err)
	}
}

var (
	waitingRequests = both(`SELECT id, doc FROM inbox WHERE state = 0 AND claimed_until <= $1
		ORDER BY received, id LIMIT $2 {skip}`)
	claimRequests = both(`UPDATE inbox SET claimed_until = $2 WHERE id {any $1 text}`)
)

// Pending implements commands.Inbox.
func (s *Store) Pending(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]commands.Request, error) {
	var rs []commands.Request
	err := s.submit(&item{ctx: ctx, after: func(ctx context.Context, b *batch) error {
		rs = nil
		var ids []string
		err := b.ses.rows(ctx, waitingRequests, func(scan scanner) error {
			var id string
			var doc []byte
			var r commands.Request
			if err := scan(&id, &doc); err != nil {
				return err
			}
			if err := json.Unmarshal(doc, &r); err != nil {
				return fmt.Errorf("read request %s: %w", id, err)
			}
			ids = append(ids, id)
			rs = append(rs, r)
			return nil
		}, micros(now), limit)
		if err != nil {
			return fmt.Errorf("choose requests: %w", err)
		}
		if len(ids) == 0 {
			return nil
		}
		b.wrote = true
		args := []any{ids, microsAfter(now.Add(lease))}
		if err := b.ses.send(ctx, []stmt{{claimRequests[b.d], args}}); err != nil {
			return fmt.Errorf("claim requests: %w", err)
		}
		return nil
	}})
	if err != nil {
		return nil, err
	}
	return rs, nil
}
