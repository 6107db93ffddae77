package e2e

import (
	"bufio"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/ai-notebook/notebookbot/internal/realparts"
)

// examples is where the shipped configurations are.
const examples = "../../examples"

// shipped reads a shipped file and replaces texts in it, in pairs. A text that is not there any more fails the test: it would
// not test what is shipped.
func shipped(t *testing.T, name string, replace ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(examples, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for i := 0; i < len(replace); i += 2 {
		if !strings.Contains(text, replace[i]) {
			t.Fatalf("%s has no %q any more", name, replace[i])
		}
		text = strings.ReplaceAll(text, replace[i], replace[i+1])
	}
	return text
}

// startAlertmanagers starts two with the shipped configuration, made quick: a pair that knows of each other, or two that do not.
func startAlertmanagers(t *testing.T, bot, token string, pair bool) [2]*realparts.HTTPServer {
	t.Helper()
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
	config := shipped(t, "alertmanager/alertmanager.yml",
		"http://127.0.0.1:8391/", "http://"+bot+"/", "/etc/prometheus/notebookbot.token", file,
		"group_wait: 10s", "group_wait: 200ms", "group_interval: 1m", "group_interval: 1s", "repeat_interval: 1h", "repeat_interval: 2s")
	if pair {
		return realparts.AlertmanagerPair(t, config)
	}
	return [2]*realparts.HTTPServer{realparts.Alertmanager(t, config), realparts.Alertmanager(t, config)}
}

var (
	waits  = regexp.MustCompile(`(?m)^(\s+for: )\d+m$`)
	ranges = regexp.MustCompile(`\[\d+m\]`)
)

// startPrometheus starts one with the shipped rules, made quick. The bot stands in for the hosts: it is there all the time.
func startPrometheus(t *testing.T, app, bot string, ams [2]*realparts.HTTPServer) *realparts.HTTPServer {
	t.Helper()
	rules := shipped(t, "prometheus/rules.yml")
	if !waits.MatchString(rules) || !ranges.MatchString(rules) {
		t.Fatal("the rules are written otherwise than this test expects")
	}
	rules = ranges.ReplaceAllString(waits.ReplaceAllString(rules, "${1}200ms"), "[2s]")
	config := shipped(t, "prometheus/prometheus.yml",
		"scrape_interval: 15s", "scrape_interval: 200ms", "evaluation_interval: 15s", "evaluation_interval: 200ms",
		"'127.0.0.1:9093'", quoted(ams[0].URL)+","+quoted(ams[1].URL), "'backend:8080'", "'"+app+"'",
		"'127.0.0.1:9100'", "'"+bot+"'", "'127.0.0.1:8391'", "'"+bot+"'")
	return realparts.Prometheus(t, config, map[string]string{"rules.yml": rules})
}

func quoted(url string) string { return "'" + strings.TrimPrefix(url, "http://") + "'" }

// figure reads a sum of series from a program's metrics: all whose line begins so.
func figure(t *testing.T, base, begins string) float64 {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	sum := 0.0
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if line := lines.Text(); strings.HasPrefix(line, begins) {
			v, err := strconv.ParseFloat(line[strings.LastIndexByte(line, ' ')+1:], 64)
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			sum += v
		}
	}
	return sum
}

// delivered counts the webhooks that an Alertmanager sent and that were taken.
func delivered(t *testing.T, am *realparts.HTTPServer) float64 {
	t.Helper()
	return figure(t, am.URL, `alertmanager_notifications_total{integration="webhook"`) -
		figure(t, am.URL, `alertmanager_notifications_failed_total{integration="webhook"`)
}
