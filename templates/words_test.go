package templates

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
)

// book writes messages down under headings.
type book struct{ strings.Builder }

func (b *book) add(name string, m Message) { b.WriteString("\n===== " + name + "\n" + page(m)) }

// eachLocale runs a test for both languages at once.
func eachLocale(t *testing.T, fn func(t *testing.T, l string, w *Templates)) {
	t.Parallel()
	for _, l := range locales {
		t.Run(l, func(t *testing.T) {
			t.Parallel()
			fn(t, l, words(t, l))
		})
	}
}

func TestSentencesReadWell(t *testing.T) {
	eachLocale(t, func(t *testing.T, l string, w *Templates) {
		var b book
		args := map[string]Args{
			UnknownWord: {Word: "incidnet", Nearest: "incident"}, WrongUsage: {Word: "incident level"}, NotAnIncident: {Word: "INC-x"},
			NoSuch: {Key: "INC-99"}, WhichIncident: {Word: "incident ack"}, Stale: {Key: "INC-3", State: incidents.Resolved},
			NotAllowed:    {Word: "incident ack", Class: "low", Told: []Target{{Users: []string{"U01AAAA"}, Groups: []string{"S0OPS"}}}},
			NotAnApprover: {Word: "restore", Class: "destructive", Told: []Target{{Users: []string{"U01AAAA"}}}},
			AlreadyAcked:  {Key: "INC-3", By: incidents.Person("U01AAAA")}, AlreadyOver: {Key: "INC-3", State: incidents.Recovered},
			AlreadyOpen: {Key: "INC-3"}, Superseded: {Key: "INC-3", Word: "INC-7"}, LadderEnd: {Key: "INC-3"},
			EmptyText: {Word: "incident note"}, TooLong: {Count: 3000}, NotALevel: {Word: "P9"}, NotANumber: {Word: "15x", Text: "-1 … 10 (0.15 = 15%)"},
			NotAPerson: {Word: "U0GUEST"}, Internal: {Ref: "7f3a9c"}, NotConfigured: {Word: "oncall.rotation"}, NotYet: {Word: "restart"},
			NoHelp: {Word: "restart"}, NoApproval: {Word: "incident resolve", Count: 2},
			WhichOperation: {Word: "operation approve"}, NoSuchOperation: {Key: "OP-9"}, NoItems: {Key: "OP-7"}, OperationExpired: {Key: "OP-7"}, OperationRuns: {Key: "OP-7"},
			OperationDecided: {Key: "OP-7", Class: "rejected", By: incidents.Person("U01AAAA"), At: at}, OwnRequest: {Key: "OP-7"}, NotYours: {Key: "OP-7"},
			NoTarget: {Text: "the Docker engine does not answer"}, NotPlanned: {Text: "something <!here> new"},
			NoGroups: {Word: "people.operators"}, NotFromTerminal: {Word: "operation approve"},
		}
		for _, s := range sentences {
			b.add(s, w.Sentence(s, args[s]))
		}
		b.add("unknown_word, none near", w.Sentence(UnknownWord, Args{Word: "<!channel>\nrm -rf"}))
		b.add("unknown_word, of a family", w.Sentence(UnknownWord, Args{Word: "db foo", Names: []string{"db size", "db maintain"}}))
		b.add("stale, not known which", w.Sentence(Stale, Args{}))
		done := Args{
			Key: "INC-3", Level: incidents.P0, Title: "用户无法上传附件", After: 3 * time.Minute, Person: "U01AAAA", Names: []string{"ops", "management"},
			By: incidents.Person("U01AAAA"),
		}
		for _, s := range dones {
			b.add("done "+s, w.Done(s, done))
		}
		b.WriteString("\n===== plain\n" + w.PlainSentence(NotTaken, Args{}) + "\n")
		golden(t, l, "sentences", b.String())
	})
}

