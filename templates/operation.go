package templates

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/ops"
)

// The buttons of a request, and what its modal asks.
const (
	ActionApprove  = "approval.approve"
	ActionReject   = "approval.reject"
	ActionCancel   = "operation.cancel"
	CallbackReject = "operation.reject" // InputReason; Metadata is the operation's key
	CallbackReview = "operation.review" // likewise
)

// OperationView is what an operation's message is made of.
type OperationView struct {
	Operation *ops.Operation
	Now       time.Time
	Approvers []Target // who may approve
	Terminal  bool     // shown where nobody approves and nothing is clicked
}

// The bounds of what an operation's card lists.
const (
	cardSteps  = 24
	reasonCut  = 1500
	reasonRows = 24
)

// details show what only one kind of operation knows, from Plan.Details. By word.
var details = map[string]func(t *Templates, raw json.RawMessage) []Block{
	"cleanup":     (*Templates).cleanupDetails,
	"db.maintain": (*Templates).maintainDetails,
}

// Operation is the one message of an operation: the plan before it is approved, its progress, and how it ended.
func (t *Templates) Operation(v OperationView) Message {
	op := v.Operation
	a := t.operationArgs(v)
	m := Message{
		Summary: t.plain("op.summary", a),
		Blocks: []Block{
			{Kind: Header, Lines: t.lines("op.header", a)},
			text(append([]Line{t.line("op.status", a)}, t.lines("op.next."+string(op.State), a)...)...),
		},
	}
	m.Blocks = append(m.Blocks, t.operationEnd(op)...)
	m.Blocks = append(m.Blocks, t.operationLed(op)...)
	if b := quoted(op.Plan.Reason, reportCut); len(b.Lines) > 0 {
		m.Blocks = append(m.Blocks, b)
	}
	if !op.State.Over() {
		m.Blocks = append(m.Blocks, Block{Kind: Fields, Pairs: t.operationFields(op)})
		m.Blocks = append(m.Blocks, t.operationDetails(op)...)
	}
	m.Blocks = append(m.Blocks, t.operationSteps(op, v.Now))
	for _, b := range []Block{{Kind: Text, Lines: t.operationNotes(op)}, {Kind: Context, Lines: t.operationSmall(op, v.Terminal)}} {
		if len(b.Lines) > 0 {
			m.Blocks = append(m.Blocks, b)
		}
	}
	if bs := t.operationButtons(op); len(bs) > 0 {
		m.Blocks = append(m.Blocks, Block{Kind: Actions, Buttons: bs})
	}
	return m
}

func (t *Templates) operationDetails(op *ops.Operation) []Block {
	show, ok := details[op.Plan.Word]
	if !ok || len(op.Plan.Details) == 0 {
		return nil
	}
	return show(t, op.Plan.Details)
}

// operationArgs is what sentences about an operation can speak of.
func (t *Templates) operationArgs(v OperationView) Args {
	op := v.Operation
	a := Args{
		Key: op.Key(), Title: t.OperationTitle(op.Plan.Word, op.Plan.Args), Word: t.operationMark(op), Class: string(op.Policy.Class),
		By: op.By.Actor, Person: op.By.ID, Since: op.Asked, Now: v.Now, Due: op.Expires, After: op.Took(), Count: op.Missing(),
		Told: stillAsked(op, v.Approvers), Text: t.label("op.state." + string(op.State)), Yes: op.Policy.SelfApproval,
	}
	switch op.State {
	case ops.Approved:
		a.Yes = op.Alone != nil
		switch {
		case op.WaitsFor != 0:
			a.Ref = ops.Key(op.WaitsFor)
		case !op.Waits.For.IsZero():
			a.Where, a.Due = t.Reason(op.Waits.For), op.StartBy
		}
	case ops.Running:
		a.Since, a.Total = op.Started, len(op.Steps)
		a.Count, a.Where = t.runningStep(op)
	case ops.Done, ops.Failed, ops.Undone, ops.Unknown:
		a.At = op.Ended
		a.Where = t.stepName(op.Outcome.Step)
		a.Yes = op.Outcome.Unchanged || op.State == ops.Undone && len(op.Changed) > 0
		for _, name := range op.Outcome.Left {
			a.Names = append(a.Names, t.stepName(name))
		}
	case ops.Rejected, ops.Cancelled:
		a.By, a.At = op.EndedBy.Actor, op.Ended
	case ops.Expired:
		a.Yes = !op.Approved.IsZero()
	case ops.Void, ops.Planned:
	}
	return a
}

