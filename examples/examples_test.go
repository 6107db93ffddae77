// Package examples checks what is shipped beside the program with the programs that it is for.
package examples

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ai-notebook/notebookbot/internal/realparts"
)

func run(t *testing.T, dir, program string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), realparts.Require(t, program), args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
}

func TestPrometheusTakesItsConfigurationAndTheRules(t *testing.T) {
	t.Parallel()
	run(t, "prometheus", "promtool", "check", "config", "prometheus.yml")
}

func TestTheRulesFireWhenTheGuideSaysSo(t *testing.T) {
	t.Parallel()
	run(t, "prometheus", "promtool", "test", "rules", "rules_test.yml")
}

func TestAlertmanagerTakesItsConfiguration(t *testing.T) {
	t.Parallel()
	run(t, "alertmanager", "amtool", "check-config", "alertmanager.yml")
}

func TestAlertsOfAllRulesReachTheBot(t *testing.T) {
	t.Parallel()
	for _, severity := range []string{"critical", "warning"} {
		run(t, "alertmanager", "amtool", "config", "routes", "test", "--config.file", "alertmanager.yml",
			"--verify.receivers", "notebookbot", "alertname=ServiceDown", "severity="+severity)
	}
}

// What systemd itself would say of the unit. The program need not be installed for that, so that line is looked past.
func TestSystemdTakesTheUnit(t *testing.T) {
	t.Parallel()
	path := realparts.Require(t, "systemd-analyze")
	cmd := exec.CommandContext(t.Context(), path, "verify", "--man=no", filepath.Join("systemd", "notebookbot.service"))
	out, err := cmd.CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "notebookbot.service") && !strings.Contains(line, "/usr/local/bin/notebookbot is not executable") {
			t.Errorf("systemd-analyze (%v): %s", err, line)
		}
	}
}

func TestTheUnitStartsTheProgramAsDocumented(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile(filepath.Join("systemd", "notebookbot.service"))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"ExecStart=/usr/local/bin/notebookbot serve --config ", "RestartPreventExitStatus=2", "NoNewPrivileges=yes"} {
		if !strings.Contains(string(b), "\n"+line) {
			t.Errorf("no line %q", line)
		}
	}
}
