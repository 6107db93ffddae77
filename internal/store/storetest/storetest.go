// Package storetest opens stores for tests, of this package and of others.
package storetest

import (
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/ai-notebook/notebookbot/internal/store"
)

// Open opens a fresh SQLite store that ends with the test.
func Open(tb testing.TB) *store.Store {
	tb.Helper()
	return OpenURL(tb, "sqlite:"+filepath.Join(tb.TempDir(), "notebookbot.db"))
}

// OpenURL opens the store of that URL, which ends with the test unless it is closed before.
func OpenURL(tb testing.TB, url string) *store.Store {
	tb.Helper()
	s, err := store.Open(tb.Context(), url, slog.New(slog.DiscardHandler), store.Options{})
	if err != nil {
		tb.Fatalf("open the store: %v", err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Errorf("close the store: %v", err)
		}
	})
	return s
}
