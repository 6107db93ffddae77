package commands_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-notebook/notebookbot/commands"
	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/access"
)

var locales = []string{"zh-CN", "en"}

// inBoth runs a story in both languages.
func inBoth(t *testing.T, story func(t *testing.T, h *house)) {
	t.Helper()
	for _, l := range locales {
		t.Run(l, func(t *testing.T) {
			t.Parallel()
			story(t, newHouse(t, l))
		})
	}
}

func TestEveryCommandIsForItsPeopleAlone(t *testing.T) {
	t.Parallel()
	everybody := []string{kim, lee, boss, ann}
	operators := []string{kim, lee}
	for text, may := range map[string][]string{
		"":                            everybody,
		"help":                        everybody,
		"help incident ack":           everybody,
		"oncall":                      everybody,
		"contacts":                    everybody,
		"capacity 1000 0.15 6":        everybody,
		"incident list":               everybody,
		"incident show INC-1":         everybody,
		"incident search disk":        everybody,
		`incident open P1 "x"`:        operators,
		"incident ack INC-1":          operators,
		"incident level INC-1 P0":     operators,
		"incident commander INC-1":    operators,
		"incident escalate INC-1":     operators,
		"incident note INC-1 x":       operators,
		"incident resolve INC-1 x":    operators,
		"incident reopen INC-2 again": operators,
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			h := prepared(t)
			state := func() [2]incidents.Incident { return [2]incidents.Incident{*h.incident(1), *h.incident(2)} }
			before := state()
			for _, user := range []string{robot, guest, gone, stranger, "U99NOBODY", "", ann, boss, kim, lee} {
				if slices.Contains(may, user) {
					continue
				}
				ns := h.ask(commands.Request{User: user, Text: text})
				if user == robot || user == "" {
					if len(ns) != 0 {
						t.Errorf("%q is answered: %+v", user, ns)
					}
				} else if said := refused(t, user, ns); strings.Contains(said, "share") {
					t.Errorf("%s: a refusal can be shared: %s", user, said)
				}
				if d := cmp.Diff(before, state()); d != "" {
					t.Errorf("%q may not, and it happened:\n%s", user, d)
				}
			}
			for _, user := range may {
				before := state()
				ns := h.ask(commands.Request{User: user, Text: text})
				answer(t, ns)
				if changes := len(may) == len(operators); changes != (len(ns) > 1) {
					t.Errorf("%s may, and this was said: %+v", user, ns)
				} else if changes {
					if strings.Contains(text, "INC-") && cmp.Diff(before, state()) == "" {
						t.Errorf("%s may, and nothing happened", user)
					}
					h = prepared(t)
				}
			}
		})
	}
}

// prepared is a house with an open and a resolved incident.
func prepared(t *testing.T) *house {
	t.Helper()
	h := newHouse(t, "en")
	h.open("P1", "disk is full")
	h.open("P1", "over")
	h.say(lee, "incident resolve INC-2 done")
	return h
}

func TestRefusalsSayWhyAndWhomToAsk(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, h *house) {
		h.open("P1", "disk is full")
		contains(t, refused(t, ann, h.say(ann, "incident ack INC-1")), "incident ack", kim, lee)
		seen := map[string]bool{}
		for _, user := range []string{guest, gone, stranger, "U99NOBODY", ann} {
			text := refused(t, user, h.say(user, "incident ack INC-1"))
			if seen[text] {
				t.Errorf("%s hears what another kind of person heard: %s", user, text)
			}
			seen[text] = true
		}
		// Who may nothing learns nothing of the commands either.
		if text := refused(t, guest, h.say(guest, "incidnet")); strings.Contains(text, "incident") {
			t.Errorf("a guest reads %q", text)
		}
		contains(t, h.logged(), "refused", "guest")
	})
}

func TestHelpListsWhatTheCallerMay(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, h *house) {
		for _, text := range []string{"", "help", "HELP"} {
			said, all := answer(t, h.ask(commands.Request{User: kim, Text: text, Channel: opsRoom}))
			if said.User != kim {
				t.Errorf("help in opsRoom is for %q, want the caller alone", said.User)
			}
			contains(t, all, commands.Words()...)
		}
		_, few := answer(t, h.say(ann, "help"))
		contains(t, few, "incident list", "oncall", "capacity")
		if strings.Contains(few, "incident open") {
			t.Errorf("ann is told of what she may not:\n%s", few)
		}
		for _, w := range commands.Words() {
			_, one := answer(t, h.say(ann, "help "+w))
			contains(t, one, "/notebook "+w)
		}
		_, one := answer(t, h.say(ann, "help ack"))
		contains(t, one, "/notebook incident ack INC-")
		_, family := answer(t, h.say(ann, "help incident"))
		contains(t, family, "open|list")
		contains(t, refused(t, ann, h.say(ann, "help incident akc")), "incident ack")
		contains(t, refused(t, ann, h.say(ann, "help ocall")), "oncall")
	})
}

