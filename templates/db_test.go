package templates

import (
	"slices"
	"testing"
	"time"
)

// shownDB are views of a database with all that can be said of one.
func shownDB() map[string]DBView {
	line := func(code string, a Args) DBLine { return DBLine{Code: code, Args: a} }
	warn := func(code string, a Args) DBLine { return DBLine{Code: code, Mark: "warning", Args: a} }
	statement := Args{Percent: 62, Count: 120344, After: 12300 * time.Microsecond, Late: 2 * time.Second, Age: time.Hour, Value: 20, Text: "select * from notes where author = $1 <!channel>"}
	running := Args{Count: 4711, Word: "app", Where: "backend", Age: 95 * time.Second, Total: 2, Class: "Lock", Text: "update notes set body = ? where id = ?"}
	table := Args{Word: "public.notes", Bytes: 1_340_000_000, Heap: 900_000_000, Indexes: 400_000_000, Toast: 40_000_000, Count: 1_204_220, Total: 301_000, At: at, Since: at}
	index := Args{Word: "public.notes_author_ccnew", Where: "public.notes", Bytes: 41_000_000}
	session := Args{Count: 4711, Word: "app", Where: "backend <@U01AAAA>", Class: "idle in transaction", Age: 26 * time.Minute, After: 25 * time.Minute, Total: 2, Text: "select ? for update"}
	right := warn("right", Args{})
	over := DBView{Title: "over", Args: Args{Word: "ai_notebook"}, Sections: []DBSection{{Lines: []DBLine{
		warn("over.connections", Args{Count: 81, Total: 97, Percent: 83, Age: 26 * time.Minute, Most: 1}), right,
		warn("over.locks", Args{Count: 3, Most: 2, Total: 4711}), line("over.locks", Args{}),
		line("over.size", Args{Bytes: 2_100_000_000, Count: 12, Word: "public.notes", Of: 1_340_000_000}),
		line("over.size", Args{Bytes: 2_100_000_000, Count: 12, Word: "public.notes", Yes: true}), line("over.slow", statement), line("over.slow_none", Args{}), line("over.uncounted", Args{}), line("over.running", running),
		warn("over.indexes", Args{Count: 3, Total: 41, Bytes: 45_000_000, Age: 40 * 24 * time.Hour, Most: 1, Limit: 1}),
	}}}}
	troubles := DBView{Title: "over"}
	s := DBSection{}
	for i, code := range []string{"slow", "locked", "right", "full", "refused", "no_database", "no_program", "away", "failed"} {
		s.Lines = append(s.Lines, warn("over.trouble", Args{Word: dbParts[i%len(dbParts)], Class: code, Count: 2, Text: []string{"", "ERROR: <!here>"}[i%2]}))
	}
	troubles.Sections = []DBSection{s}
	return map[string]DBView{
		"overview": over, "overview, parts not seen": troubles,
		"size": {Title: "size", Args: Args{Word: "ai_notebook", Bytes: 2_100_000_000, Count: 12}, Sections: []DBSection{
			{Code: "tables", Lines: []DBLine{line("table", table), line("table", Args{Word: "public.new", Yes: true, Count: 1}), line("table", Args{Word: "public.half", Yes: true, Bytes: 41_000_000}), warn("locked_tables", Args{Count: 1})}},
			{Code: "upkeep", Lines: []DBLine{
				warn("dead", Args{Word: "public.notes", Count: 301_000, Total: 1_204_220, At: at}), warn("dead", Args{Word: "public.new", Count: 1000}),
				line("frozen", Args{Percent: 3, Count: 70_000_000, Total: 200_000_000, Word: "ai_notebook"}),
				{Code: "frozen", Mark: "failed", Args: Args{Percent: 84, Count: 1_804_000_000, Total: 200_000_000, Word: "ai_notebook", Text: "public.notes", Most: 1_804_000_000, Yes: true}},
				warn("frozen_multi", Args{Percent: 22, Count: 480_000_000, Total: 400_000_000}),
			}},
		}, Notes: []DBLine{line("since", Args{Since: at, Age: 40 * 24 * time.Hour}), line("since_start", Args{Since: at, Age: time.Hour})}},
		"slow": {Title: "slow", Args: Args{Word: "ai_notebook", Count: 312}, Sections: []DBSection{
			{Lines: []DBLine{line("statement", statement), line("statement", Args{Percent: 1, Count: 1, After: 30 * time.Microsecond, Text: "begin"})}},
			{Code: "running", Lines: []DBLine{line("running_one", running), line("running_one", Args{Count: 1, Word: "postgres", Age: 2 * time.Second, Text: "vacuum"}), line("running_none", Args{})}},
		}, Notes: []DBLine{line("since", Args{Since: at, Age: time.Hour}), line("since_unknown", Args{}), line("dropped", Args{Count: 3}), line("hidden", Args{Count: 7}), right}},
		"slow, not counted": {Title: "slow_missing", Args: Args{Word: "ai_notebook"}, Sections: []DBSection{{Lines: []DBLine{
			line("missing.package", Args{}), line("missing.preload", Args{}), line("missing.extension", Args{Word: "ai_notebook"}), line("missing.right", Args{Text: "app"}), line("missing.columns", Args{}),
		}}}},
		"indexes": {Title: "indexes", Args: Args{Total: 41, Count: 3, Bytes: 45_000_000}, Sections: []DBSection{
			{Code: "invalid", Lines: []DBLine{
				warn("invalid.reindex_new", index), warn("invalid.reindex_old", index), warn("invalid.create", Args{Word: "public.i", Where: "public.t", Yes: true}), line("invalid.building", index),
			}},
			{Code: "duplicates", Lines: []DBLine{line("duplicate", Args{Where: "public.notes", Names: []string{"public.a", "public.b"}, Bytes: 1_000_000, Word: "public.c"})}},
			{Code: "unused", Args: Args{Age: 40 * 24 * time.Hour}, Lines: []DBLine{line("unused_one", index), line("unused_one", Args{Word: "public.i", Where: "public.t", Yes: true}), line("more", Args{Count: 2})}},
			{Code: "scanned", Lines: []DBLine{line("scanned_one", Args{Word: "public.notes", Count: 4000, Total: 1_204_220, Limit: 1_204_220, Most: 12})}},
		}, Notes: []DBLine{line("kept", Args{Count: 2}), line("replicas", Args{Count: 1})}},
		"indexes, counted since yesterday": {Title: "indexes", Args: Args{Total: 41, Count: 1, Yes: true, Age: 26 * time.Hour}, Sections: []DBSection{
			{Code: "unused", Args: Args{Age: 26 * time.Hour, Yes: true}, Lines: []DBLine{line("unused_one", index)}}, {Code: "scanned"},
		}},
		"connections": {Title: "connections", Mark: "failed", Args: Args{Count: 96, Total: 97, Limit: 3, Percent: 98}, Sections: []DBSection{
			{Code: "states", Lines: append(states(), line("waiting", Args{Count: 2}))},
			{Code: "transactions", Lines: []DBLine{warn("oldest", session), warn("idle", session), line("prepared", Args{Count: 1, Age: time.Hour})}},
			{Code: "groups", Lines: []DBLine{line("group", Args{Count: 80, Total: 75, Word: "app", Where: "backend", Ref: "ai_notebook"}), line("group", Args{Count: 1, Word: "postgres"}), line("more", Args{Count: 15})}},
		}, Notes: []DBLine{right}},
		"locks": {Title: "locks", Mark: "warning", Args: Args{Count: 3}, Sections: []DBSection{{Lines: []DBLine{warn("circle", Args{})}}, {Lines: []DBLine{
			line("holder", session),
			{Code: "waiter", Depth: 1, Args: Args{Count: 4712, Word: "app", Age: 25 * time.Minute, Class: "transactionid", Nearest: "public.notes", Total: 1, Text: "update notes set body = ? where id = ?"}},
			{Code: "waiter", Depth: 2, Args: Args{Count: 4713, Word: "app", Age: time.Minute, Class: "relation", Nearest: "public.notes", Ref: "AccessExclusiveLock", Yes: true, Names: []string{"4711", "4714"}, Text: "alter table notes"}},
			{Code: "waiter", Depth: 1, Args: Args{Count: 4714, Word: "app", Age: time.Minute, Class: "tuple", Text: "select ?"}},
			{Code: "waiter", Depth: 1, Args: Args{Count: 4715, Word: "app", Age: time.Minute, Class: "advisory", Ref: "ExclusiveLock", Text: "select pg_advisory_lock(?)"}},
			line("holder_prepared", Args{Names: []string{"payment 7"}, Total: 1}), line("holder_prepared", Args{Names: []string{"payment 7", "payment 8"}, Total: 1}),
		}}}, Notes: []DBLine{line("end", Args{Count: 4711}), line("end_active", Args{Count: 4711}), line("end_prepared", Args{})}},
		"locks, none": {Title: "locks"},
	}
}

