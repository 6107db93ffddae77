package main

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/internal/realparts"
	"github.com/ai-notebook/notebookbot/internal/slackfake"
)

// killed is an operation in which the bot is killed.
type killed struct {
	ask   string                                              // what the operator types
	next  func(t *testing.T, a *realparts.Application) string // or that, for the application as it is by then
	ready func(t *testing.T, a *realparts.Application)        // makes the application ready for it
	often []string                                            // the steps at which it is killed also where not all instants are tried; none: all
	steps []string                                            // all that an undisturbed run does, in order
	// ends are the states in which the operation may end after a kill.
	ends []string
}

// whens are the instants of a step at which the bot is killed.
var whens = []string{"before", "during", "after"}

// TestKilledInTheMiddleOfAnOperation kills the real bot at each step of an operation, starts it again, and looks: nothing is
// repeated without a look that says it was not done, nothing half-done is called done, people are told once, the application serves.
// Short it kills after each step alone; NOTEBOOKBOT_KILLS (make soak) does all instants.
func TestKilledInTheMiddleOfAnOperation(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("skipped: it takes minutes")
	}
	for name, k := range map[string]killed{
		"restart": {
			ask: "restart backend", steps: []string{"backup", "restart:backend", "healthy:backend", "url"}, ends: []string{"done"},
			often: []string{"restart:backend"},
		},
		"backup": {
			ask: "backup full", ends: []string{"done"}, often: []string{"dump", "manifest"},
			steps: []string{"begin_set", "dump", "pack_files", "pack_config", "pack_secrets", "manifest", "prove", "retention"},
		},
		"deploy": {
			ready: versioned, next: otherVersion, often: []string{"roll:backend"}, ends: []string{"done", "undone"},
			steps: []string{
				"backup", "checkout", "image:backend", "image:frontend", "pin", "roll:backend", "roll:frontend", "watch", "tidy",
				"healthy:backend", "healthy:frontend", "url",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := realparts.StartApplication(t, "")
			served(t, a)
			if k.ready != nil {
				k.ready(t, a)
			}
			instants, steps := []string{"after"}, k.steps
			if os.Getenv("NOTEBOOKBOT_KILLS") != "" {
				instants = whens
			} else if len(k.often) > 0 {
				instants, steps = whens[1:], k.often
			}
			if got := (&killing{t: t, app: a, k: k}).undisturbed(); !slices.Equal(got, k.steps) {
				t.Fatalf("an undisturbed run does %q, and this test kills at %q: keep them together", got, k.steps)
			}
			for _, step := range steps {
				for _, when := range instants {
					t.Run(when+" "+step, func(t *testing.T) { (&killing{t: t, app: a, k: k}).at(when + " " + step) })
				}
			}
		})
	}
}

// killing is one run of the operation.
type killing struct {
	t     *testing.T
	app   *realparts.Application
	k     killed
	lab   *lab
	trace string
}

func (k *killing) open() {
	k.t.Helper()
	k.trace = filepath.Join(k.t.TempDir(), "trace")
	if k.k.next != nil {
		k.k.ask = k.k.next(k.t, k.app)
	}
	k.lab = newLab(k.t, "", fmt.Sprintf(`
target: {docker_host: %q, project: %s, dir: %q, health_url: %q}
deploy: {watch: 1s}
backup: {dir: %q, files: [docker-compose.yml], config: [nginx/], secrets: [.env]}
`, k.app.Host, k.app.Project, k.app.Dir, k.app.URL("/health"), filepath.Join(k.t.TempDir(), "backups")))
}

// begin asks for the operation and has it approved by whoever else may.
func (k *killing) begin(p *process) slackfake.Message {
	k.t.Helper()
	const patience, again = 2 * time.Minute, 30 * time.Second
	var asked time.Time // a second request would be a second operation
	until(k.t, "the operation is planned", patience, func() bool {
		if p.cmd.ProcessState == nil && len(k.lab.slack.Sockets()) > 0 && k.card().TS == "" && time.Since(asked) > again {
			k.lab.slack.User("U01AAAA").Slash("C0OPS", k.k.ask)
			asked = time.Now()
		}
		return k.card().TS != ""
	})
	card := k.card()
	for _, who := range []string{"U01BBBB", "U01CCCC"} {
		if k.state() != "planned" {
			break // it needed no approval, or no other one
		}
		k.lab.slack.User(who).Click(card.Channel, card.TS, "approval.approve")
		wait(k.t.Context(), 200*time.Millisecond)
	}
	return card
}

func (k *killing) card() slackfake.Message {
	for _, m := range k.lab.slack.Messages("C0OPS") {
		if m.Key() == "OP-1/card" {
			return m
		}
	}
	return slackfake.Message{}
}

