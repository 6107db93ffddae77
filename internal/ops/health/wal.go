package health

import (
	"context"
	"time"
)

// Archive tells how the archive of the database's log stands.
type Archive interface {
	Archived(ctx context.Context) (Archived, error)
}

// Archived is how it stands.
type Archived struct {
	From, To time.Time     // the newest stretch that can be come back to; zero: there is none
	Lag      time.Duration // how old what is archived is
	Late     bool          // that is too old
	Trouble  string        // a code: why the log does not come
	Text     string        // what a program said of it, or of the last copy that failed: hostile
}

// lookWAL tells whether what is written now could be brought back.
func lookWAL(ctx context.Context, s *scene) []Check {
	k := check{name: "wal"}
	if s.WAL == nil {
		return []Check{k.unchecked("off", Facts{Word: "backup.wal"})}
	}
	a, err := s.WAL.Archived(ctx)
	f := Facts{Age: a.Lag, At: a.From, Word: a.Trouble, Text: s.text(a.Text, shortText)}
	switch {
	case err != nil:
		return []Check{k.trouble(s, err)}
	case a.Late:
		return []Check{k.one(Failed, "wal.stands", f)}
	case a.Trouble != "":
		return []Check{k.one(Warning, "wal.stands", f)}
	case a.From.IsZero():
		return []Check{k.one(Warning, "wal.none", f)}
	}
	f.Text = ""
	return []Check{k.one(OK, "wal", f)}
}
