package storetest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ai-notebook/notebookbot/internal/store"
)

// EnvPostgres names the variable with the address of a PostgreSQL server whose user may create schemas.
const EnvPostgres = "NOTEBOOKBOT_TEST_POSTGRES"

// Each runs a test on a fresh store of every kind, as subtests that run in parallel.
func Each(t *testing.T, test func(t *testing.T, s *store.Store)) {
	t.Helper()
	EachURL(t, func(t *testing.T, url string) {
		t.Helper()
		test(t, OpenURL(t, url))
	})
}

// EachURL is Each for tests that open the store themselves.
func EachURL(t *testing.T, test func(t *testing.T, url string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, "sqlite:"+filepath.Join(t.TempDir(), "notebookbot.db"))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(t, Postgres(t))
	})
}

// missing skips a test for want of a part. make test lists the reason at the end, once for all of them; CI requires the part.
func missing(tb testing.TB, reason string) {
	tb.Helper()
	if os.Getenv("NOTEBOOKBOT_REQUIRE_REAL") == "1" {
		tb.Fatal(reason)
	}
	if name := os.Getenv("NOTEBOOKBOT_SKIPPED"); name != "" {
		f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			tb.Fatal(err)
		}
		_, err = f.WriteString(reason + "\n") // one write, so that the lines of several processes do not mix
		if err := errors.Join(err, f.Close()); err != nil {
			tb.Fatal(err)
		}
	}
	tb.Skip(reason)
}

var schemas atomic.Int64

// Postgres gives the address of a fresh schema that is dropped with the test, and skips the test where there is no server.
func Postgres(tb testing.TB) string {
	tb.Helper()
	base := os.Getenv(EnvPostgres)
	if base == "" {
		missing(tb, "PostgreSQL under the stores: set "+EnvPostgres+" to the address of a server")
	}
	schema := fmt.Sprintf("test_%d_%d_%d", os.Getpid(), time.Now().UnixNano(), schemas.Add(1))
	exec := func(query string) {
		tb.Helper()
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		c, err := pgx.Connect(ctx, base)
		if err != nil {
			tb.Fatalf("%s: %v", EnvPostgres, err)
		}
		defer func() { _ = c.Close(ctx) }()
		if _, err := c.Exec(ctx, query); err != nil {
			tb.Fatalf("%s: %v", query, err)
		}
	}
	exec("CREATE SCHEMA " + schema)
	tb.Cleanup(func() { exec("DROP SCHEMA " + schema + " CASCADE") })
	sep := "?"
	if strings.Contains(base, "?") {
		sep = "&"
	}
	return base + sep + url.Values{"search_path": {schema}, "application_name": {schema}}.Encode()
}
