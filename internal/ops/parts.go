package ops

import (
	"context"
	"errors"
	"time"

	"github.com/ai-notebook/notebookbot/internal/access"
)

// Request is what somebody asked for.
type Request struct {
	Word   string   // of a registered kind
	Args   []string // what the person said after it: hostile until the kind has parsed it
	By     Person
	Where  Where
	Reason string
	Quiet  bool // said to people only when it does not end well, as the clock's own backups
}

// Kind is one sort of operation: "restart", "deploy". Its steps are found by name, so that a Runner of another process, after a
// crash, finds the same ones: what they share goes through the recorded outputs, never through memory.
type Kind interface {
	// Word is the key of the policies that hold for it.
	Word() string
	// Plan looks at the world and freezes what would be done. It changes nothing. Errors are for the person who asked.
	Plan(ctx context.Context, req Request) (Plan, error)
	// Step gives the step of that name, which may be followed by a colon and a subject ("stop:backend").
	Step(name string) (Doer, bool)
	// Tell says what its operation has led to. It reads the plan and what the steps recorded, and looks at nothing, so that a
	// Runner that took over from a dead one tells the same. It is asked when all steps have ended, well or not: Recorded leaves out
	// what was not done, and what was undone.
	Tell(op *Operation) []Fact
}

// Doer is how one step is done, looked at and undone. Each returns soon after ctx has ended: it is the step's deadline, and it
// also ends when the lease is lost, after which the step must not touch anything any more.
type Doer interface {
	// Do does it. An error means that it failed, ErrUnchanged that it failed before it changed anything, ErrUnclear that nobody
	// can tell whether it was done: then Look is asked.
	Do(ctx context.Context, r *Run) error
	// Look tells whether Do has been done, by looking at the world and at what Do recorded. It is asked after a crash, after
	// the deadline and after a panic. It changes nothing and may be asked again.
	Look(ctx context.Context, r *Run) (Seen, error)
	// Undo puts back what Do has changed, also when Do got only half way. It is called for steps with an Undo in their plan
	// alone, and again only after Look has said that something is still left.
	Undo(ctx context.Context, r *Run) error
}

// Errors by which a step says what its failure means.
var (
	ErrUnchanged = errors.New("nothing was changed")
	ErrUnclear   = errors.New("it is not known whether it was done")
)

// People tells who may. A refusal is *access.Denied; any other error, and the reason access.LookupFailed, mean "not known now".
type People interface {
	// Rule gives what holds for a word.
	Rule(word string) (access.Rule, bool)
	// MayRun, MayApprove and MayActAlone give nil for who may.
	MayRun(ctx context.Context, p Person, word string) error
	MayApprove(ctx context.Context, p Person, word string) error
	MayActAlone(ctx context.Context, p Person, word string) error
}

// Target is the application as it is.
type Target interface {
	// Fingerprint looks at what the plan binds to: the services that stand in its fingerprint, its commit, its compose file.
	Fingerprint(ctx context.Context, p Plan) (Fingerprint, error)
}

// Backups sees to the backup before an operation.
type Backups interface {
	// Propose tells which backup could come first: BackupSet, BackupTaken, or BackupNone with Why (the database does not answer).
	Propose(ctx context.Context, p Plan) (Backup, error)
	// Doer carries it out: Do makes sure that the plan's set is still there, proven and fresh, or takes a new one and proves
	// it, and records the id of the set.
	Doer
}

// Silencer silences alerts for the length of an operation.
type Silencer interface {
	// CanSilence tells whether it is known which alerts an operation on the service causes. Plans name the services of which it is not.
	CanSilence(service string) bool
	// Silence silences the alerts that an operation on these services causes. Key names the operation: asked twice for the same
	// key, there is one silence.
	Silence(ctx context.Context, s SilenceRequest) (id string, err error)
	// Unsilence ends it. One that has ended is no error.
	Unsilence(ctx context.Context, id string) error
}

// SilenceRequest is which alerts are silenced until when.
type SilenceRequest struct {
	Key      string // of the operation
	Services []string
	From     time.Time
	Until    time.Time
	By       Person
}

// Auditor keeps the append-only log. Append is part of the transaction that changes the operation.
type Auditor interface {
	Append(tx Tx, op *Operation, e Entry) error
}
