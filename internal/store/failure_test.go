package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ai-notebook/notebookbot/commands"
	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/store"
	"github.com/ai-notebook/notebookbot/internal/store/storetest"
)

// wantUnavailable checks that every kind of write is refused with the reason, and in time.
func wantUnavailable(t *testing.T, s *store.Store, reason string) {
	t.Helper()
	begun := time.Now()
	_, _, err := open(t.Context(), s, "while it is "+reason)
	for what, err := range map[string]error{
		"write":  err,
		"accept": s.Accept(t.Context(), commands.Request{ID: "r while " + reason}),
	} {
		if !errors.Is(err, store.ErrUnavailable) || store.Reason(err) != reason {
			t.Errorf("%s: %v (%q), want ErrUnavailable: %s", what, err, store.Reason(err), reason)
		}
	}
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("it took %v to say so", took)
	}
}

// wantHealthy waits until the store is healthy again: an answer may stand for a second.
func wantHealthy(t *testing.T, s *store.Store) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		if err = s.Healthy(t.Context()); err == nil {
			break
		}
		<-time.After(50 * time.Millisecond)
	}
	if err != nil {
		t.Fatalf("not healthy again: %v", err)
	}
	mustOpen(t, s, "afterwards")
	mustAccept(t, s, "r afterwards")
}

func liteFile(t *testing.T) (path, address string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "notebookbot.db")
	return path, "sqlite:" + path
}

