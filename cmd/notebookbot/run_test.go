package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/internal/realparts"
	"github.com/ai-notebook/notebookbot/internal/slackfake"
	"github.com/ai-notebook/notebookbot/internal/store"
)

// spoken is what somebody at a terminal sees while a program writes it.
type spoken struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *spoken) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *spoken) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// typed is one `notebookbot run`.
type typed struct {
	cmd      *exec.Cmd
	out, err spoken
}

func startRun(t *testing.T, config, in string, args ...string) *typed {
	t.Helper()
	r := &typed{cmd: exec.Command(realparts.Notebookbot(t), append([]string{"run", "--config", config}, args...)...)} //nolint:noctx // waited for
	r.cmd.Stdin, r.cmd.Stdout, r.cmd.Stderr = strings.NewReader(in), &r.out, &r.err
	r.cmd.SysProcAttr = dieWithParent()
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if r.cmd.ProcessState == nil {
			_ = r.cmd.Process.Kill()
			_ = r.cmd.Wait()
		}
		if t.Failed() {
			t.Logf("%s\n%s\n%s", r.cmd, &r.out, &r.err)
		}
	})
	return r
}

func (r *typed) code(t *testing.T) int {
	t.Helper()
	late := time.AfterFunc(overWithin, func() { _ = r.cmd.Process.Kill() })
	defer late.Stop()
	err := r.cmd.Wait()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return r.cmd.ProcessState.ExitCode()
}

func (r *typed) wants(t *testing.T, code int, words ...string) {
	t.Helper()
	if got := r.code(t); got != code {
		t.Errorf("%s ends with %d, want %d\n%s%s", r.cmd, got, code, &r.out, &r.err)
	}
	for _, w := range words {
		if !strings.Contains(r.out.String()+r.err.String(), w) {
			t.Errorf("%s does not say %q:\n%s%s", r.cmd, w, &r.out, &r.err)
		}
	}
}

// terminalLab is a lab for an application whose Slack is down.
func terminalLab(t *testing.T, a *realparts.Application, url string) *lab {
	t.Helper()
	l := newLab(t, url, fmt.Sprintf(`
target: {docker_host: %q, project: %s, dir: %q, health_url: %q}
break_glass: [U01AAAA, U01CCCC]
`, a.Host, a.Project, a.Dir, a.URL("/health")))
	l.slack.SetReachable(false)
	return l
}

// toldOnce brings Slack back and waits until everybody was told, once.
func (l *lab) toldOnce(t *testing.T, words ...string) {
	t.Helper()
	l.slack.SetReachable(true)
	said := func() string {
		var b strings.Builder
		for _, m := range l.slack.Messages("C0OPS") {
			b.WriteString(m.Text + "\n")
		}
		return b.String()
	}
	until(t, fmt.Sprintf("ops hears %q: %s", words, said()), time.Minute, func() bool {
		for _, w := range words {
			if !strings.Contains(said(), w) {
				return false
			}
		}
		return true
	})
	for _, w := range words {
		if n := strings.Count(said(), w); n != 1 {
			t.Errorf("%q was told %d times:\n%s", w, n, said())
		}
	}
	for key, places := range l.slack.PostsByKey() {
		if len(places) != 1 {
			t.Errorf("%s was posted %d times", key, len(places))
		}
	}
}