// runningStep is the number, from 1, and the name of the step that is under way.
func (t *Templates) runningStep(op *ops.Operation) (int, string) {
	last := 0
	for i, st := range op.Steps {
		switch st.State {
		case ops.StepRunning, ops.StepUndoing, ops.StepUnknown:
			return i + 1, t.stepName(st.Name)
		case ops.Pending:
			return i + 1, t.stepName(st.Name)
		case ops.StepDone, ops.StepFailed, ops.StepUnclear, ops.StepUndone, ops.StepKept, ops.StepSkipped:
			last = i
		}
	}
	return last + 1, ""
}

// operationMark is the sign of an operation's state.
func (t *Templates) operationMark(op *ops.Operation) string {
	switch op.State {
	case ops.Planned:
		return "🕓"
	case ops.Approved, ops.Running:
		return "⏳"
	case ops.Done:
		return "✅"
	case ops.Undone:
		return "↩️"
	case ops.Failed:
		return "❌"
	case ops.Unknown:
		return "❓"
	case ops.Void, ops.Rejected, ops.Expired, ops.Cancelled:
	}
	return "🚫"
}

// operationEnd says why it ended as it did.
func (t *Templates) operationEnd(op *ops.Operation) []Block {
	var bs []Block
	switch op.State {
	case ops.Void:
		bs = append(bs, t.reasonBlocks(op.Why)...)
		bs = append(bs, t.operationChanged(op))
	case ops.Expired:
		if op.Why.Code != ops.TooFew { // that stands there already
			bs = append(bs, t.reasonBlocks(op.Why)...)
		}
	case ops.Rejected, ops.Cancelled:
		bs = append(bs, quoted(op.EndReason, reportCut))
	case ops.Failed, ops.Undone, ops.Unknown:
		bs = append(bs, t.reasonBlocks(op.Outcome.Reason)...)
		bs = append(bs, t.operationChanged(op))
	case ops.Planned, ops.Approved, ops.Running, ops.Done:
	}
	var out []Block
	for _, b := range bs {
		if len(b.Lines) > 0 {
			out = append(out, b)
		}
	}
	return out
}

// operationChanged lists what is not any more what was approved.
func (t *Templates) operationChanged(op *ops.Operation) Block {
	b := Block{Kind: List}
	for _, d := range op.Changed {
		b.Lines = append(b.Lines, t.line("op.changed."+d.What, Args{Word: cut(d.Name, 60), Text: briefly(d.Was), Where: briefly(d.Is)}))
	}
	return b
}

// briefly shortens ids as people know them.
func briefly(s string) string {
	s = strings.NewReplacer(`"`, "", "[", "", "]", "", ",", " ").Replace(s)
	var out []string
	for id := range strings.FieldsSeq(s) {
		const enough = 12
		id = strings.TrimPrefix(id, "sha256:")
		out = append(out, id[:min(len(id), enough)])
	}
	return cut(strings.Join(out, " "), 80)
}

func (t *Templates) operationFields(op *ops.Operation) []Pair {
	p := op.Plan
	var services []string
	for _, s := range p.Services {
		services = append(services, cut(s.Name, 40))
	}
	var ps []Pair
	if len(services) > 0 {
		ps = append(ps, Pair{t.label("op.field.services"), Line{{Text: cut(t.join(services), 200)}}})
	}
	if l := t.operationBackup(p.Backup); len(l) > 0 {
		ps = append(ps, Pair{t.label("op.field.backup"), l})
	}
	usual := t.line("op.usual.unknown", Args{})
	if p.Usual > 0 {
		usual = t.line("op.usual", Args{After: p.Usual})
	}
	ps = append(ps, Pair{t.label("op.field.usual"), usual})
	if len(p.Silence) > 0 || p.NoSilence != "" {
		var l Line
		if len(p.Silence) > 0 {
			l = t.line("op.silence", Args{Names: p.Silence})
		}
		if len(p.Silence) > 0 && p.NoSilence != "" {
			l = append(l, Span{Text: " · "})
		}
		if p.NoSilence != "" {
			l = append(l, t.coded("op.why.", p.NoSilence, Args{})...)
		}
		ps = append(ps, Pair{t.label("op.field.silence"), l})
	}
	return ps
}

