package templates

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
)

// At is when the story begins: the time of the first captured webhook.
var at = time.Date(2026, 11, 22, 23, 36, 3, 0, time.UTC)

var guide = incidents.Policies{Version: "guide", Levels: [3]incidents.Policy{
	{Respond: 15 * time.Minute, Resolve: 2 * time.Hour, Escalate: []string{"oncall", "ops", "management"}},
	{Respond: 30 * time.Minute, Resolve: 4 * time.Hour, Escalate: []string{"oncall", "ops"}},
	{Respond: 2 * time.Hour, Resolve: 24 * time.Hour, Escalate: []string{"oncall"}},
}}

const generator = "http://127.0.0.1:9090/graph?g0.expr=up+%3D%3D+0&g0.tab=1"

// serviceDown is the captured webhook 01 as an incident that just opened.
func serviceDown() *incidents.Incident {
	in := opened(incidents.P0, "服务 backend:8080 宕机", incidents.Alert{
		Fingerprint: "e80df6f1bbd968af", Firing: true, StartsAt: at, Level: incidents.P0, GeneratorURL: generator,
		Labels:      map[string]string{"alertname": "ServiceDown", "instance": "backend:8080", "job": "ai-notebook", "severity": "critical"},
		Annotations: map[string]string{"description": "服务已宕机超过1分钟", "summary": "服务 backend:8080 宕机", "runbook_url": "https://wiki.ai-notebook.com/runbooks/service-down"},
	})
	in.Number, in.Told = 3, []string{"oncall"}
	return in
}

// highErrorRate is the captured webhook 04: three alerts in a group.
func highErrorRate() *incidents.Incident {
	var as []incidents.Alert
	for i, l := range []map[string]string{
		{"handler": "/api/notes", "instance": "backend-1:8080", "method": "POST", "status": "500"},
		{"handler": "/api/notes", "instance": "backend-2:8080", "method": "GET", "status": "502"},
		{"handler": "/api/ai", "instance": "backend-3:8080", "method": "GET", "status": "503"},
	} {
		maps.Copy(l, map[string]string{"alertname": "HighErrorRate", "job": "ai-notebook", "severity": "warning"})
		as = append(as, incidents.Alert{
			Fingerprint: fmt.Sprintf("5d739084e1b2d28%d", i), Firing: true, StartsAt: at.Add(time.Duration(i) * 3 * time.Minute),
			Level: incidents.P1, GeneratorURL: generator, Labels: l,
			Annotations: map[string]string{"description": "5xx错误率超过10%", "summary": "高错误率检测"},
		})
	}
	in := opened(incidents.P1, "高错误率检测", as...)
	in.Number = 4
	return in
}

func opened(l incidents.Level, title string, alerts ...incidents.Alert) *incidents.Incident {
	begun := at.Add(30 * time.Second)
	in := &incidents.Incident{
		Number: 1, Group: incidents.Group{Alertmanager: "default", Receiver: "chatops", Key: "{}"}, State: incidents.Received,
		Title: title, Channel: "C0INC", ExternalURL: "http://vm:19093", Level: l, Members: map[string]*incidents.Member{},
		Since: at, Opened: begun, OpenedBy: incidents.Actor{Kind: incidents.ByAlertmanager, ID: "default"},
		Policies: guide, Hold: 5 * time.Minute, Updated: begun,
		Respond: incidents.Clock{Started: begun, Due: begun.Add(guide.Levels[l].Respond)},
		Resolve: incidents.Clock{Started: begun, Due: begun.Add(guide.Levels[l].Resolve)},
	}
	in.NextEscalation = in.Respond.Due
	for _, a := range alerts {
		in.Members[a.Fingerprint] = &incidents.Member{Alert: a, Heard: begun}
	}
	return in
}

// webhook tells of the incident's alerts; ended says how many of them have ended.
func webhook(in *incidents.Incident, ended bool, now time.Time) incidents.Webhook {
	w := incidents.Webhook{Group: in.Group, Title: in.Title, Channel: in.Channel, ExternalURL: in.ExternalURL}
	for _, m := range in.Members {
		a := m.Alert
		if a.Firing = !ended; ended {
			a.EndsAt = now
		} else {
			a.StartsAt = now
		}
		w.Alerts = append(w.Alerts, a)
	}
	return w
}

var targets = map[string]Target{
	"oncall":     {Name: "oncall", Users: []string{"U01AAAA"}, Mail: "oncall@ai-notebook.com"},
	"ops":        {Name: "ops", Groups: []string{"S0OPS"}},
	"management": {Name: "management", Mail: "management@ai-notebook.com"},
}

func told(names []string) []Target {
	var ts []Target
	for _, n := range names {
		ts = append(ts, targets[n])
	}
	return ts
}

