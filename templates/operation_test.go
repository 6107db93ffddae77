package templates

import (
	"strings"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/access"
	"github.com/ai-notebook/notebookbot/internal/ops"
)

var chen = ops.Person{Actor: incidents.Person("U01AAAA"), Team: "T0OURS"}

// planned is a request to restart the backend, as people see it first.
func planned() *ops.Operation {
	step := func(name string, part ops.Part, changes bool) ops.Step {
		return ops.Step{StepPlan: ops.StepPlan{Name: name, Changes: changes, Deadline: time.Minute}, Part: part, State: ops.Pending}
	}
	return &ops.Operation{
		Number: 7, State: ops.Planned, Asked: at, By: chen, Hash: strings.Repeat("c0ffee", 10), Expires: at.Add(15 * time.Minute),
		Policy: ops.Policy{Class: access.Change, Run: "operators", Approve: "commanders", Approvals: 1, Expires: 15 * time.Minute},
		Plan: ops.Plan{
			Word: "restart", Args: []string{"backend"}, Project: "ai-notebook", Reason: "内存持续上涨 <!channel>",
			Services: []ops.Affected{{Name: "backend", Containers: []ops.Container{{ID: "abc", Image: "sha256:123"}}}},
			Backup:   ops.Backup{Choice: ops.BackupTaken}, Usual: 42 * time.Second, NoSilence: "no_alertmanager",
			Notes: []string{"down_meanwhile", "dependents: frontend, nginx", "no_healthcheck: nginx", "something new: <@U01AAAA>"},
		},
		Steps: []ops.Step{
			step("backup", ops.PartBackup, false), step("restart:backend", ops.PartStep, true), step("healthy:backend", ops.PartCheck, false),
			step("url", ops.PartCheck, false),
		},
		Updated: at,
	}
}

// becoming changes a copy of the request.
func becoming(f func(op *ops.Operation)) *ops.Operation {
	op := planned()
	f(op)
	return op
}

// waiting is approved and cannot be looked at.
func waiting(op *ops.Operation) {
	op.State, op.Approved, op.StartBy = ops.Approved, at, at.Add(time.Hour)
	op.Waits = ops.Waiting{For: ops.Reason{Code: ops.TargetAway, Text: "the target could not be looked at: the Docker engine does not answer <!here>"}}
}

func did(op *ops.Operation, states ...ops.StepState) {
	for i, s := range states {
		st := &op.Steps[i]
		st.State = s
		if s != ops.Pending && s != ops.StepSkipped {
			st.Started = at.Add(time.Duration(i) * 10 * time.Second)
		}
		if s != ops.Pending && s != ops.StepSkipped && s != ops.StepRunning {
			st.Ended = st.Started.Add(8 * time.Second)
		}
	}
}