func TestTroublesReadWell(t *testing.T) {
	eachLocale(t, func(t *testing.T, l string, w *Templates) {
		var b book
		details := map[string]incidents.Fact{
			TroubleToken: {Titles: []string{"10.0.0.7"}, Count: 12}, TroubleVersion: {Titles: []string{"10.0.0.7", "3"}},
			TroubleSize: {Titles: []string{"10.0.0.7"}}, TroubleUnreadable: {Titles: []string{"10.0.0.7", "no groupKey"}},
			TroubleUnknownAlertmanager: {Titles: []string{"10.0.0.7", "east"}}, TroubleSlack: {Titles: []string{"C0DATA", "channel_not_found", "INC-3/card"}},
			TroubleStore: {Titles: []string{"disk full"}}, TroubleStoreBack: {After: 12 * time.Minute}, TroubleLate: {Late: 95 * time.Minute, Count: 3},
			TroubleSocket: {Titles: []string{"too_many_websockets"}}, TroubleTarget: {Titles: []string{"management", "user_not_found"}},
			TroubleBackupLate: {Titles: []string{"20261124T090000Z"}, After: 46 * time.Minute, Late: time.Hour}, TroubleBackupBreach: {Titles: []string{"20261124T090000Z"}, After: 26 * time.Hour, Late: time.Hour},
			TroubleRestore:    {Titles: []string{"20261124T090000Z", "the restored database differs from the set: public.notes has 3 rows instead of 4"}, After: 12 * time.Minute},
			TroubleBackupNone: {After: 61 * time.Minute, Late: time.Hour}, TroubleBackupShort: {Titles: []string{"/opt/backups/ai-notebook"}, After: 61 * time.Hour, Late: 720 * time.Hour}, TroubleBackupBack: {Titles: []string{"20261124T113000Z"}, After: 95 * time.Minute, Late: time.Hour},
			TroubleWAL: {Titles: []string{"receiver", "could not connect to server <!here>"}, After: 7 * time.Minute}, TroubleWALBack: {After: 47 * time.Minute},
			TroubleWALBase:          {Titles: []string{"base-20261123T000000Z", "no room: 12 GiB are free, and a copy takes 20 GiB"}, After: 50 * time.Hour},
			TroubleAlertmanagerAway: {Titles: []string{"http://127.0.0.1:9093", "dial tcp 127.0.0.1:9093: connect: connection refused"}, After: 15 * time.Minute},
			TroubleWALTrial:         {Titles: []string{"base-20261124T000000Z", "the copy could not replay the log: PANIC: <!here>"}, After: 12 * time.Minute},
		}
		for _, k := range Troubles {
			f := details[k]
			f.Text = k
			m, err := w.Reply(ReplyView{Notice: incidents.Notice{Kind: incidents.Trouble, At: at, Fact: f}})
			if err != nil {
				t.Fatal(err)
			}
			b.add(k, m)
		}
		m, err := w.Reply(ReplyView{Notice: incidents.Notice{Kind: incidents.Trouble, At: at, Fact: incidents.Fact{Text: "something new <@U01AAAA>", Count: 2}}})
		if err != nil {
			t.Fatal(err)
		}
		b.add("not known", m)
		golden(t, l, "troubles", b.String())
	})
}

