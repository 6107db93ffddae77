package incidents

// What operations tell. They travel through the same outbox; Notice.Operation says which one, and the words are rendered from
// its newest state.
const (
	OperationCard   NoticeKind = "operation.card"        // the request: what is asked, by whom, who may approve; the message that is edited ever after
	OperationEdit   NoticeKind = "operation.edit"        // the same message again: votes, progress, the end
	OperationResult NoticeKind = "operation.result"      // a reply: how it ended, in whatever state; State says which
	OperationWaits  NoticeKind = "operation.waits"       // a reply: approved, and it cannot begin because something cannot be found out
	OperationReview NoticeKind = "operation.review"      // in ops: nobody has reviewed yet what somebody did alone
	OperationAlone  NoticeKind = "operation.break_glass" // loud, in ops: somebody acted alone; Fact.Person and Fact.Text, the reason
)

// Priorities of what operations tell: somebody waits for it, but never does a P0 wait for it.
const (
	PriorityOperation = PriorityAnswer
	PriorityProgress  = PriorityAnswer + 1
)
