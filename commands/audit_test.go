package commands_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ai-notebook/notebookbot/commands"
	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/audit"
	operations "github.com/ai-notebook/notebookbot/internal/ops"
)

// entries are the audit log's, the oldest first; it is verified with each look.
func (h *house) entries() []audit.Entry {
	h.t.Helper()
	if _, err := h.store.Audit().Verify(h.t.Context()); err != nil {
		h.t.Error(err)
	}
	es, err := h.store.Audit().List(h.t.Context(), audit.Filter{Limit: 1000})
	if err != nil {
		h.t.Fatal(err)
	}
	slices.Reverse(es)
	return es
}

// fresh are the entries that something left.
func (h *house) fresh(do func()) []audit.Entry {
	h.t.Helper()
	before := len(h.entries())
	do()
	return h.entries()[before:]
}

func TestEveryRequestLeavesOneEntry(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "en")
	h.open("P1", "disk is full")
	at := h.card(1)
	for name, c := range map[string]struct {
		req  commands.Request
		want audit.Entry
	}{
		"opened": {
			commands.Request{User: kim, Text: `incident open P2 "slow"`},
			audit.Entry{Source: "slash", Word: "incident.open", Target: "INC-2", Verdict: audit.Done, Rule: "low operators", Detail: `incident open P2 "slow"`},
		},
		"read": {
			commands.Request{User: kim, Text: "oncall"},
			audit.Entry{Source: "slash", Word: "oncall", Verdict: audit.Done, Rule: "read everybody", Detail: "oncall"},
		},
		"changed": {
			commands.Request{User: kim, Text: "note INC-1 switched, password: hunter2", Channel: at.Channel, Thread: at.TS, Message: "1.2", Source: commands.Mention},
			audit.Entry{
				Source: "mention", Word: "incident.note", Target: "INC-1", Verdict: audit.Done, Rule: "low operators", Thread: at.TS, Channel: at.Channel,
				Message: "1.2", Detail: "note INC-1 switched, password: (secret)",
			},
		},
		"a form opened": {
			commands.Request{User: kim, Source: commands.Action, Action: "incident.resolve", Value: "INC-1", Channel: at.Channel, Message: at.TS, Trigger: "t"},
			audit.Entry{
				Source: "action", Action: "incident.resolve", Word: "incident.resolve", Target: "INC-1", Verdict: audit.Asked, Rule: "low operators",
				Channel: at.Channel, Message: at.TS, Detail: "INC-1",
			},
		},
		"a form that came too late": {
			commands.Request{User: kim, Source: commands.Action, Action: "incident.resolve", Value: "INC-1", Channel: at.Channel, Message: at.TS},
			audit.Entry{
				Source: "action", Action: "incident.resolve", Word: "incident.resolve", Target: "INC-1", Verdict: audit.Refused, Reason: "expired",
				Rule: "low operators", Channel: at.Channel, Message: at.TS, Detail: "INC-1",
			},
		},
		"a form's answers": {
			commands.Request{User: kim, Source: commands.Submit, Callback: "incident.note", Metadata: "INC-1", Values: map[string]string{"text": "b"}},
			audit.Entry{
				Source: "submit", Action: "incident.note", Word: "incident.note", Target: "INC-1", Verdict: audit.Done, Rule: "low operators",
				Detail: "INC-1 text=b",
			},
		},
		"not allowed": {
			commands.Request{User: ann, Text: "incident ack INC-1"},
			audit.Entry{
				Source: "slash", Word: "incident.ack", Target: "INC-1", Verdict: audit.Refused, Reason: "not_listed", Rule: "low operators",
				Detail: "incident ack INC-1",
			},
		},
		"a program": {
			commands.Request{User: robot, Text: "help"},
			audit.Entry{Source: "slash", Word: "help", Verdict: audit.Refused, Reason: "bot", Rule: "read everybody", Detail: "help"},
		},
		"a person of elsewhere": {
			commands.Request{User: stranger, Team: "T0THEIRS", Text: "help"},
			audit.Entry{Source: "slash", Word: "help", Verdict: audit.Refused, Reason: "stranger", Rule: "read everybody", Detail: "help", Team: "T0THEIRS"},
		},
		"not understood": {
			commands.Request{User: kim, Text: "incidnet"},
			audit.Entry{Source: "slash", Verdict: audit.Refused, Reason: "unknown_word", Detail: "incidnet"},
		},
		"not possible": {
			commands.Request{User: kim, Text: "incident ack INC-99"},
			audit.Entry{
				Source: "slash", Word: "incident.ack", Target: "INC-99", Verdict: audit.Refused, Reason: "no_such", Rule: "low operators",
				Detail: "incident ack INC-99",
			},
		},
	} {
		es := h.fresh(func() { h.ask(c.req) })
		c.want.Actor = c.req.User
		if c.want.Team == "" {
			c.want.Team = team
		}
		if c.want.Channel == "" && c.req.Source != commands.Submit {
			c.want.Channel = random
		}
		if d := cmp.Diff([]audit.Entry{c.want}, es, cmpopts.IgnoreFields(audit.Entry{}, "Seq", "At", "Request", "Prev", "Hash")); d != "" {
			t.Errorf("%s:\n%s", name, d)
		}
		if len(es) == 1 && (es[0].At.IsZero() || es[0].Request == "") {
			t.Errorf("%s: %+v", name, es[0])
		}
	}
}

