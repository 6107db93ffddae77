package logs

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Answer is how often the web server answered one path with one status.
type Answer struct {
	Status int
	Method string
	Path   string // without its query; numbers and ids folded
	Count  int
}

// combined is nginx's and Apache's format: address, names, time, request, status, bytes.
var combined = regexp.MustCompile(`^\S+ \S+ (?:\S+|"[^"]*") \[[^\]]{10,40}\] "((?:[^"\\]|\\.)*)" ([1-5]\d\d) (?:\d+|-)`)

// answer reads a line of an access log.
func answer(line string) (Answer, bool) {
	m := combined.FindStringSubmatch(line)
	if m == nil {
		return Answer{}, false
	}
	a := Answer{}
	a.Status, _ = strconv.Atoi(m[2]) // three digits
	method, rest, ok := strings.Cut(m[1], " ")
	if !ok { // what is no request at all: nginx answers 400 to it
		a.Path = "-"
		return a, true
	}
	path, _, _ := strings.Cut(rest, " ")
	path, _, _ = strings.Cut(path, "?")
	a.Method, a.Path = method, foldPath(path)
	return a, true
}

var idInPath = regexp.MustCompile(`/(?:\d+|[0-9a-fA-F]{8,}|[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}|•+)(/|$)`)

// foldPath replaces what names one thing of many: /notes/12 is /notes/#.
func foldPath(p string) string {
	for {
		next := idInPath.ReplaceAllString(p, "/#$1")
		if next == p {
			return p
		}
		p = next
	}
}

// Answers counts the answers of 400 and above by status and path, the most frequent first.
func Answers(lines []string) []Answer {
	by := map[Answer]int{}
	for _, l := range lines {
		if a, ok := answer(l); ok && a.Status >= 400 {
			by[a]++
		}
	}
	out := make([]Answer, 0, len(by))
	for a, n := range by {
		a.Count = n
		out = append(out, a)
	}
	slices.SortFunc(out, func(a, b Answer) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(b.Status, a.Status), strings.Compare(a.Path, b.Path), strings.Compare(a.Method, b.Method))
	})
	return out
}

// Slow is statements of one form that PostgreSQL reported because of log_min_duration_statement.
type Slow struct {
	Statement string // numbers and texts folded
	Count     int
	Longest   time.Duration
	Total     time.Duration
}

var (
	duration = regexp.MustCompile(`\bduration: (\d+(?:\.\d+)?) ms(?:\s+(?:statement|execute [^:]*|parse [^:]*|bind [^:]*): (.*))?`)
	literal  = regexp.MustCompile(`'(?:[^']|'')*'?|\$\d+|\b\d+(?:\.\d+)?\b`)
	inList   = regexp.MustCompile(`\(\s*\?(?:\s*,\s*\?)+\s*\)`)
)

// SlowStatements counts what the database says it took long for, the longest first.
func SlowStatements(lines []string) []Slow {
	by := map[string]*Slow{}
	for _, l := range lines {
		m := duration.FindStringSubmatch(l)
		if m == nil || m[2] == "" {
			continue
		}
		ms, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			continue
		}
		form := inList.ReplaceAllString(literal.ReplaceAllString(strings.Join(strings.Fields(m[2]), " "), "?"), "(?, …)")
		s := by[form]
		if s == nil {
			s = &Slow{Statement: form}
			by[form] = s
		}
		took := time.Duration(ms * float64(time.Millisecond))
		s.Count++
		s.Total += took
		s.Longest = max(s.Longest, took)
	}
	out := make([]Slow, 0, len(by))
	for _, s := range by {
		out = append(out, *s)
	}
	slices.SortFunc(out, func(a, b Slow) int {
		return cmp.Or(cmp.Compare(b.Longest, a.Longest), strings.Compare(a.Statement, b.Statement))
	})
	return out
}
