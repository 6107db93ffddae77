package insight

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ai-notebook/notebookbot/internal/ops/redact"
)

// longestStatement is how many letters of a statement are kept; so many say which one it is.
const longestStatement = 400

// eyes make what comes from strangers fit to be seen. They know the application's secrets as they are now.
type eyes struct{ redact *redact.Redactor }

func (d *Database) eyes() eyes { return eyes{d.redact()} }

// statement is a statement's text without literals, comments and secrets, on one line, cut.
func (see eyes) statement(text string) string {
	return short(see.redact.Text(shape(see.redact.Text(text))), longestStatement)
}

// name is a name that strangers give, an application's or a table's.
func (see eyes) name(text string) string {
	const longest = 140 // a schema's name and a table's have 63 bytes each at most
	return short(see.redact.Text(text), longest)
}

// several is a list of values: how many they are says nothing about the statement.
var several = regexp.MustCompile(`\?(?:\s*,\s*\?)+`)

// shape takes literals and comments out of a statement. The server does that for some statements and some of its views only. Where it is not sure
// what a literal is, all that follows goes.
func shape(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\r' { // those end a comment
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	var out strings.Builder
	rest := ""        // what is still to be read
	before := rune(0) // the letter that was read last
	for rest = text; rest != ""; {
		r, size := utf8.DecodeRuneInString(rest)
		switch {
		case unicode.IsSpace(r) || unicode.IsControl(r):
			out.WriteByte(' ')
		case strings.HasPrefix(rest, "--"):
			size = lineLength(rest)
			out.WriteByte(' ')
		case strings.HasPrefix(rest, "/*"):
			size = commentLength(rest)
			out.WriteByte(' ')
		case r == '\'':
			n, sure := literalLength(rest, escapes(text[:len(text)-len(rest)]))
			if out.WriteByte('?'); !sure {
				return tidy(out.String() + " …")
			}
			size = n
		case r == '"':
			if size = nameLength(rest); size == len(rest) && !strings.HasSuffix(rest[1:], `"`) {
				return tidy(out.String() + "…")
			}
			out.WriteString(rest[:size])
		case r == '$' && !inName(before) && dollarLength(rest) != 0:
			if size = dollarLength(rest); size < 0 {
				return tidy(out.String() + "? …")
			}
			out.WriteByte('?')
		case r >= '0' && r <= '9' && !inName(before):
			size = numberLength(rest)
			out.WriteByte('?')
		default:
			out.WriteString(rest[:size])
		}
		before, _ = utf8.DecodeLastRuneInString(rest[:size])
		rest = rest[size:]
	}
	return tidy(out.String())
}

func tidy(s string) string {
	return several.ReplaceAllString(strings.Join(strings.Fields(s), " "), "?, …")
}

// inName tells whether a digit or a dollar sign behind that letter belongs to a name or a parameter.
func inName(r rune) bool { return r == '_' || r == '$' || unicode.IsLetter(r) || unicode.IsDigit(r) }

// lineLength is the length of a comment that ends with its line.
func lineLength(s string) int {
	if n := strings.IndexAny(s, "\r\n"); n >= 0 {
		return n
	}
	return len(s)
}

// commentLength is the length of a comment, in which others may stand.
func commentLength(s string) int {
	depth := 0
	for i := 0; i < len(s); {
		switch {
		case strings.HasPrefix(s[i:], "/*"):
			depth, i = depth+1, i+2
		case strings.HasPrefix(s[i:], "*/"):
			if depth, i = depth-1, i+2; depth == 0 {
				return i
			}
		default:
			i++
		}
	}
	return len(s)
}

// escapes tells whether a literal behind that text is one in which a backslash escapes: E'…'.
func escapes(before string) bool {
	if before == "" || before[len(before)-1]|0x20 != 'e' {
		return false
	}
	r, _ := utf8.DecodeLastRuneInString(before[:len(before)-1])
	return len(before) == 1 || !inName(r)
}

// literalLength is the length of a literal. It is not sure of one that has no end (the text may be cut), nor of one whose end a backslash
// escapes or not, depending on a setting of the session that wrote it.
func literalLength(s string, escaping bool) (int, bool) {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			if i+1 == len(s) {
				return 0, false
			}
			if escaping {
				i++
			} else if s[i+1] == '\'' {
				return 0, false
			}
		case '\'':
			if i+1 == len(s) || s[i+1] != '\'' {
				return i + 1, true
			}
			i++
		}
	}
	return 0, false
}

// nameLength is the length of a quoted name, or of what there is of it.
func nameLength(s string) int {
	for i := 1; i < len(s); i++ {
		if s[i] != '"' {
			continue
		}
		if i+1 == len(s) || s[i+1] != '"' {
			return i + 1
		}
		i++
	}
	return len(s)
}

var dollarTag = regexp.MustCompile(`^\$(?:[\pL_][\pL\pN_]*)?\$`)

// dollarLength is the length of a literal such as $tag$…$tag$; 0: it is none; negative: it has no end.
func dollarLength(s string) int {
	tag := dollarTag.FindString(s)
	if tag == "" {
		return 0
	}
	n := strings.Index(s[len(tag):], tag)
	if n < 0 {
		return -1
	}
	return len(tag) + n + len(tag)
}

func numberLength(s string) int {
	for i := 1; i < len(s); i++ {
		if c := s[i]; c != '.' && c != '_' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			return i
		}
	}
	return len(s)
}

// short cuts a text after so many letters.
func short(s string, n int) string {
	s = strings.Join(strings.Fields(s), " ")
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n-1]) + "…"
}
