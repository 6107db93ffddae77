package templates

import "time"

// Troubles of the archive of the database's log.
const (
	TroubleWAL      = "wal.late"  // Titles: a code of walTroubles, what a program said; After: how old what is archived is
	TroubleWALBack  = "wal.back"  // After: how long nothing was archived
	TroubleWALTrial = "wal.trial" // Titles: the copy, why; After: how long the trial took
	TroubleWALBase  = "wal.base"  // Titles: the newest copy (empty: there is none), why the next fails; After: its age
)

// walTroubles are why the log does not come: wal.trouble.<code>.
var walTroubles = []string{
	"away", "version", "standby", "level", "senders", "right", "folder", "elsewhere", "receiver", "dropped", "behind", "keeper", "starting",
}

// LogView is how the archive of the database's log stands.
type LogView struct {
	Spans   []LogSpan // to any moment of which the database can be brought back, in their order
	Lag     time.Duration
	Late    bool   // people were told, or are about to be
	Trouble string // a code of walTroubles; empty: the log comes
	Text    string // hostile
	Bases   int
	Base    time.Time // the newest copy
	BaseWhy string    // why the last copy failed: hostile
	Copying time.Time // since when a copy is being made
	Copied  int64     // bytes of it
	Bytes   int64
	Keeps   int64 // bytes that the server holds back
	Unbound bool
	Trial   *LogTrial // the last; nil: there was none
}

// LogTrial is a copy that was brought to the newest moment for a try.
type LogTrial struct {
	At    time.Time
	Good  bool
	Took  time.Duration
	Files int    // of the log
	Why   string // hostile
}

// LogSpan is a stretch of time.
type LogSpan struct{ From, To time.Time }

// logArchive are the lines of `backup status` about the log.
func (t *Templates) logArchive(v LogView) []Line {
	var out []Line
	a := Args{Age: v.Lag, Word: v.Trouble, Text: cut(v.Text, 200), Yes: v.Late}
	const shown = 3
	spans := v.Spans[max(0, len(v.Spans)-shown):]
	if len(spans) == 0 {
		out = append(out, t.line("wal.nothing", a))
	}
	for i, s := range spans {
		out = append(out, t.line("wal.window", Args{Since: s.From, Due: s.To, Age: v.Lag, Yes: i == len(spans)-1}))
	}
	if v.Trouble != "" || v.Late {
		out = append(out, t.line("wal.stands", a))
	}
	if v.Bases > 0 {
		out = append(out, t.line("wal.stock", Args{Count: v.Bases, At: v.Base, Bytes: v.Bytes}))
	}
	if !v.Copying.IsZero() {
		out = append(out, t.line("wal.copying", Args{Since: v.Copying, Bytes: v.Copied}))
	} else if v.BaseWhy != "" {
		out = append(out, t.line("wal.base_failed", Args{Text: cut(v.BaseWhy, 200)}))
	}
	if tr := v.Trial; tr != nil {
		out = append(out, t.line("wal.trial", Args{At: tr.At, Yes: tr.Good, After: tr.Took, Count: tr.Files, Text: cut(tr.Why, 200)}))
	}
	if v.Unbound {
		out = append(out, t.line("wal.unbound", Args{Bytes: v.Keeps}))
	}
	return out
}

func init() {
	Troubles = append(Troubles, TroubleWAL, TroubleWALBack, TroubleWALTrial, TroubleWALBase)
	operationSteps = append(operationSteps, "replay", "take", "discard")
	operationUndos = append(operationUndos, "discard_copy")
	operationProblems = append(operationProblems, "wal_off", "wal_time", "wal_part", "wal_future", "wal_empty", "wal_before", "wal_after", "wal_gap")
	healthNames = append(healthNames, "wal")
	healthCodes = append(healthCodes, "wal", "wal.stands", "wal.none")
}

// walWords lists the names that are put together in this file.
func walWords() []string {
	var names []string
	for _, code := range walTroubles {
		names = append(names, "wal.trouble."+code)
	}
	return names
}
