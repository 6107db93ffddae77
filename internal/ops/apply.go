package ops

import (
	"fmt"
	"strings"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
)

// Apply brings an event to the operation: it changes the state, and gives back what the timeline keeps and what people are told.
// It is pure. A repeat changes nothing and says nothing. On an error the operation is as it was.
func (op *Operation) Apply(ev Event, now time.Time) (Result, error) {
	switch ev := ev.(type) {
	case Approve:
		return op.approve(ev, now)
	case Alone:
		return op.alone(ev, now)
	case Reject:
		return op.reject(ev, now)
	case Cancel:
		return op.cancel(ev, now)
	case Voided:
		return op.void(ev, now)
	case Reviewed:
		return op.reviewed(ev, now)
	case Refused:
		var r Result
		op.log(&r, Entry{Kind: WasRefused, By: ev.By, Text: ev.What, Why: ev.Why.orNil()}, now)
		r.Notices = nil // the card shows nothing of it
		return r, nil
	case Tick:
		return op.tick(now), nil
	case Blocked:
		return op.blocked(ev, now)
	case Deferred:
		return op.deferred(ev, now)
	case Start:
		return op.start(ev, now)
	case Take:
		return op.take(ev, now)
	}
	return op.ran(ev, now)
}

// undecided tells why nothing is to be decided any more.
func (op *Operation) undecided(now time.Time) error {
	switch {
	case op.State == Expired, op.State == Planned && !op.Expires.IsZero() && !now.Before(op.Expires):
		return ErrExpired
	case op.State != Planned:
		return ErrDecided
	}
	return nil
}

func (op *Operation) approve(ev Approve, now time.Time) (Result, error) {
	var r Result
	if ev.By.ID == "" || ev.By.Kind != incidents.ByPerson {
		return r, ErrNobody
	}
	if op.voted(ev.By) {
		return r, nil
	}
	if err := op.undecided(now); err != nil {
		return r, err
	}
	if ev.Hash != "" && ev.Hash != op.Hash {
		return r, ErrStale
	}
	if ev.By.ID == op.By.ID && !op.Policy.SelfApproval {
		return r, ErrOwnRequest
	}
	op.Votes = append(op.Votes, Vote{By: ev.By, At: now, Hash: op.Hash})
	if op.Missing() == 0 {
		op.approved(now)
	}
	op.log(&r, Entry{Kind: WasApproved, By: ev.By, Hash: op.Hash}, now)
	return r, nil
}

// startWithin is how long an approved operation may wait for the project's lock and a Runner. After that the approval says
// little about the world as it is.
const startWithin = time.Hour

func (op *Operation) approved(now time.Time) {
	op.State, op.Approved, op.StartBy = Approved, now, now.Add(startWithin)
}

func (op *Operation) alone(ev Alone, now time.Time) (Result, error) {
	var r Result
	if ev.By.ID == "" || ev.By.Kind != incidents.ByPerson {
		return r, ErrNobody
	}
	if op.Alone != nil && op.Alone.By.ID == ev.By.ID {
		return r, nil
	}
	if err := op.undecided(now); err != nil {
		return r, err
	}
	if ev.Hash != "" && ev.Hash != op.Hash {
		return r, ErrStale
	}
	if strings.TrimSpace(ev.Reason) == "" {
		return r, ErrNoReason
	}
	op.Alone = &BreakGlass{By: ev.By, At: now, Reason: ev.Reason, Hash: op.Hash, From: ev.From}
	op.approved(now)
	op.log(&r, Entry{Kind: WasAlone, By: ev.By, Hash: op.Hash, Text: ev.Reason}, now)
	n := op.notice(incidents.OperationAlone, fmt.Sprintf("/%d/alone", op.Entries), now)
	n.By, n.Fact = ev.By.Actor, incidents.Fact{Person: ev.By.ID, Text: ev.Reason}
	n.Channel, n.Incident = "", 0 // in ops, wherever it was asked: the Service knows where that is
	r.Notices = append(r.Notices, n)
	return r, nil
}

func (op *Operation) reject(ev Reject, now time.Time) (Result, error) {
	var r Result
	if ev.By.ID == "" || ev.By.Kind != incidents.ByPerson {
		return r, ErrNobody
	}
	if op.State == Rejected && op.EndedBy.ID == ev.By.ID {
		return r, nil
	}
	if err := op.undecided(now); err != nil {
		return r, err
	}
	if strings.TrimSpace(ev.Reason) == "" {
		return r, ErrNoReason
	}
	op.end(&r, Rejected, Entry{Kind: WasRejected, By: ev.By, Text: ev.Reason}, now)
	return r, nil
}

