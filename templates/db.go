package templates

import (
	"slices"
	"strings"
)

// DBView is a look at the database: a headline, sections of lines, and notes below. What a line says is looked up by its code.
type DBView struct {
	Title    string // of dbTitles
	Mark     string // warning, failed; empty: nothing stands out
	Args     Args
	Sections []DBSection
	Notes    []DBLine
}

// DBSection is lines under a title; one without lines is not shown.
type DBSection struct {
	Code  string // of dbSections; empty: it has no title
	Args  Args
	Lines []DBLine
}

// DBLine is one line.
type DBLine struct {
	Code  string // of dbCodes
	Mark  string // warning, failed; empty: it does not stand out
	Depth int    // in a tree
	Args  Args
}

// DBStates are the states of a connection in the order in which they are told.
var DBStates = []string{
	"active", "idle in transaction", "idle in transaction (aborted)", "idle", "fastpath function call", "disabled", "starting", "hidden",
}

// What has words: db.title.<title>, db.section.<section>, db.line.<code>, db.part.<part>.
var (
	dbTitles   = []string{"over", "size", "slow", "slow_missing", "indexes", "connections", "locks"}
	dbSections = []string{"tables", "upkeep", "running", "invalid", "duplicates", "unused", "scanned", "states", "transactions", "groups"}
	dbParts    = []string{"size", "slow", "indexes", "connections", "locks"}
	dbCodes    = []string{
		"over.connections", "over.locks", "over.size", "over.slow", "over.slow_none", "over.uncounted", "over.running", "over.indexes", "over.trouble",
		"table", "locked_tables", "dead", "frozen", "frozen_multi", "since", "since_start", "since_unknown",
		"statement", "missing.package", "missing.preload", "missing.extension", "missing.right", "missing.columns", "dropped", "hidden",
		"running_one", "running_none", "right",
		"invalid.reindex_new", "invalid.reindex_old", "invalid.create", "invalid.building", "duplicate", "unused_one", "more", "scanned_one", "kept", "replicas",
		"state", "waiting", "oldest", "idle", "prepared", "group",
		"holder", "holder_prepared", "waiter", "circle", "end", "end_active", "end_prepared",
	}
)

// dbWords lists the names that are put together in this file.
func dbWords() []string {
	var names []string
	for prefix, codes := range map[string][]string{
		"db.title.": dbTitles, "db.section.": dbSections, "db.part.": dbParts, "db.line.": dbCodes, "db.state.": DBStates,
	} {
		for _, c := range codes {
			names = append(names, prefix+c)
		}
	}
	slices.Sort(names)
	return names
}

// DB is the answer to `db` and its words.
func (t *Templates) DB(v DBView) Message {
	var blocks []Block
	for _, s := range v.Sections {
		if len(s.Lines) == 0 {
			continue
		}
		if s.Code != "" {
			blocks = append(blocks, text(t.line("db.section."+s.Code, s.Args)))
		}
		b := Block{Kind: List}
		for _, l := range s.Lines {
			b.Lines = append(b.Lines, t.dbLine(l))
		}
		blocks = append(blocks, b)
	}
	notes := Block{Kind: Context}
	for _, l := range v.Notes {
		notes.Lines = append(notes.Lines, t.dbLine(l))
	}
	title := append(t.dbMark(v.Mark), t.line("db.title."+v.Title, v.Args)...)
	return t.message([]Line{title}, append(blocks, notes)...)
}

func (t *Templates) dbMark(mark string) Line {
	if mark == "" {
		return nil
	}
	return Line{{Text: t.label("health.mark."+mark) + " "}}
}

// dbLine is one line; in a tree it begins further to the right the deeper it stands.
func (t *Templates) dbLine(l DBLine) Line {
	out := t.dbMark(l.Mark)
	if l.Depth > 0 {
		out = append(out, Span{Text: strings.Repeat("\u2003", l.Depth-1) + "└ "})
	}
	return append(out, t.line("db.line."+l.Code, l.Args)...)
}
