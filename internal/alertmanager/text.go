package alertmanager

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// How long texts may be, in code points. What is longer is cut and says how much is missing.
const (
	maxName       = 200 // of a label or an annotation
	maxLabel      = 1000
	maxAnnotation = 4000
	maxPairs      = 100 // labels or annotations of one alert
	maxTitle      = 200
	maxQuote      = 100  // of a foreign text in a sentence of ours
	maxURL        = 4000 // longer ones are dropped: half an address leads elsewhere
)

// cut shortens a text to n code points and says how many it left out: "some te… (+1234)".
func cut(s string, n int) string {
	if len(s) <= n { // a code point has at least one byte
		return s
	}
	count := utf8.RuneCountInString(s)
	if count <= n {
		return s
	}
	end, left := 0, n
	for i := range s {
		if left == 0 {
			end = i
			break
		}
		left--
	}
	return s[:end] + "… (+" + strconv.Itoa(count-n) + ")"
}

// clean replaces what no store takes.
func clean(s string) string {
	if strings.IndexByte(s, 0) < 0 {
		return s
	}
	return strings.ReplaceAll(s, "\x00", "\uFFFD")
}

// quote shows a foreign text within a sentence: in quotes, on one line, without anything that a terminal acts on.
func quote(s string) string { return strconv.Quote(cut(s, maxQuote)) }

// line makes one plain line of a text: white space and controls become one space, and characters that turn the direction of
// what follows go.
func line(s string) string {
	var b strings.Builder
	space := false
	for _, r := range s {
		switch {
		case unicode.IsSpace(r), unicode.IsControl(r):
			space = true
			continue
		case unicode.Is(unicode.Bidi_Control, r):
			continue
		}
		if space && b.Len() > 0 {
			b.WriteByte(' ')
		}
		space = false
		b.WriteRune(r)
	}
	return cut(b.String(), maxTitle)
}
