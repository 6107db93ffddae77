package commands

import (
	"slices"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops/postgres/insight"
	"github.com/ai-notebook/notebookbot/templates"
)

// What stands out in a view.
const (
	warning = "warning"
	failed  = "failed"
)

// What of a database stands out.
const (
	manyConnections = 80 // percent of those that are not reserved
	fullConnections = 95
	longIdle        = 10 * time.Minute // within a transaction
	oldTransaction  = time.Hour
	halfFrozen      = 50 // percent of the transaction numbers
	nearlyFrozen    = 80
)

// sizeOf is what the database takes on disk.
func sizeOf(s *insight.Size, now time.Time) templates.DBView {
	v := templates.DBView{Title: "size", Args: templates.Args{Word: s.Database, Bytes: s.Bytes, Count: s.Count}}
	tables := templates.DBSection{Code: "tables"}
	for _, t := range s.Tables {
		tables.Lines = append(tables.Lines, templates.DBLine{Code: "table", Args: templates.Args{
			Word: t.Name, Bytes: t.Bytes(), Heap: t.Heap, Indexes: t.Indexes, Toast: t.Toast, Count: int(t.Live), Total: int(t.Dead), At: t.Vacuumed, Since: t.Analyzed, Yes: t.Locked,
		}})
	}
	if s.Locked > 0 {
		tables.Lines = append(tables.Lines, templates.DBLine{Code: "locked_tables", Mark: warning, Args: templates.Args{Count: s.Locked}})
	}
	upkeep := templates.DBSection{Code: "upkeep"}
	for _, t := range s.Bloated {
		upkeep.Lines = append(upkeep.Lines, deadOf(t))
	}
	upkeep.Lines = append(upkeep.Lines, frozenOf(s.Frozen))
	f := s.Frozen
	if f.MultiFrom > 0 && f.MultiAge > f.MultiFrom {
		upkeep.Lines = append(upkeep.Lines, templates.DBLine{Code: "frozen_multi", Mark: warning, Args: templates.Args{
			Count: int(f.MultiAge), Total: int(f.MultiFrom), Percent: int(100 * f.MultiAge / insight.WrapsAt),
		}})
	}
	v.Sections = []templates.DBSection{tables, upkeep}
	v.Notes = []templates.DBLine{countedSince(s.Statistics, now)}
	return v
}

func deadOf(t insight.Table) templates.DBLine {
	return templates.DBLine{Code: "dead", Mark: warning, Args: templates.Args{Word: t.Name, Count: int(t.Dead), Total: int(t.Live), At: t.Vacuumed}}
}

// frozenOf stands out where the server has not frozen by itself what it should have, and long before it refuses to write.
func frozenOf(f insight.Frozen) templates.DBLine {
	line := templates.DBLine{Code: "frozen", Args: templates.Args{
		Count: int(f.Age), Total: int(f.From), Percent: int(100 * f.Age / insight.WrapsAt), Word: f.Database, Text: f.OldestName, Most: int(f.OldestAge),
	}}
	switch {
	case line.Args.Percent >= nearlyFrozen:
		line.Mark = failed
	case line.Args.Percent >= halfFrozen, f.From > 0 && f.Age > f.From+f.From/4:
		line.Mark = warning
	}
	line.Args.Yes = line.Mark != ""
	return line
}

// countedSince says how old the statistics are.
func countedSince(s insight.Statistics, now time.Time) templates.DBLine {
	if s.Since.IsZero() {
		return templates.DBLine{Code: "since_start", Args: templates.Args{Since: s.Started, Age: s.Age(now)}}
	}
	return templates.DBLine{Code: "since", Args: templates.Args{Since: s.Since, Age: s.Age(now)}}
}

