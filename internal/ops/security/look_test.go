package security

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops/health"
)

func TestAnAuditOfThisMachineSaysSomethingOfEverything(t *testing.T) {
	t.Parallel()
	c := New(Config{Memory: &shelf{}, Secrets: []string{"/etc/shadow"}, Folders: []string{t.TempDir()}})
	r, err := c.Look(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, k := range r.Checks {
		if len(k.Findings) == 0 || k.State.Rank() < 0 || k.State != health.Worst(k.Findings) {
			t.Errorf("%s %s is %q with %v", k.Name, k.Subject, k.State, codes(k.Findings))
		}
		if !slices.Contains(names, k.Name) {
			names = append(names, k.Name)
		}
		if len(k.Findings) > 4*(shown+2) {
			t.Errorf("%s tells %d things", k.Name, len(k.Findings))
		}
		t.Logf("%-9s %s %s: %v (%s)", k.State, k.Name, k.Subject, codes(k.Findings), k.Took.Round(time.Millisecond))
	}
	if !slices.Equal(names, Names) {
		t.Errorf("it tells of %v, in this order, instead of %v", names, Names)
	}
}

func TestInAContainerTheMachineIsUncheckedAndSaysWhy(t *testing.T) {
	t.Parallel()
	c := New(Config{Contained: "Docker"})
	r, err := c.Look(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range r.Checks {
		if slices.Contains([]string{"published", "confinement", "files", "trivy"}, k.Name) {
			continue
		}
		if k.State != health.Unchecked || k.Findings[0].Code != "contained" || k.Findings[0].Facts.Word != "Docker" {
			t.Errorf("%s is %s: %v", k.Name, k.State, codes(k.Findings))
		}
	}
}

func TestMuchOfOneSortIsCutAndThatIsSaid(t *testing.T) {
	t.Parallel()
	var all []health.Finding
	for range 100 {
		all = append(all, ok("ports.gone", health.Facts{}), warn("ports.new", health.Facts{}))
	}
	got := few(all)
	if len(got) != 2*(shown+1) || got[0].Code != "ports.new" || got[shown].Code != "more" || got[shown].Facts.Count != 100-shown || got[shown].State != health.Warning {
		t.Errorf("it became %v", codes(got))
	}
}

func TestAScanIsBegunOnceAndTellsLaterWhatItFound(t *testing.T) {
	t.Parallel()
	at := now
	c := New(Config{Scans: true, Now: func() time.Time { return at }})
	s := sceneOf(c.cfg)
	ctx, stop := context.WithCancel(t.Context())
	ended, runs, release := make(chan error, 1), make(chan struct{}, 10), make(chan struct{})
	look := func(context.Context) []health.Finding {
		runs <- struct{}{}
		<-release
		return []health.Finding{warn("lynis.index", health.Facts{Count: 50})}
	}
	for range 3 {
		if got := codes(s.scanned("lynis", scanFresh, look)); !slices.Equal(got, []string{"unchecked scan.running"}) {
			t.Errorf("while it runs: %v", got)
		}
	}
	go func() { ended <- s.Run(ctx) }()
	<-runs
	close(release)
	deadline, tick := time.Now().Add(20*time.Second), time.NewTicker(5*time.Millisecond)
	defer tick.Stop()
	for {
		got := codes(s.scanned("lynis", scanFresh, look))
		if slices.Equal(got, []string{"warning lynis.index", "ok scan.at"}) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("it never tells: %v", got)
		}
		<-tick.C
	}
	stop()
	if err := <-ended; err != nil || len(runs) != 0 {
		t.Errorf("%v, and %d more runs", err, len(runs))
	}
	if got := codes(sceneOf(Config{}).scanned("lynis", scanFresh, look)); !slices.Equal(got, []string{"unchecked scan.no_bot"}) {
		t.Errorf("without a bot: %v", got)
	}
}

func TestAScanThatIsQuickEnoughIsWaitedFor(t *testing.T) {
	t.Parallel()
	s := sceneOf(Config{Scans: true})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	look := func(context.Context) []health.Finding { return []health.Finding{ok("updates.none", health.Facts{})} }
	if got := codes(s.waited(t.Context(), "apt-get", updatesFresh, look)); !slices.Equal(got, []string{"ok updates.none", "ok scan.at"}) {
		t.Errorf("a quick one: %v", got)
	}
	hurry, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	endless := func(ctx context.Context) []health.Finding {
		<-ctx.Done()
		return []health.Finding{ok("updates.none", health.Facts{})}
	}
	if got := codes(s.waited(hurry, "slower", updatesFresh, endless)); !slices.Equal(got, []string{"unchecked scan.running"}) {
		t.Errorf("one that takes longer: %v", got)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestAScannerThatBreaksIsTold(t *testing.T) {
	t.Parallel()
	c := New(Config{})
	if got := codes(c.scan(t.Context(), scan{"trivy", func(context.Context) []health.Finding { panic("x") }})); !slices.Equal(got, []string{"unchecked broke"}) {
		t.Errorf("it tells %v", got)
	}
}

func TestProgramsGetNothingOfTheBotsSecretsAndEndWithTheirDeadline(t *testing.T) {
	t.Setenv("SLACK_BOT_TOKEN", "xoxb-secret")
	if out, err := run(t.Context(), "env"); err != nil || strings.Contains(out, "xoxb") || !strings.Contains(out, "LC_ALL=C") {
		t.Errorf("it sees %q, %v", out, err)
	}
	if _, err := run(t.Context(), "no-such-program-here"); err == nil {
		t.Error("a program that is not there runs")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	begin := time.Now()
	if _, err := run(ctx, "sleep", "600"); err == nil || time.Since(begin) > 30*time.Second {
		t.Errorf("it ended after %s with %v", time.Since(begin), err)
	}
}

func TestWhichContainerTheBotIsInIsFound(t *testing.T) {
	if _, err := os.Stat(filepath.Join("/", ".dockerenv")); err == nil {
		if got := Contained(); got != "Docker" {
			t.Errorf("in a container of Docker: %q", got)
		}
		return
	}
	t.Setenv("container", "lxc")
	if got := Contained(); got == "" {
		t.Error("in a container of LXC: nothing")
	}
}
