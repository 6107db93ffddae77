package alertmanager

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-notebook/notebookbot/incidents"
)

func receive(t *testing.T, cfg Config, body string) incidents.Webhook {
	t.Helper()
	to := &recorder{}
	if w := do(newHandler(t, cfg, to), from(here, "POST", Path, body)); w.Code != 200 {
		t.Fatalf("answer = %d %s", w.Code, w.Body)
	}
	return to.last(t)
}

func TestAnAlertArrivesWhole(t *testing.T) {
	t.Parallel()
	began, ended := time.Date(2026, 11, 22, 23, 36, 3, 884923824, time.UTC), time.Date(2026, 11, 22, 23, 36, 56, 0, time.UTC)
	want := incidents.Webhook{
		Group: incidents.Group{Receiver: "chatops", Key: `{}:{alertname="ServiceDown"}`},
		Title: "服务 backend:8080 宕机", ExternalURL: "http://vm:19093",
		Alerts: []incidents.Alert{{
			Fingerprint: "e80df6f1bbd968af", Firing: true, StartsAt: began, Level: incidents.P0,
			Labels:       map[string]string{"alertname": "ServiceDown", "instance": "backend:8080", "job": "ai-notebook", "severity": "critical"},
			Annotations:  map[string]string{"description": "服务已宕机超过1分钟", "summary": "服务 backend:8080 宕机"},
			GeneratorURL: "http://127.0.0.1:9090/graph?g0.expr=up+%3D%3D+0&g0.tab=1",
		}},
	}
	now := func() time.Time { return ended.Add(time.Minute) }
	if diff := cmp.Diff(want, receive(t, Config{Now: now}, capture(t, "01-firing-one-zh"))); diff != "" {
		t.Errorf("firing (-want +got):\n%s", diff)
	}
	want.Alerts[0].Firing, want.Alerts[0].EndsAt = false, ended
	if diff := cmp.Diff(want, receive(t, Config{Now: now}, capture(t, "03-resolved"))); diff != "" {
		t.Errorf("resolved (-want +got):\n%s", diff)
	}
}

func TestARepeatIsTheSameAgain(t *testing.T) {
	t.Parallel()
	for _, pair := range [][2]string{
		{"01-firing-one-zh", "02-firing-repeated-same-alert"},
		{"04-firing-grouped-3", "05-firing-grouped-repeat"},
		{"10-firing-grouped-2", "11-firing-grouped-repeat"},
	} {
		if diff := cmp.Diff(receive(t, Config{}, capture(t, pair[0])), receive(t, Config{}, capture(t, pair[1]))); diff != "" {
			t.Errorf("%v:\n%s", pair, diff)
		}
	}
}

func TestAGroupTellsWhoEndedAndWhoIsNotShown(t *testing.T) {
	t.Parallel()
	states := func(name string) (firing, ended, truncated int) {
		w := receive(t, Config{}, capture(t, name))
		for _, a := range w.Alerts {
			if a.Firing {
				firing++
			}
			if !a.EndsAt.IsZero() {
				ended++
			}
		}
		return firing, ended, w.Truncated
	}
	for name, want := range map[string][3]int{
		"10-firing-grouped-2": {2, 0, 0}, "12-partly-resolved": {2, 1, 0}, "13-resolved-grouped": {0, 2, 0}, "14-truncated": {2, 0, 3},
	} {
		if f, e, n := states(name); [3]int{f, e, n} != want {
			t.Errorf("%s: %d fire, %d ended, %d not shown; want %v", name, f, e, n, want)
		}
	}
}

// body makes a webhook of alerts, each a JSON object.
func body(extra string, alerts ...string) string {
	return fmt.Sprintf(`{"version":"4","groupKey":"k","status":"firing","receiver":"r","alerts":[%s]%s}`, strings.Join(alerts, ","), extra)
}