func states() []DBLine {
	var out []DBLine
	for i, s := range append(slices.Clone(DBStates), "of another release") {
		out = append(out, DBLine{Code: "state", Args: Args{Word: s, Count: i + 1}})
	}
	return out
}

func TestALookAtTheDatabaseReadsWell(t *testing.T) {
	eachLocale(t, func(t *testing.T, l string, w *Templates) {
		var b book
		shown := map[string]bool{}
		views := shownDB()
		for _, name := range []string{
			"overview", "overview, parts not seen", "size", "slow", "slow, not counted", "indexes", "indexes, counted since yesterday", "connections", "locks", "locks, none",
		} {
			v := views[name]
			b.add(name, w.DB(v))
			for _, s := range v.Sections {
				for _, one := range s.Lines {
					shown[one.Code] = true
				}
			}
			for _, one := range v.Notes {
				shown[one.Code] = true
			}
		}
		for _, code := range dbCodes {
			if !shown[code] {
				t.Errorf("the golden file shows no %s", code)
			}
		}
		golden(t, l, "db", b.String())
	})
}

func FuzzWhatADatabaseSaysIsOnlyText(f *testing.F) {
	f.Add("<!channel> \x02x:n\x03 \u202e")
	f.Fuzz(func(t *testing.T, s string) {
		w := words(t, English)
		for _, v := range shownDB() {
			for i := range v.Sections {
				for j := range v.Sections[i].Lines {
					a := &v.Sections[i].Lines[j].Args
					a.Text, a.Word, a.Where, a.Ref, a.Class, a.Nearest, a.Names = s, s, s, s, s, s, []string{s}
				}
			}
			for _, b := range w.DB(v).Blocks {
				for _, l := range b.Lines {
					for _, sp := range l {
						if sp.User != "" || sp.UserGroup != "" || sp.URL != "" || sp.Channel != "" {
							t.Fatalf("%q became %+v", s, sp)
						}
					}
				}
			}
		}
	})
}
