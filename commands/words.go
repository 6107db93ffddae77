package commands

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// token is one word of what a person typed. Where it stood is kept, so that the rest of a line can be taken as it was written.
type token struct {
	text       string // without its quotes
	start, end int    // bytes in the line, quotes included
	quoted     bool
}

// line is what a person typed, cut into words.
type line struct {
	raw    string
	tokens []token
}

// maxLine is how much of what a person typed is looked at; Slack itself takes 4,000 characters in a slash command.
const maxLine = 16 << 10

// read cuts a line into words at blanks, those of Chinese and Japanese keyboards included. Double quotes of any kind keep words
// together, whichever two are paired: phones and keyboards mix them. A quote that nobody closes reaches to the end.
func read(raw string) line {
	raw = clean(raw)
	l := line{raw: raw}
	for i := 0; i < len(raw); {
		r, size := utf8.DecodeRuneInString(raw[i:])
		if unicode.IsSpace(r) {
			i += size
			continue
		}
		t := token{start: i}
		if isQuote(r) {
			t.quoted = true
			i += size
			n := strings.IndexFunc(raw[i:], isQuote)
			if n < 0 {
				n = len(raw) - i
			}
			t.text = raw[i : i+n]
			i += n
			if i < len(raw) {
				_, size = utf8.DecodeRuneInString(raw[i:])
				i += size
			}
		} else if n := mentionLength(raw[i:]); n > 0 {
			t.text = raw[i : i+n]
			i += n
		} else {
			n := strings.IndexFunc(raw[i:], func(r rune) bool { return unicode.IsSpace(r) || isQuote(r) })
			if n < 0 {
				n = len(raw) - i
			}
			t.text = raw[i : i+n]
			i += n
		}
		t.end = i
		l.tokens = append(l.tokens, t)
	}
	return l
}

// mentionLength is the length of a mention at the beginning of s, whose name may have blanks: <@U123|Kim Lee>. 0: there is none.
func mentionLength(s string) int {
	if !strings.HasPrefix(s, "<@") {
		return 0
	}
	return strings.IndexAny(s[:min(len(s), 200)], ">\n") + 1
}

// clean makes hostile bytes harmless: what is no UTF-8 is replaced, control characters become blanks, the rest is cut off.
func clean(s string) string {
	s = s[:min(len(s), maxLine)]
	s = strings.ToValidUTF8(s, "\uFFFD")
	return strings.Map(func(r rune) rune {
		if r != '\n' && unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
}

func isQuote(r rune) bool {
	switch r {
	case '"', '“', '”', '„', '‟', '＂', '「', '」', '『', '』', '«', '»', '〝', '〞':
		return true
	}
	return false
}

// from gives the line from its n-th word on, as it was written; one pair of quotes around all of it is taken off.
func (l line) from(n int) string {
	if n >= len(l.tokens) {
		return ""
	}
	if n == len(l.tokens)-1 {
		return strings.TrimSpace(l.tokens[n].text)
	}
	return strings.TrimSpace(l.raw[l.tokens[n].start:])
}

// word gives the n-th word in the form in which words are compared; empty: there is none.
func (l line) word(n int) string {
	if n >= len(l.tokens) {
		return ""
	}
	return fold(l.tokens[n].text)
}

// without gives the line without its n-th word.
func (l line) without(n int) line {
	out := line{raw: l.raw[:l.tokens[n].start] + l.raw[l.tokens[n].end:]}
	cut := l.tokens[n].end - l.tokens[n].start
	for i, t := range l.tokens {
		switch {
		case i < n:
			out.tokens = append(out.tokens, t)
		case i > n:
			t.start, t.end = t.start-cut, t.end-cut
			out.tokens = append(out.tokens, t)
		}
	}
	return out
}

// fold is the form in which words are compared: lower case, full-width letters and digits as their narrow twins, and without
// the punctuation that Chinese and English keyboards leave behind at a word's end.
func fold(s string) string {
	s = strings.Map(func(r rune) rune {
		if r >= '！' && r <= '～' {
			r -= '！' - '!'
		}
		return unicode.ToLower(r)
	}, s)
	return strings.TrimRight(s, ",.;:!?，。；：！？、")
}

// oneLine makes one line of several.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
