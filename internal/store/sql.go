package store

import (
	"encoding/json"
	"regexp"
	"strings"
)

// dialect is which of the two databases speaks.
type dialect int

const (
	lite dialect = iota
	postgres
)

// query is one statement in both dialects.
type query [2]string

var (
	anyOf = regexp.MustCompile(`\{any (\$\d+) (\w+)\}`)
	find  = regexp.MustCompile(`\{find ([\w.]+) (\$\d+)\}`)
	list  = regexp.MustCompile(`\{list (\$\d+) (\w+)\}`)
)

// both writes a statement for both. Parameters are $1, $2, …; braces mark what the two say differently:
//
//	{any $1 text}      the membership test against a slice
//	{list $1 text}     a slice as a table with the column v
//	{among} … {end}    the membership test against a query. PostgreSQL is given an array: it cannot turn that into a join over
//	                   the whole table, whatever it believes about tables it never looked at
//	{find column $1}   the position of a text in a column, 0 when it is not there
//	{lock} {skip}      row locks, which SQLite does not need
//	{id} {number} {clustered}   column and table types
func both(text string) query {
	text = strings.TrimSpace(text)
	l := anyOf.ReplaceAllString(text, "IN (SELECT value FROM json_each($1))")
	l = list.ReplaceAllString(l, "(SELECT value AS v FROM json_each($1)) AS list")
	l = find.ReplaceAllString(l, "instr($1, $2)")
	l = strings.NewReplacer("{lock}", "", "{skip}", "", "{among}", "IN (", "{end}", ")",
		"{id}", "INTEGER PRIMARY KEY AUTOINCREMENT", "{number}", "INTEGER PRIMARY KEY", "{clustered}", "WITHOUT ROWID",
		"$", "?").Replace(l)
	p := anyOf.ReplaceAllString(text, "= ANY($1::$2[])")
	p = list.ReplaceAllString(p, "unnest($1::$2[]) AS list(v)")
	p = find.ReplaceAllString(p, "strpos($1, $2)")
	p = strings.NewReplacer("{lock}", "FOR UPDATE", "{skip}", "FOR UPDATE SKIP LOCKED", "{among}", "= ANY(ARRAY(", "{end}", "))",
		"{id}", "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "{number}", "BIGINT PRIMARY KEY", "{clustered}", "").Replace(p)
	return query{lite: l, postgres: p}
}

// stmt is a statement with its values, to be run with many others.
type stmt struct {
	text string
	args []any
}

// liteArgs turns slices into what json_each reads.
func liteArgs(args []any) []any {
	for i, a := range args {
		switch a.(type) {
		case []string, []int64:
			b, err := json.Marshal(a)
			if err != nil {
				panic("store: " + err.Error()) // strings and numbers: cannot happen
			}
			out := append([]any(nil), args...)
			out[i] = string(b)
			return liteArgs(out)
		}
	}
	return args
}

// clean makes a text that both databases take and give back unchanged: PostgreSQL has no NUL and nothing but UTF-8.
func clean(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}