func TestWhatCanNeverSucceedIsRefusedInOneSentence(t *testing.T) {
	t.Parallel()
	const ok = `{"status":"firing","labels":{"a":"b"},"startsAt":"2026-01-05T09:00:00Z"}`
	tests := []struct{ name, body, says string }{
		{"nothing", ``, "the body is empty"},
		{"no JSON", `hello`, "the body is not JSON: invalid character 'h'"},
		{"cut short", body("", ok)[:50], "the body is not JSON: unexpected end"},
		{"null", `null`, `the version is ""; expected "4"`},
		{"a list", `[]`, "the body holds a array"},
		{"a text", `"4"`, "the body holds a string"},
		{"trailing data", body("", ok) + `{}`, "after top-level value"},
		{"two bodies in lines", body("", ok) + "\n" + body("", ok), "after top-level value"},
		{"another version", `{"version":"3","groupKey":"k"}`, `the version is "3"; expected "4"`},
		{"a version as a number", `{"version":4}`, `"version" holds a number`},
		{"no group key", `{"version":"4","alerts":[` + ok + `]}`, "there is no groupKey"},
		{"no alerts", body(""), "there are no alerts in it"},
		{"a status that only contains firing", strings.Replace(body("", ok), "firing", "not firing", 1), `the status is "not firing"`},
		{"an alert's status that only contains resolved", body("", `{"status":"unresolved","labels":{"a":"b"}}`), `the status of alert 1 is "unresolved"`},
		{"an alert's status in capitals", body("", ok, `{"status":"Firing","labels":{"a":"b"}}`), `the status of alert 2 is "Firing"`},
		{"an alert without a status", body("", `{"labels":{"a":"b"}}`), `the status of alert 1 is ""`},
		{"an alert that is nobody", body("", `{"status":"firing"}`), "alert 1 has neither a fingerprint nor labels"},
		{"a label that is a number", body("", `{"status":"firing","labels":{"a":1}}`), "holds a number"},
		{"a time that is none", body("", `{"status":"firing","labels":{"a":"b"},"startsAt":"today"}`), "is not a time such as"},
		{"negative truncation", body(`,"truncatedAlerts":-1`, ok), `"truncatedAlerts" holds a number -1`},
		{"deep nesting", body(`,"x":`+strings.Repeat("[", 100_000)+strings.Repeat("]", 100_000), ok), "the body is nested 100001 deep"},
		{"a flood of empty alerts", body("", strings.Repeat("{},", 300_000)+"{}"), "set max_alerts"},
		{"a flood of objects that nobody knows", body(`,"x":[`+strings.Repeat("{},", 300_000)+`{}]`, ok), "set max_alerts"},
		{"a long foreign text", `{"version":"` + strings.Repeat("x", 5000) + `"}`, `x… (+4900)"; expected "4"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			to := &recorder{}
			w := do(newHandler(t, Config{}, to), from(here, "POST", Path, tt.body))
			if w.Code != 400 || !strings.Contains(w.Body.String(), tt.says) {
				t.Errorf("answer = %d %q, want 400 %q", w.Code, w.Body, tt.says)
			}
			if len(to.got) != 0 {
				t.Error("it was taken all the same")
			}
			if got := w.Body.String(); len(got) > 500 || strings.Count(got, "\n") != 1 {
				t.Errorf("not one short sentence: %q", got)
			}
		})
	}
	w := do(newHandler(t, Config{}, &recorder{}), from(here, "POST", Path, "\x1f\x8b", "Content-Encoding", "gzip"))
	if w.Code != 400 || !strings.Contains(w.Body.String(), `encoded as "gzip"; send it plain`) {
		t.Errorf("gzip: %d %q", w.Code, w.Body)
	}
}

func TestTimesArePlausibleOrUnknown(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)
	tests := []struct {
		name, starts, ends string
		status             string
		wantStart, wantEnd time.Time
	}{
		{"no start", "", "", firing, time.Time{}, time.Time{}},
		{"Go's zero", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z", firing, time.Time{}, time.Time{}},
		{"a clock that is a little ahead", "2026-01-05T09:03:00Z", "", firing, now.Add(3 * time.Minute), time.Time{}},
		{"a far future", "2999-01-05T09:00:00Z", "", firing, time.Time{}, time.Time{}},
		{"past what can be written", "9999-12-31T23:59:59-23:59", "9999-12-31T23:59:59-23:59", resolved, time.Time{}, time.Time{}},
		{"another zone", "2026-01-05T16:00:00+08:00", "2026-01-05T16:30:00+08:00", resolved, now.Add(-time.Hour), now.Add(-30 * time.Minute)},
		{"an end while it fires", "2026-01-05T08:00:00Z", "2026-01-05T09:05:00Z", firing, now.Add(-time.Hour), time.Time{}},
		{"an end that is not told", "2026-01-05T08:00:00Z", "", resolved, now.Add(-time.Hour), time.Time{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := map[string]any{"status": tt.status, "labels": map[string]string{"a": "b"}}
			if tt.starts != "" {
				a["startsAt"] = tt.starts
			}
			if tt.ends != "" {
				a["endsAt"] = tt.ends
			}
			b, err := json.Marshal(a)
			if err != nil {
				t.Fatal(err)
			}
			got := receive(t, Config{Now: func() time.Time { return now }}, body("", string(b))).Alerts[0]
			if got.StartsAt != tt.wantStart || got.EndsAt != tt.wantEnd {
				t.Errorf("from %v to %v, want from %v to %v", got.StartsAt, got.EndsAt, tt.wantStart, tt.wantEnd)
			}
			if _, err := json.Marshal(got); err != nil {
				t.Errorf("it cannot be written down: %v", err)
			}
		})
	}
}

func TestMembersAreToldApartByFingerprint(t *testing.T) {
	t.Parallel()
	const labels = `"labels":{"alertname":"ServiceDown","instance":"backend:8080","job":"ai-notebook","severity":"critical"}`
	one := func(body string) incidents.Alert {
		t.Helper()
		w := receive(t, Config{}, body)
		if len(w.Alerts) != 1 {
			t.Fatalf("%d alerts, want 1: %v", len(w.Alerts), w.Alerts)
		}
		return w.Alerts[0]
	}
	if got := one(body("", `{"status":"firing",`+labels+`}`)); got.Fingerprint != "e80df6f1bbd968af" {
		t.Errorf("derived %q, want what Alertmanager gave the same labels", got.Fingerprint)
	}
	if got := one(body("", `{"status":"firing","fingerprint":"no fingerprint",`+labels+`}`)); got.Fingerprint != "e80df6f1bbd968af" {
		t.Errorf("a foreign one stays %q", got.Fingerprint)
	}
	if got := one(body("", `{"status":"firing","fingerprint":"no fingerprint"}`)); !isFingerprint(got.Fingerprint) {
		t.Errorf("a foreign one without labels stays %q", got.Fingerprint)
	}
	const early, late = `"startsAt":"2026-01-05T08:00:00Z"`, `"startsAt":"2026-01-05T09:00:00Z"`
	fires, ends := `{"status":"firing",`+labels+`,`, `{"status":"resolved",`+labels+`,`
	if got := one(body("", fires+early+`}`, ends+early+`}`)); !got.Firing {
		t.Error("twice in one body: the end won over the same beginning")
	}
	if got := one(body("", ends+early+`}`, fires+early+`}`)); !got.Firing {
		t.Error("twice in one body, the other way round: the end won")
	}
	if got := one(body("", ends+late+`}`, fires+early+`}`)); got.Firing {
		t.Error("twice in one body: the older beginning won")
	}
}

func TestLevelAndChannelComeFromTheFirstLineThatMatches(t *testing.T) {
	t.Parallel()
	cfg := Config{Routes: []Route{
		{[]string{`team="data"`, `severity=~"crit.*"`}, "C0DATA"},
		{[]string{`team!=""`}, "C0TEAM"},
		{[]string{`quiet="yes"`}, "C0QUIET"},
	}}
	alert := func(status string, labels string) string {
		return `{"status":"` + status + `","labels":{"n":"` + fmt.Sprint(len(labels), status) + `",` + labels + `}}`
	}
	tests := []struct {
		name    string
		alerts  []string
		level   incidents.Level
		channel string
	}{
		{"no line", []string{alert(firing, `"a":"b"`)}, incidents.P2, ""},
		{"a label as it stands", []string{alert(firing, `"severity":"critical"`)}, incidents.P0, ""},
		{"never a part of a label", []string{alert(firing, `"severity":"noncritical"`)}, incidents.P2, ""},
		{"an earlier line before a later", []string{alert(firing, `"severity":"critical","priority":"P2"`)}, incidents.P2, ""},
		{"all matchers of a line", []string{alert(firing, `"team":"data","severity":"critical"`)}, incidents.P0, "C0DATA"},
		{"not only one of them", []string{alert(firing, `"team":"data","severity":"warning"`)}, incidents.P1, "C0TEAM"},
		{"the first line, whatever the order of alerts", []string{alert(firing, `"quiet":"yes"`), alert(firing, `"team":"web"`)}, incidents.P2, "C0TEAM"},
		{"what fires before what ended", []string{alert(resolved, `"team":"data","severity":"critical"`), alert(firing, `"quiet":"yes"`)}, incidents.P0, "C0QUIET"},
		{"what ended where nothing fires", []string{alert(resolved, `"team":"web"`)}, incidents.P2, "C0TEAM"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := receive(t, cfg, body("", tt.alerts...))
			if w.Alerts[0].Level != tt.level || w.Channel != tt.channel {
				t.Errorf("level %v in %q, want %v in %q", w.Alerts[0].Level, w.Channel, tt.level, tt.channel)
			}
		})
	}
}

func TestTheTitleIsOnePlainLine(t *testing.T) {
	t.Parallel()
	at := func(name, instance string) string {
		return `{"status":"firing","labels":{"alertname":"` + name + `","instance":"` + instance + `"}}`
	}
	const common = `,"commonLabels":{"alertname":"Down"}`
	tests := []struct{ name, body, want string }{
		{"the summary that all share", body(`,"commonAnnotations":{"summary":"服务宕机"}`+common, at("Down", "a")), "服务宕机"},
		{"lines and tabs", body(`,"commonAnnotations":{"summary":"\n a\tb\r\n\u0000c \u202Ed\u2028e"}`, at("Down", "a")), "a b c d e"},
		{"an empty summary", body(`,"commonAnnotations":{"summary":" \n"}`+common, at("Down", "a")), "Down a"},
		{"no summary", body(common, at("Down", "b"), at("Down", "a")), "Down a, b"},
		{"many instances", body(common, at("Down", "a"), at("Down", "b"), at("Down", "c"), at("Down", "d"), at("Down", "e")), "Down a, b, c (+2)"},
		{"no instance", body(common, `{"status":"firing","labels":{"alertname":"Down"}}`), "Down"},
		{"grouped by something else", body(`,"groupLabels":{"team":"data","dc":"sh"}`, at("Down", "a")), "dc=sh, team=data a"},
		{"no name at all", body("", `{"status":"firing","labels":{"a":"b"},"fingerprint":"0123456789abcdef"}`), "alert 0123456789abcdef"},
		{"a long one", body(`,"commonAnnotations":{"summary":"`+strings.Repeat("宕", 250)+`"}`, at("Down", "a")), strings.Repeat("宕", 200) + "… (+50)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := receive(t, Config{}, tt.body).Title; got != tt.want {
				t.Errorf("title = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestWhatIsTooLongIsCutAndSaysHowMuch(t *testing.T) {
	t.Parallel()
	labels, many := map[string]string{"severity": "critical", "zzz": strings.Repeat("界", maxLabel+7), "nul": "a\x00b"}, map[string]string{}
	for i := range maxPairs + 23 {
		many[fmt.Sprintf("a%03d", i)] = "v"
	}
	many["summary"] = "kept"
	b, err := json.Marshal(map[string]any{"status": "firing", "labels": labels, "annotations": many, "generatorURL": strings.Repeat("u", maxURL+1)})
	if err != nil {
		t.Fatal(err)
	}
	w := receive(t, Config{}, strings.Replace(body(`,"truncatedAlerts":18446744073709551615`, string(b)), `"groupKey":"k"`, `"groupKey":"`+strings.Repeat("k", 9000)+`"`, 1))
	a := w.Alerts[0]
	if want := strings.Repeat("界", maxLabel) + "… (+7)"; a.Labels["zzz"] != want {
		t.Errorf("label = %q", a.Labels["zzz"])
	}
	if a.Labels["nul"] != "a\uFFFDb" {
		t.Errorf("NUL stays: %q", a.Labels["nul"])
	}
	if len(a.Annotations) != maxPairs+1 || a.Annotations["…"] != "(+24)" || a.Annotations["summary"] != "kept" {
		t.Errorf("%d annotations, … = %q, summary = %q", len(a.Annotations), a.Annotations["…"], a.Annotations["summary"])
	}
	if a.GeneratorURL != "" {
		t.Error("half an address stays")
	}
	if w.Truncated <= 0 {
		t.Errorf("truncated = %d", w.Truncated)
	}
	if n := len(w.Group.Key); n > maxKey || !utf8.ValidString(w.Group.Key) {
		t.Errorf("the key has %d bytes", n)
	}
	if a.Level != incidents.P0 {
		t.Errorf("level = %v, want P0", a.Level)
	}
}
