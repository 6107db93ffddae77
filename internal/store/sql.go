package store

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"sync"
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
//	{find column $1}   the position of a text in a column, 0 when it is not there
//	{lock} {skip}      row locks, which SQLite does not need
//	{id} {number} {clustered}   column and table types
func both(text string) query {
	text = strings.TrimSpace(text)
	l := anyOf.ReplaceAllString(text, "IN (SELECT value FROM json_each($1))")
	l = list.ReplaceAllString(l, "(SELECT value AS v FROM json_each($1)) AS list")
	l = find.ReplaceAllString(l, "instr($1, $2)")
	l = strings.NewReplacer("{lock}", "", "{skip}", "",
		"{id}", "INTEGER PRIMARY KEY AUTOINCREMENT", "{number}", "INTEGER PRIMARY KEY", "{clustered}", "WITHOUT ROWID",
		"$", "?").Replace(l)
	p := anyOf.ReplaceAllString(text, "= ANY($1::$2[])")
	p = list.ReplaceAllString(p, "unnest($1::$2[]) AS list(v)")
	p = find.ReplaceAllString(p, "strpos($1, $2)")
	p = strings.NewReplacer("{lock}", "FOR UPDATE", "{skip}", "FOR UPDATE SKIP LOCKED",
		"{id}", "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "{number}", "BIGINT PRIMARY KEY", "{clustered}", "").Replace(p)
	return query{lite: l, postgres: p}
}

// stmt is a statement with its values, to be run with many others.
type stmt struct {
	text string
	args []any
}

// table writes many rows with few statements.
type table struct {
	insert   string // up to and without VALUES
	conflict string
	columns  int
	cache    [2]sync.Map // number of rows → text
}

// Rows go in these numbers, so that the databases see few different statements and can keep them prepared.
var chunks = [...]int{64, 16, 4, 1}

// rows gives the statements that write all rows. No key may be twice in rows.
func (t *table) rows(d dialect, rows [][]any) []stmt {
	var out []stmt
	for len(rows) > 0 {
		n := 1
		for _, c := range chunks {
			if len(rows) >= c {
				n = c
				break
			}
		}
		args := make([]any, 0, n*t.columns)
		for _, r := range rows[:n] {
			args = append(args, r...)
		}
		out = append(out, stmt{t.text(d, n), args})
		rows = rows[n:]
	}
	return out
}

func (t *table) text(d dialect, n int) string {
	cached, _ := t.cache[d].Load(n)
	if s, ok := cached.(string); ok {
		return s
	}
	var b strings.Builder
	b.WriteString(t.insert)
	b.WriteString(" VALUES ")
	p := 0
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteByte('(')
		for c := range t.columns {
			if c > 0 {
				b.WriteString(", ")
			}
			p++
			if d == lite {
				b.WriteByte('?')
			} else {
				b.WriteString("$" + strconv.Itoa(p))
			}
		}
		b.WriteByte(')')
	}
	if t.conflict != "" {
		b.WriteByte(' ')
		b.WriteString(t.conflict)
	}
	t.cache[d].Store(n, b.String())
	return b.String()
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
