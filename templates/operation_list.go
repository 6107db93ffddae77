package templates

import (
	"strings"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops"
)

// OperationListView is a page of operations.
type OperationListView struct {
	Operations []*ops.Operation
	Open       bool   // only those that are not over
	Word       string // of one kind alone
	Later      bool   // not the first page
	Next       string // words of the next page; empty: this is the last
	Now        time.Time
}

// OperationList is the answer to `operation list`.
func (t *Templates) OperationList(v OperationListView) Message {
	if len(v.Operations) == 0 {
		name := "op.list_empty"
		switch {
		case v.Later:
			name = "list.end"
		case v.Open:
			name = "op.list_all_over"
		}
		return t.message(t.lines(name, Args{Text: v.Word}))
	}
	b := Block{Kind: List}
	for _, op := range v.Operations {
		b.Lines = append(b.Lines, t.line("op.list_item", t.operationArgs(OperationView{Operation: op, Now: v.Now})))
	}
	m := t.quietly(t.message([]Line{t.line("op.list_title", Args{Count: len(v.Operations), Text: v.Word, Yes: v.Open})}, b))
	if v.Next != "" {
		m.Blocks = append(m.Blocks, Block{Kind: Actions, Buttons: []Button{
			{Action: "incident.page", Value: v.Next, Label: t.label("button.next")},
		}})
	}
	return m
}

// shownOpEntries is how many entries of its timeline `operation show` lists.
const shownOpEntries = 25

// OperationShow is the answer to `operation show`: what the card says, without its buttons, and the newest of the timeline.
func (t *Templates) OperationShow(v OperationView, entries []ops.Entry) Message {
	m := t.Operation(v)
	for i, b := range m.Blocks {
		if b.Kind == Actions {
			m.Blocks = append(m.Blocks[:i], m.Blocks[i+1:]...)
			break
		}
	}
	if len(entries) == 0 {
		return t.quietly(m)
	}
	title := t.line("op.timeline", Args{Count: max(0, len(entries)-shownOpEntries)})
	b := Block{Kind: List}
	for _, e := range entries[max(0, len(entries)-shownOpEntries):] {
		a := Args{By: e.By.Actor, At: e.At, Text: cut(e.Text, 160), Word: t.stepName(e.Step), Where: t.label("op.state." + string(e.State))}
		switch e.Kind {
		case ops.StepLooked:
			a.Text = t.word("op.seen", e.Text)
		case ops.WasRefused:
			a.Word = t.word("op.what", e.Text)
			a.Text = ""
		}
		if e.Why != nil {
			a.Text = strings.TrimSpace(strings.Trim(a.Text+" "+t.Reason(*e.Why), " "))
		}
		b.Lines = append(b.Lines, t.line("op.entry."+string(e.Kind), a))
	}
	m.Blocks = append(m.Blocks, text(title), b)
	return t.quietly(m)
}

var operationEntries = []ops.EntryKind{
	ops.WasAsked, ops.WasApproved, ops.WasAlone, ops.WasReviewed, ops.WasRejected, ops.WasCancelled, ops.WasExpired, ops.WasVoided, ops.WasRefused,
	ops.WasBlocked, ops.WasDeferred, ops.WasStarted, ops.WasTaken, ops.WasReleased, ops.WasSilenced, ops.WasUnsilenced, ops.StepBegan, ops.StepSucceeded,
	ops.StepBroke, ops.StepLost, ops.StepLooked, ops.UndoBeginning, ops.UndoDone, ops.WasFinished,
}
