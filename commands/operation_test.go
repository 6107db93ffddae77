package commands_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/commands"
	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/access"
	"github.com/ai-notebook/notebookbot/internal/audit"
	operations "github.com/ai-notebook/notebookbot/internal/ops"
)

// servant restarts nothing: what is tried here is who may have what restarted.
type servant struct{}

func (servant) Word() string { return "restart" }

func (servant) Plan(_ context.Context, req operations.Request) (operations.Plan, error) {
	if len(req.Args) == 0 {
		return operations.Plan{}, &operations.Problem{Code: "no_service", Names: []string{"backend", "nginx"}}
	}
	if req.Args[0] == "broken" {
		return operations.Plan{}, errors.New("no such file: docker-compose.yml")
	}
	if req.Args[0] != "backend" {
		return operations.Plan{}, &operations.Problem{Code: "unknown_service", Name: req.Args[0], Names: []string{"backend", "nginx"}}
	}
	return operations.Plan{Args: req.Args, Project: "notebook", Steps: []operations.StepPlan{{Name: "restart:backend", Changes: true, Deadline: time.Minute}}}, nil
}

func (servant) Step(string) (operations.Doer, bool) { return done{}, true }

func (servant) Tell(*operations.Operation) []operations.Fact { return nil }

type done struct{}

func (done) Do(context.Context, *operations.Run) error { return nil }

func (done) Look(context.Context, *operations.Run) (operations.Seen, error) {
	return operations.SeenDone, nil
}
func (done) Undo(context.Context, *operations.Run) error { return nil }

// serving gives a house operations on an application.
func serving(h *house) *operations.Service {
	people := access.New(access.Config{
		Operators: []string{kim, lee}, Commanders: []string{lee, boss}, BreakGlass: []string{kim}, Team: team,
	}, directory{}, h.clock)
	svc := operations.NewService(h.store, operations.Config{
		Kinds: []operations.Kind{servant{}, tidy{}, upkeep{}}, People: operations.AccessPeople{Access: people}, Auditor: operations.AuditLog{}, Ops: opsRoom, Now: h.clock,
	}, slog.New(slog.DiscardHandler))
	h.cfg.Operations, h.cfg.Access = svc, people
	h.runner = commands.New(h.cfg)
	return svc
}

func (h *house) operation(number int64) *operations.Operation {
	h.t.Helper()
	op, err := h.store.FindOperation(h.t.Context(), number)
	if err != nil {
		h.t.Fatal(err)
	}
	return op
}

// press presses a button of an operation's card.
func (h *house) press(user, action string, number int64) []incidents.Notice {
	h.t.Helper()
	op := h.operation(number)
	at, ok, err := h.store.Posted(h.t.Context(), op.CardKey())
	if err != nil || !ok {
		h.t.Fatalf("the card of %s is not posted (%v)", op.Key(), err)
	}
	return h.ask(commands.Request{
		Source: commands.Action, User: user, Action: action, Value: op.Key() + "/" + op.Hash, Channel: at.Channel, Message: at.TS, Trigger: "t",
	})
}

func kinds(ns []incidents.Notice) string {
	var out []string
	for _, n := range ns {
		out = append(out, string(n.Kind))
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func TestAnOperationIsAskedInWordsAndToldByItsCard(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, h *house) {
		serving(h)
		ns := h.ask(commands.Request{User: kim, Channel: opsRoom, Text: "restart backend --no-backup 它在泄漏 memory"})
		if kinds(ns) != "operation.card" || ns[0].Channel != opsRoom || ns[0].Operation != 1 {
			t.Fatalf("told %s: %+v", kinds(ns), ns)
		}
		if op := h.operation(1); op.Plan.Reason != "它在泄漏 memory" || strings.Join(op.Plan.Args, " ") != "backend --no-backup" || op.By.ID != kim || op.By.Team != team {
			t.Errorf("asked %+v by %+v", op.Plan, op.By)
		}
		// Elsewhere the card would not be seen, so the answer says where it is.
		ns = h.say(kim, "restart backend")
		_, text := answer(t, ns)
		contains(t, text, "OP-2")
		// In an incident's thread, it is told there.
		h.open("P1", "disk is full")
		at := h.card(1)
		ns = h.ask(commands.Request{Source: commands.Mention, User: lee, Channel: at.Channel, Thread: at.TS, Message: "5.5", Text: "restart backend"})
		if kinds(ns) != "operation.card" || ns[0].Root != "INC-1/card" {
			t.Errorf("told %s: %+v", kinds(ns), ns)
		}
		contains(t, refused(t, kim, h.say(kim, "restart bakcend")), "backend", "nginx")
		contains(t, refused(t, kim, h.say(kim, "restart")), "backend", "nginx")
		contains(t, refused(t, kim, h.say(kim, "restart backend --force")), "/notebook restart")
		refused(t, boss, h.say(boss, "restart backend")) // a commander who is no operator
		refused(t, ann, h.say(ann, "restart backend"))
	})
}

