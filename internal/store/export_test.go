package store

import (
	"context"
	"testing"

	"github.com/ai-notebook/notebookbot/incidents"
)

// QueryOnly makes the connection that writes refuse to, as it does when its file was opened read-only.
func QueryOnly(t *testing.T, s *Store, on bool) {
	t.Helper()
	d, ok := s.db.(*liteDriver)
	if !ok {
		t.Fatal("not SQLite")
	}
	err := s.submit(&item{ctx: t.Context(), after: func(ctx context.Context, _ *batch) error {
		text := "PRAGMA query_only = 0"
		if on {
			text = "PRAGMA query_only = 1"
		}
		return d.writer.exec0(ctx, text)
	}})
	if err != nil {
		t.Fatal(err)
	}
}

// Waiting tells how much work waits for the committer.
func Waiting(s *Store) int { return len(s.queue) }

// NotifyAndHold puts a notice in, and calls hold when all is written and nothing is committed.
func NotifyAndHold(t *testing.T, s *Store, n incidents.Notice, hold func()) error {
	t.Helper()
	return s.submit(&item{
		ctx: t.Context(),
		run: func(tx *tx) error { return tx.Notify(n) },
		after: func(ctx context.Context, b *batch) error {
			err := b.ses.rows(ctx, readVersion, func(scanner) error { return nil }) // what was written waits for a question
			hold()
			return err
		},
	})
}