func (t *Templates) operationBackup(b ops.Backup) Line {
	switch b.Choice {
	case ops.BackupSet:
		return t.line("op.backup.set", Args{Ref: cut(b.Set, 60), At: b.At})
	case ops.BackupTaken, ops.BackupWanted:
		return t.line("op.backup.take", Args{})
	case ops.BackupNone:
		return append(t.line("op.backup.none", Args{}), t.coded("op.why.", b.Why, Args{})...)
	}
	return nil
}

// operationNotes are what people should know before they approve, and what went on beside the steps.
func (t *Templates) operationNotes(op *ops.Operation) []Line {
	var ls []Line
	if !op.State.Over() {
		for _, n := range op.Plan.Notes {
			ls = append(ls, append(Line{{Text: "⚠️ "}}, t.coded("op.note.", n, Args{})...))
		}
	}
	for _, w := range op.Outcome.Warnings {
		for _, l := range t.reasonLines(w) {
			ls = append(ls, append(Line{{Text: "⚠️ "}}, l...))
		}
	}
	return ls
}

// operationSmall is the small print: who decided, and what exactly was decided about.
func (t *Templates) operationSmall(op *ops.Operation, terminal bool) []Line {
	var ls []Line
	for _, v := range op.Votes {
		ls = append(ls, t.line("op.vote", Args{By: v.By.Actor, At: v.At}))
	}
	if op.Alone != nil {
		ls = append(ls, t.line("op.alone", Args{By: op.Alone.By.Actor, At: op.Alone.At, Text: op.Alone.Reason}))
		if l := t.aloneFrom(op.Alone); len(l) > 0 {
			ls = append(ls, l)
		}
		if rv := op.Alone.Review; rv != nil {
			ls = append(ls, t.line("op.reviewed", Args{By: rv.By.Actor, At: rv.At, Text: rv.Text}))
		}
	}
	if l := t.operationLogs(op); len(l) > 0 {
		ls = append(ls, l)
	}
	const enough = 12
	a := Args{Class: string(op.Policy.Class), Ref: op.Hash[:min(len(op.Hash), enough)], Yes: op.Policy.SelfApproval, Count: op.Policy.Approvals, Key: op.Key(), Where: cut(op.Plan.Project, 60)}
	if op.State == ops.Planned && !terminal {
		ls = append(ls, t.line("op.rule", a))
	}
	return append(ls, t.line("op.hash", a))
}

// operationLogs says where the services' logs are to be had once something was done to them.
func (t *Templates) operationLogs(op *ops.Operation) Line {
	if !op.State.Over() || op.Started.IsZero() || len(op.Plan.Services) == 0 {
		return nil
	}
	a := Args{Word: cut(op.Plan.Services[0].Name, 40)}
	for _, s := range op.Plan.Services[1:] {
		a.Names = append(a.Names, cut(s.Name, 40))
	}
	return t.line("op.logs", a)
}

func (t *Templates) operationButtons(op *ops.Operation) []Button {
	value := op.Key() + "/" + op.Hash
	cancel := Button{Action: ActionCancel, Value: value, Label: t.label("op.button.cancel")}
	switch op.State {
	case ops.Planned:
		title := t.OperationTitle(op.Plan.Word, op.Plan.Args)
		return []Button{
			{Action: ActionApprove, Value: value, Label: t.label("op.button.approve"), Style: Primary, Confirm: &Confirm{
				Title: t.plain("op.confirm.approve", Args{Key: op.Key()}), Text: t.plain("op.confirm.approve.text", Args{Title: title}),
				Yes: t.label("op.button.approve"), No: t.label("modal.cancel"),
			}},
			{Action: ActionReject, Value: value, Label: t.label("op.button.reject"), Style: Danger},
			cancel,
		}
	case ops.Approved:
		return []Button{cancel}
	}
	return nil
}

