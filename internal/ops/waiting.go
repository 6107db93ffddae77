package ops

import (
	"strconv"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
)

// Waiting is why an approved operation has not begun although nothing is before it: what must be asked again right before the
// start cannot be found out. Nothing begins blindly, and nothing waits longer than StartBy.
type Waiting struct {
	For   Reason    `json:"for,omitzero"`
	Since time.Time `json:"since,omitzero"`
	Next  time.Time `json:"next,omitzero"` // when it is tried again
	Tries int       `json:"tries,omitempty"`
	Told  bool      `json:"told,omitempty"`
}

// Deferred says that it could not be found out whether an operation may begin.
type Deferred struct{ For Reason }

func (Deferred) event() {}

// How an operation that cannot begin is tried again: soon at first, then each minute. People are told when it is more than a hiccup.
const (
	firstWait   = time.Second
	longestWait = time.Minute
	hiccup      = 5 * time.Second
)

func (op *Operation) deferred(ev Deferred, now time.Time) (Result, error) {
	var r Result
	if op.State != Approved {
		return r, ErrDecided
	}
	w := &op.Waits
	if now.Before(w.Next) {
		return r, nil // another Runner found the same out a moment ago
	}
	if w.Since.IsZero() {
		w.Since = now
	}
	news := w.For.Code != ev.For.Code
	op.WaitsFor = 0 // whoever held the lock is done
	w.For, w.Next = ev.For, now.Add(min(longestWait, firstWait<<min(w.Tries, 10)))
	w.Tries++
	op.change(&r, now)
	if news {
		op.log(&r, Entry{Kind: WasDeferred, By: clock, Why: &ev.For}, now)
	}
	if !w.Told && now.Sub(w.Since) >= hiccup && !op.Quiet {
		w.Told = true
		r.Notices = append(r.Notices, op.reply(incidents.OperationWaits, "/waits/"+strconv.Itoa(w.Tries), now))
		op.edit(&r, now)
	}
	return r, nil
}

// dueAgain is when an approved operation is looked at next.
func (op *Operation) dueAgain() time.Time {
	next := op.Waits.Next
	switch {
	case next.IsZero():
		return op.Approved
	case next.After(op.StartBy):
		return op.StartBy
	}
	return next
}
