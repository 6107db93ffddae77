package templates

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// one is a check with one finding.
func oneCheck(name, subject, state, code string, a Args) HealthCheck {
	return HealthCheck{Name: name, Subject: subject, State: state, Findings: []HealthFinding{{state, code, a}}}
}

// goodDay is what a look at the sample application finds.
func goodDay() HealthView {
	up := func(service string, percent int) HealthCheck {
		return HealthCheck{Name: "container", Subject: service, Service: service, State: "ok", Findings: []HealthFinding{
			{"ok", "container.up", Args{Age: 75 * time.Hour, Word: "healthy"}},
			{"ok", "container.memory", Args{Percent: percent, Limit: 85, Bytes: int64(percent) * 1342177, Of: 134217728, Value: 2.54}},
		}}
	}
	return HealthView{At: at, Took: 340 * time.Millisecond, Sampled: at.Add(-6 * time.Second), Checks: []HealthCheck{
		oneCheck("docker", "", "ok", "docker.up", Args{Count: 5, Total: 5}), up("backend", 14), up("postgres", 12), up("redis", 7),
		oneCheck("url", "", "ok", "url.up", Args{Word: "ai-notebook.com", Count: 200, After: 75 * time.Millisecond}),
		oneCheck("certificate", "", "ok", "certificate.days", Args{Count: 62, At: at.Add(62 * 24 * time.Hour), Word: "ai-notebook.com"}),
		oneCheck("postgres", "", "ok", "postgres.up", Args{Word: "15.14", After: 90 * time.Millisecond, Count: 12, Total: 97, Percent: 12, Bytes: 7634279}),
		oneCheck("redis", "", "ok", "redis.up", Args{Word: "7.0.15", After: 40 * time.Millisecond, Bytes: 966312}),
		oneCheck("backup", "", "ok", "backup", Args{Word: "20261122T231500Z", Age: 21 * time.Minute, After: time.Hour}),
		oneCheck("errors", "backend", "ok", "errors.none", Args{Age: time.Hour}), oneCheck("errors", "nginx", "ok", "errors.some", Args{Count: 1, Most: 1, Age: time.Hour, Text: "x"}),
		oneCheck("cpu", "", "ok", "cpu", Args{Percent: 23, Limit: 80, Count: 4, Age: 10 * time.Second}),
		oneCheck("memory", "", "ok", "memory", Args{Percent: 46, Limit: 85, Bytes: 7e9, Of: 16e9}), oneCheck("load", "", "ok", "load", Args{Value: 0.72, Count: 4}),
		oneCheck("disk", "/", "ok", "disk", Args{Percent: 31, Limit: 90, Bytes: 69e9, Of: 100e9}), oneCheck("disk", "/opt/backups", "ok", "disk", Args{Percent: 52, Limit: 90, Bytes: 480e9, Of: 1e12}),
		oneCheck("rehearsal", "", "ok", "rehearsal", Args{Word: "20261120T031500Z", At: at.Add(-60 * time.Hour), After: 95 * time.Second, Late: 4 * time.Hour, Count: 181234}),
		oneCheck("bot", "store", "ok", "bot.ok", Args{}), oneCheck("bot", "slack", "ok", "slack.up", Args{Count: 2, Total: 2}), oneCheck("bot", "outbox", "ok", "outbox.waiting", Args{}),
	}}
}

// everyCode is a check for each code, as hostile as it gets.
func everyCode() HealthView {
	v := HealthView{At: at, Took: 4 * time.Second}
	for i, code := range healthCodes {
		a := Args{
			Percent: 97, Limit: 90, Count: 3, Total: 5000, Most: 2, Bytes: 123456789, Of: 134217728, Value: 14.8, After: 4 * time.Second, Age: 95 * time.Minute,
			At: at, Late: 4 * time.Hour, Word: "<!here>", Text: "dial tcp: \x1b[31mrefused\u202e <@U01AAAA> `x`",
		}
		state := healthStates[i%3]
		v.Checks = append(v.Checks, HealthCheck{Name: healthNames[i%len(healthNames)], Subject: code, Service: "backend", State: state, Findings: []HealthFinding{
			{state, code, a}, {"ok", code, Args{}},
		}})
	}
	v.Checks = append(v.Checks, oneCheck("new", "", "failed", "new.code", Args{Text: "not known yet"}))
	return v
}

func TestHealthReadsWellOnGoodAndBadDays(t *testing.T) {
	eachLocale(t, func(t *testing.T, l string, w *Templates) {
		var b book
		b.add("good day", w.Health(goodDay()))
		bad := goodDay()
		bad.Checks[1] = HealthCheck{Name: "container", Subject: "backend", Service: "backend", State: "failed", Findings: []HealthFinding{
			{"failed", "container.unhealthy", Args{Count: 4, Text: "503 Service Unavailable"}},
			{"warning", "container.restarts", Args{Count: 3, Age: 4 * time.Minute}},
			{"warning", "container.memory", Args{Percent: 93, Limit: 85, Bytes: 125000000, Of: 134217728, Value: 180}},
		}}
		bad.Checks[2] = HealthCheck{Name: "container", Subject: "postgres", Service: "postgres", State: "failed", Findings: []HealthFinding{
			{"failed", "container.exited", Args{Count: 137, At: at.Add(-3 * time.Minute)}}, {"warning", "container.oom", Args{Of: 268435456}},
		}}
		bad.Checks[4] = oneCheck("url", "", "failed", "url.status", Args{Word: "ai-notebook.com", Count: 502, After: 1200 * time.Millisecond})
		bad.Checks[5] = oneCheck("certificate", "", "warning", "certificate.days", Args{Count: 13, At: at.Add(13 * 24 * time.Hour)})
		bad.Checks[6] = oneCheck("postgres", "", "unchecked", "slow", Args{After: 4 * time.Second})
		bad.Checks[8] = oneCheck("backup", "", "unchecked", "off", Args{Word: "backup.dir"})
		b.add("bad day", w.Health(bad))
		one := goodDay()
		one.Service, one.Checks, one.Sampled = "backend", one.Checks[1:2], time.Time{}
		b.add("one service", w.Health(one))
		b.add("every code", w.Health(everyCode()))
		b.add("still looking", w.Say("health.running", Args{Word: "health"}))
		out, err := w.HealthJSON(bad)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = fmt.Fprintf(&b, "\n===== json\n%s\n", out)
		golden(t, l, "health", b.String())
	})
}