func TestWhoMayApproveIsAskedAtEachClickAndSaysItOnce(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, h *house) {
		serving(h)
		h.ask(commands.Request{User: lee, Channel: opsRoom, Text: "restart backend"})
		for _, user := range []string{ann, kim, lee, guest} {
			text := refused(t, user, h.press(user, "approval.approve", 1))
			if user == kim && (!strings.Contains(text, boss) || strings.Contains(text, "/notebook") || !strings.Contains(text, "approve or reject") && !strings.Contains(text, "批准或拒绝")) {
				t.Errorf("who may not approve hears %q", text)
			}
		}
		if op := h.operation(1); op.State != operations.Planned || len(op.Votes) != 0 {
			t.Fatalf("it is %s with %+v", op.State, op.Votes)
		}
		if ns := h.press(boss, "approval.approve", 1); kinds(ns) != "operation.edit" {
			t.Errorf("told %s", kinds(ns))
		}
		if op := h.operation(1); op.State != operations.Approved || len(op.Votes) != 1 || op.Votes[0].By.ID != boss {
			t.Errorf("it is %s with %+v", op.State, op.Votes)
		}
		if ns := h.press(boss, "approval.approve", 1); len(ns) != 0 {
			t.Errorf("a double click says %s", kinds(ns))
		}
		// The timeline keeps who tried, and the audit log has it all.
		entries, err := h.store.OperationTimeline(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		tried := map[string]int{}
		for _, e := range entries {
			if e.Kind == operations.WasRefused {
				tried[e.By.ID]++
			}
		}
		if tried[ann] != 1 || tried[kim] != 1 || tried[lee] != 1 {
			t.Errorf("refused in the timeline: %v", tried)
		}
		votes := 0
		for _, e := range h.entries() {
			if e.Target == "OP-1" && e.Verdict == audit.Approved && e.Actor == boss {
				votes++
			}
		}
		if votes == 0 {
			t.Error("the approval is not in the audit log")
		}
	})
}

func TestAnApprovalForAnotherPlanCountsForNothing(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, h *house) {
		serving(h)
		h.ask(commands.Request{User: kim, Channel: opsRoom, Text: "restart backend"})
		for _, value := range []string{"OP-1/" + strings.Repeat("0", 64), "OP-9/", "OP-1;drop", "INC-1", "", "OP--1"} {
			refused(t, lee, h.ask(commands.Request{Source: commands.Action, User: lee, Action: "approval.approve", Value: value, Channel: opsRoom, Message: "9.9"}))
		}
		if op := h.operation(1); len(op.Votes) != 0 {
			t.Errorf("votes %+v", op.Votes)
		}
	})
}

func TestARejectionNeedsAReasonAndEndsIt(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, h *house) {
		serving(h)
		h.ask(commands.Request{User: kim, Channel: opsRoom, Text: "restart backend"})
		refused(t, ann, h.press(ann, "approval.reject", 1)) // before a form is filled in
		if ns := h.press(lee, "approval.reject", 1); len(ns) != 0 {
			t.Fatalf("told %s", kinds(ns))
		}
		view := h.front.last(t)
		submit := commands.Request{Source: commands.Submit, User: lee, Callback: view.Callback, Metadata: view.Metadata, Values: map[string]string{"reason": ""}}
		if wrong := h.runner.Validate(submit); len(wrong) != 1 {
			t.Errorf("an empty reason is wrong with %v", wrong)
		}
		submit.Values["reason"] = "正值高峰"
		if ns := h.ask(submit); kinds(ns) != "operation.edit operation.result" {
			t.Errorf("told %s", kinds(ns))
		}
		if op := h.operation(1); op.State != operations.Rejected || op.EndedBy.ID != lee || op.EndReason != "正值高峰" {
			t.Errorf("it is %s by %+v: %s", op.State, op.EndedBy, op.EndReason)
		}
		contains(t, refused(t, boss, h.press(boss, "approval.approve", 1)), "OP-1")
		// In words, too.
		h.ask(commands.Request{User: kim, Channel: opsRoom, Text: "restart backend"})
		refused(t, lee, h.ask(commands.Request{Source: commands.Mention, User: lee, Channel: opsRoom, Message: "7.7", Text: "reject OP-2"}))
		h.say(lee, "operation reject op-2 tonight")
		if op := h.operation(2); op.State != operations.Rejected || op.EndReason != "tonight" {
			t.Errorf("it is %s: %s", op.State, op.EndReason)
		}
	})
}

