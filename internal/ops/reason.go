package ops

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/ai-notebook/notebookbot/internal/access"
)

// Reason is why something is not as it was asked for, as people read it: a code that has words in their language, what the words
// speak of, and what a program said, which has none.
type Reason struct {
	Code  string   `json:"code"`
	Name  string   `json:"name,omitempty"` // the thing that this is about: hostile
	Names []string `json:"names,omitempty"`
	Count int      `json:"count,omitempty"`
	Total int      `json:"total,omitempty"`
	Text  string   `json:"text,omitempty"` // what a program said: hostile
}

// IsZero tells whether it says nothing.
func (r Reason) IsZero() bool { return r.Code == "" }

// orNil is nil where it says nothing.
func (r Reason) orNil() *Reason {
	if r.IsZero() {
		return nil
	}
	return &r
}

// String is the reason for logs and for programs.
func (r Reason) String() string {
	if r.IsZero() {
		return ""
	}
	said := strings.TrimSpace(strings.Join(append([]string{r.Code, r.Name}, r.Names...), " "))
	switch {
	case r.Text == "":
		return said
	case r.Code == Said:
		return r.Text
	}
	return said + ": " + r.Text
}

// Because is an error that has words for people. Err is what led to it; what it says is quoted to them.
type Because struct {
	Reason
	Err error
}

// Caused makes an error with a code; name is the thing that it is about.
func Caused(code, name string, err error) error {
	return &Because{Reason: Reason{Code: code, Name: name}, Err: err}
}

func (b *Because) Error() string {
	said := b.String()
	if b.Err != nil && b.Text == "" { // else it says what led to it
		said = fmt.Sprintf("%s: %v", said, b.Err)
	}
	return said
}

func (b *Because) Unwrap() error { return b.Err }

// The codes of why an operation waits, is void, or could not begin in time.
const (
	TargetAway      = "target_away"       // the application cannot be looked at
	PeopleAway      = "people_away"       // the chat does not tell who somebody is, or who is in a group; Name: who it was about
	TargetChanged   = "target_changed"    // the plan was made for another
	RequesterMayNot = "requester_may_not" // any more; Name: who
	ApproverMayNot  = "approver_may_not"  // likewise
	AloneMayNot     = "alone_may_not"     // likewise
	PolicyStricter  = "policy_stricter"   // the configuration asks for more approvals by now; Count: how many
	TooFew          = "too_few"           // approvals, in time; Count: how many were missing
	LockHeld        = "lock_held"         // another operation was at work all the time; Name: its key
	NotTaken        = "not_taken"         // no Runner came to it
)

// The codes of why a step failed or is not known, where its kind has no better ones.
const (
	Said         = "said"           // a program's own words
	TargetMoved  = "target_moved"   // while the backup was taken, or more was prepared; Names: what changed
	Crashed      = "crashed"        // the step broke the program
	UnknownStep  = "unknown_step"   // this program has no such step
	TookTooLong  = "took_too_long"  // its deadline is over
	CannotLook   = "cannot_look"    // nobody can tell whether it was done, because looking at it fails
	NotKnown     = "not_known"      // nobody can tell whether it was done
	NobodyAtWork = "nobody_at_work" // its Runner died, or stopped, in the middle of it
)

// The codes of what went wrong beside the steps.
const (
	NotSilenced    = "not_silenced"
	SilenceShort   = "silence_short"    // it could not be kept up
	SilenceStays   = "silence_stays"    // it could not be ended; it ends by itself
	SilencerIsGone = "silencer_is_gone" // no Alertmanager is configured any more
)

// The codes of why somebody may not decide. The reasons of access follow refused.
const (
	refused           = "refused_"
	RefusedOwnRequest = "refused_own_request"
	RefusedNotYours   = "refused_not_yours"
)

// refusal is why somebody may not decide.
func refusal(err error) Reason {
	denied, ok := errors.AsType[*access.Denied](err)
	switch {
	case ok:
		return Reason{Code: refused + string(denied.Reason), Name: denied.Need}
	case errors.Is(err, ErrOwnRequest):
		return Reason{Code: RefusedOwnRequest}
	case errors.Is(err, ErrNotYours):
		return Reason{Code: RefusedNotYours}
	}
	return Reason{Code: Said, Text: err.Error()}
}

// Reasons lists the codes that the engine gives by itself. Each has words.
func Reasons() []string {
	return []string{
		TargetAway, PeopleAway, TargetChanged, RequesterMayNot, ApproverMayNot, AloneMayNot, PolicyStricter, TooFew, LockHeld, NotTaken,
		Said, TargetMoved, Crashed, UnknownStep, TookTooLong, CannotLook, NotKnown, NobodyAtWork,
		NotSilenced, SilenceShort, SilenceStays, SilencerIsGone, RefusedOwnRequest, RefusedNotYours,
		refused + string(access.NotListed), refused + string(access.IsGuest), refused + string(access.IsDeleted), refused + string(access.IsBot),
		refused + string(access.IsStranger), refused + string(access.LookupFailed), refused + string(access.Nobody),
	}
}

// why is what an error says, as it may be kept and shown. What programs wrote may have got into it.
func (s *Service) why(err error) Reason {
	r := Reason{Code: Said, Text: err.Error()}
	b, because := errors.AsType[*Because](err)
	p, problem := errors.AsType[*Problem](err)
	var moved *MovedError
	switch {
	case because:
		r = b.Reason
		if b.Err != nil {
			r.Text = cmp.Or(r.Text, b.Err.Error())
		}
	case problem:
		r = Reason{Code: p.Code, Name: p.Name, Names: p.Names, Count: p.Count, Total: p.Total, Text: p.Text}
		if p.Err != nil {
			r.Text = cmp.Or(r.Text, p.Err.Error())
		}
	case errors.As(err, &moved):
		r = Reason{Code: TargetMoved, Names: moved.names()}
	case errors.Is(err, errPanic):
		r.Code = Crashed
	case errors.Is(err, errNoStep):
		r.Code = UnknownStep
	case errors.Is(err, context.DeadlineExceeded):
		r.Code = TookTooLong
	}
	for _, known := range []error{ErrUnchanged, ErrUnclear} { // that is told in other words
		r.Text = strings.TrimPrefix(strings.TrimPrefix(r.Text, known.Error()), ": ")
	}
	if r.Text == "" && r.Code == Said {
		r.Text = err.Error()
	}
	r.Text = short(s.redact(r.Text))
	return r
}

// whyLate is why, of a step that may have run out of its time: then that is what people should know.
func (s *Service) whyLate(err error, late bool) Reason {
	r := s.why(err)
	if late && r.Code == Said {
		r.Code = TookTooLong
	}
	return r
}
