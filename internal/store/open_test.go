package store_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/store"
	"github.com/ai-notebook/notebookbot/internal/store/storetest"
)

func tryOpen(t *testing.T, url string) error {
	t.Helper()
	s, err := store.Open(t.Context(), url, slog.New(slog.DiscardHandler), store.Options{})
	if err == nil {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	return err
}

func TestAWrongAddressIsRefusedInOneSentenceWithoutItsSecrets(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"", "notebookbot.db", "mysql://hunter2@host/db", "sqlite:", "sqlite::memory:", "sqlite://notebookbot.db", "sqlite:file:x.db",
		"postgres:", "postgres://", "postgres://u:hunter2@host:port/db", "postgres://u:hun%ter2@host/db",
		"postgres://u:hunter2@host/db?sslmode=perhaps", "postgresql://host:1/db?password=hunter2&sslmode=perhaps",
		"postgres://u:hunter2@host/db?connect_timeout=hunter2",
	} {
		err := tryOpen(t, url)
		switch {
		case err == nil:
			t.Errorf("%q was opened", url)
		case !strings.Contains(err.Error(), "sqlite:FILE") || !strings.Contains(err.Error(), "postgres://USER@HOST/DATABASE"):
			t.Errorf("%q: %v; want what is allowed", url, err)
		case strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "hun%ter2"):
			t.Errorf("%q: the error tells the password: %v", url, err)
		}
	}
	err := tryOpen(t, "postgres://u:hunter2@127.0.0.1:1/db") // nobody listens there
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("error = %v", err)
	}
}

func TestASecondProgramOnTheSameFileIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	url := "sqlite:" + filepath.Join(dir, "a #%? b.db")
	s := storetest.OpenURL(t, url)
	if err := tryOpen(t, url); err == nil || !strings.Contains(err.Error(), "in use by another notebookbot") {
		t.Errorf("error = %v", err)
	}
	link := filepath.Join(dir, "link.db")
	if err := os.Symlink(filepath.Join(dir, "a #%? b.db"), link); err != nil {
		t.Fatal(err)
	}
	if err := tryOpen(t, "sqlite:"+link); err == nil {
		t.Error("the same file by another name was opened")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := tryOpen(t, url); err != nil {
		t.Errorf("after the first has ended: %v", err)
	}
	info, err := os.Stat(filepath.Join(dir, "a #%? b.db"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v, %v; want it for its owner alone", info, err)
	}
}

func TestAStoreThatIsOpenedAgainHasEverything(t *testing.T) {
	t.Parallel()
	storetest.EachURL(t, func(t *testing.T, url string) {
		t.Helper()
		s := storetest.OpenURL(t, url)
		mustOpen(t, s, "one")
		mustAccept(t, s, "r")
		secret, err := s.SetDefault(t.Context(), "secret", "x")
		if err != nil {
			t.Fatal(err)
		}
		if len(pending(t, s, noon, 10)) != 1 {
			t.Fatal("nothing accepted")
		}
		claimOne(t, s, noon, "INC-1:card")
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if err := s.Write(t.Context(), incidents.Want{}, func(incidents.Tx) error { return nil }); err == nil {
			t.Error("a closed store takes work")
		}

		s = storetest.OpenURL(t, url)
		if n := mustOpen(t, s, "one"); n != 1 {
			t.Errorf("the open incident was forgotten: opened %d", n)
		}
		if n := mustOpen(t, s, "two"); n != 2 {
			t.Errorf("the next number is %d", n)
		}
		if again, err := s.SetDefault(t.Context(), "secret", "y"); again != secret || err != nil {
			t.Errorf("setting = %q, %v", again, err)
		}
		now := noon
		if strings.HasPrefix(url, "postgres") {
			// Another replica may hold the claims: they run out by the lease.
			if ds, _ := claimAt(t, s, now, 10); len(ds) != 1 || ds[0].Notice.Key != "INC-2:card" {
				t.Errorf("claimed %v before the lease is over", keys(ds))
			}
			now = noon.Add(lease)
		}
		ds, _ := claimAt(t, s, now, 1)
		if len(ds) != 1 || ds[0].Notice.Key != "INC-1:card" || !ds[0].Unknown {
			t.Errorf("claimed %+v, want the first card, unknown", ds)
		}
		if rs := pending(t, s, now, 10); len(rs) != 1 || rs[0].ID != "r" {
			t.Errorf("pending %v", rs)
		}
	})
}

func TestOneReplicaHearsOfTheOthersCommits(t *testing.T) {
	t.Parallel()
	url := storetest.Postgres(t)
	a, b := storetest.OpenURL(t, url), storetest.OpenURL(t, url)
	run(t, b)
	// Listening begins with a look of its own; that it has begun is known by it.
	wait(t, b.Wake(), "the first look")
	wait(t, b.InboxWake(), "the first look at the inbox")
	put(t, a, post("k", "l", 0))
	wait(t, b.Wake(), "the other's notice")
	mustAccept(t, a, "r")
	wait(t, b.InboxWake(), "the other's request")
	cut(t, url)
	wait(t, b.Wake(), "the broken connection")
	put(t, a, post("k2", "l", 0))
	wait(t, b.Wake(), "the other's notice after a break")
}

func run(t *testing.T, s *store.Store) {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- s.Run(t.Context()) }() // t.Context ends before the cleanups run
	t.Cleanup(func() {
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})
}

func wait(t *testing.T, c <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(20 * time.Second):
		t.Fatalf("not woken by %s", what)
	}
}
