package commands_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-notebook/notebookbot/commands"
	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/templates"
)

func TestAClickIsTheSameCommand(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, h *house) {
		h.open("P1", "disk is full")
		h.pass(time.Minute)
		ns := h.click(kim, "incident.ack", 1)
		if len(answers(ns)) != 0 {
			t.Errorf("the thread says it, and so does an answer: %+v", answers(ns))
		}
		if in := h.incident(1); in.AckedBy.ID != kim {
			t.Errorf("acknowledged by %+v", in.AckedBy)
		}
		if ns = h.click(kim, "incident.ack", 1); len(ns) != 0 {
			t.Errorf("a double click says %+v", ns)
		}
		contains(t, refused(t, lee, h.click(lee, "incident.ack", 1)), "INC-1")
		h.click(kim, "incident.escalate", 1)
		if in := h.incident(1); len(in.Told) != 2 {
			t.Errorf("told = %q", in.Told)
		}
		refused(t, kim, h.click(kim, "incident.escalate", 1)) // The ladder of P1 has two names.
		refused(t, ann, h.click(ann, "incident.ack", 1))
		refused(t, ann, h.click(ann, "incident.more", 1))
		for _, bad := range []commands.Request{
			{Action: "incident.ack", Value: "INC-99"},
			{Action: "incident.ack", Value: "INC-1; drop"},
			{Action: "incident.ack"},
			{Action: "incident.explode", Value: "INC-1"},
			{Action: "incident.open", Value: "INC-1"},
			{Action: "incident.page", Value: "incident ack INC-1"},
			{Action: "incident.page", Value: "nonsense"},
			{Action: "answer.share", Value: "incident resolve INC-1 x"},
			{Action: "", Value: ""},
		} {
			bad.Source, bad.User, bad.Channel, bad.Message = commands.Action, kim, incs, "9.9"
			refused(t, kim, h.ask(bad))
		}
	})
}

func TestModalsAskForWordsAndTheirAnswersAreTheSameCommand(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, h *house) {
		h.open("P1", "disk is full")
		submit := func(callback string, values map[string]string) []incidents.Notice {
			r := commands.Request{Source: commands.Submit, User: kim, Callback: callback, Metadata: "INC-1", Values: values}
			if wrong := h.runner.Validate(r); len(wrong) != 0 {
				t.Errorf("%s: %v is wrong with %v", callback, wrong, values)
			}
			return h.ask(r)
		}
		for _, step := range []struct {
			callback string
			values   map[string]string
			done     func(in *incidents.Incident) bool
		}{
			{"incident.level", map[string]string{"level": "P0", "reason": "everybody"}, func(in *incidents.Incident) bool { return in.Level == incidents.P0 }},
			{"incident.commander", map[string]string{"user": lee}, func(in *incidents.Incident) bool { return in.Commander == lee }},
			{"incident.note", map[string]string{"text": "INC-2 looks the same"}, func(*incidents.Incident) bool { return len(h.notes(1)) == 1 }},
			{"incident.resolve", map[string]string{"cause": "c", "solution": "s"}, func(in *incidents.Incident) bool {
				return in.State == incidents.Resolved && in.Report == incidents.Report{Cause: "c", Solution: "s"}
			}},
			{"incident.reopen", map[string]string{"reason": "again"}, func(in *incidents.Incident) bool { return in.State.Open() }},
		} {
			if ns := h.click(kim, step.callback, 1); len(ns) != 0 {
				t.Errorf("%s: opening the modal says %+v", step.callback, ns)
			}
			if v := h.front.last(t); v.Callback != step.callback || v.Metadata != "INC-1" {
				t.Errorf("%s opens %q about %q", step.callback, v.Callback, v.Metadata)
			}
			if ns := answers(submit(step.callback, step.values)); len(ns) != 0 {
				t.Errorf("%s: the thread says it, and so does an answer: %+v", step.callback, ns)
			}
			if !step.done(h.incident(1)) {
				t.Errorf("%s did not happen: %+v", step.callback, h.incident(1))
			}
		}
		// A repeat of a modal's answers changes nothing, and its person hears why: alone, where the card is.
		said, _ := answer(t, submit("incident.commander", map[string]string{"user": guest}))
		if said.User != kim || said.Channel != incs {
			t.Errorf("the answer goes to %q in %q", said.User, said.Channel)
		}
		h.click(kim, "incident.more", 1)
		if v := h.front.last(t); v.Callback != "incident.more" || v.Submit != "" {
			t.Errorf("more opens %+v", v)
		}
		// The buttons of that modal come without a channel.
		r := commands.Request{Source: commands.Action, User: kim, Action: "incident.show", Value: "INC-1", Metadata: "INC-1", Trigger: "t"}
		r.ID, r.Team, r.Received = "inmodal", team, h.clock()
		h.accept(r)
		if err := h.runner.Carry(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		if said, _ := answer(t, h.deliver()); said.User != kim || said.Channel != incs {
			t.Errorf("the answer goes to %q in %q", said.User, said.Channel)
		}
	})
}