// story plays what happens to an incident and writes down all that people see.
type story struct {
	t   *testing.T
	w   *Templates
	in  *incidents.Incident
	log []incidents.Entry
	b   strings.Builder
}

func (s *story) card(now time.Time) {
	fmt.Fprintf(&s.b, "\n===== card at %s\n%s", now.Format("15:04:05"), page(s.w.Card(CardView{Incident: s.in, Now: now, Report: "https://ops.ai-notebook.com/incidents/INC-3?s=x"})))
}

func (s *story) happens(ev incidents.Event, now time.Time) {
	s.t.Helper()
	r, err := s.in.Apply(ev, now)
	if err != nil {
		s.t.Fatal(err)
	}
	s.log = append(s.log, r.Entries...)
	for _, n := range r.Notices {
		s.say(n)
	}
}

func (s *story) say(n incidents.Notice) {
	s.t.Helper()
	if n.Kind == incidents.CardEdit {
		return
	}
	m, err := s.w.Reply(ReplyView{Notice: n, Incident: s.in, Told: told(n.Fact.Names), Link: "https://ai-notebook.slack.com/archives/C0INC/p1"})
	if err != nil {
		s.t.Fatal(err)
	}
	fmt.Fprintf(&s.b, "\n===== %s at %s\n%s", n.Kind, n.At.Format("15:04:05"), page(m))
}

func TestTheStoryOfAnIncidentReadsWell(t *testing.T) {
	t.Parallel()
	for _, l := range locales {
		t.Run(l, func(t *testing.T) {
			t.Parallel()
			s := &story{t: t, w: words(t, l), in: serviceDown()}
			begun, p0 := s.in.Opened, incidents.P0
			person, kim := incidents.Person("U01AAAA"), incidents.Person("U02BBBB")
			after := func(d time.Duration) time.Time { return begun.Add(d) }
			s.card(begun)
			first := incidents.Notice{
				Key: "INC-3/1", Kind: incidents.Opened, At: begun, By: s.in.OpenedBy, Level: incidents.P0,
				Fact: incidents.Fact{Names: []string{"oncall"}, Due: s.in.Respond.Due, Due2: s.in.Resolve.Due, To: &p0},
			}
			s.say(first)
			page := first
			page.Kind, page.Fact = incidents.Paged, incidents.Fact{Names: []string{"oncall"}, Text: "opened"}
			s.say(page)
			nobody := first
			nobody.Fact.Names = nil
			s.say(nobody)
			s.happens(incidents.Tick{}, after(7*time.Minute+30*time.Second))
			s.happens(incidents.Tick{}, after(16*time.Minute))
			s.happens(incidents.Tick{}, after(42*time.Minute))
			s.card(after(42 * time.Minute))
			s.happens(incidents.Ack{By: person}, after(43*time.Minute))
			s.happens(incidents.SetLevel{By: kim, Level: incidents.P1, Reason: "只影响 <!channel> 部分用户"}, after(44*time.Minute))
			s.happens(incidents.TakeCommand{By: kim, Commander: "U01AAAA"}, after(45*time.Minute))
			s.happens(incidents.TakeCommand{By: kim, Commander: "U02BBBB"}, after(46*time.Minute))
			s.card(after(46 * time.Minute))
			s.happens(incidents.AddNote{By: person, Text: "已切到备用线路\n观察5分钟"}, after(47*time.Minute))
			s.happens(webhook(s.in, true, after(50*time.Minute)), after(50*time.Minute))
			s.card(after(50 * time.Minute))
			s.happens(webhook(s.in, false, after(52*time.Minute)), after(52*time.Minute))
			s.happens(incidents.Tick{}, after(5*time.Hour))
			s.happens(webhook(s.in, true, after(301*time.Minute)), after(301*time.Minute))
			s.happens(incidents.Tick{}, after(310*time.Minute))
			s.card(after(310 * time.Minute))
			s.happens(incidents.Reopen{By: person, Reason: "用户反馈仍无法登录"}, after(320*time.Minute))
			s.happens(webhook(s.in, false, after(321*time.Minute)), after(321*time.Minute))
			s.happens(incidents.ResolveBy{By: person, Report: incidents.Report{
				Cause: "数据库连接池配置问题", Solution: "优化了连接池配置并重启了相关服务", Prevention: "加强了监控告警机制",
			}}, after(340*time.Minute))
			s.card(after(340 * time.Minute))
			fmt.Fprintf(&s.b, "\n===== show\n%s", pageOf(s.w.Show(ShowView{
				CardView: CardView{Incident: s.in, Now: after(341 * time.Minute)}, Timeline: s.log, Link: "https://ai-notebook.slack.com/archives/C0INC/p1",
			})))
			golden(t, l, "story", s.b.String())
		})
	}
}

func pageOf(m Message) string { return page(m) }
