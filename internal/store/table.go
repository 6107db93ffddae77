package store

import (
	"strconv"
	"strings"
	"sync"
)

// table writes many rows with few statements.
type table struct {
	name     string
	columns  string // names, those of numbers with a # behind
	conflict string
	// instead gives a column another value on PostgreSQL than what the row says; @name is what the row says.
	instead map[string]string

	cache [2]sync.Map // number of rows → text
}

// SQLite takes rows in these numbers, so that it sees few different statements and can keep them prepared. PostgreSQL takes a
// slice a column, and any number of rows with one statement.
var chunks = [...]int{64, 16, 4, 1}

// rows gives the statements that write all rows, in their order. No key may be twice in rows.
func (t *table) rows(d dialect, rows [][]any) []stmt {
	if len(rows) == 0 {
		return nil
	}
	if d == postgres {
		return []stmt{{t.text(postgres, 0), t.slices(rows)}}
	}
	var out []stmt
	for len(rows) > 0 {
		n := 1
		for _, c := range chunks {
			if len(rows) >= c {
				n = c
				break
			}
		}
		args := make([]any, 0, n*len(rows[0]))
		for _, r := range rows[:n] {
			args = append(args, r...)
		}
		out = append(out, stmt{t.text(lite, n), args})
		rows = rows[n:]
	}
	return out
}

// slices turns rows into a slice for each column.
func (t *table) slices(rows [][]any) []any {
	fields := strings.Fields(t.columns)
	out := make([]any, len(fields))
	for c, name := range fields {
		if !strings.HasSuffix(name, "#") {
			texts := make([]string, len(rows))
			for i, r := range rows {
				texts[i], _ = r[c].(string)
			}
			out[c] = texts
			continue
		}
		numbers := make([]int64, len(rows))
		for i, r := range rows {
			switch v := r[c].(type) {
			case int64:
				numbers[i] = v
			case int:
				numbers[i] = int64(v)
			}
		}
		out[c] = numbers
	}
	return out
}

func (t *table) text(d dialect, n int) string {
	cached, _ := t.cache[d].Load(n)
	if s, ok := cached.(string); ok {
		return s
	}
	var names, types []string
	for i, name := range strings.Fields(t.columns) {
		name, number := strings.CutSuffix(name, "#")
		kind := "text"
		if number {
			kind = "bigint"
		}
		names = append(names, name)
		types = append(types, "$"+strconv.Itoa(i+1)+"::"+kind+"[]")
	}
	list := strings.Join(names, ", ")
	var b strings.Builder
	b.WriteString("INSERT INTO " + t.name + " (" + list + ") ")
	if d == postgres {
		b.WriteString("SELECT " + strings.Join(t.values(names), ", ") +
			" FROM unnest(" + strings.Join(types, ", ") + ") WITH ORDINALITY AS r(" + list + ", nth) ORDER BY nth")
	} else {
		row := "(?" + strings.Repeat(", ?", len(names)-1) + ")"
		b.WriteString("VALUES " + row + strings.Repeat(", "+row, n-1))
	}
	if t.conflict != "" {
		b.WriteString(" " + t.conflict)
	}
	t.cache[d].Store(n, b.String())
	return b.String()
}

// values is what goes into each column, given the rows as the table r.
func (t *table) values(names []string) []string {
	var pairs []string
	for _, name := range names {
		pairs = append(pairs, "@"+name, "r."+name)
	}
	said := strings.NewReplacer(pairs...)
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = "r." + name
		if other := t.instead[name]; other != "" {
			out[i] = said.Replace(other)
		}
	}
	return out
}