func TestAWrongWordAndWrongUsageAreAnsweredWithTheRightOne(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, h *house) {
		h.open("P1", "disk is full")
		for text, want := range map[string]string{
			"incident lsit":      "/notebook incident list",
			"hlep":               "/notebook help",
			"schedule":           "schedule",
			"incident open":      "/notebook incident open P0|P1|P2",
			"incident open P7 x": "P7",
			"incident open P1":   "/notebook incident open",
			"incident open P1 " + strings.Repeat("长", 201): "200",
			"incident show":                        "/notebook incident show",
			"incident show INC-99":                 "INC-99",
			"incident show INC-1 INC-2 x":          "/notebook incident show",
			"incident ack":                         "/notebook incident ack",
			"incident ack INC-99":                  "INC-99",
			"incident level INC-1":                 "/notebook incident level",
			"incident level INC-1 bad":             "bad",
			"incident note INC-1":                  "/notebook incident note",
			"incident commander INC-1 @kim":        "@kim",
			"incident commander INC-1 <@U05GUEST>": "U05GUEST",
			"incident commander INC-1 a b":         "/notebook incident commander",
			"incident reopen INC-1":                "INC-1",
			"incident list P9":                     "/notebook incident list",
			"incident list 0":                      "/notebook incident list",
			"incident search":                      "/notebook incident search",
			"oncall now":                           "/notebook oncall",
			"contacts all":                         "/notebook contacts",
			"capacity":                             "/notebook capacity",
			"capacity many 0.1 6":                  "many",
			"capacity 1000 15 6":                   "15%",
			"capacity 1000 0.15 999":               "120",
			"capacity 10000000000 1 60":            "1,000,000,000,000",
		} {
			contains(t, refused(t, kim, h.ask(commands.Request{User: kim, Text: text, Channel: opsRoom})), want)
		}
		if in := h.incident(1); in.Entries != 1 {
			t.Errorf("something happened to the incident: %+v", in)
		}
	})
}

func TestAnIncidentIsHandledByWords(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, h *house) {
		_, text := answer(t, h.say(kim, `incident open p1 “磁盘 <!channel> 满了”`))
		contains(t, text, "INC-1", "P1", "磁盘 <!channel> 满了", "[answer.share incident show INC-1]")
		in := h.incident(1)
		if in.Title != "磁盘 <!channel> 满了" || in.Level != incidents.P1 || in.OpenedBy.ID != kim || in.Channel != incs {
			t.Errorf("incident = %+v", in)
		}
		h.pass(3 * time.Minute)
		_, text = answer(t, h.say(kim, "incident ack INC-1"))
		contains(t, text, "INC-1", "3")
		_, text = answer(t, h.say(kim, "incident level INC-1 P0 everybody is affected"))
		contains(t, text, "P0")
		_, text = answer(t, h.say(kim, "incident level INC-1 P0"))
		contains(t, text, "P0")
		_, text = answer(t, h.say(kim, "incident commander INC-1 <@"+lee+"|lee>"))
		contains(t, text, "INC-1")
		_, text = answer(t, h.say(kim, "incident escalate INC-1"))
		contains(t, text, "INC-1")
		_, text = answer(t, h.say(kim, "incident note INC-1 switched to the other disk"))
		contains(t, text, "INC-1")
		_, text = answer(t, h.say(kim, "incident resolve INC-1 cause: full solution: 清理 prevention: an alert"))
		contains(t, text, "INC-1")
		in = h.incident(1)
		if in.State != incidents.Resolved || in.Level != incidents.P0 || in.Commander != lee || in.AckedBy.ID != kim {
			t.Errorf("incident = %+v", in)
		}
		if d := cmp.Diff(incidents.Report{Cause: "full", Solution: "清理", Prevention: "an alert"}, in.Report); d != "" {
			t.Error(d)
		}
		refused(t, kim, h.say(kim, "incident ack INC-1"))
		h.say(kim, "incident reopen INC-1 it is back")
		if in = h.incident(1); !in.State.Open() {
			t.Errorf("state = %s", in.State)
		}
		_, text = answer(t, h.say(ann, "incident show INC-1"))
		contains(t, text, "磁盘 <!channel> 满了", "switched to the other disk", "it is back", "everybody is affected")
		_, text = answer(t, h.say(ann, "incident search other disk"))
		contains(t, text, "INC-1")
	})
}