func TestWhatChangesNothingIsSaidToHaveChangedNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "en")
	h.open("P1", "disk is full")
	for _, want := range []audit.Verdict{audit.Done, audit.Unchanged} {
		if es := h.fresh(func() { h.say(kim, "incident ack INC-1") }); len(es) != 1 || es[0].Verdict != want {
			t.Errorf("entries %+v, want one that is %s", es, want)
		}
	}
}

func TestARepeatedRequestHasOneEntry(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "en")
	h.open("P1", "disk is full")
	es := h.fresh(func() {
		for _, r := range []commands.Request{
			{ID: "done", User: kim, Text: "incident note INC-1 once"}, {ID: "refused", User: ann, Text: "incident ack INC-1"},
		} {
			r = h.accept(r)
			for range 3 {
				h.accept(r)
				if err := h.runner.Carry(t.Context(), r); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
	if len(es) != 2 || es[0].Request != "done" || es[1].Request != "refused" {
		t.Errorf("entries: %+v", es)
	}
}

func TestARequestWhoseCommitIsNotHeardOfHasOneEntry(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "en")
	h.open("P1", "disk is full")
	l := &lossy{Store: h.store}
	l.lose.Store(2)
	h.cfg.Store = l
	es := h.fresh(func() {
		run(t, h.cfg)
		h.accept(commands.Request{ID: "lost", User: kim, Text: "incident note INC-1 once"})
		h.idle()
		eventually(t, "the commit was tried again", func() bool { return l.tries.Load() > 1 })
	})
	if len(es) != 1 || es[0].Verdict != audit.Done {
		t.Errorf("entries: %+v", es)
	}
}

func TestACrashBetweenAcceptedAndDoneLeavesOneEntryInTheEnd(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "en")
	h.open("P1", "disk is full")
	es := h.fresh(func() {
		h.accept(commands.Request{ID: "taken", User: kim, Text: "incident note INC-1 a"})
		if rs, err := h.store.Pending(t.Context(), h.clock(), time.Minute, 10); err != nil || len(rs) != 1 {
			t.Fatalf("pending = %d, %v", len(rs), err)
		}
		if len(h.entries()) != 1 {
			t.Error("what was accepted and not done is in the log")
		}
		h.pass(time.Hour) // whoever had it is dead
		run(t, h.cfg)
		h.idle()
	})
	if len(es) != 1 || es[0].Request != "taken" || es[0].Verdict != audit.Done {
		t.Errorf("entries: %+v", es)
	}
}

// breaking fails or panics where a command meets it.
type breaking struct {
	commands.Domain
	err error
}

func (b breaking) ApplyIn(incidents.Tx, int64, incidents.Event, time.Time) (*incidents.Incident, error) {
	if b.err == nil {
		panic("a mistake of ours")
	}
	return nil, b.err
}

func TestAFailureHasOneEntryAndNothingOfWhatFailed(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{"panic": nil, "error": errors.New("impossible")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, "en")
			h.open("P1", "disk is full")
			h.cfg.Domain = breaking{h.domain, err}
			es := h.fresh(func() {
				run(t, h.cfg)
				h.accept(commands.Request{ID: "bad", User: kim, Text: "incident ack INC-1"})
				h.idle()
			})
			if len(es) != 1 || es[0].Verdict != audit.Failed || !strings.HasPrefix(es[0].Reason, "internal ") || es[0].Word != "incident.ack" || es[0].Target != "INC-1" {
				t.Errorf("entries: %+v", es)
			}
			if ref, ok := strings.CutPrefix(es[0].Reason, "internal "); !ok || !strings.Contains(h.logged(), ref) {
				t.Errorf("the reference %q is not in the log", es[0].Reason)
			}
		})
	}
}

// silent is a store whose transactions keep no audit log.
type silent struct{ commands.Store }

type silentTx struct{ operations.Tx }

func (s silent) WriteOperations(ctx context.Context, w operations.Want, fn func(operations.Tx) error) error {
	return s.Store.WriteOperations(ctx, w, func(tx operations.Tx) error { return fn(silentTx{tx}) })
}