func TestOperationsReadWell(t *testing.T) {
	eachLocale(t, func(t *testing.T, l string, w *Templates) {
		var b book
		approvers := []Target{{Name: "commanders", Users: []string{"U02BBBB", "U03CCCC"}}}
		vote := ops.Vote{By: ops.Person{Actor: incidents.Person("U02BBBB")}, At: at.Add(time.Minute), Hash: planned().Hash}
		ran := func(s ops.State, reason string, left ...string) func(op *ops.Operation) {
			return func(op *ops.Operation) {
				op.State, op.Started, op.Ended, op.Votes = s, at.Add(time.Minute), at.Add(100*time.Second), []ops.Vote{vote}
				op.Outcome = ops.Outcome{Step: "restart:backend", Reason: ops.Reason{Code: ops.Said, Text: reason}, Left: left}
			}
		}
		for _, c := range []struct {
			name string
			op   *ops.Operation
		}{
			{"planned", planned()},
			{"planned, worst", becoming(func(op *ops.Operation) {
				op.Policy.Approvals, op.Policy.Class = 2, access.Destructive
				op.Plan.Word, op.Plan.Args = "new-word", []string{"<!here>", strings.Repeat("很长", 200)}
				op.Plan.Reason = strings.Repeat("为什么 *粗* `码`\n", 100)
				op.Plan.Backup = ops.Backup{Choice: ops.BackupNone, Why: "database_away"}
				op.Plan.Silence, op.Plan.NoSilence, op.Plan.Usual = []string{"backend", "nginx"}, "no_alerts_line: redis", 0
				for i := range 40 {
					op.Steps = append(op.Steps, ops.Step{StepPlan: ops.StepPlan{Name: "new:" + strings.Repeat("x", i), Undo: "as it was"}, State: ops.Pending})
				}
			})},
			{"approved, waits", becoming(func(op *ops.Operation) { op.State, op.WaitsFor, op.Votes = ops.Approved, 6, []ops.Vote{vote} })},
			{"broken glass", becoming(func(op *ops.Operation) {
				op.State, op.Alone = ops.Approved, &ops.BreakGlass{By: chen, At: at, Reason: "两位指挥官都联系不上"}
			})},
			{"running", becoming(func(op *ops.Operation) {
				op.State, op.Started, op.Votes = ops.Running, at, []ops.Vote{vote}
				did(op, ops.StepRunning)
				op.Steps[0].Progress = ops.Progress{Done: 120 << 20, Total: 266 << 20, Unit: "bytes"}
			})},
			{"running, after a crash", becoming(func(op *ops.Operation) {
				op.State, op.Started = ops.Running, at
				did(op, ops.StepDone, ops.StepUnknown)
			})},
			{"done", becoming(func(op *ops.Operation) {
				ran(ops.Done, "")(op)
				did(op, ops.StepDone, ops.StepDone, ops.StepDone, ops.StepDone)
				op.Outcome = ops.Outcome{Warnings: []ops.Reason{{Code: ops.SilenceStays, Text: "Alertmanager does not answer"}}}
			})},
			{"failed, changed", becoming(func(op *ops.Operation) {
				ran(ops.Failed, "backend (container x_backend_1) is unhealthy: 3 checks failed in a row\nhealth: HTTP 503\n| panic: <!channel> out of memory", "restart:backend")(op)
				did(op, ops.StepDone, ops.StepFailed, ops.StepSkipped, ops.StepSkipped)
			})},
			{"failed, unchanged", becoming(func(op *ops.Operation) {
				ran(ops.Failed, "the container is gone")(op)
				op.Outcome.Unchanged = true
				did(op, ops.StepDone, ops.StepFailed, ops.StepSkipped, ops.StepSkipped)
			})},
			{"undone", becoming(func(op *ops.Operation) {
				ran(ops.Undone, "the new version answers 500")(op)
				did(op, ops.StepDone, ops.StepUndone, ops.StepSkipped, ops.StepSkipped)
			})},
			{"undone, somebody else was at it", becoming(func(op *ops.Operation) {
				ran(ops.Undone, "")(op)
				op.Outcome.Reason = ops.Reason{Code: ops.TargetMoved}
				did(op, ops.StepDone, ops.StepUndone, ops.StepSkipped, ops.StepSkipped)
				op.Changed = []ops.Difference{
					{What: "database", Name: "ai_notebook", Was: "16384", Is: "16411"},
					{What: "database", Name: "ai_notebook", Is: "16411"},
					{What: "database", Name: "ai_notebook_new_op7", Was: "16390"},
					{What: "file", Name: ".env", Was: "1", Is: "2"},
				}
			})},
			{"unknown", becoming(func(op *ops.Operation) {
				ran(ops.Unknown, "looking at it: the Docker engine does not answer")(op)
				did(op, ops.StepDone, ops.StepUnclear, ops.StepSkipped, ops.StepSkipped)
			})},
			{"void", becoming(func(op *ops.Operation) {
				op.Why = ops.Reason{Code: ops.TargetChanged}
				op.State, op.Changed, op.Ended = ops.Void, []ops.Difference{
					{What: "image", Name: "backend", Was: `["sha256:0123456789abcdef"]`, Is: `["sha256:fedcba9876543210"]`},
					{What: "services", Name: "worker", Is: `["sha256:1"]`},
					{What: "commit", Was: "0123456789abcdef", Is: "aa"},
					{What: "compose", Was: "1", Is: "2"},
				}, at
			})},
			{"void, by roles", becoming(func(op *ops.Operation) {
				op.State, op.Ended, op.Why = ops.Void, at, ops.Reason{Code: ops.ApproverMayNot, Name: "U02BBBB"}
			})},
			{"approved, waits for the engine", becoming(waiting)},
			{"failed, changed meanwhile", becoming(func(op *ops.Operation) {
				ran(ops.Failed, "")(op)
				op.Outcome.Unchanged, op.Outcome.Reason = true, ops.Reason{Code: ops.TargetMoved, Names: []string{"backend (sha256:0123 → sha256:4567)"}}
				op.Changed = []ops.Difference{{What: "image", Name: "backend", Was: "sha256:0123", Is: "sha256:4567"}}
			})},
			{"expired, waited for the engine", becoming(func(op *ops.Operation) {
				op.State, op.Ended, op.Approved = ops.Expired, at, at
				op.Why = ops.Reason{Code: ops.TargetAway, Text: "the Docker engine does not answer <!here>"}
			})},
			{"rejected", becoming(func(op *ops.Operation) {
				op.State, op.Ended, op.EndedBy, op.EndReason = ops.Rejected, at, vote.By, "正值高峰，改到今晚"
			})},
			{"expired", becoming(func(op *ops.Operation) {
				op.State, op.Ended, op.Why = ops.Expired, at, ops.Reason{Code: ops.TooFew, Count: 1}
			})},
			{"cancelled", becoming(func(op *ops.Operation) { op.State, op.Ended, op.EndedBy = ops.Cancelled, at, chen })},
			{"the clock's own", becoming(func(op *ops.Operation) {
				op.By = ops.Person{Actor: incidents.Actor{Kind: incidents.ByClock}}
				ran(ops.Failed, "no space left on device")(op)
				op.Outcome.Unchanged = true
			})},
		} {
			v := OperationView{Operation: c.op, Now: at.Add(90 * time.Second), Approvers: approvers}
			b.add(c.name, w.Operation(v))
			if c.op.State.Over() {
				b.add(c.name+", the reply", w.OperationResult(v, "https://slack.example/archives/C0OPS/p1"))
			}
		}
		b.add("waits", w.OperationWaits(OperationView{Operation: becoming(waiting), Now: at}))
		b.add("waits, too late", w.OperationWaits(OperationView{Operation: planned(), Now: at}))
		n := incidents.Notice{By: chen.Actor, At: at, Fact: incidents.Fact{Person: chen.ID, Text: "两位指挥官都联系不上 <!here>"}}
		from := func(by ops.Person, channel string) *ops.Operation {
			return becoming(func(op *ops.Operation) {
				op.State, op.Alone = ops.Approved, &ops.BreakGlass{By: by, At: at, Reason: "两位指挥官都联系不上", From: channel}
			})
		}
		terminal := ops.Person{Actor: chen.Actor, Team: access.TerminalTeam, OSUser: "deploy <!here>"}
		b.add("alone, from a terminal", w.OperationAlone(OperationView{Operation: from(terminal, ""), Now: at, Approvers: approvers}, n))
		b.add("alone, from a channel", w.OperationAlone(OperationView{Operation: from(chen, "C0INC"), Now: at, Approvers: approvers}, n))
		b.add("alone, from a direct message", w.OperationAlone(OperationView{Operation: from(chen, "D0CHEN"), Now: at, Approvers: approvers}, n))
		b.add("alone, the card", w.Operation(OperationView{Operation: from(terminal, ""), Now: at, Approvers: approvers}))
		b.add("alone", w.OperationAlone(OperationView{Operation: planned(), Now: at, Approvers: approvers}, n))
		b.add("list", w.OperationList(OperationListView{Operations: []*ops.Operation{planned(), becoming(ran(ops.Done, ""))}, Open: true, Now: at, Next: "operation list <op-6"}))
		b.add("list, empty", w.OperationList(OperationListView{Open: true, Now: at}))
		type told struct {
			text string
			ops.Reason
		}
		reasons := map[ops.EntryKind]told{
			ops.WasRefused: {"approve", ops.Reason{Code: "refused_not_listed", Name: "commanders"}}, ops.WasVoided: {"", ops.Reason{Code: ops.TargetChanged}},
			ops.StepLooked: {"unclear", ops.Reason{Code: ops.CannotLook, Text: "no route to host"}}, ops.WasDeferred: {"", ops.Reason{Code: ops.PeopleAway, Name: "U01AAAA"}},
			ops.StepBroke: {"", ops.Reason{Code: ops.Said, Text: "exit status 1"}}, ops.WasFinished: {"", ops.Reason{Code: ops.TookTooLong, Text: "signal: killed"}},
			ops.WasSilenced: {"", ops.Reason{Code: ops.NotSilenced, Text: "401"}},
		}
		var entries []ops.Entry
		for i, k := range operationEntries {
			e := ops.Entry{Operation: 7, Seq: int64(i), At: at, By: chen, Kind: k, State: ops.Running, Step: "restart:backend", Text: "why <!here>"}
			if why, ok := reasons[k]; ok {
				e.Text, e.Why = why.text, &why.Reason
			}
			entries = append(entries, e)
		}
		b.add("show", w.OperationShow(OperationView{Operation: becoming(ran(ops.Done, "")), Now: at}, append(entries, entries...)))
		b.WriteString(form(w.ModalReject(planned())))
		for _, code := range operationProblems {
			m, ok := w.Problem(&ops.Problem{Code: code, Name: "bakcend", Names: []string{"backend", "nginx"}, Text: "it says <!here>", Count: 2, Total: 3}, "backend")
			if !ok {
				t.Errorf("problem %s has no words", code)
			}
			b.add("problem "+code, m)
		}
		golden(t, l, "operations", b.String())
	})
}

