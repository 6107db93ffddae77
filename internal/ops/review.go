package ops

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
)

// Review is what somebody else said afterwards of an operation that one person let begin alone.
type Review struct {
	By   Person    `json:"by"`
	At   time.Time `json:"at"`
	Text string    `json:"text"` // hostile
}

// Reviewed is that word. Until it is there, those who could have approved are reminded of it each day.
type Reviewed struct {
	By   Person
	Text string
}

func (Reviewed) event() {}

// remindEvery is how often a review that nobody wrote is asked for.
const remindEvery = 24 * time.Hour

// ToReview tells whether somebody acted alone and nobody has looked at it since.
func (op *Operation) ToReview() bool {
	return op.Alone != nil && op.Alone.Review == nil && op.State.Over()
}

// reviewDue is when people are reminded next; zero: never.
func (op *Operation) reviewDue() time.Time {
	if !op.ToReview() {
		return time.Time{}
	}
	last := op.Ended
	if op.Alone.Reminded.After(last) {
		last = op.Alone.Reminded
	}
	return last.Add(remindEvery)
}

func (op *Operation) reviewed(ev Reviewed, now time.Time) (Result, error) {
	var r Result
	switch {
	case ev.By.ID == "" || ev.By.Kind != incidents.ByPerson:
		return r, ErrNobody
	case op.Alone == nil:
		return r, ErrNotNeeded
	case op.Alone.Review != nil && op.Alone.Review.By.ID == ev.By.ID:
		return r, nil
	case op.Alone.Review != nil:
		return r, ErrDecided
	case ev.By.ID == op.Alone.By.ID:
		return r, ErrOwnRequest
	case !op.State.Over():
		return r, ErrRunning
	case strings.TrimSpace(ev.Text) == "":
		return r, ErrNoReason
	}
	alone := *op.Alone
	alone.Review = &Review{By: ev.By, At: now, Text: short(ev.Text)}
	op.Alone = &alone
	op.log(&r, Entry{Kind: WasReviewed, By: ev.By, Text: ev.Text}, now)
	return r, nil
}

// remind asks once more for a review that is due.
func (op *Operation) remind(now time.Time) Result {
	var r Result
	due := op.reviewDue()
	if due.IsZero() || now.Before(due) {
		return r
	}
	alone := *op.Alone
	alone.Reminded = now
	op.Alone = &alone
	op.change(&r, now)
	n := op.notice(incidents.OperationReview, fmt.Sprintf("/review/%d", now.Unix()), now)
	n.By, n.Channel, n.Incident = op.Alone.By.Actor, "", 0 // in ops, as it was told there
	r.Notices = append(r.Notices, n)
	return r
}

// Review looks into the review of somebody who could have approved.
func (s *Service) Review(ctx context.Context, number int64, ev Reviewed) (*Decision, error) {
	op, err := s.approver(ctx, number, ev.By)
	if err != nil {
		return nil, err
	}
	return s.dry(op, ev)
}