func (op *Operation) cancel(ev Cancel, now time.Time) (Result, error) {
	var r Result
	if ev.By.ID == "" || ev.By.Kind != incidents.ByPerson {
		return r, ErrNobody
	}
	if ev.By.ID != op.By.ID && !op.voted(ev.By) {
		return r, ErrNotYours
	}
	switch op.State {
	case Planned, Approved:
	case Cancelled:
		if op.EndedBy.ID == ev.By.ID {
			return r, nil
		}
		return r, ErrDecided
	case Running:
		return r, ErrRunning
	default:
		return r, ErrDecided
	}
	op.end(&r, Cancelled, Entry{Kind: WasCancelled, By: ev.By, Text: ev.Reason}, now)
	return r, nil
}

func (op *Operation) void(ev Voided, now time.Time) (Result, error) {
	var r Result
	switch op.State {
	case Planned, Approved:
	case Void:
		return r, nil
	case Running:
		return r, ErrRunning
	default:
		return r, ErrDecided
	}
	if ev.Why.IsZero() {
		ev.Why.Code = TargetChanged
	}
	op.Changed = ev.Changed
	op.end(&r, Void, Entry{Kind: WasVoided, By: clock, Why: &ev.Why, Changed: ev.Changed}, now)
	return r, nil
}

// end ends what never began.
func (op *Operation) end(r *Result, s State, e Entry, now time.Time) {
	if e.Why != nil {
		op.Why = *e.Why
	}
	op.State, op.Ended, op.EndedBy, op.EndReason, op.WaitsFor, op.Waits = s, now, e.By, short(e.Text), 0, Waiting{}
	for i := range op.Steps {
		op.Steps[i].State = StepSkipped
	}
	op.log(r, e, now)
	op.told(r, now)
}

func (op *Operation) tick(now time.Time) Result {
	var r Result
	late := op.State == Planned && !op.Expires.IsZero() && !now.Before(op.Expires) ||
		op.State == Approved && !now.Before(op.StartBy)
	if late {
		why := op.lateBecause()
		op.end(&r, Expired, Entry{Kind: WasExpired, By: clock, Why: &why}, now)
		return r
	}
	return op.remind(now)
}

// lateBecause is why it did not begin in time.
func (op *Operation) lateBecause() Reason {
	switch {
	case op.State == Planned:
		return Reason{Code: TooFew, Count: op.Missing()}
	case op.WaitsFor != 0:
		return Reason{Code: LockHeld, Name: Key(op.WaitsFor)}
	case op.Waits.For.Code != "":
		return op.Waits.For
	}
	return Reason{Code: NotTaken}
}

func (op *Operation) blocked(ev Blocked, now time.Time) (Result, error) {
	var r Result
	if op.State != Approved {
		return r, ErrDecided
	}
	if op.WaitsFor == ev.By {
		return r, nil
	}
	op.WaitsFor = ev.By
	op.log(&r, Entry{Kind: WasBlocked, By: clock, Text: Key(ev.By)}, now)
	return r, nil
}

// start is the last gate: whatever happened before, nothing begins without the approvals of exactly this plan.
func (op *Operation) start(ev Start, now time.Time) (Result, error) {
	var r Result
	if op.State == Running && op.Lease.Owner == ev.Owner && op.Lease.Fence == ev.Fence {
		return r, nil
	}
	if op.State != Approved {
		return r, ErrDecided
	}
	if !now.Before(op.StartBy) {
		return r, ErrExpired
	}
	hash, err := op.Plan.Hash()
	if err != nil {
		return r, err
	}
	if hash != op.Hash || op.Missing() > 0 || op.Alone != nil && op.Alone.Hash != hash {
		return r, ErrNotApproved
	}
	if ev.Owner == "" || ev.Fence <= op.Lease.Fence {
		return r, ErrFence
	}
	op.State, op.Started, op.WaitsFor, op.Waits = Running, now, 0, Waiting{}
	op.Lease = Lease{Owner: ev.Owner, Fence: ev.Fence, Until: ev.Until}
	op.log(&r, Entry{Kind: WasStarted, By: clock, Hash: hash}, now)
	return r, nil
}

// take goes on after another Runner, whose lease is over. What was running is not known.
func (op *Operation) take(ev Take, now time.Time) (Result, error) {
	var r Result
	if op.State == Running && op.Lease.Owner == ev.Owner && op.Lease.Fence == ev.Fence {
		return r, nil
	}
	if op.State != Running {
		return r, ErrDecided
	}
	if ev.Owner == "" || ev.Fence <= op.Lease.Fence || now.Before(op.NextDue()) {
		return r, ErrFence
	}
	op.Lease = Lease{Owner: ev.Owner, Fence: ev.Fence, Until: ev.Until}
	op.forget(now)
	op.log(&r, Entry{Kind: WasTaken, By: clock}, now)
	return r, nil
}

// forget makes what was running unknown.
func (op *Operation) forget(now time.Time) {
	for i := range op.Steps {
		if st := &op.Steps[i]; st.State == StepRunning || st.State == StepUndoing {
			st.State, st.Ended, st.Reason = StepUnknown, now, Reason{Code: NobodyAtWork}
		}
	}
}
