package templates

import (
	"strings"
	"testing"
	"time"
)

func TestTheAuditLogReadsWell(t *testing.T) {
	eachLocale(t, func(t *testing.T, l string, w *Templates) {
		var b book
		var es []AuditEntry
		for i, v := range verdicts {
			es = append(es, AuditEntry{
				Seq: int64(100 - i), At: at.Add(-time.Duration(i) * time.Hour), Actor: "U01AAAA", Word: "restart", Target: "backend", Verdict: v,
			})
		}
		es[0].Word, es[0].Target, es[0].Detail = "incident resolve", "INC-3", "INC-3"
		es[3].Reason, es[3].Actor, es[3].Detail = "not_listed", "U99NEW", "restart backend <!channel> *now*\n"+strings.Repeat("长", 300)
		es[4].Reason, es[4].OSUser = "internal 7f3a9c", "root <@U01AAAA>"
		for i, a := range auditActors {
			es[5+i].Actor = a
		}
		es[11].Actor, es[11].Word, es[11].Target, es[11].Verdict = "T\u202ex", "", "", "odd"
		b.add("page", w.Audit(AuditView{Entries: es, Next: "audit-log <#89"}))
		b.add("filtered", w.Audit(AuditView{
			Entries: es[:1], Actor: "U01AAAA", Target: "INC-3", Word: "incident resolve", Verdict: "done", Since: at.Add(-24 * time.Hour),
		}))
		b.add("nothing", w.Audit(AuditView{Actor: "clock"}))
		b.add("past the end", w.Audit(AuditView{Later: true}))
		b.add("head", w.AuditHead(12345, strings.Repeat("0a", 32)))
		golden(t, l, "audit", b.String())
	})
}

func TestTheAuditLogPingsNobody(t *testing.T) {
	t.Parallel()
	m := words(t, English).Audit(AuditView{Entries: []AuditEntry{{Seq: 1, Actor: "U99NEW", OSUser: "x", Detail: "<@U01AAAA>"}, {Seq: 2, Actor: "U99NEW"}}, Actor: "U99NEW"})
	for _, b := range m.Blocks {
		for _, l := range b.Lines {
			for _, s := range l {
				if s.User != "" || s.UserGroup != "" {
					t.Errorf("pings %+v", s)
				}
			}
		}
	}
}
