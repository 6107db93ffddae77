package ops

import (
	"errors"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/audit"
)

// AuditLog keeps every entry of every timeline in the audit log, in the same commit.
type AuditLog struct{}

var _ Auditor = AuditLog{}

var errNoAudit = errors.New("the transaction keeps no audit log")

// verdicts say what the log calls what happened. What is not here (a lease that changed hands, a silence) went as it should.
var verdicts = map[EntryKind]audit.Verdict{
	WasAsked: audit.Asked, WasApproved: audit.Approved, WasAlone: audit.Approved, WasRejected: audit.Rejected,
	WasCancelled: audit.Rejected, WasExpired: audit.Expired, WasVoided: audit.Void, WasRefused: audit.Refused,
	WasStarted: audit.Started, StepBegan: audit.Started, StepBroke: audit.Failed, StepLost: audit.Unknown,
	UndoBeginning: audit.Started, UndoDone: audit.Undone,
}

// Append implements Auditor.
func (AuditLog) Append(tx Tx, op *Operation, e Entry) error {
	log, ok := tx.(audit.Tx)
	if !ok {
		return errNoAudit
	}
	verdict, ok := verdicts[e.Kind]
	if !ok {
		verdict = audit.Done
	}
	if e.Kind == WasFinished {
		switch e.State {
		case Failed:
			verdict = audit.Failed
		case Undone:
			verdict = audit.Undone
		case Unknown:
			verdict = audit.Unknown
		}
	}
	actor := e.By.ID
	if e.By.Kind == incidents.ByClock {
		actor = audit.Clock
	}
	return log.Audit(audit.Entry{
		At: e.At, Actor: actor, OSUser: e.By.OSUser, Team: e.By.Team, Channel: op.Where.Channel, Thread: op.Where.Thread, Action: string(e.Kind),
		Word: op.Plan.Word, Target: op.Key(), Revision: op.Revision, Digest: op.Hash, Verdict: verdict, Reason: e.said(), Detail: e.Step,
	})
}
