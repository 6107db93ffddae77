package ops

import (
	"encoding/json"
	"time"
)

// Fact is one thing that an operation has changed or made, by the code of its words: "op.fact.CODE" says it to people.
type Fact struct {
	Code  string        `json:"code"`
	Name  string        `json:"name,omitempty"`
	Names []string      `json:"names,omitempty"`
	From  string        `json:"from,omitempty"`
	To    string        `json:"to,omitempty"`
	Text  string        `json:"text,omitempty"` // what a program said: hostile
	Count int           `json:"count,omitempty"`
	Bytes int64         `json:"bytes,omitempty"`
	Total int64         `json:"total,omitempty"`
	At    time.Time     `json:"at,omitzero"`
	Until time.Time     `json:"until,omitzero"`
	Took  time.Duration `json:"took,omitempty"`
}

// Recorded reads what a step recorded that is done and was not undone. False: it is not, or it recorded nothing that can be read.
func (op *Operation) Recorded(step string, into any) bool {
	st := op.step(step)
	return st != nil && st.State == StepDone && len(st.Output) > 0 && json.Unmarshal(st.Output, into) == nil
}

// DoneStep tells whether there is such a step, and that it is done and was not undone.
func (op *Operation) DoneStep(step string) bool {
	st := op.step(step)
	return st != nil && st.State == StepDone
}

func (op *Operation) step(name string) *Step {
	for i := range op.Steps {
		if op.Steps[i].Name == name {
			return &op.Steps[i]
		}
	}
	return nil
}

// maxFacts bounds what a card says of the changes.
const maxFacts = 12

// tell asks the kind what the operation has led to.
func (s *Service) tell(op *Operation) []Fact {
	k, ok := s.kinds[op.Plan.Word]
	if !ok {
		return nil
	}
	facts := k.Tell(op)
	return facts[:min(len(facts), maxFacts)]
}