// slowOf is which statements cost the time.
func slowOf(s *insight.Slow, now time.Time) templates.DBView {
	v := templates.DBView{Title: "slow", Args: templates.Args{Word: s.Database, Count: s.Count}}
	if len(s.Missing) > 0 {
		v.Title = "slow_missing"
		missing := templates.DBSection{}
		for _, code := range s.Missing {
			missing.Lines = append(missing.Lines, templates.DBLine{Code: "missing." + code, Args: templates.Args{Word: s.Database, Text: s.User}})
		}
		v.Sections = append(v.Sections, missing)
	} else {
		top := templates.DBSection{}
		for _, st := range s.Statements {
			top.Lines = append(top.Lines, templates.DBLine{Code: "statement", Args: statementOf(st)})
		}
		v.Sections = append(v.Sections, top)
		if s.Since.IsZero() {
			v.Notes = append(v.Notes, templates.DBLine{Code: "since_unknown"})
		} else {
			v.Notes = append(v.Notes, templates.DBLine{Code: "since", Args: templates.Args{Since: s.Since, Age: max(0, now.Sub(s.Since))}})
		}
		if s.Dropped > 0 {
			v.Notes = append(v.Notes, templates.DBLine{Code: "dropped", Args: templates.Args{Count: int(s.Dropped)}})
		}
		if s.Hidden > 0 {
			v.Notes = append(v.Notes, templates.DBLine{Code: "hidden", Args: templates.Args{Count: s.Hidden}})
		}
	}
	running := templates.DBSection{Code: "running"}
	for _, r := range s.Running {
		running.Lines = append(running.Lines, runningOf(r))
	}
	if len(s.Running) == 0 {
		running.Lines = append(running.Lines, templates.DBLine{Code: "running_none"})
	}
	v.Sections = append(v.Sections, running)
	if !s.RightToAll {
		v.Notes = append(v.Notes, templates.DBLine{Code: "right", Mark: warning})
	}
	return v
}

func statementOf(s insight.Statement) templates.Args {
	return templates.Args{Percent: int(100*s.Share + 0.5), Count: int(s.Calls), After: s.Mean(), Late: s.Longest, Age: s.Total, Value: s.RowsPerCall(), Text: s.Text}
}

func runningOf(r insight.Running) templates.DBLine {
	return templates.DBLine{Code: "running_one", Args: templates.Args{Count: r.PID, Word: r.User, Where: r.App, Age: r.For, Class: r.WaitsFor, Text: r.Text}}
}

// indexesOf is which indexes are of no use.
func indexesOf(x *insight.Indexes, now time.Time) templates.DBView {
	age := x.Age(now)
	v := templates.DBView{Title: "indexes", Args: templates.Args{
		Count: x.UnusedCount, Total: x.Count, Bytes: x.UnusedBytes, Age: age, Since: x.Since, Yes: x.Young,
	}}
	invalid := templates.DBSection{Code: "invalid"}
	for _, i := range x.Invalid {
		line := templates.DBLine{Code: "invalid." + i.Left, Mark: warning, Args: templates.Args{Word: i.Name, Where: i.Table, Bytes: i.Bytes, Yes: i.Locked}}
		if i.Left == "building" {
			line.Mark = ""
		}
		invalid.Lines = append(invalid.Lines, line)
	}
	twice := templates.DBSection{Code: "duplicates"}
	for _, d := range x.Duplicates {
		twice.Lines = append(twice.Lines, templates.DBLine{Code: "duplicate", Args: templates.Args{Word: d.Keep, Where: d.Table, Names: d.Drop, Bytes: d.Bytes}})
	}
	unused := templates.DBSection{Code: "unused", Args: templates.Args{Age: age, Yes: x.Young}}
	for _, i := range x.Unused {
		unused.Lines = append(unused.Lines, templates.DBLine{Code: "unused_one", Args: templates.Args{Word: i.Name, Where: i.Table, Bytes: i.Bytes, Yes: i.Locked}})
	}
	if more := x.UnusedCount - len(x.Unused); more > 0 {
		unused.Lines = append(unused.Lines, templates.DBLine{Code: "more", Args: templates.Args{Count: more}})
	}
	scanned := templates.DBSection{Code: "scanned"}
	for _, s := range x.Scanned {
		scanned.Lines = append(scanned.Lines, templates.DBLine{Code: "scanned_one", Args: templates.Args{
			Word: s.Table, Count: int(s.Scans), Total: int(s.RowsPerScan()), Most: int(s.IndexScans), Limit: int(s.Live),
		}})
	}
	v.Sections = []templates.DBSection{invalid, twice, unused, scanned}
	v.Notes = append(v.Notes, countedSince(x.Statistics, now))
	if x.Kept > 0 {
		v.Notes = append(v.Notes, templates.DBLine{Code: "kept", Args: templates.Args{Count: x.Kept}})
	}
	if x.Replicas > 0 {
		v.Notes = append(v.Notes, templates.DBLine{Code: "replicas", Args: templates.Args{Count: x.Replicas}})
	}
	return v
}

