package templates

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// guarded is what an audit of a machine that follows the guide finds.
func guarded() HealthView {
	return HealthView{At: at, Took: 5200 * time.Millisecond, Checks: []HealthCheck{
		oneCheck("processes", "", "ok", "processes.fine", Args{Count: 142}),
		oneCheck("ports", "", "ok", "ports.before", Args{Count: 9, Total: 3, At: at.Add(-24 * time.Hour)}),
		{Name: "published", State: "ok", Findings: []HealthFinding{
			{"ok", "published.web", Args{Word: "80/tcp", Where: "ai-notebook_nginx_1"}}, {"ok", "published.web", Args{Word: "443/tcp", Where: "ai-notebook_nginx_1"}},
		}},
		{Name: "logins", State: "ok", Findings: []HealthFinding{
			{"ok", "logins.count", Args{Count: 2, Age: 7 * 24 * time.Hour}},
			{"ok", "logins.one", Args{Account: "kim", Where: "198.51.100.7", At: at.Add(-2 * time.Hour)}},
			{"ok", "logins.one", Args{Account: "lee", At: at.Add(-3 * time.Hour)}},
		}},
		oneCheck("failed_logins", "", "ok", "failed_logins.count", Args{Count: 0, Age: 7 * 24 * time.Hour}),
		oneCheck("files", "/opt/ai-notebook/.env", "ok", "files.fine", Args{Text: "0600", Account: "root"}), oneCheck("files", "/opt/ai-notebook/ssl", "ok", "files.keys", Args{Count: 1}),
		oneCheck("files", "/var/run/docker.sock", "ok", "files.socket", Args{Text: "0660", Names: []string{"kim", "notebookbot"}}),
		oneCheck("confinement", "ai-notebook_backend_1", "ok", "confinement.fine", Args{Of: 134217728}),
		oneCheck("sshd", "", "ok", "sshd.fine", Args{Word: "sshd -T", Text: "2222"}), oneCheck("firewall", "", "ok", "firewall.on", Args{Word: "deny", Count: 3}),
		oneCheck("fail2ban", "", "ok", "fail2ban.on", Args{Count: 2, Total: 77}), oneCheck("updates", "", "ok", "updates.none", Args{Age: 5 * time.Hour}),
		{Name: "lynis", State: "ok", Findings: []HealthFinding{{"ok", "lynis.index", Args{Count: 74, Total: 31}}, {"ok", "scan.at", Args{At: at.Add(-5 * time.Hour)}}}},
		oneCheck("trivy", "", "ok", "trivy.none", Args{Word: "ai-notebook-backend:v2"}),
	}}
}

// attacked is one that does not, and on which somebody is.
func attacked() HealthView {
	v := guarded()
	shell := Args{Word: "/usr/bin/dash", Count: 31337, Account: "www-data", Age: 14 * time.Minute, Text: "nginx"}
	v.Checks[0] = HealthCheck{Name: "processes", State: "failed", Findings: []HealthFinding{
		{"failed", "processes.shell", shell},
		{"failed", "processes.open", Args{Word: "/tmp/.x/kdevtmpfsi", Count: 31400, Account: "999", Where: "ai-notebook_redis_1", Age: 3 * time.Hour}},
		{"failed", "processes.deleted", Args{Word: "/usr/sbin/worker", Count: 812, Account: "root", Age: 26 * time.Hour}},
	}}
	v.Checks[1] = HealthCheck{Name: "ports", State: "warning", Findings: []HealthFinding{
		{"warning", "ports.new", Args{Word: "tcp 0.0.0.0:4444", Text: "dash", At: at.Add(-10 * time.Minute)}}, {"ok", "ports.before", Args{Count: 10, Total: 4, At: at.Add(-24 * time.Hour)}},
	}}
	v.Checks[2] = oneCheck("published", "", "warning", "published.open", Args{Word: "5432/tcp", Where: "ai-notebook_postgres_1"})
	v.Checks[3] = HealthCheck{Name: "logins", State: "failed", Findings: []HealthFinding{{"failed", "logins.guessed", Args{Account: "deploy", Where: "203.0.113.9", At: at.Add(-time.Hour), Count: 812}}}}
	v.Checks[5] = oneCheck("files", "/opt/ai-notebook/.env", "failed", "files.readable", Args{Text: "0644", Account: "root"})
	v.Checks[8] = HealthCheck{Name: "confinement", Subject: "ai-notebook_backend_1", State: "warning", Findings: []HealthFinding{
		{"warning", "confinement.unlimited", Args{}}, {"warning", "confinement.root", Args{}}, {"warning", "confinement.latest", Args{Word: "ai-notebook-backend:latest"}},
	}}
	v.Checks[9] = HealthCheck{Name: "sshd", State: "failed", Findings: []HealthFinding{{"failed", "sshd.root", Args{Text: "yes"}}, {"warning", "sshd.password", Args{Text: "yes"}}}}
	v.Checks[10] = oneCheck("firewall", "", "failed", "firewall.off", Args{})
	v.Checks[11] = oneCheck("fail2ban", "", "unchecked", "absent", Args{Word: "fail2ban-client"})
	v.Checks[12] = HealthCheck{Name: "updates", State: "warning", Findings: []HealthFinding{{"warning", "updates.security", Args{Count: 2, Names: []string{"openssl", "libssl3"}}}, {"ok", "updates.others", Args{Count: 17}}}}
	v.Checks[13] = oneCheck("lynis", "", "unchecked", "scan.running", Args{Word: "lynis", Age: 40 * time.Second})
	v.Checks[14] = oneCheck("trivy", "", "unchecked", "absent", Args{Word: "trivy"})
	return v
}

