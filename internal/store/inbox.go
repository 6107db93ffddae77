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

// Accept implements commands.Inbox.
func (s *Store) Accept(ctx context.Context, r commands.Request) error {
	if r.ID == "" {
		return errors.New("store: accept a request: it has no id")
	}
	return s.submit(&item{ctx: ctx, run: func(t *tx) error {
		t.accepted = append(t.accepted, r)
		return nil
	}})
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
		if _, err := b.ses.exec(ctx, claimRequests, ids, microsAfter(now.Add(lease))); err != nil {
			return fmt.Errorf("claim requests: %w", err)
		}
		return nil
	}})
	if err != nil {
		return nil, err
	}
	return rs, nil
}