func TestAnswersReadWell(t *testing.T) {
	eachLocale(t, func(t *testing.T, l string, w *Templates) {
		var b book
		now := at.Add(20 * time.Minute)
		var topics []Topic
		for _, word := range Words {
			class := "read"
			switch word {
			case "incident open", "incident level", "incident commander", "incident escalate", "incident ack", "incident resolve", "incident reopen", "incident note", "audit-log", "logs", "db", "db size", "db slow", "db indexes", "db connections", "db locks":
				class = "low"
			}
			topics = append(topics, Topic{Word: word, Class: class})
		}
		b.add("help", w.Help(HelpView{Topics: topics}))
		b.add("help for a stranger", w.WithShare(w.Help(HelpView{Topics: topics[:1], Hidden: 12}), "a1"))
		for _, topic := range topics {
			b.add("help "+topic.Word, w.HelpTopic(topic))
		}
		b.add("help on nothing", w.HelpTopic(Topic{Word: "restart"}))

		over := serviceDown()
		over.Number, over.State, over.Acked, over.Commander = 2, incidents.Working, at, "U02BBBB"
		over.Respond.Stopped, over.Resolve.Due = at.Add(time.Minute), at.Add(5*time.Minute)
		resting := highErrorRate()
		resting.State, resting.HoldUntil = incidents.Verifying, now
		done := highErrorRate()
		done.Number, done.State, done.Respond.Stopped, done.Resolve.Stopped = 1, incidents.Resolved, now, now.Add(9*time.Hour)
		all := []*incidents.Incident{resting, serviceDown(), over, done}
		b.add("list", w.List(ListView{Incidents: all, Filter: incidents.Filter{Open: true, Levels: []incidents.Level{incidents.P0, incidents.P1}}, Next: "c1", Now: now}))
		b.add("search", w.List(ListView{Incidents: all[:1], Filter: incidents.Filter{Text: "高错误率\u202e <!here>", Since: at.Add(-24 * time.Hour)}, Now: now}))
		b.add("search, nothing", w.List(ListView{Filter: incidents.Filter{Text: "磁盘"}, Now: now}))
		b.add("list, nothing", w.List(ListView{Filter: incidents.Filter{Open: true}, Now: now}))
		b.add("list, past the end", w.List(ListView{Filter: incidents.Filter{Open: true, Before: 1}, Now: now}))

		week := 7 * 24 * time.Hour
		shift := Shift{Users: []string{"U01AAAA"}, From: at, To: at.Add(week)}
		b.add("oncall", w.OnCall(OnCallView{Now: &shift, Next: []Shift{
			{Users: []string{"U02BBBB"}, From: at.Add(week), To: at.Add(2 * week)},
			{Users: []string{"U03CCCC", "U01AAAA"}, From: at.Add(2 * week), To: at.Add(3 * week), Override: true},
		}, At: now}))
		b.add("oncall, rotation with a hole", w.OnCall(OnCallView{Now: &Shift{From: at, To: at.Add(week)}, Next: []Shift{{}, shift}, At: now}))
		b.add("oncall, gap", w.OnCall(OnCallView{Next: []Shift{shift}, At: now}))
		b.add("oncall, operators", w.OnCall(OnCallView{Operators: []string{"U01AAAA", "U02BBBB", "S0OPS"}, At: now}))
		b.add("oncall, nobody", w.OnCall(OnCallView{At: now}))
		b.add("contacts", w.Contacts(ContactsView{Contacts: []Contact{
			{Name: "ops", Mail: "ops@ai-notebook.com", Slack: "S0OPS", Levels: []incidents.Level{incidents.P1, incidents.P0}},
			{Name: "management", Mail: "management@ai-notebook.com", Levels: []incidents.Level{incidents.P0}},
			{Name: "cloud", Mail: "support@cloud-provider.com"},
			{Name: "数据组 <!channel>", Slack: "U01AAAA"},
			{Name: "dev"},
		}}))
		b.add("contacts, none", w.Contacts(ContactsView{}))
		b.add("capacity", w.Capacity(CapacityView{
			Users: 1000, Growth: 0.15, Months: 6, FutureUsers: 2313, StorageGB: 225, MaxConnections: 232, BandwidthGB: 2,
			ByMonth: []int{1150, 1322, 1520, 1749, 2011, 2313},
		}))
		shrinking := CapacityView{Users: 500000, Growth: -0.07, Months: 120, FutureUsers: 82, ByMonth: make([]int, 120)}
		for i := range shrinking.ByMonth {
			shrinking.ByMonth[i] = int(500000 * math.Pow(0.93, float64(i+1)))
		}
		b.add("capacity, long", w.Capacity(shrinking))
		golden(t, l, "answers", b.String())
	})
}