func (k *killing) state() string {
	m := k.card()
	if m.Metadata == nil {
		return ""
	}
	s, _ := m.Metadata.Payload["state"].(string)
	return s
}

const overWithin = 3 * time.Minute

func (k *killing) over() string {
	k.t.Helper()
	until(k.t, "the operation is over", overWithin, func() bool { return !slices.Contains([]string{"", "planned", "running"}, k.state()) })
	return k.state()
}

func (k *killing) undisturbed() []string {
	k.t.Helper()
	k.open()
	p := startDying(k.t, k.lab.config, k.lab.addr, "", k.trace)
	k.begin(p)
	if s := k.over(); s != "done" {
		k.t.Fatalf("an undisturbed run ends as %s: %s", s, k.card().Text)
	}
	p.stop(k.t)
	var did []string
	for _, line := range traced(k.t, k.trace) {
		if step, ok := strings.CutPrefix(line, "did "); ok {
			did = append(did, step)
		}
	}
	return did
}

func (k *killing) at(at string) {
	k.t.Helper()
	k.open()
	p := startDying(k.t, k.lab.config, k.lab.addr, at, k.trace)
	k.begin(p)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = p.cmd.Wait() // "signal: killed"
	}()
	select {
	case <-done:
	case <-time.After(overWithin):
		k.t.Fatalf("it was not killed %s: %q", at, traced(k.t, k.trace))
	}
	p.killed = true
	if s := k.state(); s == "done" {
		k.t.Errorf("it was called done before it was over")
	}
	again := startDying(k.t, k.lab.config, k.lab.addr, "", k.trace)
	end := k.over()
	if !slices.Contains(k.k.ends, end) {
		k.t.Errorf("killed %s it ends as %s, want one of %q: %s", at, end, k.k.ends, k.card().Text)
	}
	until(k.t, "the end is told", overWithin, func() bool { return len(k.told()) > 0 })
	served(k.t, k.app)
	again.stop(k.t)
	if told := k.told(); len(told) != 1 {
		k.t.Errorf("the end was told %d times: %q", len(told), told)
	}
	for key, places := range k.lab.slack.PostsByKey() {
		if len(places) != 1 {
			k.t.Errorf("%s was posted %d times", key, len(places))
		}
	}
	k.repeatedOnlyAfterALook()
}

// told are the replies that say how it ended.
func (k *killing) told() []string {
	var out []string
	card := k.card()
	for _, m := range k.lab.slack.Thread(card.Channel, card.TS) {
		if m.TS != card.TS && strings.Contains(m.Text, "OP-1") {
			out = append(out, m.Text)
		}
	}
	return out
}

// repeatedOnlyAfterALook looks at the trace: a step that is begun again was looked at in between, and found not done.
func (k *killing) repeatedOnlyAfterALook() {
	k.t.Helper()
	begun, looked := map[string]bool{}, map[string]string{}
	for _, line := range traced(k.t, k.trace) {
		what, step, _ := strings.Cut(line, " ")
		switch {
		case what == "do" && begun[step] && looked[step] != "not_done":
			k.t.Errorf("%s was begun again, and the look before said %q: %q", step, looked[step], traced(k.t, k.trace))
		case what == "do":
			begun[step], looked[step] = true, ""
		case strings.HasPrefix(what, "look:"):
			looked[step] = strings.TrimPrefix(what, "look:")
		}
	}
}

// versioned makes a checkout with the versions v1 and v2 of the application's folder.
func versioned(t *testing.T, a *realparts.Application) {
	t.Helper()
	realparts.ApplicationImages(t, a.Host, "v2")
	if err := os.WriteFile(filepath.Join(a.Dir, ".gitignore"), []byte(".env\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"init", "--quiet"},
		{"add", "--all"},
		{"commit", "--quiet", "-m", "one"},
		{"tag", "v1"},
		{"commit", "--quiet", "--allow-empty", "-m", "two"},
		{"tag", "v2"},
		{"checkout", "--quiet", "v1"},
	} {
		inCheckout(t, a, args...)
	}
}

func inCheckout(t *testing.T, a *realparts.Application, args ...string) string {
	t.Helper()
	cmd := exec.Command(realparts.Require(t, "git"), append([]string{"-c", "user.name=a", "-c", "user.email=a@b"}, args...)...)
	cmd.Dir = a.Dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %q: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// otherVersion deploys the one that does not run.
func otherVersion(t *testing.T, a *realparts.Application) string {
	t.Helper()
	if inCheckout(t, a, "describe", "--tags", "--exact-match") == "v1" {
		return "deploy v2"
	}
	return "deploy v1"
}

// served waits until the application answers well.
func served(t *testing.T, a *realparts.Application) {
	t.Helper()
	until(t, "the application serves", overWithin, func() bool {
		resp, err := client.Get(a.URL("/health")) //nolint:noctx // bounded by the client's time-out
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}
