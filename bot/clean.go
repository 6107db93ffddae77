package bot

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ellipsis ends what was cut.
const ellipsis = "…"

// clean takes out of a text what could deceive a reader or a parser: control characters, characters that turn the direction of
// writing, and spaces without width. Joiners stay, scripts and emoji need them. Line ends become "\n".
func clean(s string) string {
	if plain(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for i, r := range s {
		switch {
		case r == '\r':
			if !strings.HasPrefix(s[i+1:], "\n") {
				b.WriteByte('\n')
			}
		case r == '\u2028' || r == '\u2029' || r == '\u0085':
			b.WriteByte('\n')
		case r == '\n' || r == '\t':
			b.WriteRune(r)
		case unicode.IsControl(r) || deceptive(r):
		default:
			b.WriteRune(r) // a broken byte comes as U+FFFD
		}
	}
	return b.String()
}

// plain is the quick way: printable ASCII and line feeds need no cleaning.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c >= utf8.RuneSelf || c < ' ' && c != '\n' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

func deceptive(r rune) bool {
	switch {
	case r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u206f', // embeddings, overrides, isolates
		r == '\u200e', r == '\u200f', r == '\u061c', // direction marks
		r == '\u200b', r == '\u2060', r == '\ufeff', // no width
		r >= 0xfff9 && r <= 0xfffb, r == 0xfffe, r == 0xffff, // annotations, non-characters
		r >= 0xe0000 && r <= 0xe007f: // tags
		return true
	}
	return false
}

// oneLine is clean for places that hold one line.
func oneLine(s string) string { return strings.Join(strings.Fields(clean(s)), " ") }

// cut shortens to at most limit code points, the ellipsis included.
func cut(s string, limit int) string {
	if len(s) <= limit || utf8.RuneCountInString(s) <= limit {
		return s
	}
	if limit <= 0 {
		return ""
	}
	n := 0
	for i := range s {
		if n == limit-1 {
			return s[:i] + ellipsis
		}
		n++
	}
	return s
}

// escape turns the three control characters of Slack's text into what shows them, once.
func escape(s string) string { return escaper.Replace(s) }

var escaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// escapeCut is escape with a limit on the escaped length, so that no entity is cut in two.
func escapeCut(s string, limit int) string {
	whole := escape(s)
	if utf8.RuneCountInString(whole) <= limit {
		return whole
	}
	var b strings.Builder
	n := 0
	for _, r := range s {
		e := escape(string(r))
		w := utf8.RuneCountInString(e)
		if n+w > limit-1 {
			break
		}
		b.WriteString(e)
		n += w
	}
	return b.String() + ellipsis
}

// webAddress gives the address in the form that is safe to show as a link; false when it is not plain http or https with a host.
func webAddress(s string) (string, bool) {
	if s == "" || len(s) > 3000 || strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || deceptive(r) || r == '<' || r == '>' || r == '|' || r == '\\'
	}) {
		return "", false
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
		return "", false
	}
	out := u.String()
	return out, len(out) <= 3000
}
