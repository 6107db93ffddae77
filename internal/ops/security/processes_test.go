package security

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops/health"
	"github.com/ai-notebook/notebookbot/internal/realparts"
)

// running starts a program for as long as the test takes, and waits until it is the one that the kernel speaks of.
func running(t *testing.T, file string, uid uint32, argv ...string) int {
	t.Helper()
	cmd := &exec.Cmd{Path: file, Args: argv, SysProcAttr: &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}, Dir: "/"}
	in, err := cmd.StdinPipe() // a shell waits for words, and ends with the test
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = in.Close()
		_ = cmd.Wait()
	})
	return cmd.Process.Pid
}

// copied is a copy of a program, in a folder of the test's own below dir; empty: where nobody else writes.
func copied(t *testing.T, program, dir, name string) string {
	t.Helper()
	from, err := os.Open(realparts.Require(t, program))
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	if dir == "" {
		dir = "." // which may be below /tmp itself
		if os.Geteuid() == 0 {
			dir = "/var/lib"
		}
	}
	if dir, err = os.MkdirTemp(dir, "audited-"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if dir, err = filepath.Abs(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, name)
	// Another test's child that is forked meanwhile would hold the file open for writing, and nobody could run it.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	to, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(to, from); err != nil {
		t.Fatal(err)
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	return file
}

// told are the codes of what is said of a process.
func told(t *testing.T, s *scene, pid int) []string {
	t.Helper()
	all, _, err := s.programs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var out []health.Finding
	for _, f := range s.judge(t.Context(), all) {
		if f.Facts.Count == pid {
			out = append(out, f)
		}
	}
	if all[pid] == nil {
		t.Fatalf("process %d is not among them", pid)
	}
	return codes(out)
}

const (
	asRoot = 0
	noOne  = 65534 // the account nobody
	wwwUID = 33    // www-data
)

func TestAProcessIsJudgedByItsProgramAndItsAccountAndNeverByWords(t *testing.T) {
	if os.Geteuid() != 0 {
		realparts.Missing(t, "processes of other accounts need root")
	}
	t.Parallel()
	s := sceneOf(Config{})
	shell := realparts.Require(t, "sh")

	deleted := copied(t, "sleep", "", "worker")
	deletedPid := running(t, deleted, asRoot, "worker", "600")
	if err := os.Remove(deleted); err != nil {
		t.Fatal(err)
	}
	replaced := copied(t, "sleep", "", "updated")
	replacedPid := running(t, replaced, asRoot, "updated", "600")
	fresh := copied(t, "sleep", "", "updated")
	if err := os.Rename(fresh, replaced); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		pid  int
		want []string
	}{
		{"a program whose file was deleted", deletedPid, []string{"failed processes.deleted"}},
		{"a program whose file was replaced by an update", replacedPid, []string{"warning processes.replaced"}},
		{"a program from /tmp", running(t, copied(t, "sleep", "/tmp", "miner"), asRoot, "miner", "600"), []string{"failed processes.open"}},
		{"a program from /dev/shm", running(t, copied(t, "sleep", "/dev/shm", "miner"), noOne, "[kworker/0:1]", "600"), []string{"failed processes.open"}},
		{"a file that is only called deleted", running(t, copied(t, "sleep", "", "x (deleted)"), asRoot, "x", "600"), nil},
		{"a shell of nobody", running(t, shell, noOne, "sh"), []string{"failed processes.shell"}},
		{"a shell of www-data that calls itself something else", running(t, shell, wwwUID, "nginx: worker process"), []string{"failed processes.shell"}},
		{"a shell of root", running(t, shell, asRoot, "sh"), nil},
		{"a service whose name holds sh", running(t, copied(t, "sleep", "", "shadowsh"), wwwUID, "shadowsh", "600"), nil},
		{"a service that calls itself bash", running(t, copied(t, "sleep", "", "php"), wwwUID, "bash", "600"), nil},
	} {
		if got := told(t, s, tt.pid); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestAShellThatOnlyJustBeganIsAHealthcheck(t *testing.T) {
	if os.Geteuid() != 0 {
		realparts.Missing(t, "processes of other accounts need root")
	}
	t.Parallel()
	s := sceneOf(Config{})
	s.young = time.Hour
	if got := told(t, s, running(t, realparts.Require(t, "sh"), noOne, "sh")); got != nil {
		t.Errorf("it is told: %v", got)
	}
}

func TestNothingOfACommandLineIsTold(t *testing.T) {
	if os.Geteuid() != 0 {
		realparts.Missing(t, "processes of other accounts need root")
	}
	t.Parallel()
	s := sceneOf(Config{})
	const secret = "hunter2-of-the-command-line"
	pid := running(t, copied(t, "sleep", "/tmp", "miner"), asRoot, secret, "600")
	all, _, err := s.programs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range s.judge(t.Context(), all) {
		if f.Facts.Count == pid && (strings.Contains(f.Facts.Word+f.Facts.Text, secret) || f.Facts.Account != "root") {
			t.Errorf("it tells %+v", f)
		}
	}
}

func TestAServicesAccountIsOneThatNobodyLogsInWith(t *testing.T) {
	t.Parallel()
	known := accounts(strings.NewReader(`root:x:0:0:root:/root:/bin/bash
www-data:x:33:33::/var/www:/usr/sbin/nologin
postgres:x:114:120::/var/lib/postgresql:/bin/bash
kim:x:1000:1000::/home/kim:/bin/bash
old:x:1001:1001::/home/old:/usr/sbin/nologin
admin:x:200:200::/:/bin/bash
nobody:x:65534:65534::/nonexistent:/usr/sbin/nologin
broken:x:1
evil:x:-5:0::/:/bin/false
twin:x:1000:0::/:/bin/false
`))
	for uid, want := range map[int]bool{0: false, 33: true, 114: true, 1000: false, 1001: false, 200: false, 65534: true} {
		if got := known[uid].service(); got != want {
			t.Errorf("%d (%s): %v, want %v", uid, known[uid].name, got, want)
		}
	}
	if known[1000].name != "kim" || len(known) != 7 {
		t.Errorf("accounts are %v", known)
	}
}