// everySecurityCode is a check for each code, as hostile as it gets.
func everySecurityCode() HealthView {
	v := HealthView{At: at, Took: 4 * time.Second}
	const bad = "<!here> \x1b[31m\u202e <@U01AAAA> `x`"
	for i, code := range securityCodes {
		state := healthStates[i%3]
		v.Checks = append(v.Checks, HealthCheck{Name: securityNames[i%len(securityNames)], Subject: code, State: state, Findings: []HealthFinding{
			{state, code, Args{Count: 3, Total: 5000, Most: 2, Of: 134217728, Age: 95 * time.Minute, After: 4 * time.Second, At: at, Word: bad, Text: bad, Where: bad, Account: bad, Names: []string{bad, "kim"}}},
			{"ok", code, Args{}},
		}})
	}
	return v
}

func TestAnAuditReadsWellOnGoodAndBadDays(t *testing.T) {
	eachLocale(t, func(t *testing.T, l string, w *Templates) {
		var b book
		b.add("as the guide wants it", w.Security(guarded()))
		b.add("somebody is in", w.Security(attacked()))
		inside := HealthView{At: at, Took: 90 * time.Millisecond}
		for _, name := range securityNames {
			inside.Checks = append(inside.Checks, oneCheck(name, "", "unchecked", "contained", Args{Word: "Docker"}))
		}
		b.add("in a container", w.Security(inside))
		many := HealthView{At: at, Took: 90 * time.Millisecond}
		for i := range 25 {
			many.Checks = append(many.Checks, oneCheck("confinement", fmt.Sprintf("shop_worker_%d", i+1), "warning", "confinement.unlimited", Args{}))
		}
		b.add("the same of many", w.Security(many))
		b.add("every code", w.Security(everySecurityCode()))
		out, err := w.HealthJSON(attacked())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = fmt.Fprintf(&b, "\n===== json\n%s\n", out)
		golden(t, l, "security", b.String())
	})
}

func TestNothingThatAProgramIsCalledPingsOrFormats(t *testing.T) {
	eachLocale(t, func(t *testing.T, _ string, w *Templates) {
		for _, b := range w.Security(everySecurityCode()).Blocks {
			for _, l := range b.Lines {
				for _, s := range l {
					if s.User != "" || s.UserGroup != "" || s.URL != "" {
						t.Errorf("it became %+v", s)
					}
				}
			}
		}
		out, err := w.HealthJSON(everySecurityCode())
		if err != nil || !json.Valid(out) || strings.ContainsAny(string(out), "\x1b\u202e") {
			t.Errorf("for programs: %v\n%s", err, out)
		}
	})
}
