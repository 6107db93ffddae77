package realparts

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
)

func TestEveryTestGetsADatabaseOfItsOwn(t *testing.T) {
	t.Parallel()
	a, b := Postgres(t), Postgres(t)
	if a == b {
		t.Fatalf("two databases have the same address %q", a)
	}
	for _, dsn := range []string{a, b} {
		if err := execute(t.Context(), dsn, "CREATE TABLE one (id INT)"); err != nil {
			t.Errorf("the database is not empty or not there: %v", err)
		}
	}
}

func TestAKilledPostgresComesBackWithWhatWasCommitted(t *testing.T) {
	t.Parallel()
	s := StartPostgres(t)
	if err := execute(t.Context(), s.DSN, "CREATE TABLE kept AS SELECT 42 AS answer"); err != nil {
		t.Fatal(err)
	}
	pid := s.Pid()
	s.Kill(t)
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("process %d is still there: %v", pid, err)
	}
	s.Start(t)
	conn, err := pgx.Connect(t.Context(), s.DSN)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	var answer int
	if err := conn.QueryRow(t.Context(), "SELECT answer FROM kept").Scan(&answer); err != nil || answer != 42 {
		t.Errorf("answer = %d, %v; want 42", answer, err)
	}
}

func TestNothingIsLeftBehind(t *testing.T) {
	t.Parallel()
	var dir string
	var pid int
	t.Run("while the test runs", func(t *testing.T) {
		s := StartPostgres(t)
		dir, pid = s.dir, s.Pid()
	})
	if dir == "" {
		t.Skip("the inner test says why")
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is left: %v", dir, err)
	}
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("process %d is left: %v", pid, err)
	}
}

func TestAPrometheusAndAlertmanagersComeUp(t *testing.T) {
	t.Parallel()
	const receiver = "route: {receiver: none}\nreceivers: [{name: none}]\n"
	if am := Alertmanager(t, receiver); am.Pid() == 0 {
		t.Error("the alertmanager does not run")
	}
	pair := AlertmanagerPair(t, receiver)
	if pair[0].URL == pair[1].URL {
		t.Errorf("both of a pair answer at %s", pair[0].URL)
	}
	if p := Prometheus(t, "rule_files: [a.yml]\n", map[string]string{"a.yml": "groups: []\n"}); p.Pid() == 0 {
		t.Error("prometheus does not run")
	}
}

// stopped records how a test that misses a part ends.
type stopped struct {
	testing.TB
	skipped, failed string
}

func (s *stopped) Helper()                   {}
func (s *stopped) Name() string              { return "TestSomething" }
func (s *stopped) Skip(args ...any)          { s.skipped = fmt.Sprint(args...) }
func (s *stopped) Fatalf(f string, _ ...any) { s.failed = f }

func TestAMissingPartIsListedOnALaptopAndFailsInCI(t *testing.T) {
	name := filepath.Join(t.TempDir(), "skipped")
	t.Setenv(SkippedEnv, name)
	t.Setenv(RequireEnv, "")
	laptop := &stopped{TB: t}
	Require(laptop, "no-such-program")
	if laptop.skipped == "" || laptop.failed != "" {
		t.Errorf("on a laptop: skipped %q, failed %q", laptop.skipped, laptop.failed)
	}
	got, err := os.ReadFile(name)
	if want := "TestSomething: no-such-program is not installed"; err != nil || !strings.HasPrefix(string(got), want) {
		t.Errorf("listed %q, %v; want %q …", got, err, want)
	}
	t.Setenv(RequireEnv, "1")
	ci := &stopped{TB: t}
	Require(ci, "no-such-program")
	if ci.failed == "" {
		t.Error("in CI a missing part does not fail the test")
	}
}