// OperationResult is the reply that says how an operation ended: what, how, what to do.
func (t *Templates) OperationResult(v OperationView, link string) Message {
	op := v.Operation
	a := t.operationArgs(v)
	m := t.message(t.lines("op.result."+string(op.State), a), append(t.operationEnd(op), t.operationLed(op)...)...)
	if notes := t.operationNotes(op); len(notes) > 0 {
		m.Blocks = append(m.Blocks, Block{Kind: Context, Lines: notes})
	}
	if u, _, ok := webAddress(link); ok {
		m.Blocks = append(m.Blocks, Block{Kind: Actions, Buttons: []Button{{Label: t.label("op.button.card"), URL: u}}})
	}
	return m
}

// OperationAlone tells everybody that somebody acted without the approvals.
func (t *Templates) OperationAlone(v OperationView, n incidents.Notice) Message {
	a := t.operationArgs(v)
	a.By, a.At = n.By, n.At
	said := t.lines("op.alone.loud", a)
	if op := v.Operation; op.Alone != nil {
		if l := t.aloneFrom(op.Alone); len(l) > 0 {
			said = append(said, l)
		}
	}
	m := t.message(said, quoted(n.Fact.Text, reportCut), text(t.line("op.alone.review", a)))
	m.Blocks = append(m.Blocks, t.reviewButton(v.Operation))
	return m
}

// aloneFrom says where somebody broke the glass: who they are is vouched for by Slack there, and by nobody at a terminal.
func (t *Templates) aloneFrom(b *ops.BreakGlass) Line {
	switch {
	case b.By.AtTerminal():
		return t.line("op.alone.terminal", Args{Word: cut(b.By.OSUser, 60), Person: b.By.ID})
	case strings.HasPrefix(b.From, "D"):
		return t.line("op.alone.direct", Args{})
	case b.From != "":
		return t.line("op.alone.channel", Args{Where: b.From})
	}
	return nil
}

// OperationReview reminds those who could have approved of what nobody has reviewed.
func (t *Templates) OperationReview(v OperationView) Message {
	op := v.Operation
	a := t.operationArgs(v)
	if op.Alone != nil {
		a.By, a.At = op.Alone.By.Actor, op.Alone.At
	}
	m := t.message(t.lines("op.review.due", a))
	m.Blocks = append(m.Blocks, t.reviewButton(op))
	return m
}

func (t *Templates) reviewButton(op *ops.Operation) Block {
	return Block{Kind: Actions, Buttons: []Button{{Action: CallbackReview, Value: op.Key() + "/" + op.Hash, Label: t.label("op.button.review")}}}
}

// ModalReview asks what somebody else thinks of it.
func (t *Templates) ModalReview(op *ops.Operation) View {
	v := t.operationModal(op, CallbackReview, "op_review")
	v.Inputs = []Input{{ID: InputReason, Kind: InputLong, Label: t.label("input.op_review"), Placeholder: t.label("input.op_review.example"), MaxLength: 500}}
	return v
}

func (t *Templates) operationModal(op *ops.Operation, callback, name string) View {
	return View{
		Callback: callback, Metadata: op.Key(), Title: t.label("modal." + name), Submit: t.label("modal." + name + ".submit"), Close: t.label("modal.cancel"),
		Blocks: []Block{text(Line{{Text: op.Key() + " ", Bold: true}, {Text: t.OperationTitle(op.Plan.Word, op.Plan.Args)}})},
	}
}

// ModalReject asks why.
func (t *Templates) ModalReject(op *ops.Operation) View {
	v := t.operationModal(op, CallbackReject, "op_reject")
	v.Inputs = []Input{{ID: InputReason, Kind: InputLong, Label: t.label("input.reason"), Placeholder: t.label("input.op_reject.example"), MaxLength: 500}}
	return v
}
