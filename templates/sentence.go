package templates

// What Sentence and Done can say. New makes sure that both locales have the words.
const (
	// Sentences: why something was not done, and the way out.
	UnknownWord   = "unknown_word"   // Word, Nearest, Names of its family
	WrongUsage    = "usage"          // Word: the command, Text: what is wrong with it (optional)
	NotAnIncident = "not_incident"   // Word
	NoSuch        = "no_such"        // Key
	WhichIncident = "which_incident" // Word: the command
	NotAllowed    = "not_allowed"    // Word: the command, Class, Told: whom to ask
	NotAnApprover = "not_approver"   // likewise, of who wants to approve or reject
	LookupFailed  = "lookup_failed"  // refused because a look-up failed
	GuestsNever   = "guest"
	OwnWorkspace  = "stranger"
	Stale         = "stale"         // Key
	AlreadyAcked  = "already_acked" // Key, By
	AlreadyOver   = "already_over"  // Key, State
	AlreadyOpen   = "already_open"  // Key
	Superseded    = "superseded"    // Key; Word: the newer one's key
	LadderEnd     = "ladder_end"    // Key
	EmptyText     = "empty"         // Word: the command
	TooLong       = "too_long"      // Count: allowed
	NotALevel     = "not_level"     // Word
	NotANumber    = "not_number"    // Word, Text: what is allowed
	NotAPerson    = "not_person"    // Word
	NotTaken      = "not_taken"     // could not be committed in time; plain text
	Internal      = "internal"      // Ref
	Expired       = "expired"       // the trigger of a click ran out
	NotConfigured = "off"           // Word: the key in the configuration
	NotYet        = "not_yet"       // Word: the command
	NoHelp        = "no_help"       // Word
	NoApproval    = "no_approval"   // Word: the command, Count: how many approvals it needs

	// Sentences about operations. Key is the operation's.
	WhichOperation   = "which_operation" // Word: the command
	NoSuchOperation  = "op_no_such"
	NoItems          = "op_no_items"
	OperationDecided = "op_decided" // Class: its state, By and At: who ended it
	OperationExpired = "op_expired"
	OperationStale   = "op_stale"
	OperationRuns    = "op_runs"
	OwnRequest       = "op_own"
	NotYours         = "op_not_yours"
	NoReview         = "op_no_review"
	NoReason         = "op_no_reason"
	NoTarget         = "op_no_target"   // Text: what could not be looked at
	NotPlanned       = "op_not_planned" // Text: why

	// Sentences at a terminal.
	NotVouched      = "terminal_who"    // who asks does not stand in break_glass
	NoGroups        = "terminal_groups" // Word: the key of the list whose groups cannot be looked up
	NotFromTerminal = "terminal_never"  // Word: the command

	// Done: what was done.
	DoneOpen      = "open"      // Key, Level, Title
	DoneAck       = "ack"       // Key, After
	DoneLevel     = "level"     // Key, Level
	DoneSameLevel = "same"      // Key, Level
	DoneCommander = "commander" // Key, Person
	DoneEscalate  = "escalate"  // Key, Names
	DoneResolve   = "resolve"   // Key
	DoneReopen    = "reopen"    // Key
	DoneNote      = "note"      // Key
	DoneShare     = "share"     // By: who shared it

	// Key and Title are the operation's. Yes: it was done before.
	DoneAsked   = "op_asked"   // Yes: it is told in the incident's thread, else in ops; Count: approvals that are missing
	DoneApprove = "op_approve" // Count: approvals that are missing
	DoneReject  = "op_reject"
	DoneCancel  = "op_cancel"
	DoneAlone   = "op_alone"
	DoneReview  = "op_review"
)

var sentences = []string{
	UnknownWord, WrongUsage, NotAnIncident, NoSuch, WhichIncident, NotAllowed, NotAnApprover, LookupFailed, GuestsNever, OwnWorkspace, Stale,
	AlreadyAcked, AlreadyOver, AlreadyOpen, Superseded, LadderEnd, EmptyText, TooLong, NotALevel, NotANumber, NotAPerson, NotTaken,
	Internal, Expired, NotConfigured, NotYet, NoHelp, NoApproval, WhichOperation, NoSuchOperation, NoItems, OperationDecided, OperationExpired,
	OperationStale, OperationRuns, OwnRequest, NotYours, NoReview, NoReason, NoTarget, NotPlanned,
	NotVouched, NoGroups, NotFromTerminal,
}

var dones = []string{
	DoneOpen, DoneAck, DoneLevel, DoneSameLevel, DoneCommander, DoneEscalate, DoneResolve, DoneReopen, DoneNote, DoneShare,
	DoneAsked, DoneApprove, DoneReject, DoneCancel, DoneAlone, DoneReview,
}

// spoken lists the names that are put together in this file.
var spoken = func() []string {
	var names []string
	for _, s := range sentences {
		names = append(names, "error."+s)
	}
	for _, s := range dones {
		names = append(names, "done."+s)
	}
	for _, s := range atTerminal {
		names = append(names, "terminal."+s)
	}
	for _, c := range []string{"read", "low", "change", "destructive"} {
		names = append(names, "class."+c, "help.who."+c)
	}
	for _, g := range helpGroups {
		names = append(names, "help.group."+g.name)
	}
	for _, v := range verdicts {
		names = append(names, "verdict."+v)
	}
	for _, a := range auditActors {
		names = append(names, "audit.actor."+a)
	}
	return names
}()

// Sentence says why something was not done and what can be done instead: Sentence(NoSuch, Args{Key: "INC-9"}).
func (t *Templates) Sentence(name string, a Args) Message {
	m := t.message(t.lines("error."+name, a))
	if a.Word != "" && (name == WrongUsage || name == EmptyText || name == WhichIncident || name == WhichOperation) {
		m.Blocks = append(m.Blocks, Block{Kind: Pre, Lines: []Line{{{Text: t.Usage(a.Word)}}}})
	}
	return m
}

// PlainSentence is the same as a string, for answers that carry only text.
func (t *Templates) PlainSentence(name string, a Args) string { return t.plain("error."+name, a) }

// Done says that a command was carried out: Done(DoneAck, Args{Key: "INC-3"}).
func (t *Templates) Done(name string, a Args) Message { return t.message(t.lines("done."+name, a)) }
