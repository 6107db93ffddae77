package templates

import (
	"fmt"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops"
)

// operationSteps lists what is done, in order: before it begins with how each is undone, afterwards with how long each took.
func (t *Templates) operationSteps(op *ops.Operation, now time.Time) Block {
	b := Block{Kind: Text, Lines: []Line{t.line("op.steps", Args{})}}
	for i, st := range op.Steps {
		if i == cardSteps {
			b.Lines = append(b.Lines, t.line("op.steps.more", Args{Count: len(op.Steps) - cardSteps}))
			break
		}
		b.Lines = append(b.Lines, t.operationStep(op, st, now))
	}
	return b
}

var stepMarks = map[ops.StepState]string{
	ops.Pending: "▫️", ops.StepRunning: "⏳", ops.StepDone: "✅", ops.StepFailed: "❌", ops.StepUnknown: "🔍", ops.StepUnclear: "❓",
	ops.StepUndoing: "↩️", ops.StepUndone: "↩️", ops.StepKept: "⚠️", ops.StepSkipped: "⏭️",
}

func (t *Templates) operationStep(op *ops.Operation, st ops.Step, now time.Time) Line {
	line := Line{{Text: stepMarks[st.State] + " "}, {Text: t.stepName(st.Name), Bold: st.State == ops.StepRunning || st.State == ops.StepUndoing}}
	add := func(name string, a Args) { line = append(append(line, Span{Text: " · "}), t.line(name, a)...) }
	switch st.State {
	case ops.Pending:
		if st.Part == ops.PartCheck && op.State == ops.Planned {
			add("op.step_is.check", Args{})
		}
		if st.Undo != "" && op.State == ops.Planned {
			line = append(append(line, Span{Text: " · "}), t.coded("op.undo.", st.Undo, Args{Word: subjectOf(st.Name)})...)
		} else if st.Changes && op.State == ops.Planned {
			add("op.step_is.final", Args{})
		}
	case ops.StepRunning, ops.StepUndoing:
		if st.State == ops.StepUndoing {
			add("op.step_is.undoing", Args{})
		}
		if share := t.progress(st.Progress); share != "" {
			line = append(line, Span{Text: " · " + share})
		}
		if d := now.Sub(st.Started); d >= time.Second {
			line = append(line, Span{Text: " · " + t.duration(d)})
		}
	case ops.StepDone, ops.StepFailed:
		if !st.Started.IsZero() && !st.Ended.IsZero() {
			line = append(line, Span{Text: " · " + t.duration(st.Ended.Sub(st.Started))})
		}
	case ops.StepUndone:
		add("op.step_is.undone", Args{})
	case ops.StepUnknown:
		add("op.step_is.looking", Args{})
	case ops.StepUnclear:
		add("op.step_is.unclear", Args{})
	case ops.StepKept:
		add("op.step_is.kept", Args{})
	case ops.StepSkipped:
		add("op.step_is.skipped", Args{})
	}
	return line
}

// progress is how far a step is: "45%（120 MB / 266 MB）", or what is known of it.
func (t *Templates) progress(p ops.Progress) string {
	show := func(n int64) string { return number(int(n)) }
	if p.Unit == "bytes" {
		show = size
	}
	switch {
	case p.Total > 0:
		share := min(100, 100*p.Done/p.Total)
		return t.plain("op.progress", Args{Percent: int(share), Text: show(p.Done), Where: show(p.Total), Word: t.unit(p.Unit)})
	case p.Done > 0:
		return t.plain("op.progress.open", Args{Text: show(p.Done), Word: t.unit(p.Unit)})
	}
	return ""
}

// unit is what is counted; bytes say it themselves.
func (t *Templates) unit(u string) string {
	if u == "" || u == "bytes" {
		return ""
	}
	if t.set.Lookup("op.unit."+u) == nil {
		return cut(u, 20)
	}
	return t.label("op.unit." + u)
}

// size writes a number of bytes: 1.5 MB. The units are of a thousand, as disks and backups are sold.
func size(n int64) string {
	const k = 1000
	if n < k {
		return fmt.Sprintf("%d B", n)
	}
	f, unit := float64(n), 0
	for f >= k && unit < 5 {
		f /= k
		unit++
	}
	if f < 10 {
		return fmt.Sprintf("%.1f %cB", f, " kMGTP"[unit])
	}
	return fmt.Sprintf("%.0f %cB", f, " kMGTP"[unit])
}
