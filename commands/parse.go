package commands

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/access"
	"github.com/ai-notebook/notebookbot/templates"
)

// parsed is a line whose command is found.
type parsed struct {
	cmd    *command
	args   line  // what follows the command's words, without the incident's key
	number int64 // of the incident; 0: none was named
	op     int64 // of the operation; 0: none was named
}

var (
	keyWord   = regexp.MustCompile(`^inc-0*([1-9][0-9]{0,17})$`)
	opWord    = regexp.MustCompile(`^op-0*([1-9][0-9]{0,17})$`)
	bareKey   = regexp.MustCompile(`^#?0*([1-9][0-9]{0,17})$`)
	userWord  = regexp.MustCompile(`^<@([UW][A-Z0-9]{1,30})(?:\|[^>]*)?>$`)
	plainUser = regexp.MustCompile(`^@?([UW][A-Z0-9]{6,30})$`)
)

// parse finds the command in what a person typed. Implied is the incident in whose thread it was said; 0: none.
func parse(text string, implied int64) (parsed, error) {
	l := read(text)
	var p parsed
	take := func(n int) bool { // takes a key at that word out of the line
		if p.number == 0 && n < len(l.tokens) && !l.tokens[n].quoted {
			if number, ok := keyOf(keyWord, l.word(n)); ok {
				p.number, l = number, l.without(n)
				return true
			}
		}
		return false
	}
	take(0)
	if n, ok := keyOf(opWord, l.word(0)); ok && !l.tokens[0].quoted {
		p.op, l = n, l.without(0)
		if len(l.tokens) == 0 {
			p.cmd = operationShow // A key alone asks what it is.
			return p, nil
		}
	}
	words := 1
	switch first := l.word(0); {
	case len(l.tokens) == 0 && p.number != 0:
		p.cmd = incidentShow // A key alone asks what it is.
		return p, nil
	case len(l.tokens) == 0:
		p.cmd = help
	case slices.Contains(families(), first):
		take(1)
		if len(l.tokens) == 1 && p.number != 0 {
			p.cmd = incidentShow
			return p, nil
		}
		if len(l.tokens) == 1 {
			if p.cmd = byWords(first); p.cmd == nil {
				return p, &Refusal{Name: templates.NoHelp, family: first}
			}
			break
		}
		if p.cmd = byWords(first + " " + l.word(1)); p.cmd == nil || !slices.Contains(all, p.cmd) {
			return p, unknown(first, l.word(1))
		}
		words = 2
	case byWords(first) != nil:
		p.cmd = byWords(first)
	case short(first) != "":
		p.cmd = byWords(short(first))
	default:
		return p, unknown(first, l.word(1))
	}
	p.args = l
	for range min(words, len(l.tokens)) {
		p.args = p.args.without(0)
	}
	if p.cmd.key {
		p.findKey(implied)
	}
	if p.cmd.decides {
		p.findOperation()
	}
	return p, nil
}

// findKey takes the incident's key out of the words that follow. Where a person's own words follow, only the first can be one.
func (p *parsed) findKey(implied int64) {
	last := len(p.args.tokens)
	if p.cmd.free {
		last = min(last, 1)
	}
	for n := 0; n < last && p.number == 0; n++ {
		if number, ok := keyOf(keyWord, p.args.word(n)); ok && !p.args.tokens[n].quoted {
			p.number, p.args = number, p.args.without(n)
		}
	}
	// A bare number is a key where it cannot be meant otherwise.
	if p.number == 0 && last > 0 && !p.args.tokens[0].quoted && (implied == 0 || !p.cmd.free) {
		if number, ok := keyOf(bareKey, p.args.word(0)); ok {
			p.number, p.args = number, p.args.without(0)
		}
	}
	if p.number == 0 {
		p.number = implied
	}
}

// findOperation takes the operation's key out of the words that follow: OP-7, or 7 where a key is expected.
func (p *parsed) findOperation() {
	for _, form := range []*regexp.Regexp{opWord, bareKey} {
		if p.op != 0 || len(p.args.tokens) == 0 || p.args.tokens[0].quoted {
			return
		}
		if n, ok := keyOf(form, p.args.word(0)); ok {
			p.op, p.args = n, p.args.without(0)
		}
	}
}

func keyOf(form *regexp.Regexp, word string) (int64, bool) {
	m := form.FindStringSubmatch(word)
	if m == nil {
		return 0, false
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	return n, err == nil
}

// later are second words that are known and not there yet.
var later = map[string][]string{"db": {"explain", "tune", "verify"}}

// unknown says that there is no such command, and which one may be meant.
func unknown(first, second string) error {
	a := templates.Args{Word: first}
	if slices.Contains(families(), first) {
		a.Word += " " + second
		if slices.Contains(later[first], second) {
			return refuse(templates.NotYet, a)
		}
		if near := cmp.Or(nearest(second, seconds(first)), begun(second, seconds(first))); near != "" {
			a.Nearest = first + " " + near
			return refuse(templates.UnknownWord, a)
		}
		for _, s := range seconds(first) {
			a.Names = append(a.Names, first+" "+s)
		}
		return refuse(templates.UnknownWord, a)
	}
	if slices.Contains(access.Words(), first) {
		return refuse(templates.NotYet, a)
	}
	var candidates []string
	for _, w := range Words() {
		f, s, two := strings.Cut(w, " ")
		if candidates = append(candidates, f); two && short(s) != "" {
			candidates = append(candidates, s)
		}
	}
	a.Nearest = nearest(first, candidates)
	switch {
	case short(a.Nearest) != "":
		a.Nearest = short(a.Nearest)
	case slices.Contains(families(), a.Nearest):
		if near := nearest(second, seconds(a.Nearest)); near != "" {
			a.Nearest += " " + near
		}
	}
	return refuse(templates.UnknownWord, a)
}

// personOf reads a mention; plain ids are understood as well, for the terminal.
func personOf(word string) (string, bool) {
	for _, form := range []*regexp.Regexp{userWord, plainUser} {
		if m := form.FindStringSubmatch(strings.TrimSpace(word)); m != nil {
			return m[1], true
		}
	}
	return "", false
}

// levelOf reads a level, full-width letters included.
func levelOf(word string) (incidents.Level, bool) {
	l, err := incidents.ParseLevel(fold(word))
	return l, err == nil
}
