package logs

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Group is lines of one shape.
type Group struct {
	Shape   string // with signs for what differs: # a number, <time>, <id>, <addr>
	Example string // the newest of them
	Count   int
	Error   bool
}

const maxShape = 300 // code points

// Groups counts lines by their shape: errors first, the most frequent first, the newer one first.
func Groups(lines []string) []Group {
	by := map[string]*Group{}
	newest := map[string]int{}
	for i, l := range lines {
		s := Shape(l)
		if s == "" {
			continue
		}
		g := by[s]
		if g == nil {
			g = &Group{Shape: s, Error: IsError(l)}
			by[s] = g
		}
		g.Count++
		g.Example, newest[s] = l, i
	}
	out := make([]Group, 0, len(by))
	for _, g := range by {
		out = append(out, *g)
	}
	slices.SortFunc(out, func(a, b Group) int {
		if a.Error != b.Error {
			if a.Error {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(newest[b.Shape], newest[a.Shape]))
	})
	return out
}

// changing is what differs between two lines that say the same.
var changing = regexp.MustCompile(strings.Join([]string{
	`\d{4}[-/]\d{2}[-/]\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2})?(?:[.,]\d+)?(?: ?(?:Z|UTC|[A-Z]{3,4}\b|[+-]\d{2}:?\d{2}))?)?`, // 2026-01-10T12:00:00.1Z
	`\d{2}/[A-Z][a-z]{2}/\d{4}:\d{2}:\d{2}:\d{2}(?: [+-]\d{4})?`,                                                       // 10/Jan/2026:12:00:00 +0000
	`\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ \d]\d \d{2}:\d{2}:\d{2}`,                                  // Jan 10 12:00:00
	`\b\d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2}(?:\.\d+)?`,                                                          // 10 Jan 2026 12:00:00.123, of Redis
	`\b\d{1,2}:\d{2}:\d{2}(?:[.,]\d+)?\b`,
	`\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b`,
	`\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?::\d+)?\b`,
	`\[?(?:[0-9a-fA-F]{1,4}:){1,7}(?::[0-9a-fA-F]{1,4}){1,6}\]?(?::\d+)?|\[?(?:[0-9a-fA-F]{1,4}:){3,7}[0-9a-fA-F]{0,4}\]?(?::\d+)?|\[?::1\]?(?::\d+)?`,
	`\b0x[0-9a-fA-F]+\b`,
	`\b[0-9a-fA-F]{7,}\b`,
	`[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+`,
	`\d+(?:[.,]\d+)*`,
}, "|"))

// Shape is a line without what differs between two lines that say the same.
func Shape(line string) string {
	s := changing.ReplaceAllStringFunc(strings.Join(strings.Fields(line), " "), func(m string) string {
		switch {
		case strings.Contains(m, "@"):
			return "<mail>"
		case isTime(m):
			return "<time>"
		case strings.Count(m, ".") == 3 && !strings.ContainsAny(m, ",") || strings.Count(m, ":") >= 2:
			return "<addr>"
		case len(m) >= 7 && strings.ContainsAny(m, "abcdefABCDEF") && strings.ContainsAny(m, "0123456789"), strings.HasPrefix(m, "0x"):
			return "<id>"
		case strings.ContainsAny(m, "abcdefABCDEF"):
			return m // a word of these letters, such as "defaced"
		}
		return "#"
	})
	if utf8.RuneCountInString(s) > maxShape {
		s = string([]rune(s)[:maxShape]) + "…"
	}
	return s
}

var timeForm = regexp.MustCompile(`^\d{4}[-/]\d{2}[-/]\d{2}|^\d{1,2}:\d{2}:\d{2}|^\d{2}/[A-Z]|^[A-Z][a-z]{2} [ \d]|^\d{2} [A-Z]`)

func isTime(s string) bool { return timeForm.MatchString(s) }

var (
	// explicit is a level that the line names itself: it decides, whatever else the line says.
	explicit = regexp.MustCompile(`(?i)(?:\blevel|\blvl|\bseverity|"level"|"lvl"|"severity"|"levelname")"?\s*[=:]\s*"?([a-z]+|\d+)`)
	// bare is a level in capital letters, as most programs write it after the time: [ERROR], WARN:, LOG: and so on.
	bare = regexp.MustCompile(`(?:^|[\s\[|(<:])(TRACE|DEBUG|INFO|NOTICE|LOG|STATEMENT|DETAIL|HINT|WARN|WARNING|ERROR|SEVERE|FATAL|CRITICAL|CRIT|ALERT|EMERG|PANIC)(?:[\s\]|)>:]|$)`)
	// nginx writes its level small, in brackets.
	bracketed = regexp.MustCompile(`\[(debug|info|notice|warn|error|crit|alert|emerg)\]`)
	worded    = regexp.MustCompile(`(?i)\b(?:errors?|exceptions?|fatal|panic(?:ked)?|fail(?:ed|ure|ures|s|ing)?|critical|traceback|segfault|oom[- ]kill(?:ed)?|out of memory|cannot|refused|denied|timed out)\b|[a-z](?:Exception|Error)\b|错误|异常|失败|崩溃|超时`)
	// calm are phrases that have such a word and say the opposite.
	calm = regexp.MustCompile(`(?i)\b(?:no|0|without|zero) (?:errors?|failures?|exceptions?)\b|\b(?:errors?|failures?|failed)["']?\s*[=:]\s*["']?(?:0|null|nil|none|false|""|\[\])(?:\W|$)|没有错误|无异常|错误数?[：:]\s*0(?:\D|$)`)
)

// IsError tells whether a line tells of an error. A level that the line names decides; then an answer of the web server; then words.
func IsError(line string) bool {
	if a, ok := answer(line); ok {
		return a.Status >= 500
	}
	if m := explicit.FindStringSubmatch(line); m != nil {
		return severe(m[1])
	}
	if m := bare.FindStringSubmatch(line); m != nil {
		return severe(m[1])
	}
	if m := bracketed.FindStringSubmatch(line); m != nil {
		return severe(m[1])
	}
	return worded.MatchString(line) && worded.MatchString(calm.ReplaceAllString(line, ""))
}

// severe reads a level; numbers are those of pino and bunyan.
func severe(level string) bool {
	switch l := strings.ToLower(level); l {
	case "error", "err", "severe", "fatal", "critical", "crit", "alert", "emerg", "emergency", "panic", "dpanic":
		return true
	default:
		return len(l) == 2 && l >= "50" && l <= "99"
	}
}
