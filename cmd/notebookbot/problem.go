package main

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// problem is one thing that is wrong with the configuration.
type problem struct {
	line    int
	key     string
	found   string
	allowed string
}

// configError is everything that is wrong with one configuration file, in the order of its lines.
type configError struct {
	file     string
	problems []problem
}

// Error gives a line for each problem: `file:line: key: what was found; what is allowed`.
func (e *configError) Error() string {
	var b strings.Builder
	for i, p := range e.problems {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(e.file)
		if p.line > 0 {
			fmt.Fprintf(&b, ":%d", p.line)
		}
		if p.key != "" {
			b.WriteString(": " + p.key)
		}
		b.WriteString(": " + p.found)
		if p.allowed != "" {
			b.WriteString("; " + p.allowed)
		}
	}
	return b.String()
}

func (e *configError) sort() {
	slices.SortStableFunc(e.problems, func(a, b problem) int { return cmp.Compare(a.line, b.line) })
}

// Somebody may have put a secret under the wrong key; an error must not spread it.
var (
	tokenShape    = regexp.MustCompile(`(?i)\bx(?:ox[a-z]|app)(?:\.|-)[\w.-]+`)
	userinfoShape = regexp.MustCompile(`//[^/@\s]*@`)
)

// shown quotes what was found in the file, shortened, and without what looks like a secret.
func shown(s string) string {
	s = tokenShape.ReplaceAllString(s, redacted)
	s = userinfoShape.ReplaceAllString(s, "//"+redacted+"@")
	const most = 60
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return fmt.Sprintf("%q", s)
}

// nearest gives the known word that differs least from a mistyped one, or "" when none is near.
func nearest(word string, known []string) string {
	best, distance := "", len(word)/2+1
	for _, k := range known {
		if d := editDistance(strings.ToLower(word), strings.ToLower(k)); d < distance {
			best, distance = k, d
		}
	}
	return best
}

// editDistance counts the insertions, deletions, exchanges and swaps of neighbours between two words.
func editDistance(a, b string) int {
	x, y := []rune(a), []rune(b)
	// Keys are short; longer words are no typing error of one.
	const most = 64
	if len(x) > most || len(y) > most {
		return most
	}
	rows := make([][]int, len(x)+1)
	for i := range rows {
		rows[i] = make([]int, len(y)+1)
		rows[i][0] = i
	}
	for j := range y {
		rows[0][j+1] = j + 1
	}
	for i := 1; i <= len(x); i++ {
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(x)][len(y)]
}

// allowedKeys is the sentence about an unknown word: the nearest known one, or all of them.
func allowedKeys(word string, known []string) string {
	if near := nearest(word, known); near != "" {
		return fmt.Sprintf("did you mean %s?", near)
	}
	if len(known) == 0 {
		return ""
	}
	return "allowed here: " + strings.Join(known, ", ")
}