func TestNothingIsDoneWithoutAnAuditLog(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "en")
	h.open("P1", "disk is full")
	h.cfg.Store = silent{h.store}
	r := h.accept(commands.Request{User: kim, Text: "incident ack INC-1"})
	if err := commands.New(h.cfg).Carry(t.Context(), r); err == nil || !h.incident(1).Acked.IsZero() {
		t.Errorf("%v, acknowledged %v", err, h.incident(1).Acked)
	}
}

func TestTheAuditLogAnswersItsOwnQuestions(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, h *house) {
		h.cfg.Zone = time.FixedZone("CST", 8*3600)
		h.runner = commands.New(h.cfg)
		h.open("P1", "old")
		h.pass(72 * time.Hour) // from the 10th to the 13th, 20:00 in the house's zone
		h.open("P1", "disk is full")
		h.say(ann, "incident ack INC-2")
		h.say(kim, "incident ack INC-2")
		h.say(lee, "incident note INC-1 x")
		h.say(lee, "oncall")
		for text, want := range map[string]string{
			"audit-log @" + ann:                              "#3",
			"audit-log <@" + lee + "|lee>":                   "#6 #5",
			"audit-log INC-2":                                "#4 #3 #2",
			"INC-1 audit-log":                                "#5 #1",
			"audit-log refused":                              "#3",
			"audit-log incident ack":                         "#4 #3",
			"audit-log incident.ack":                         "#4 #3",
			"audit-log ack since 1h":                         "#4 #3",
			"audit-log open":                                 "#2 #1",
			"audit-log oncall":                               "#6",
			"audit-log restart":                              "",
			"audit-log INC-2 since 2026-01-13 done":          "#4 #2",
			"audit-log since 2026-01-14":                     "",
			"audit-log incident since 2d":                    "#5 #4 #3 #2",
			"audit-log INC-1 since 2026-01-10 " + "@" + kim:  "#1",
			"audit-log 自 2026-01-13 incident open":           "#2",
			"audit-log since 2026-01-13 " + ann + " refused": "#3",
			"audit-log clock":                                "",
		} {
			ns := h.ask(commands.Request{User: kim, Text: text, Channel: opsRoom})
			said, got := answer(t, ns)
			if said.User != kim || strings.Contains(got, "answer.share") {
				t.Errorf("%s: not for the caller alone: %+v\n%s", text, said, got)
			}
			var seqs []string
			for word := range strings.FieldsSeq(got) {
				if strings.HasPrefix(word, "#") && len(word) == 2 && word <= "#6" {
					seqs = append(seqs, word)
				}
			}
			if s := strings.Join(seqs, " "); s != want {
				t.Errorf("%s: %q, want %q\n%s", text, s, want, got)
			}
		}
		for text, want := range map[string]string{
			"audit-log nonsense": "audit-log [", "audit-log since": "audit-log [", "audit-log since never": "2026-11-01", "audit-log 0": "audit-log [",
			"audit-log since -3h": "2026-11-01", "audit-log done done": "audit-log [", "audit-log INC-1 INC-2": "audit-log [",
		} {
			contains(t, refused(t, kim, h.say(kim, text)), want)
		}
		refused(t, ann, h.say(ann, "audit-log"))
		refused(t, boss, h.say(boss, "audit-log me"))
	})
}

func TestTheAuditLogHasPages(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "en")
	for i := range 25 {
		h.say(lee, fmt.Sprintf("capacity %d 0.1 1", i))
	}
	next := func(value string) string {
		t.Helper()
		_, text := answer(t, h.ask(commands.Request{Source: commands.Action, User: kim, Action: "incident.page", Value: value, Message: "1.2"}))
		return text
	}
	_, text := answer(t, h.say(kim, "audit-log <@"+lee+"> since 24h capacity"))
	value := "audit-log <#16 <@" + lee + "> since 24h capacity"
	contains(t, text, "#25", "#16", "[incident.page "+value+"]")
	text = next(value)
	contains(t, text, "#15", "#6", "[incident.page audit-log <#6 <@"+lee+"> since 24h capacity]")
	text = next("audit-log <#6 <@" + lee + "> since 24h capacity")
	contains(t, text, "#5", "#1")
	if strings.Contains(text, "incident.page") {
		t.Errorf("the last page has another one:\n%s", text)
	}
	next("audit-log <#1")
	_, text = answer(t, h.say(kim, "audit-log capacity 3"))
	contains(t, text, "#5", "#1")
	// Nothing of it is shared, whatever button says so.
	ns := h.ask(commands.Request{Source: commands.Action, User: kim, Action: "answer.share", Value: "audit-log", Message: "1.2", Channel: opsRoom})
	if text := refused(t, kim, ns); strings.Contains(text, "#1") {
		t.Errorf("shared: %s", text)
	}
}
