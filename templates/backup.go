package templates

import "time"

// BackupSet is one backup set as people see it.
type BackupSet struct {
	ID      string
	At      time.Time
	Kind    string // full, incremental
	Bytes   int64
	Files   int
	Changed int
	Proven  bool
	Tried   bool     // it was read back; then Why tells what was wrong
	Why     string   // hostile
	Sealed  []string // parts whose content nobody has read
	Copied  bool     // in the second place, as far as is known here
	Here    bool     // it lies on this machine
	Far     bool     // it lies in the second place
	Partly  bool     // here lies only what a restore needed
}

// BackupListView is a list of sets, the newest first.
type BackupListView struct {
	Sets   []BackupSet
	Total  int    // of which Sets are the newest
	Remote bool   // in the second place alone
	Away   string // why the second place did not say what lies there: hostile
}

// BackupList is the answer to `backup list`.
func (t *Templates) BackupList(v BackupListView) Message {
	if len(v.Sets) == 0 {
		return t.message(t.lines("backup.list_empty", Args{Yes: v.Remote}))
	}
	b := Block{Kind: List}
	for _, s := range v.Sets {
		b.Lines = append(b.Lines, t.backupLine(s, v.Remote))
	}
	m := t.message([]Line{t.line("backup.list_title", Args{Count: v.Total, Yes: v.Remote, Most: v.Total - len(v.Sets)})}, b)
	if v.Away != "" {
		m.Blocks = append(m.Blocks, Block{Kind: List, Lines: t.lines("backup.away", Args{Text: cut(v.Away, 200)})})
	}
	m.Blocks = append(m.Blocks, Block{Kind: Context, Lines: t.lines("backup.list_note", Args{Yes: v.Remote})})
	return m
}

func (t *Templates) backupLine(s BackupSet, remote bool) Line {
	state := "proven"
	switch {
	case s.Far && !s.Here && s.Why != "":
		state = "bad"
	case remote || s.Far && !s.Here:
		state = "copy"
	case s.Partly:
		state = "part"
	case !s.Proven && s.Tried:
		state = "bad"
	case !s.Proven:
		state = "open"
	}
	a := t.backupArgs(s)
	a.Text = cut(s.Why, 200)
	line := append(append(t.line("backup.item", a), Span{Text: " "}), t.line("backup.is."+state, a)...)
	if where := s.where(); where != "" && !remote {
		line = append(append(line, Span{Text: " "}), t.line("backup.lies."+where, a)...)
	}
	return line
}

// where says where a set lies; empty: nobody looked.
func (s *BackupSet) where() string {
	switch {
	case s.Here && s.Far:
		return "both"
	case s.Here:
		return "here"
	case s.Far:
		return "far"
	}
	return ""
}

func (t *Templates) backupArgs(s BackupSet) Args {
	kind := ""
	if s.Kind != "" {
		kind = t.label("backup.kind." + s.Kind)
	}
	return Args{Ref: cut(s.ID, 40), At: s.At, Word: kind, Bytes: s.Bytes, Count: s.Changed, Total: s.Files, Names: s.Sealed, Yes: s.Copied}
}

// BackupStatusView is how the backups stand.
type BackupStatusView struct {
	Loss   string // none, ok, late, breach
	Newest *BackupSet
	Age    time.Duration
	RPO    time.Duration
	Next   time.Time
	Every  time.Duration

	Sets, Proven int
	Bytes        int64
	Free         int64 // bytes on the disk
	Remote       bool
	Copied       time.Time
	Plain        bool

	Daily      int64         // bytes that a day of sets takes
	Lasts      time.Duration // until the disk is full at that pace
	Short      bool          // before as many are kept as were promised
	Keep       time.Duration // how long sets are kept
	Spare      int           // sets that would go if of all but the newest days one a day was kept
	SpareBytes int64

	FarSets   int // in the second place
	FarBytes  int64
	FarOldest time.Time
	FarHalves int    // sets that were sent by half
	Away      string // why it did not say: hostile

	Trial *RestoreTrial // the last restore for a try; nil: there was none
	Log   *LogView      // the archive of the database's log; nil: it is off
}

// RestoreTrial is a set that was restored for a try.
type RestoreTrial struct {
	Set  string
	At   time.Time
	Good bool
	Took time.Duration
	Rows int64
	Why  string // hostile
}

// BackupStatus is the answer to `backup status`: first how much would be lost now.
func (t *Templates) BackupStatus(v BackupStatusView) Message {
	a := Args{Age: v.Age, After: v.RPO, Due: v.Next, Late: v.Every}
	lines := []Line{t.line("backup.loss."+v.Loss, a)}
	if v.Newest != nil {
		lines = append(lines, t.line("backup.newest", t.backupArgs(*v.Newest)))
	}
	lines = append(lines, t.line("backup.next", a))
	more := []Line{t.line("backup.stock", Args{Count: v.Sets, Total: v.Proven, Bytes: v.Bytes, Of: v.Free})}
	if v.Short {
		more = append(more, t.line("backup.short", Args{After: v.Lasts, Bytes: v.Daily, Late: v.Keep, Count: v.Spare, Of: v.SpareBytes}))
	}
	if v.Remote {
		more = append(more, t.line("backup.copied", Args{At: v.Copied, Yes: !v.Copied.IsZero()}))
		switch {
		case v.Away != "":
			more = append(more, t.line("backup.away", Args{Text: cut(v.Away, 200)}))
		case v.FarSets > 0 || v.FarHalves > 0:
			more = append(more, t.line("backup.far", Args{Count: v.FarSets, Bytes: v.FarBytes, At: v.FarOldest, Yes: !v.FarOldest.IsZero(), Total: v.FarHalves}))
		}
	} else {
		more = append(more, t.line("backup.one_place", Args{}))
	}
	if tr := v.Trial; tr != nil {
		more = append(more, t.line("backup.trial", Args{At: tr.At, Yes: tr.Good, After: tr.Took, Total: int(tr.Rows), Ref: cut(tr.Set, 40), Text: cut(tr.Why, 200)}))
	} else {
		more = append(more, t.line("backup.untried", Args{}))
	}
	if v.Plain {
		more = append(more, t.line("backup.plain", Args{}))
	}
	if v.Log != nil {
		more = append(more, t.logArchive(*v.Log)...)
	}
	return t.message(lines, Block{Kind: List, Lines: more})
}

// backupWords lists the names that are put together in this file.
func backupWords() []string {
	var names []string
	for _, s := range []string{"proven", "bad", "open", "copy", "part"} {
		names = append(names, "backup.is."+s)
	}
	for _, s := range []string{"here", "far", "both"} {
		names = append(names, "backup.lies."+s)
	}
	for _, l := range []string{"none", "ok", "late", "breach"} {
		names = append(names, "backup.loss."+l)
	}
	return append(names, "backup.kind.full", "backup.kind.incremental")
}
