package ops

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
)

// Run is what a step is given: its own plan, what earlier steps recorded, and a way to tell how far it is.
type Run struct {
	// Operation is a copy, as it was when the step began.
	Operation Operation
	// Step is the step's own plan.
	Step StepPlan

	index int
	hold  *hold
}

// Subject is what follows the colon in the step's name: "backend" of "stop:backend".
func (r *Run) Subject() string {
	_, subject, _ := strings.Cut(r.Step.Name, ":")
	return subject
}

// Args reads the arguments that the plan gives the step.
func (r *Run) Args(into any) error {
	if len(r.Step.Args) == 0 {
		return fmt.Errorf("step %s has no arguments", r.Step.Name)
	}
	if err := json.Unmarshal(r.Step.Args, into); err != nil {
		return fmt.Errorf("read the arguments of step %s: %w", r.Step.Name, err)
	}
	return nil
}

// Output reads what a step recorded, this one or an earlier one. False: it recorded nothing.
func (r *Run) Output(step string, into any) (bool, error) {
	for _, st := range r.hold.now().Steps {
		if st.Name != step || len(st.Output) == 0 {
			continue
		}
		if err := json.Unmarshal(st.Output, into); err != nil {
			return false, fmt.Errorf("read what step %s recorded: %w", step, err)
		}
		return true, nil
	}
	return false, nil
}

// Record commits what is to be known of this step: what it is about to do, before it does it, or what it has made. It replaces
// what it recorded before. An error means that it was not kept: the step must not go on.
func (r *Run) Record(ctx context.Context, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("record step %s: %w", r.Step.Name, err)
	}
	return r.hold.apply(ctx, Recorded{Holder: r.hold.holder, Step: r.index, Output: b})
}

// Progress says how far the step is. It never waits; people see the newest of a second.
func (r *Run) Progress(p Progress) { r.hold.progressed(r.index, p) }

// Held is an error when the lease is lost: asked right before what cannot be taken back.
func (r *Run) Held(ctx context.Context) error {
	return r.hold.beat(ctx)
}

// Fence is the number that grows with every Runner that takes the project: it names what this one makes.
func (r *Run) Fence() int64 { return r.hold.holder.Fence }