func TestHealthForProgramsIsTheDocumentedForm(t *testing.T) {
	t.Parallel()
	for _, v := range []HealthView{{}, goodDay(), everyCode()} {
		out, err := words(t, English).HealthJSON(v)
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			Checks []struct{ Name, State, Reason string }
		}
		d := json.NewDecoder(strings.NewReader(string(out)))
		d.DisallowUnknownFields()
		if err := d.Decode(&got); err != nil || got.Checks == nil || len(got.Checks) != len(v.Checks) {
			t.Fatalf("%s: %v", out, err)
		}
		for i, c := range got.Checks {
			if c.Name == "" || c.State != v.Checks[i].State || c.Reason == "" || strings.ContainsAny(c.Reason, "\n\x1b\u202e") {
				t.Errorf("a check: %+v", c)
			}
		}
	}
}

func TestStatsAndLogsReadWell(t *testing.T) {
	eachLocale(t, func(t *testing.T, l string, w *Templates) {
		var b book
		b.add("stats", w.Stats(StatsView{Now: at, Sampled: at.Add(-8 * time.Second), Containers: []ContainerStats{
			{Name: "ai-notebook_backend_1", State: "running", Measured: true, CPU: 12.34, Memory: 125000000, Limit: 134217728, In: 12e6, Out: 4e6, Read: 0, Written: 4096, Hot: true, Restarts: 3, OOM: true},
			{Name: "ai-notebook_postgres_1", State: "running", Measured: true, CPU: 180, Memory: 32727040, In: 1, Out: 2, Read: 3e9, Written: 4e12},
			{Name: "笔记_redis_1", State: "exited", Restarts: 1},
			{Name: "<!here>", State: "running"},
		}}))
		b.add("stats, nothing", w.Stats(StatsView{Now: at}))

		lines := []string{"GET /notes/1 took 3 ms", "ERROR: connection lost <!channel>", "\tat com.x.Y(Y.java:3)"}
		b.add("logs, few", w.Logs(LogsView{Service: "backend", Lines: lines, Looked: 3, Errors: 1}))
		many := make([]string, 60)
		for i := range many {
			many[i] = fmt.Sprintf("line %d of <@U01AAAA> \u202e `x` %s", i, strings.Repeat("中", 400*(i%2)))
		}
		v := LogsView{Service: "nginx", Lines: many, Looked: 10000, Cut: true, Match: "<!here> 错误", Since: at.Add(-time.Hour), Errors: 12, File: true}
		for i := range 20 {
			v.Groups = append(v.Groups, LogGroup{fmt.Sprintf("shape %d %s", i, strings.Repeat("x", 400)), 100 - i, i < 3})
			v.Answers = append(v.Answers, LogAnswer{500 - i, 40 - i, "GET", "/api/notes/#"})
			v.Slow = append(v.Slow, LogSlow{"SELECT * FROM notes WHERE author = ?", 9, 3200 * time.Millisecond})
		}
		b.add("logs, many", w.Logs(v))
		b.add("logs, not found", w.Logs(LogsView{Service: "nginx", Looked: 10000, Cut: true, Match: "x", Since: at}))
		b.add("logs, nothing", w.Logs(LogsView{Service: "nginx"}))
		file := w.LogsFile(v, "nginx.log")
		b.add("logs, the file", file)
		b.add("logs, the file is refused", w.FileRefused(file.Summary, "storage_limit_reached"))
		golden(t, l, "logs", b.String())
	})
}

func FuzzWhatContainersSayIsOnlyText(f *testing.F) {
	f.Add("<!channel> \x02x:n\x03 \u202e")
	f.Fuzz(func(t *testing.T, s string) {
		w := words(t, Chinese)
		v := everyCode()
		for i := range v.Checks {
			v.Checks[i].Subject = s
			v.Checks[i].Findings[0].Args.Text, v.Checks[i].Findings[0].Args.Word = s, s
		}
		for _, m := range []Message{
			w.Health(v), w.Logs(LogsView{Service: s, Lines: []string{s}, Match: s, Groups: []LogGroup{{s, 1, true}}, Answers: []LogAnswer{{500, 1, s, s}}, Slow: []LogSlow{{s, 1, 1}}}),
			w.Stats(StatsView{Containers: []ContainerStats{{Name: s, State: s}}}),
		} {
			for _, b := range m.Blocks {
				for _, l := range b.Lines {
					for _, sp := range l {
						if sp.User != "" || sp.UserGroup != "" || sp.URL != "" {
							t.Fatalf("%q became %+v", s, sp)
						}
					}
				}
			}
		}
	})
}
