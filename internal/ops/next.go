package ops

import "slices"

// Do is what is to be done next.
type Do string

// What can be next.
const (
	DoSilence   Do = "silence"
	DoStep      Do = "step"
	DoLook      Do = "look"
	DoUndo      Do = "undo"
	DoUnsilence Do = "unsilence"
	DoFinish    Do = "finish"
	DoNothing   Do = "" // it does not run, or a step is on its way
)

// Next is what is to be done, and with which step.
type Next struct {
	Do   Do
	Step int
}

// Next tells what is to be done with a running operation. It follows from what is committed alone, so that every Runner goes on
// in the same way.
func (op *Operation) Next() Next {
	if op.State != Running {
		return Next{}
	}
	failed, unclear, pending := false, false, -1
	for i, st := range op.Steps {
		switch st.State {
		case StepRunning, StepUndoing:
			return Next{Step: i}
		case StepUnknown:
			return Next{DoLook, i}
		case StepUnclear:
			unclear = true
		case StepFailed, StepUndone, StepKept:
			failed = true
		case Pending:
			if pending < 0 {
				pending = i
			}
		case StepDone, StepSkipped:
		}
	}
	switch {
	case unclear: // people decide; to go on or back could make it worse
	case failed:
		for i, st := range slices.Backward(op.Steps) {
			if st.Touched && st.Undo != "" && (st.State == StepDone || st.State == StepFailed) {
				return Next{DoUndo, i}
			}
		}
	case pending >= 0:
		if len(op.Plan.Silence) > 0 && !op.Silence.Tried {
			return Next{Do: DoSilence}
		}
		return Next{DoStep, pending}
	}
	if op.Silence.Tried && !op.Silence.Ended {
		return Next{Do: DoUnsilence}
	}
	return Next{Do: DoFinish}
}