// recorded are the verdicts of the audit log for a user of the operating system, by word of the command or the event.
func recorded(t *testing.T, url string) string {
	t.Helper()
	log, err := store.OpenAudit(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for e, err := range log.Entries(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		if e.OSUser == me.Username {
			fmt.Fprintf(&b, "%s %s %s %s %s\n", e.Actor, e.Source, e.Word, e.Action, e.Verdict)
		}
	}
	return b.String()
}

func storeOf(t *testing.T) string {
	t.Helper()
	return "sqlite:" + filepath.Join(t.TempDir(), "bot.db")
}

const loud = "Break-glass"

func TestTheApplicationIsRestartedFromATerminalWhileSlackIsDown(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("skipped: it takes a minute")
	}
	a := realparts.StartApplication(t, "")
	served(t, a)
	began := func() string { return onlyStart(t, a, "backend") }
	restart := []string{"--as", "U01AAAA", "restart backend --no-backup"}

	t.Run("a running bot on SQLite does it", func(t *testing.T) {
		url := storeOf(t)
		l := terminalLab(t, a, url)
		p := startBot(t, realparts.Notebookbot(t), l.config, l.addr)
		before := began()
		r := startRun(t, l.config, "op-1\nthe backend answers nothing\n", restart...)
		r.wants(t, exitDone, "Type OP-1 to go on", "A running bot carries out OP-1", "restart backend")
		if strings.ContainsAny(r.out.String()+r.err.String(), "\x1b\x07") {
			t.Errorf("control characters reach the terminal: %q", r.out.String())
		}
		if began() == before {
			t.Error("the backend was not restarted")
		}
		if got := recorded(t, url); !strings.Contains(got, "U01AAAA terminal restart  asked") || !strings.Contains(got, "restart break_glass approved") &&
			!strings.Contains(got, "U01AAAA terminal operation.alone  approved") {
			t.Errorf("the audit log has:\n%s", got)
		}
		startRun(t, l.config, "", "--as", "U01AAAA", "operation approve OP-1").wants(t, exitFailed, "second person")
		startRun(t, l.config, "", "--as", "U01CCCC", "restart nginx").wants(t, exitFailed, "You may not run", "Ask @U01AAAA")
		startRun(t, l.config, "", "--as", "U01BBBB", "help").wants(t, exitFailed, "break_glass by user id")
		l.toldOnce(t, loud)
		p.stop(t)
		path, _ := store.Socket(url)
		if _, err := os.Lstat(path); err == nil {
			t.Error("the socket stays behind")
		}
	})

	t.Run("without a bot it is done here, and killed it is left to the next bot", func(t *testing.T) {
		url := storeOf(t)
		l := terminalLab(t, a, url)
		before := began()
		r := startRun(t, l.config, "", append([]string{"--json", "--confirm", "--reason", "it answers nothing"}, restart...)...)
		if got := r.code(t); got != exitDone {
			t.Fatalf("it ends with %d: %s%s", got, &r.out, &r.err)
		}
		var told struct {
			Operation, State string
			Steps            []struct{ Name, State string }
		}
		if err := json.Unmarshal([]byte(r.out.String()), &told); err != nil || told.Operation != "OP-1" || told.State != "done" || len(told.Steps) < 2 {
			t.Errorf("it says %s: %v", &r.out, err)
		}
		if began() == before {
			t.Error("the backend was not restarted")
		}
		startRun(t, l.config, "", append([]string{"--json"}, restart...)...).wants(t, exitUsage, "--confirm", "cancelled")
		startRun(t, l.config, "yes\n", restart...).wants(t, exitFailed, "That was not OP-3")

		r = startRun(t, l.config, "OP-4\nagain\n", restart...)
		until(t, "a step runs", time.Minute, func() bool { return strings.Contains(r.err.String(), "⏳") })
		if err := r.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = r.cmd.Wait()
		p := startBot(t, realparts.Notebookbot(t), l.config, l.addr)
		watched := func(key string) string {
			w := startRun(t, l.config, "", "--as", "U01AAAA", "--json", "operation show "+key)
			_ = w.code(t)
			return w.out.String()
		}
		until(t, "the bot ends it", overWithin, func() bool { return strings.Contains(watched("OP-4"), "Every check held") })
		l.slack.SetReachable(true)
		until(t, "both are told", time.Minute, func() bool {
			n := 0
			for _, m := range l.slack.Messages("C0OPS") {
				if strings.Contains(m.Text, loud) && strings.Contains(m.Text, "From a terminal as OS user") {
					n++
				}
			}
			return n == 2
		})
		for key, places := range l.slack.PostsByKey() {
			if len(places) != 1 {
				t.Errorf("%s was posted %d times", key, len(places))
			}
		}
		p.stop(t)
	})

	t.Run("interrupted without a bot it stops cleanly", func(t *testing.T) {
		l := terminalLab(t, a, storeOf(t))
		r := startRun(t, l.config, "OP-1\nwhy not\n", restart...)
		until(t, "a step runs", time.Minute, func() bool { return strings.Contains(r.err.String(), "⏳") })
		if err := r.cmd.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		r.wants(t, exitFailed, "Stopped; OP-1 is not over")
		startRun(t, l.config, "", "--as", "U01AAAA", "--json", "health").wants(t, exitDone, `"checks"`, `"state"`)
		startRun(t, l.config, "", "--as", "U01AAAA", "audit --json").wants(t, exitDone, `"name": "processes"`, `"name": "confinement `, a.Project+"_backend_1")
	})

	t.Run("a running bot on PostgreSQL does it", func(t *testing.T) {
		url := realparts.Postgres(t)
		l := terminalLab(t, a, url)
		p := startBot(t, realparts.Notebookbot(t), l.config, l.addr)
		before := began()
		startRun(t, l.config, "OP-1\nslow\n", restart...).wants(t, exitDone, "A running bot carries out OP-1")
		if began() == before {
			t.Error("the backend was not restarted")
		}
		l.toldOnce(t, loud)
		p.stop(t)
		startRun(t, l.config, "OP-2\nslow again\n", restart...).wants(t, exitDone, "this process carries out OP-2")
	})

	t.Run("killed while a bot on PostgreSQL does it", func(t *testing.T) { killedWatcher(t, a, realparts.Postgres(t)) })
}

// onlyStart is when the container of a service was started.
func onlyStart(t *testing.T, a *realparts.Application, service string) string {
	t.Helper()
	id := strings.TrimSpace(a.Compose(t, "ps", "-q", service))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "docker", "-H", a.Host, "inspect", "-f", "{{.State.StartedAt}}", id).Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestACommandFromATerminalIsRefusedInPlainWordsBeforeItBegins(t *testing.T) {
	t.Parallel()
	l := newLab(t, "", "")
	startRun(t, l.config, "", "help").wants(t, exitUsage, "break_glass", "lists no user")
	startRun(t, l.config, "").wants(t, exitUsage, "the command is missing")
	several := newLab(t, "", "break_glass: [U01AAAA, U01CCCC]")
	startRun(t, several.config, "", "help").wants(t, exitUsage, "U01AAAA, U01CCCC")
	groups := newLab(t, "", "break_glass: [U01DDDD]")
	b, err := os.ReadFile(groups.config)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, groups.config, strings.Replace(string(b), "operators: [U01AAAA, U01BBBB]", "operators: [S0OPS]", 1))
	startRun(t, groups.config, "", "help").wants(t, exitDone, "oncall")
	startRun(t, groups.config, "", "audit-log").wants(t, exitFailed, "people.operators", "groups")
	startRun(t, groups.config, "", "--json", "oncal").wants(t, exitFailed, `"refused":true`)
}

func TestATerminalNeedsNoneOfTheServicesEnvironment(t *testing.T) {
	t.Parallel()
	l := newLab(t, "", "break_glass: [U01AAAA]")
	b, err := os.ReadFile(l.config)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, l.config, strings.Replace(string(b), slackfake.BotToken, "${NOTEBOOKBOT_TEST_NOT_SET}", 1))
	startRun(t, l.config, "", "oncall").wants(t, exitDone, "NOTEBOOKBOT_TEST_NOT_SET", "not set")
}