func TestARequestIsTakenBackByWhoMadeItAlone(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, h *house) {
		serving(h)
		h.ask(commands.Request{User: kim, Channel: opsRoom, Text: "restart backend"})
		refused(t, lee, h.press(lee, "operation.cancel", 1))
		if ns := h.press(kim, "operation.cancel", 1); kinds(ns) != "operation.edit operation.result" {
			t.Errorf("told %s", kinds(ns))
		}
		if op := h.operation(1); op.State != operations.Cancelled {
			t.Errorf("it is %s", op.State)
		}
	})
}

func TestWhoBreaksTheGlassNeedsAReasonAndEverybodyIsTold(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, h *house) {
		svc := serving(h)
		h.ask(commands.Request{User: kim, Channel: opsRoom, Text: "restart backend"})
		refused(t, lee, h.say(lee, "operation alone OP-1 now"))
		refused(t, kim, h.say(kim, "operation alone OP-1"))
		ns := h.say(kim, "operation alone OP-1 两位指挥官都联系不上")
		if got := kinds(ns); !strings.Contains(got, "operation.break_glass") {
			t.Errorf("told %s", got)
		}
		if op := h.operation(1); op.State != operations.Approved || op.Alone == nil || op.Alone.Reason != "两位指挥官都联系不上" || op.Alone.From != random {
			t.Errorf("it is %s, alone %+v", op.State, op.Alone)
		}
		refused(t, lee, h.say(lee, "operation review OP-1 too early"))
		runner := operations.NewRunner(svc, operations.RunnerConfig{Owner: "r"})
		if _, err := runner.Once(t.Context()); err != nil {
			t.Fatal(err)
		}
		h.deliver()
		refused(t, kim, h.say(kim, "operation review OP-1 I was right"))
		h.press(lee, "operation.review", 1)
		view := h.front.last(t)
		h.ask(commands.Request{Source: commands.Submit, User: lee, Callback: view.Callback, Metadata: view.Metadata, Values: map[string]string{"reason": "it was needed"}})
		if op := h.operation(1); op.Alone.Review == nil || op.Alone.Review.By.ID != lee || op.Alone.Review.Text != "it was needed" {
			t.Errorf("reviewed %+v", op.Alone.Review)
		}
	})
}

func TestOperationsAreListedAndShown(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, h *house) {
		serving(h)
		for range 12 {
			h.ask(commands.Request{User: kim, Channel: opsRoom, Text: "restart backend"})
		}
		_, text := answer(t, h.say(ann, "operation list"))
		contains(t, text, "OP-12", "OP-3", "[incident.page operation list <op-3]")
		if strings.Contains(text, "OP-2 ") {
			t.Errorf("the first page has the second:\n%s", text)
		}
		_, text = answer(t, h.ask(commands.Request{Source: commands.Action, User: ann, Action: "incident.page", Value: "operation list <op-3", Channel: random, Message: "3.3"}))
		contains(t, text, "OP-2", "OP-1")
		for _, words := range []string{"operation show OP-7", "OP-7", "op-7", "operation show 7"} {
			_, text = answer(t, h.say(ann, words))
			contains(t, text, "OP-7")
			if strings.Contains(text, "approval.approve") {
				t.Error("a copy that is never edited has buttons")
			}
		}
		contains(t, refused(t, ann, h.say(ann, "OP-99")), "OP-99")
		contains(t, refused(t, ann, h.say(ann, "operation list nonsense")), "/notebook operation list")
		contains(t, refused(t, ann, h.say(ann, "operation show")), "/notebook operation show")
	})
}

func TestWithoutAnApplicationOperationsSaySo(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, h *house) {
		contains(t, refused(t, kim, h.say(kim, "restart backend")), "target")
	})
}

func TestWhatAKindCannotFindOutIsToldAtOnceAndNotTriedAgain(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, h *house) {
		serving(h)
		contains(t, refused(t, kim, h.say(kim, "restart broken")), "no such file: docker-compose.yml")
	})
}
