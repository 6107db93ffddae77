package health

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops/host"
	"github.com/ai-notebook/notebookbot/internal/ops/postgres"
	"github.com/ai-notebook/notebookbot/internal/realparts"
)

// looked is what a Checker finds out about one thing.
func looked(t *testing.T, cfg Config, name string) Check {
	t.Helper()
	r, err := New(cfg).Look(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range r.Checks {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("nothing is told of %s:\n%s", name, told(r))
	return Check{}
}

func TestWhatIsNotConfiguredIsSaidToBeSo(t *testing.T) {
	t.Parallel()
	r, err := New(Config{}).Look(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, c := range r.Checks {
		seen[c.Name] = true
		if c.State != Unchecked || c.Findings[0].Code != "off" || c.Findings[0].Facts.Word == "" {
			t.Errorf("%s is %s: %+v", c.Name, c.State, c.Findings)
		}
	}
	for _, name := range Names {
		if !seen[name] && name != "bot" {
			t.Errorf("nothing is told of %s", name)
		}
	}
	if _, err := New(Config{Services: []string{"backend"}}).Look(t.Context(), "bakend"); err == nil {
		t.Error("a service that is not there was looked at")
	}
}

func TestADatabaseIsAskedByItsAddress(t *testing.T) {
	t.Parallel()
	dsn := realparts.Postgres(t)
	c := looked(t, Config{Database: Remote{DSN: dsn}}, "postgres")
	f := c.Findings[0]
	if c.State != OK || f.Code != "postgres.up" || f.Facts.Total < 10 || f.Facts.Bytes == 0 || f.Facts.Word == "" {
		t.Errorf("it is %s: %+v", c.State, f)
	}
	gone := strings.Replace(dsn, "postgres://", "postgres://nobody_here:hunter2@", 1)
	for name, d := range map[string]string{"nobody is there": "postgres://app:hunter2@127.0.0.1:1/x", "unreadable": "postgres://app:hunter2@127.0.0.1:x/y", "gone": gone} {
		c := looked(t, Config{Database: Remote{DSN: d}}, "postgres")
		if text := fmt.Sprintf("%+v", c); c.State == OK || strings.Contains(text, "hunter2") {
			t.Errorf("%s: %s", name, text)
		}
	}
}

// fixed is a database with these facts.
type fixed struct {
	facts postgres.Facts
	err   error
}

func (fixed) Service() string                                  { return "postgres" }
func (f fixed) Facts(context.Context) (*postgres.Facts, error) { return &f.facts, f.err }

func TestADatabaseNearItsLimitsIsToldBeforeItRefuses(t *testing.T) {
	t.Parallel()
	behind := 5 * time.Minute
	for _, tt := range []struct {
		name  string
		facts postgres.Facts
		code  string
		state State
	}{
		{"half used", postgres.Facts{MaxConnections: 103, Reserved: 3, Connections: map[string]int{"idle": 50}}, "postgres.up", OK},
		{"four of five", postgres.Facts{MaxConnections: 103, Reserved: 3, Connections: map[string]int{"idle": 50, "active": 30}}, "postgres.up", Warning},
		{"full", postgres.Facts{MaxConnections: 103, Reserved: 3, Connections: map[string]int{"active": 99}}, "postgres.up", Failed},
		{"a standby far behind", postgres.Facts{MaxConnections: 10, Standby: true, Behind: &behind}, "postgres.behind", Warning},
		{"a replica that catches up", postgres.Facts{MaxConnections: 10, Replicas: []postgres.Replica{{Name: "b", State: "catchup"}}}, "postgres.replica", Warning},
		{"a slot that nobody reads", postgres.Facts{MaxConnections: 10, Slots: []postgres.Slot{{Name: "s", Keeps: 20 << 30}}}, "postgres.slot", Warning},
		{"idle in a transaction", postgres.Facts{MaxConnections: 10, OldestIdle: time.Hour}, "postgres.idle", Warning},
	} {
		c := looked(t, Config{Database: fixed{facts: tt.facts}}, "postgres")
		if c.State != tt.state || c.Findings[0].Code != tt.code {
			t.Errorf("%s is %s: %+v", tt.name, c.State, c.Findings)
		}
	}
	if c := looked(t, Config{Database: fixed{err: fmt.Errorf("%w: x", postgres.ErrAway)}}, "postgres"); c.State != Failed {
		t.Errorf("one that is away is %s", c.State)
	}
}

func TestARedisIsAskedByItsAddress(t *testing.T) {
	t.Parallel()
	addr := realparts.FreeAddr(t)
	_, port, _ := net.SplitHostPort(addr)
	answers := func(ctx context.Context) error { _, err := Redis{Addr: addr}.Ask(ctx, "INFO"); return err }
	realparts.Run(t, "redis", realparts.Require(t, "redis-server"), []string{
		"--port", port, "--bind", "127.0.0.1", "--save", "", "--maxmemory", "3mb", "--maxmemory-policy", "allkeys-lru", "--dir", t.TempDir(),
	}, answers)
	c := looked(t, Config{Redis: Redis{Addr: addr}, Memory: 85}, "redis")
	if f := c.Findings[0]; c.State != OK || f.Code != "redis.up" || f.Facts.Of != 3<<20 {
		t.Errorf("it is %s: %+v", c.State, c.Findings)
	}
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for i := range 40 {
		_, _ = fmt.Fprintf(conn, "SET k%d %s\r\n", i, strings.Repeat("x", 60000))
	}
	deadline := time.Now().Add(20 * time.Second)
	for {
		c = looked(t, Config{Redis: Redis{Addr: addr}, Memory: 85}, "redis")
		if c.Findings[0].Code == "redis.evicted" || time.Now().After(deadline) {
			break
		}
	}
	if c.State != Warning || c.Findings[0].Facts.Count == 0 {
		t.Errorf("one that throws keys away is %s: %+v", c.State, c.Findings)
	}
	if c := looked(t, Config{Redis: Redis{Addr: "127.0.0.1:1"}}, "redis"); c.State != Failed {
		t.Errorf("one that is not there is %s: %+v", c.State, c.Findings)
	}
	_, _ = fmt.Fprintf(conn, "CONFIG SET requirepass hunter2\r\n")
	for deadline := time.Now().Add(20 * time.Second); c.Findings[0].Code != "redis.password" && time.Now().Before(deadline); {
		c = looked(t, Config{Redis: Redis{Addr: addr}}, "redis")
	}
	if c.State != Unchecked {
		t.Errorf("one with a password is %s: %+v", c.State, c.Findings)
	}
}

// served is an https server whose certificate ends at that time.
func served(t *testing.T, ends time.Time) *httptest.Server {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	of := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "x"}, NotBefore: time.Now().Add(-1000 * time.Hour), NotAfter: ends,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, of, of, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func TestACertificateIsToldBeforeItEndsAndAlsoWhenItIsNotTrusted(t *testing.T) {
	t.Parallel()
	day := 24 * time.Hour
	for name, tt := range map[string]struct {
		ends time.Duration
		code string
	}{"over": {-day, "certificate.over"}, "not trusted": {300 * day, "certificate.bad"}} {
		s := served(t, time.Now().Add(tt.ends))
		c := looked(t, Config{URL: s.URL}, "certificate")
		if c.State != Failed || c.Findings[0].Code != tt.code {
			t.Errorf("%s is %s: %+v", name, c.State, c.Findings)
		}
		if c := looked(t, Config{URL: s.URL}, "url"); c.State != Failed || c.Findings[0].Code != "url.down" || strings.Contains(c.Findings[0].Facts.Text, "Get ") {
			t.Errorf("%s: the address is %s: %+v", name, c.State, c.Findings)
		}
	}
	if c := looked(t, Config{URL: "https://127.0.0.1:1/health"}, "certificate"); c.State != Unchecked {
		t.Errorf("nobody is there: %s", c.State)
	}
}

func TestDaysOfACertificateBecomeWarningsAt30And14AndAFailureAt3(t *testing.T) {
	t.Parallel()
	for days, want := range map[int]State{40: OK, 30: OK, 29: Warning, 13: Warning, 3: Warning, 2: Failed, 0: Failed} {
		if got := certified(time.Duration(days) * 24 * time.Hour); got != want {
			t.Errorf("with %d days left it is %s, want %s", days, got, want)
		}
	}
}

// kept is a backup of that age.
type kept struct {
	id  string
	age time.Duration
	err error
}

func (k kept) LastBackup(context.Context) (string, time.Time, error) {
	return k.id, time.Now().Add(-k.age), k.err
}

// archived is an archive of the log that stands like that.
type archived Archived

func (a archived) Archived(context.Context) (Archived, error) { return Archived(a), nil }

func TestAnArchiveOfTheLogThatStandsStillIsTold(t *testing.T) {
	t.Parallel()
	from := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		archive archived
		state   State
		code    string
	}{
		{archived{From: from, Lag: 8 * time.Second}, OK, "wal"},
		{archived{Lag: 8 * time.Second, Text: "pg_basebackup ended with exit code 1"}, Warning, "wal.none"},
		{archived{From: from, Lag: time.Minute, Trouble: "receiver"}, Warning, "wal.stands"},
		{archived{From: from, Lag: time.Hour, Trouble: "receiver", Late: true}, Failed, "wal.stands"},
		{archived{From: from, Lag: time.Hour, Late: true}, Failed, "wal.stands"},
	} {
		if c := looked(t, Config{WAL: tt.archive}, "wal"); c.State != tt.state || c.Findings[0].Code != tt.code || c.Findings[0].Facts.Age != tt.archive.Lag {
			t.Errorf("%+v is %s: %+v", tt.archive, c.State, c.Findings)
		}
	}
}

func TestTheAgeOfTheNewestProvenBackupIsHeldAgainstTheRPO(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		backup kept
		state  State
	}{
		{kept{"a", 30 * time.Minute, nil}, OK},
		{kept{"a", 50 * time.Minute, nil}, Warning},
		{kept{"a", 2 * time.Hour, nil}, Failed},
		{kept{}, Failed},
		{kept{err: errors.New("permission denied")}, Unchecked},
	} {
		if c := looked(t, Config{Backup: tt.backup, RPO: time.Hour}, "backup"); c.State != tt.state {
			t.Errorf("%+v is %s: %+v", tt.backup, c.State, c.Findings)
		}
	}
}

func TestTheMachineIsHeldAgainstItsThresholds(t *testing.T) {
	t.Parallel()
	m := host.Sample{
		At: time.Now(), CPU: 99, Over: time.Second, CPUs: 2, Load: [3]float64{9, 5, 1}, Memory: host.Memory{Total: 1000, Used: 900},
		Disks: []host.Disk{{Mount: "/", Total: 100, Used: 98, Free: 2, Inodes: 10, Nodes: 1}, {Mount: "/data", Used: 10, Free: 90, Inodes: 100, Nodes: 95}, {Mount: "/nas", Err: "it does not answer"}},
	}
	r, err := New(Config{Host: func() (host.Sample, bool) { return m, true }, CPU: 80, Memory: 85, Disk: 90}).Look(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"warning   cpu", "warning   memory", "warning   load", "failed    disk /:", "warning   disk /data: inodes", "unchecked disk /nas"} {
		if !strings.Contains(told(r), want) {
			t.Errorf("it does not say %q:\n%s", want, told(r))
		}
	}
	if c := looked(t, Config{Host: func() (host.Sample, bool) { return host.Sample{}, false }}, "cpu"); c.Findings[0].Code != "soon" {
		t.Errorf("before the first sample: %+v", c)
	}
}

func TestACheckThatHeedsNoDeadlineHoldsNobodyUpAndIsNotBegunTwice(t *testing.T) {
	t.Parallel()
	begun, release := make(chan struct{}, 10), make(chan struct{})
	defer close(release)
	stuck := Part{Name: "store", Look: func(context.Context) []Finding {
		begun <- struct{}{}
		<-release
		return nil
	}}
	c := New(Config{Bot: []Part{stuck}, Within: 100 * time.Millisecond})
	for i, code := range []string{"slow", "hangs", "hangs"} {
		r, err := c.Look(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		if f := found(r, "bot", "", code); f == nil || f.State != Unchecked || r.Took > time.Second {
			t.Errorf("look %d, in %s:\n%s", i, r.Took, told(r))
		}
	}
	if n := len(begun); n != 1 {
		t.Errorf("it was begun %d times", n)
	}
}

func TestACheckThatBreaksIsToldAndTheOthersAreLookedAt(t *testing.T) {
	t.Parallel()
	c := New(Config{Bot: []Part{{Name: "store", Look: func(context.Context) []Finding { panic("x") }}}})
	r, err := c.Look(t.Context(), "")
	if err != nil || found(r, "bot", "", "broke") == nil || len(r.Checks) < 10 {
		t.Errorf("%v\n%s", err, told(r))
	}
}

func TestErrorLinesAreQuotedWithoutWhomTheySpeakOf(t *testing.T) {
	t.Parallel()
	s := newScene(Config{Now: time.Now})
	lines := []string{"ERROR: cannot mail kim@example.com (user 4711)", "ERROR: cannot mail lee@example.org (user 12)", "ERROR: x"}
	f := s.errorLines(lines, false)
	if want := "ERROR: cannot mail <mail> (user #)"; f.State != OK || f.Facts.Count != 3 || f.Facts.Most != 2 || f.Facts.Text != want {
		t.Errorf("found %+v, want the text %q", f, want)
	}
	for range 10 {
		lines = append(lines, "ERROR: y")
	}
	if f := s.errorLines(lines, true); f.State != Warning || f.Facts.Total == 0 {
		t.Errorf("many are %+v", f)
	}
	if f := s.errorLines([]string{"PANIC: could not write"}, false); f.State != Warning {
		t.Errorf("a panic is %+v", f)
	}
}