func TestTheCardAsksOnlyThoseWhoCanStillApprove(t *testing.T) {
	t.Parallel()
	w := words(t, "zh-CN")
	all := []Target{{Name: "commanders", Users: []string{"U01AAAA", "U02BBBB", "U03CCCC"}}}
	shown := func(op *ops.Operation, approvers []Target) string {
		return page(w.Operation(OperationView{Operation: op, Now: at, Approvers: approvers}))
	}
	op := becoming(func(op *ops.Operation) {
		op.Policy.Approvals, op.Plan.Notes = 2, nil
		op.Votes = []ops.Vote{{By: ops.Person{Actor: incidents.Person("U02BBBB")}, At: at}}
	})
	if s := shown(op, all); strings.Contains(s, "<@U01AAAA>") || strings.Contains(s, "<@U02BBBB>") || !strings.Contains(s, "<@U03CCCC>") {
		t.Errorf("asked are others than U03CCCC:\n%s", s)
	}
	op.Policy.SelfApproval = true
	if s := shown(op, all); !strings.Contains(s, "<@U01AAAA>") {
		t.Errorf("who may approve their own request is not asked:\n%s", s)
	}
	op.Policy.SelfApproval = false
	if s := shown(op, []Target{{Name: "commanders", Users: []string{"U01AAAA"}}}); !strings.Contains(s, "<@U01AAAA>") {
		t.Errorf("nobody is named where nobody can:\n%s", s)
	}
}