func TestASlashCommandWithoutItsWordsOpensTheModal(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, h *house) {
		h.open("P1", "disk is full")
		for text, callback := range map[string]string{
			"incident resolve INC-1": "incident.resolve", "incident note INC-1": "incident.note", "incident level INC-1": "incident.level",
			"incident open": "incident.open",
		} {
			if ns := h.ask(commands.Request{User: kim, Text: text, Trigger: "t"}); len(ns) != 0 {
				t.Errorf("%s says %+v", text, ns)
			}
			if v := h.front.last(t); v.Callback != callback {
				t.Errorf("%s opens %q", text, v.Callback)
			}
		}
		// Who may not sees no modal.
		before := len(h.front.views)
		refused(t, ann, h.ask(commands.Request{User: ann, Text: "incident resolve INC-1", Trigger: "t"}))
		refused(t, kim, h.ask(commands.Request{User: kim, Text: "incident resolve INC-9", Trigger: "t"}))
		if len(h.front.views) != before {
			t.Error("a modal was opened")
		}
		// A trigger that is over, by the clock or by Slack's word, asks for another click.
		late := commands.Request{User: kim, Text: "incident resolve INC-1", Trigger: "t", Received: h.clock().Add(-4 * time.Second)}
		first := refused(t, kim, h.ask(late))
		h.front.err = errors.New("expired_trigger_id")
		second := refused(t, kim, h.ask(commands.Request{User: kim, Text: "incident resolve INC-1", Trigger: "t"}))
		if first != second {
			t.Errorf("%q and %q", first, second)
		}
		// A mention has no trigger: it is resolved as it is.
		h.ask(commands.Request{Source: commands.Mention, User: kim, Text: "resolve INC-1", Message: "5.5"})
		if in := h.incident(1); in.State != incidents.Resolved {
			t.Errorf("state = %s", in.State)
		}
	})
}

func TestAMessageCanBecomeAnIncident(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, h *house) {
		h.ask(commands.Request{Source: commands.Shortcut, User: kim, Callback: "incident.open", Text: "the <!here> site\nis down", Trigger: "t"})
		v := h.front.last(t)
		if v.Callback != "incident.open" || len(v.Inputs) == 0 || !strings.Contains(v.Inputs[0].Initial, "the <!here> site") {
			t.Errorf("modal = %+v", v)
		}
		r := commands.Request{Source: commands.Submit, User: kim, Callback: "incident.open", Values: map[string]string{"title": "site is down", "level": "P0"}}
		said, text := answer(t, h.ask(r))
		contains(t, text, "INC-1")
		if said.Channel != kim || said.User != "" {
			t.Errorf("the answer goes to %q in %q, want the person's own messages", said.User, said.Channel)
		}
		if in := h.incident(1); in.Title != "site is down" || in.Level != incidents.P0 {
			t.Errorf("incident = %+v", in)
		}
		refused(t, kim, h.ask(commands.Request{Source: commands.Shortcut, User: kim, Callback: "incident.ack", Trigger: "t"}))
	})
}