func TestListsHaveFiltersAndPages(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, h *house) {
		_, text := answer(t, h.say(ann, "incident list"))
		if strings.Contains(text, "INC-") {
			t.Errorf("an empty house lists %s", text)
		}
		for i := range 25 {
			h.open(fmt.Sprintf("P%d", i%3), fmt.Sprintf("trouble %d", i+1))
		}
		h.say(kim, "incident resolve INC-25 x")
		_, text = answer(t, h.say(ann, "incident list"))
		contains(t, text, "INC-24", "INC-15", "[incident.page incident list <INC-15]")
		if strings.Contains(text, "INC-25") || strings.Contains(text, "INC-14 ") {
			t.Errorf("the first page is\n%s", text)
		}
		next := func(value string) string {
			ns := h.ask(commands.Request{Source: commands.Action, User: ann, Action: "incident.page", Value: value, Message: "1.2"})
			_, text := answer(t, ns)
			return text
		}
		h.open("P0", "new meanwhile")
		text = next("incident list <INC-15")
		contains(t, text, "INC-14", "INC-5", "[incident.page incident list <INC-5]")
		text = next("incident list <INC-5")
		contains(t, text, "INC-4", "INC-1")
		if strings.Contains(text, "incident.page") {
			t.Errorf("the last page has another one:\n%s", text)
		}
		next("incident list <INC-1")
		_, text = answer(t, h.say(ann, "incident list all P0,P2 2"))
		contains(t, text, "INC-10", "INC-9", "P0", "P2")
		if strings.Contains(text, "INC-26") {
			t.Errorf("the second page is\n%s", text)
		}
		_, text = answer(t, h.say(ann, "incident search trouble"))
		contains(t, text, "INC-25", "[incident.page incident search <INC-16 trouble]")
		contains(t, next("incident search <INC-16 trouble"), "INC-15", "INC-6")
		_, text = answer(t, h.say(ann, "incident list all 99"))
		if strings.Contains(text, "INC-") {
			t.Errorf("page 99 is\n%s", text)
		}
	})
}

func TestPeopleAndForecast(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, h *house) {
		said, text := answer(t, h.say(ann, "oncall"))
		contains(t, text, kim, lee)
		for _, b := range messageOf(t, said).Blocks {
			for _, l := range b.Lines {
				for _, s := range l {
					if s.User != "" || s.UserGroup != "" {
						t.Errorf("oncall pings %q", s.User+s.UserGroup)
					}
				}
			}
		}
		_, text = answer(t, h.say(ann, "contacts"))
		contains(t, text, "ops@ai-notebook.com", "management@ai-notebook.com")
		_, text = answer(t, h.say(ann, "capacity 1000 15% 6"))
		contains(t, text, "2,313", "225 GB", "232", "2 GB", "[answer.share capacity 1000 15% 6]")
	})
}

func TestEveryCommandHasHelpInBothLanguages(t *testing.T) {
	t.Parallel()
	for _, l := range locales {
		w := words(t, l)
		for _, c := range commands.Words() {
			if got := w.Usage(c); !strings.HasPrefix(got, "/notebook "+c) {
				t.Errorf("%s: usage of %s = %q", l, c, got)
			}
		}
	}
}

func TestWhatNeedsAnApprovalIsNotDoneWithoutIt(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, h *house) {
		h.open("P1", "disk is full")
		two := 2
		h.cfg.Access = access.New(access.Config{
			Operators: []string{kim}, Commanders: []string{lee, boss}, Team: team,
			Policies: map[string]access.Policy{"incident.resolve": {Approvals: &two}},
		}, directory{}, h.clock)
		h.runner = commands.New(h.cfg)
		contains(t, refused(t, kim, h.say(kim, "incident resolve INC-1 done")), "incident resolve", "2")
		refused(t, kim, h.click(kim, "incident.resolve", 1))
		refused(t, kim, h.ask(commands.Request{
			Source: commands.Submit, User: kim, Callback: "incident.resolve", Metadata: "INC-1",
			Values: map[string]string{"cause": "disk", "solution": "bigger"},
		}))
		if in := h.incident(1); !in.State.Open() || len(h.front.views) > 0 {
			t.Errorf("it is %s, and %d modals were opened", in.State, len(h.front.views))
		}
		answer(t, h.say(kim, "incident ack INC-1")) // the other words of the family keep their own rule
	})
}