// connectionsOf is who is connected.
func connectionsOf(c *insight.Connections) templates.DBView {
	most := max(1, c.Limit-c.Reserved)
	v := templates.DBView{Title: "connections", Args: templates.Args{
		Count: c.Used(), Total: c.Limit - c.Reserved, Limit: c.Reserved, Percent: 100 * c.Used() / most,
	}}
	switch {
	case v.Args.Percent >= fullConnections:
		v.Mark = failed
	case v.Args.Percent >= manyConnections:
		v.Mark = warning
	}
	states := templates.DBSection{Code: "states"}
	for _, name := range statesOf(c.States) {
		states.Lines = append(states.Lines, templates.DBLine{Code: "state", Args: templates.Args{Word: name, Count: c.States[name]}})
	}
	if c.Waiting > 0 {
		states.Lines = append(states.Lines, templates.DBLine{Code: "waiting", Mark: warning, Args: templates.Args{Count: c.Waiting}})
	}
	long := templates.DBSection{Code: "transactions"}
	if o := c.Oldest; o != nil {
		line := sessionOf("oldest", o, o.For)
		if o.For >= oldTransaction {
			line.Mark = warning
		}
		long.Lines = append(long.Lines, line)
	}
	for i := range c.Idle {
		line := sessionOf("idle", &c.Idle[i], c.Idle[i].StateFor)
		if c.Idle[i].StateFor >= longIdle {
			line.Mark = warning
		}
		long.Lines = append(long.Lines, line)
	}
	if c.Prepared > 0 {
		long.Lines = append(long.Lines, templates.DBLine{Code: "prepared", Args: templates.Args{Count: c.Prepared, Age: c.PreparedFor}})
	}
	groups := templates.DBSection{Code: "groups"}
	for _, g := range c.Groups {
		groups.Lines = append(groups.Lines, templates.DBLine{Code: "group", Args: templates.Args{Word: g.User, Where: g.App, Ref: g.Database, Count: g.Count, Total: g.Idle}})
	}
	if c.More > 0 {
		groups.Lines = append(groups.Lines, templates.DBLine{Code: "more", Args: templates.Args{Count: c.More}})
	}
	v.Sections = []templates.DBSection{states, long, groups}
	if !c.RightToAll {
		v.Notes = append(v.Notes, templates.DBLine{Code: "right", Mark: warning})
	}
	return v
}

// statesOf puts the states in their order: what works first, what is not known last.
func statesOf(states map[string]int) []string {
	var out []string
	for _, name := range templates.DBStates {
		if states[name] > 0 {
			out = append(out, name)
		}
	}
	var others []string
	for name := range states {
		if !slices.Contains(templates.DBStates, name) {
			others = append(others, name)
		}
	}
	slices.Sort(others)
	return append(out, others...)
}

func sessionOf(code string, s *insight.Session, age time.Duration) templates.DBLine {
	return templates.DBLine{Code: code, Args: templates.Args{Count: s.PID, Word: s.User, Where: s.App, Class: s.State, Age: age, Text: s.Text}}
}