func TestValidateFindsWhatIsWrongInAModal(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, h *house) {
		long := strings.Repeat("长", 3001)
		for _, tc := range []struct {
			callback string
			values   map[string]string
			want     []string
		}{
			{"incident.resolve", map[string]string{"cause": "c", "solution": "s"}, nil},
			{"incident.resolve", map[string]string{"cause": " \n　", "solution": "s"}, []string{"cause"}},
			{"incident.resolve", nil, []string{"cause", "solution"}},
			{"incident.resolve", map[string]string{"cause": "c", "solution": "s", "prevention": long}, []string{"prevention"}},
			{"incident.resolve", map[string]string{"cause": long[:9000], "solution": "s"}, nil},
			{"incident.level", map[string]string{"level": "P9"}, []string{"level"}},
			{"incident.level", map[string]string{"level": "P1", "reason": long}, []string{"reason"}},
			{"incident.level", map[string]string{"level": "P1"}, nil},
			{"incident.note", map[string]string{"text": ""}, []string{"text"}},
			{"incident.reopen", map[string]string{}, []string{"reason"}},
			{"incident.commander", map[string]string{"user": "kim"}, []string{"user"}},
			{"incident.commander", map[string]string{"user": kim}, nil},
			{"incident.open", map[string]string{"title": "", "level": ""}, []string{"level", "title"}},
			{"incident.explode", nil, nil},
			{"", nil, nil},
		} {
			r := commands.Request{Source: commands.Submit, User: kim, Callback: tc.callback, Metadata: "INC-1", Values: tc.values}
			got := h.runner.Validate(r)
			var ids []string
			for id, text := range got {
				ids = append(ids, id)
				if text == "" || strings.Contains(text, "input.") || strings.Contains(text, "error.") {
					t.Errorf("%s %s: no words: %q", tc.callback, id, text)
				}
			}
			if d := cmp.Diff(len(tc.want), len(ids)); d != "" {
				t.Errorf("%s %.60v: wrong = %v, want %v", tc.callback, tc.values, got, tc.want)
			}
			for _, id := range tc.want {
				if got[id] == "" {
					t.Errorf("%s: nothing is wrong with %s", tc.callback, id)
				}
			}
		}
		// What slips through is refused when it is carried out.
		h.open("P1", "disk is full")
		for _, r := range []commands.Request{
			{Callback: "incident.note", Values: map[string]string{"text": " "}},
			{Callback: "incident.level", Values: map[string]string{"level": "P9"}},
			{Callback: "incident.open", Values: map[string]string{"title": "x"}},
			{Callback: "incident.resolve", Values: map[string]string{"cause": long}},
			{Callback: "incident.explode"},
		} {
			r.Source, r.User, r.Metadata = commands.Submit, kim, "INC-1"
			answer(t, h.ask(r))
		}
		if in := h.incident(1); in.Entries != 1 {
			t.Errorf("something happened: %+v", in)
		}
	})
}

func TestAnswersGoWhereTheContractSays(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, h *house) {
		h.open("P1", "disk is full")
		card := h.card(1)
		type where struct {
			Channel, Thread, User, URL string
			Share                      bool
		}
		const u = "https://hooks.example/1"
		for name, tc := range map[string]struct {
			r    commands.Request
			want where
		}{
			"slash in opsRoom":                {commands.Request{Text: "oncall", Channel: opsRoom, ResponseURL: u}, where{Channel: opsRoom}},
			"slash in the incidents' channel": {commands.Request{Text: "oncall", Channel: incs}, where{Channel: incs}},
			"slash elsewhere":                 {commands.Request{Text: "oncall", Channel: random, ResponseURL: u}, where{random, "", ann, u, true}},
			"help in opsRoom":                 {commands.Request{Text: "help", Channel: opsRoom, ResponseURL: u}, where{opsRoom, "", ann, u, false}},
			"an error in opsRoom":             {commands.Request{Text: "hlep", Channel: opsRoom}, where{opsRoom, "", ann, "", false}},
			"a refusal in opsRoom":            {commands.Request{Text: "incident open P0 x", Channel: opsRoom}, where{opsRoom, "", ann, "", false}},
			"an error in a thread": {
				commands.Request{Source: commands.Mention, Text: "hlep", Channel: random, Thread: "7.7", Message: "8.8"}, where{random, "7.7", ann, "", false},
			},
			"mention in opsRoom":  {commands.Request{Source: commands.Mention, Text: "oncall", Channel: opsRoom, Message: "8.8"}, where{Channel: opsRoom, Thread: "8.8"}},
			"mention elsewhere":   {commands.Request{Source: commands.Mention, Text: "oncall", Channel: random, Message: "8.8"}, where{random, "", ann, "", true}},
			"mention in a thread": {commands.Request{Source: commands.Mention, Text: "oncall", Channel: random, Thread: "7.7", Message: "8.8"}, where{Channel: random, Thread: "7.7"}},
			"in a direct message": {commands.Request{Source: commands.Mention, Text: "oncall", Channel: "D1", Message: "8.8", Direct: true}, where{Channel: "D1"}},
			"an error to oneself": {commands.Request{Text: "hlep", Channel: "D1", Direct: true}, where{Channel: "D1"}},
			"in an incident thread": {
				commands.Request{Source: commands.Mention, Text: "show", Channel: card.Channel, Thread: card.TS, Message: "8.8"},
				where{Channel: incs, Thread: card.TS},
			},
		} {
			tc.r.User = ann
			said, text := answer(t, h.ask(tc.r))
			got := where{said.Channel, said.ThreadTS, said.User, said.ResponseURL, strings.Contains(text, "[answer.share ")}
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Errorf("%s (-want +got):\n%s", name, d)
			}
			if said.Priority != incidents.PriorityAnswer || !strings.HasPrefix(said.Key, "req/") {
				t.Errorf("%s: key %s, priority %d", name, said.Key, said.Priority)
			}
		}
		// In the thread the key is implied, and the thread itself says what happened.
		ns := h.ask(commands.Request{Source: commands.Mention, User: kim, Text: "note 42 errors", Channel: card.Channel, Thread: card.TS, Message: "8.9"})
		if got := h.notes(1); len(got) != 1 || got[0] != "42 errors" || len(answers(ns)) != 0 {
			t.Errorf("notes = %q, answers = %+v", got, answers(ns))
		}
		refused(t, kim, h.ask(commands.Request{Source: commands.Mention, User: kim, Text: "ack", Channel: random, Thread: "7.7", Message: "8.9"}))
	})
}

