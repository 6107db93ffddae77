package realparts

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
)

// What the environment says about missing parts.
const (
	RequireEnv = "NOTEBOOKBOT_REQUIRE_REAL" // 1: a missing part fails the test
	SkippedEnv = "NOTEBOOKBOT_SKIPPED"      // a file that gets a line for each test that was skipped
)

// part is a program by the name that tests call it.
type part struct {
	names  []string // on PATH; the first that is there is taken
	globs  []string // where Debian puts it; of several versions the highest is taken
	debian string   // the package that brings it
}

var parts = map[string]part{
	"postgres":        {names: []string{"postgres"}, globs: []string{"/usr/lib/postgresql/*/bin/postgres"}, debian: "postgresql"},
	"initdb":          {names: []string{"initdb"}, globs: []string{"/usr/lib/postgresql/*/bin/initdb"}, debian: "postgresql"},
	"prometheus":      {names: []string{"prometheus"}, globs: []string{"/usr/bin/prometheus"}, debian: "prometheus"},
	"promtool":        {names: []string{"promtool"}, globs: []string{"/usr/bin/promtool"}, debian: "prometheus"},
	"alertmanager":    {names: []string{"prometheus-alertmanager", "alertmanager"}, globs: []string{"/usr/bin/prometheus-alertmanager"}, debian: "prometheus-alertmanager"},
	"amtool":          {names: []string{"amtool"}, globs: []string{"/usr/bin/amtool"}, debian: "prometheus-alertmanager"},
	"dockerd":         {names: []string{"dockerd"}, globs: []string{"/usr/sbin/dockerd"}, debian: "docker.io"},
	"iptables":        {names: []string{"iptables"}, globs: []string{"/usr/sbin/iptables"}, debian: "iptables"},
	"redis-cli":       {names: []string{"redis-cli"}, debian: "redis-tools"},
	"unshare":         {names: []string{"unshare"}, debian: "util-linux"},
	"versitygw":       {names: []string{"versitygw"}, globs: []string{"/usr/local/bin/versitygw"}, debian: "none; go install github.com/versity/versitygw/cmd/versitygw@v1.8.0"},
	"systemd-analyze": {names: []string{"systemd-analyze"}, debian: "systemd"},
	"chromium":        {names: []string{"chromium", "chromium-browser", "google-chrome"}, globs: []string{"/usr/bin/chromium"}, debian: "chromium"},
}

// Require gives the path of a program. Where it is missing, the test is skipped, or fails when CI says that all parts must be
// there. A name that is not in the table is looked for on PATH.
func Require(t testing.TB, name string) string {
	t.Helper()
	if path := find(name); path != "" {
		return path
	}
	pkg := name
	if p, ok := parts[name]; ok {
		pkg = p.debian
	}
	Missing(t, fmt.Sprintf("%s is not installed (Debian: apt-get install %s)", name, pkg))
	return ""
}

// Missing ends a test that cannot run here, for the reason given: it is skipped and listed, or fails when CI says that all parts
// must be there.
func Missing(t testing.TB, reason string) {
	t.Helper()
	if os.Getenv(RequireEnv) == "1" {
		t.Fatalf("%s=1, but %s", RequireEnv, reason)
	}
	if err := list(t.Name() + ": " + reason); err != nil {
		t.Fatalf("listing a skipped test: %v", err)
	}
	t.Skip(reason)
}

// list appends a line to the list of what was skipped. One write, so that the lines of several test processes do not mix.
func list(line string) error {
	name := os.Getenv(SkippedEnv)
	if name == "" {
		return nil
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err := f.WriteString(line + "\n"); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}

func find(name string) string {
	p, ok := parts[name]
	if !ok {
		p = part{names: []string{name}}
	}
	for _, n := range p.names {
		if path, err := exec.LookPath(n); err == nil {
			return path
		}
	}
	for _, g := range p.globs {
		found, err := filepath.Glob(g)
		if err != nil || len(found) == 0 {
			continue
		}
		return slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) })
	}
	return ""
}

// version reads the 15 of /usr/lib/postgresql/15/bin/postgres; zero where there is none.
func version(path string) int {
	n, err := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
	if err != nil {
		return 0
	}
	return n
}