func TestAFileThatAnotherProcessLocksIsSaidToBeLockedUntilItIsFree(t *testing.T) {
	t.Parallel()
	path, address := liteFile(t)
	s := storetest.OpenURL(t, address)
	if err := s.Healthy(t.Context()); err != nil {
		t.Fatal(err)
	}
	other, err := sql.Open("sqlite", "file:"+path+"?_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	tx, err := other.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	wantUnavailable(t, s, "locked")
	if err := s.Healthy(t.Context()); store.Reason(err) != "locked" {
		t.Errorf("health = %v", err)
	}
	if err := s.Healthy(t.Context()); store.Reason(err) != "locked" {
		t.Errorf("health, remembered = %v", err)
	}
	if _, err := s.List(t.Context(), incidents.Filter{}); err != nil {
		t.Errorf("reading meanwhile: %v", err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	wantHealthy(t, s)
}

func TestACallerWhoGivesUpWhileTheFileIsLockedIsNotKeptLater(t *testing.T) {
	t.Parallel()
	path, address := liteFile(t)
	s := storetest.OpenURL(t, address)
	other, err := sql.Open("sqlite", "file:"+path+"?_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	tx, err := other.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	begun := time.Now()
	if err := s.Accept(ctx, commands.Request{ID: "told: not taken"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error = %v, want DeadlineExceeded", err)
	}
	if took := time.Since(begun); took > 2*time.Second {
		t.Errorf("it took %v to give up", took)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	mustAccept(t, s, "taken")
	if rs := pending(t, s, noon, 10); len(rs) != 1 || rs[0].ID != "taken" {
		t.Errorf("pending %v, want only what was taken", rs)
	}
}

func TestAFileThatIsMovedAwayIsSaidToBeGoneUntilItIsBack(t *testing.T) {
	t.Parallel()
	path, address := liteFile(t)
	s := storetest.OpenURL(t, address)
	mustOpen(t, s, "before")
	if err := os.Rename(path, path+".away"); err != nil {
		t.Fatal(err)
	}
	wantUnavailable(t, s, "gone")
	if err := os.WriteFile(path, nil, 0o600); err != nil { // an empty one in its place must not be filled
		t.Fatal(err)
	}
	wantUnavailable(t, s, "gone")
	if err := os.Rename(path+".away", path); err != nil {
		t.Fatal(err)
	}
	wantHealthy(t, s)
	if ins, err := s.List(t.Context(), incidents.Filter{}); err != nil || len(ins) != 2 {
		t.Errorf("%d incidents, %v; want both", len(ins), err)
	}
}

// mount puts a small file system of its own under the store: only there can a disk be full or turn read-only.
func mount(t *testing.T) (dir string, remount func(flags uintptr)) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("skipped: only root may mount a small disk")
	}
	dir = t.TempDir()
	if err := syscall.Mount("notebookbot-test", dir, "tmpfs", 0, "size=2m"); err != nil {
		t.Skipf("skipped: this machine mounts no small disk: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return dir, func(flags uintptr) {
		t.Helper()
		if err := syscall.Mount("notebookbot-test", dir, "tmpfs", syscall.MS_REMOUNT|flags, "size=2m"); err != nil {
			t.Fatalf("remount: %v", err)
		}
	}
}

func TestAFullDiskIsSaidToBeFullUntilThereIsRoom(t *testing.T) {
	t.Parallel()
	dir, _ := mount(t)
	s := storetest.OpenURL(t, "sqlite:"+filepath.Join(dir, "notebookbot.db"))
	kept := 0
	fill := func() (err error) {
		for range 10_000 {
			if _, _, err = open(t.Context(), s, fmt.Sprint(kept)+strings.Repeat(" long", 10_000)); err != nil {
				return err
			}
			kept++
		}
		return nil
	}
	err := fill()
	if !errors.Is(err, store.ErrUnavailable) || store.Reason(err) != "full" {
		t.Errorf("error = %v, want full", err)
	}
	for i := 0; ; i++ { // the last room
		err := os.WriteFile(filepath.Join(dir, fmt.Sprint("filler", i)), make([]byte, 4096), 0o600)
		if errors.Is(err, syscall.ENOSPC) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for range 3 { // what fits the log's own room may still go in, and is kept
		if err := fill(); store.Reason(err) != "full" {
			t.Errorf("error = %v, want full", err)
		}
	}
	if n, err := s.CountOpen(t.Context()); err != nil || n[1] != kept {
		t.Errorf("%v open incidents (%v), want the %d that were answered", n, err, kept)
	}
	fillers, err := filepath.Glob(filepath.Join(dir, "filler*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range fillers {
		if err := os.Remove(f); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mount("notebookbot-test", dir, "tmpfs", syscall.MS_REMOUNT, "size=16m"); err != nil {
		t.Fatal(err)
	}
	wantHealthy(t, s)
	if n, err := s.CountOpen(t.Context()); err != nil || n[1] != kept+1 {
		t.Errorf("%v open incidents (%v), want %d", n, err, kept+1)
	}
}

func TestAReadOnlyDiskIsSaidToBeReadOnlyUntilItIsNot(t *testing.T) {
	t.Parallel()
	dir, remount := mount(t)
	address := "sqlite:" + filepath.Join(dir, "notebookbot.db")
	s := storetest.OpenURL(t, address)
	mustOpen(t, s, "before")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	remount(syscall.MS_RDONLY)
	if err := tryOpen(t, address); err == nil || !strings.Contains(err.Error(), "read-only") {
		t.Errorf("opened on a read-only disk: %v", err)
	}
	remount(0)
	if err := tryOpen(t, address); err != nil {
		t.Errorf("opened on a mended disk: %v", err)
	}
}

func TestAFileThatTurnsReadOnlyIsSaidToBeSoUntilItIsNot(t *testing.T) {
	t.Parallel()
	_, address := liteFile(t)
	s := storetest.OpenURL(t, address)
	mustOpen(t, s, "before")
	store.QueryOnly(t, s, true)
	if _, _, err := open(t.Context(), s, "x"); !errors.Is(err, store.ErrUnavailable) || store.Reason(err) != "read-only" {
		t.Errorf("error = %v, want read-only", err)
	}
	// By that the connection was given up: the next one writes again.
	wantHealthy(t, s)
}

func TestADatabaseWithoutItsTablesIsSaidToBeGoneUntilTheyAreBack(t *testing.T) {
	t.Parallel()
	address := storetest.Postgres(t)
	s := storetest.OpenURL(t, address)
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	schema := u.Query().Get("search_path")
	exec(t, address, `ALTER TABLE `+schema+`.counters RENAME TO counters_away`)
	_, _, err = open(t.Context(), s, "x")
	if store.Reason(err) != "gone" {
		t.Errorf("without its tables: %v", err)
	}
	exec(t, address, `ALTER TABLE `+schema+`.counters_away RENAME TO counters`)
	wantHealthy(t, s)
}

func TestALockedRowOfAnotherReplicaIsWaitedForInBounds(t *testing.T) {
	t.Parallel()
	address := storetest.Postgres(t)
	s := storetest.OpenURL(t, address)
	n := mustOpen(t, s, "api")
	c, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(context.Background()) }()
	if _, err := c.Exec(t.Context(), "BEGIN"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Exec(t.Context(), "SELECT 1 FROM incidents WHERE number = $1 FOR UPDATE", n); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	_, _, err = open(t.Context(), s, "api")
	if store.Reason(err) != "locked" || time.Since(begun) > 10*time.Second {
		t.Errorf("%v after %v, want locked within seconds", err, time.Since(begun))
	}
	if _, err := c.Exec(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if again := mustOpen(t, s, "api"); again != n {
		t.Errorf("opened %d, want %d", again, n)
	}
}

func exec(t *testing.T, address, query string) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(context.Background()) }()
	if _, err := c.Exec(t.Context(), query); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

func TestANewerSchemaIsRefused(t *testing.T) {
	t.Parallel()
	storetest.EachURL(t, func(t *testing.T, address string) {
		t.Helper()
		if err := storetest.OpenURL(t, address).Close(); err != nil {
			t.Fatal(err)
		}
		const newer = `INSERT INTO schema_version (version, applied) VALUES (99, 0)`
		if path, ok := strings.CutPrefix(address, "sqlite:"); ok {
			db, err := sql.Open("sqlite", path)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = db.Close() }()
			if _, err := db.ExecContext(t.Context(), newer); err != nil {
				t.Fatal(err)
			}
		} else {
			exec(t, address, newer)
		}
		_, err := store.Open(t.Context(), address, slog.New(slog.DiscardHandler), store.Options{})
		var e *store.NewerError
		if !errors.As(err, &e) || e.Schema != 99 ||
			!strings.Contains(err.Error(), fmt.Sprintf("the store was written by a newer notebookbot (schema 99, this one knows %d): run that version", e.Known)) {
			t.Errorf("error = %v", err)
		}
		if _, err := store.OpenAudit(t.Context(), address); !errors.As(err, &e) {
			t.Errorf("the audit log of a newer store: %v", err)
		}
	})
}