func TestAnAnswerIsSharedOnceAndWithTheRightsOfWhoShares(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, h *house) {
		h.open("P1", "disk <!channel> is full")
		_, text := answer(t, h.say(kim, "incident ack INC-1"))
		contains(t, text, "[answer.share incident show INC-1]")
		share := func(user string) []incidents.Notice {
			return h.ask(commands.Request{Source: commands.Action, User: user, Action: "answer.share", Value: "incident show INC-1", Channel: random, Message: "3.3"})
		}
		said, text := answer(t, share(kim))
		if said.User != "" || said.Channel != random || said.ThreadTS != "" {
			t.Errorf("shared with %q in %q %q", said.User, said.Channel, said.ThreadTS)
		}
		contains(t, text, "INC-1", "disk <!channel> is full")
		if strings.Contains(text, "answer.share") {
			t.Error("what is shared can be shared again")
		}
		if ns := share(kim); len(ns) != 0 {
			t.Errorf("a second click shares again: %+v", ns)
		}
		refused(t, guest, share(guest))
	})
}

func TestExplainLeavesWhatIsNotForPeople(t *testing.T) {
	t.Parallel()
	w := words(t, "en")
	if m, ok := commands.Explain(w, errors.New("dial tcp 10.0.0.1: refused")); ok {
		t.Errorf("people are told %q", m.Summary)
	}
	if m, ok := commands.Explain(w, &commands.Refusal{Name: templates.NoSuch, Args: templates.Args{Key: "INC-9"}}); !ok || !strings.Contains(m.Summary, "INC-9") {
		t.Errorf("%v %q", ok, m.Summary)
	}
}

func TestAYesToOneNameNeverTellsTheNext(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, h *house) {
		h.open("P0", "everything is down")
		in := h.incident(1)
		if len(in.Policies.Levels[incidents.P0].Escalate) < 3 || len(in.Told) != 1 {
			t.Fatalf("told = %q of %q", in.Told, in.Policies.Levels[incidents.P0].Escalate)
		}
		at := h.card(1)
		escalate := func(user, name string) []incidents.Notice {
			return h.ask(commands.Request{
				Source: commands.Action, User: user, Action: "incident.escalate", Value: "INC-1/" + name,
				Channel: at.Channel, Message: at.TS,
			})
		}
		second := templates.NextName(in)
		escalate(kim, second)
		contains(t, refused(t, lee, escalate(lee, second)), "INC-1") // pressed at the same moment, with the same question
		if in = h.incident(1); len(in.Told) != 2 {
			t.Errorf("told = %q, want two", in.Told)
		}
		escalate(lee, templates.NextName(in)) // the card by now
		if in = h.incident(1); len(in.Told) != 3 {
			t.Errorf("told = %q, want three", in.Told)
		}
	})
}

func TestAClickMeansTheStepThatTheClockHasJustTaken(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "en")
	h.open("P0", "everything is down")
	in, at := h.incident(1), h.card(1)
	h.pass(in.Policies.Levels[incidents.P0].Respond) // the clock owes the second name and did not get to it
	refused(t, kim, h.ask(commands.Request{
		Source: commands.Action, User: kim, Action: "incident.escalate", Value: "INC-1/" + templates.NextName(in),
		Channel: at.Channel, Message: at.TS,
	}))
	if _, err := h.domain.FireDue(t.Context()); err != nil {
		t.Fatal(err)
	}
	if in = h.incident(1); len(in.Told) != 2 {
		t.Errorf("told = %q, want two", in.Told)
	}
}