func TestModalsReadWellAndFitSlack(t *testing.T) {
	eachLocale(t, func(t *testing.T, l string, w *Templates) {
		var b strings.Builder
		in := serviceDown()
		over := serviceDown()
		over.State = incidents.Recovered
		v := ModalView{Incident: in, Now: at, Link: "https://ai-notebook.slack.com/archives/C0INC/p1"}
		for _, m := range []View{
			w.ModalResolve(v), w.ModalLevel(v), w.ModalCommander(v), w.ModalNote(v), w.ModalReopen(ModalView{Incident: over}), w.ModalMore(v), w.ModalMore(ModalView{Incident: over}),
			w.ModalOpen(ModalView{Metadata: "C1", Policies: &[3]PolicyText{{15 * time.Minute, 2 * time.Hour}, {30 * time.Minute, 4 * time.Hour}, {2 * time.Hour, 24 * time.Hour}}}, "上传失败\n<@U01AAAA> 看看"),
		} {
			for _, s := range []string{m.Title, m.Submit, m.Close} {
				if n := len([]rune(s)); n > 24 {
					t.Errorf("%q has %d characters, Slack takes 24", s, n)
				}
			}
			for _, i := range m.Inputs {
				for _, o := range i.Options {
					if len([]rune(o.Label)) > 75 || len([]rune(o.Description)) > 75 {
						t.Errorf("option %+v is longer than Slack takes", o)
					}
				}
			}
			b.WriteString("\n" + form(m))
		}
		golden(t, l, "modals", b.String())
	})
}

func TestRepliesReadWell(t *testing.T) {
	eachLocale(t, func(t *testing.T, l string, w *Templates) {
		var b book
		in := highErrorRate()
		p0, p1 := incidents.P0, incidents.P1
		am, clock, person := incidents.Actor{Kind: incidents.ByAlertmanager, ID: "default"}, incidents.Actor{Kind: incidents.ByClock}, incidents.Person("U01AAAA")
		for _, n := range []incidents.Notice{
			{Kind: incidents.MoreAlerts, By: am, Fact: incidents.Fact{Count: 12, Total: 2000, Titles: []string{"HighErrorRate backend-1:8080", "HighErrorRate backend-2:8080"}}},
			{Kind: incidents.LevelChanged, By: am, Fact: incidents.Fact{From: &p1, To: &p0, Due: at.Add(15 * time.Minute), Due2: at.Add(26 * time.Hour)}},
			{Kind: incidents.Acked, By: person, Fact: incidents.Fact{After: 184 * time.Second}},
			{Kind: incidents.CommanderSet, By: person, Fact: incidents.Fact{Person: "U01AAAA", After: 61 * time.Minute}},
			{Kind: incidents.ClockNudge, By: clock, Fact: incidents.Fact{Clock: incidents.Respond, Percent: 80, Due: at}},
			{Kind: incidents.ClockNudge, By: clock, Fact: incidents.Fact{Clock: incidents.Resolve, Percent: 50, Due: at}},
			{Kind: incidents.ClockBreach, By: clock, Fact: incidents.Fact{Clock: incidents.Resolve, Due: at, Names: []string{"management"}}},
			{Kind: incidents.ClockBreach, By: clock, Fact: incidents.Fact{Clock: incidents.Respond, Due: at}},
			{Kind: incidents.Escalated, By: person, Fact: incidents.Fact{Names: []string{"ops", "management"}}},
			{Kind: incidents.Escalated, By: clock, Fact: incidents.Fact{Names: []string{"ops"}, Late: 3 * time.Hour}},
			{Kind: incidents.Refired, By: am, Fact: incidents.Fact{Count: 2, Total: 2, Names: []string{"ops"}, Titles: []string{"a", "b"}}},
			{Kind: incidents.Refired, By: clock, Fact: incidents.Fact{}},
			{Kind: incidents.ResolvedNow, By: person, Fact: incidents.Fact{After: 50 * time.Hour}},
			{Kind: incidents.ReopenedNow, By: person, Fact: incidents.Fact{Due2: at.Add(4 * time.Hour), Count: 2}},
		} {
			n.At, n.Level = at, p1
			m, err := w.Reply(ReplyView{Notice: n, Incident: in, Told: told(n.Fact.Names)})
			if err != nil {
				t.Fatal(err)
			}
			b.add(string(n.Kind), m)
			b.WriteString("timeline: " + shown(w.TimelineLine(incidents.Entry{At: at, By: n.By, Kind: n.Kind, Fact: n.Fact})) + "\n")
		}
		ack := in
		ack.State, ack.Acked = incidents.Acknowledged, at
		ack.Respond.Stopped = at
		m, err := w.Reply(ReplyView{Notice: incidents.Notice{Kind: incidents.Paged, At: at.Add(5 * time.Hour), Fact: incidents.Fact{Text: "clock.breach"}}, Incident: ack})
		if err != nil {
			t.Fatal(err)
		}
		b.add("paged, acknowledged and overdue", m)
		golden(t, l, "replies", b.String())
	})
}

func TestCardsReadWell(t *testing.T) {
	eachLocale(t, func(t *testing.T, l string, w *Templates) {
		var b book
		b.add("high error rate", w.Card(CardView{Incident: highErrorRate(), Now: at}))
		hand := opened(incidents.P2, "用户无法上传附件")
		hand.Group, hand.OpenedBy, hand.ExternalURL = incidents.Group{}, incidents.Person("U01AAAA"), ""
		b.add("by hand", w.Card(CardView{Incident: hand, Now: at}))
		alone := highErrorRate()
		alone.State, alone.Ended, alone.RecoveredAt = incidents.Recovered, at.Add(4*time.Minute), at.Add(9*time.Minute)
		alone.Respond.Stopped, alone.Resolve.Stopped = alone.Ended, alone.Ended
		for _, m := range alone.Members {
			m.Firing, m.EndsAt = false, alone.Ended
		}
		b.add("recovered alone", w.Card(CardView{Incident: alone, Now: at}))
		b.add("2,000 alerts, 300 not shown", w.Card(CardView{Incident: worst(), Now: at}))
		golden(t, l, "cards", b.String())
	})
}

// worst is the worst that an Alertmanager sends.
func worst() *incidents.Incident {
	in := opened(incidents.P0, "<!channel> <@U01AAAA> *粗* "+strings.Repeat("很长的标题", 60)+"\n第二行 \u202eعربى\u202c :smile: 😀")
	in.Truncated, in.ExternalURL = 300, "javascript:alert(1)"
	for i := range 2000 {
		a := incidents.Alert{
			Fingerprint: fmt.Sprintf("%016x", i), Firing: i%3 > 0, StartsAt: at.Add(time.Duration(i) * time.Second), Level: incidents.P2,
			Labels:       map[string]string{"alertname": "<!here> مرحبا", "instance": fmt.Sprintf("host-%d", i), "x`y": "*_~`<https://evil.example|click>\x00\x1b[31m"},
			Annotations:  map[string]string{"description": strings.Repeat("<@U01AAAA> 中文\r\n", 300), "runbook_url": "https://user:pw@evil.example/"},
			GeneratorURL: fmt.Sprintf("http://prom-%d.example/graph?g0.expr=up", i),
		}
		if i%5 == 0 {
			a.Annotations, a.Labels = nil, nil
		}
		in.Members[a.Fingerprint] = &incidents.Member{Alert: a}
	}
	return in
}

func TestAKindWithoutWordsIsAnError(t *testing.T) {
	t.Parallel()
	w := words(t, English)
	for _, k := range []incidents.NoticeKind{incidents.CardPost, incidents.CardEdit, incidents.Answer, incidents.AlertFired, "new"} {
		if _, err := w.Reply(ReplyView{Notice: incidents.Notice{Kind: k}, Incident: serviceDown()}); !errors.Is(err, ErrNoWords) {
			t.Errorf("%s: %v, want ErrNoWords", k, err)
		}
	}
}
