package templates

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"
)

// How words become spans: the functions of a template give back a span as text between delimiters which carry a number that
// nobody outside this process can know. Everything else that comes out of a template is text. So what a person or an alert
// says can never become a mention, a link or a style, whatever it looks like; it needs no escaping and gets none.
var (
	nonce     = rand.Text()
	opening   = "\x02" + nonce + ":"
	lineBreak = opening + "n" + closing
)

const closing = "\x03"

// mark writes a span so that parseLines finds it again.
func mark(s Span) string {
	b, err := json.Marshal(s)
	if err != nil { // a time beyond the year 9999
		return s.Text
	}
	return opening + base64.RawStdEncoding.EncodeToString(b) + closing
}

// parseLines reads what a template gave back.
func parseLines(s string) []Line {
	lines := []Line{nil}
	add := func(sp Span) { lines[len(lines)-1] = append(lines[len(lines)-1], sp) }
	for s != "" {
		text, rest, found := strings.Cut(s, opening)
		if text = fold(text); text != "" {
			add(Span{Text: text})
		}
		if !found {
			break
		}
		code, after, ok := strings.Cut(rest, closing)
		if !ok {
			break
		}
		s = after
		if code == "n" {
			lines = append(lines, nil)
			continue
		}
		var sp Span
		if b, err := base64.RawStdEncoding.DecodeString(code); err == nil && json.Unmarshal(b, &sp) == nil {
			add(sp)
		}
	}
	kept := lines[:0]
	for _, l := range lines {
		if len(l) > 0 {
			kept = append(kept, l)
		}
	}
	return kept
}

// clean takes out of a text what is not to be seen but changes what is seen: control characters except newline and tab,
// characters that turn the direction of writing, and bytes that are no UTF-8.
func clean(s string) string {
	if isClean(s) {
		return s
	}
	s = strings.ToValidUTF8(s, "\uFFFD")
	s = strings.ReplaceAll(s, "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case r == '\r' || r == 0x85 || r == 0x2028 || r == 0x2029:
			return '\n'
		case hidden(r):
			return -1
		}
		return r
	}, s)
}

func isClean(s string) bool {
	for _, r := range s {
		if r == utf8.RuneError || hidden(r) || r == 0x2028 || r == 0x2029 {
			return false
		}
	}
	return true
}

// hidden tells which characters clean takes out or, the line ends among them, replaces.
func hidden(r rune) bool {
	switch {
	case r == '\n' || r == '\t':
		return false
	case r < 0x20, r >= 0x7f && r < 0xa0:
		return true
	case r == 0x61c, r == 0x200e, r == 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0xfeff:
		return true
	}
	return false
}

// fold makes one line of a text. Blanks at the ends are kept: they stand between two spans.
func fold(s string) string {
	s = clean(s)
	if !strings.ContainsAny(s, "\n\t") {
		return s
	}
	var b strings.Builder
	gap := false
	for _, r := range s {
		if r == '\n' || r == '\t' {
			gap = true
			continue
		}
		if gap {
			b.WriteByte(' ')
			gap = false
		}
		b.WriteRune(r)
	}
	if gap {
		b.WriteByte(' ')
	}
	return b.String()
}

// cut makes one line of a text and shortens it to n code points.
func cut(s string, n int) string { return shorten(strings.TrimSpace(fold(s)), n) }

func shorten(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	i := 0
	for at := range s {
		if i == n-1 {
			return strings.TrimRight(s[:at], " \n\t") + "…"
		}
		i++
	}
	return s
}

// textLines are the lines of a text that a person or an alert wrote, shortened to n code points and at most rows lines.
func textLines(s string, n, rows int) []Line {
	s = shorten(strings.TrimSpace(clean(s)), n)
	if s == "" {
		return nil
	}
	var ls []Line
	for row := range strings.Lines(s) {
		if row = strings.TrimRight(strings.ReplaceAll(row, "\t", "    "), " \n"); row == "" {
			continue
		}
		if len(ls) == rows {
			ls[rows-1] = append(ls[rows-1], Span{Text: " …"})
			break
		}
		ls = append(ls, Line{{Text: row}})
	}
	return ls
}

// styled gives each span of its argument a style.
func styled(set func(*Span)) func(any) string {
	return func(v any) string {
		var b strings.Builder
		for _, l := range parseLines(fmt.Sprint(v)) {
			for _, sp := range l {
				set(&sp)
				b.WriteString(mark(sp))
			}
		}
		return b.String()
	}
}

var (
	userID    = regexp.MustCompile(`^[UW][A-Z0-9]{1,30}$`)
	channelID = regexp.MustCompile(`^[CG][A-Z0-9]{1,30}$`)
	groupID   = regexp.MustCompile(`^S[A-Z0-9]{1,30}$`)
	emojiName = regexp.MustCompile(`^[a-z0-9_+'-]{1,100}$`)
)

// mention pings a user; what is no user id is text.
func mention(id string) string {
	if !userID.MatchString(id) {
		return mark(Span{Text: fold(id)})
	}
	return mark(Span{User: id})
}

// mentionGroup pings a user group; what is no id of one is text.
func mentionGroup(id string) string {
	if !groupID.MatchString(id) {
		return mark(Span{Text: fold(id)})
	}
	return mark(Span{UserGroup: id})
}

// channel leads to a channel; what is no id of one is text.
func channel(id string) string {
	if !channelID.MatchString(id) {
		return mark(Span{Text: fold(id)})
	}
	return mark(Span{Channel: id})
}

func emoji(name string) (string, error) {
	if !emojiName.MatchString(name) {
		return "", fmt.Errorf("%q is no emoji", name)
	}
	return mark(Span{Emoji: name}), nil
}

// link leads to a checked address; without one the label stays as text.
func link(label, address string) string {
	u, _, ok := webAddress(address)
	if !ok {
		return mark(Span{Text: fold(label)})
	}
	return mark(Span{Text: fold(label), URL: u})
}

// instant is a time in the reader's own zone; a zero time is a dash.
func instant(t time.Time, style TimeStyle) string {
	if t.IsZero() {
		return "—"
	}
	return mark(Span{Time: t.UTC().Truncate(time.Second), TimeStyle: style})
}

// near is a time without its day when the day is plain from ref, the time beside which it is read.
func near(t, ref time.Time) string {
	if d := t.Sub(ref).Abs(); d < 12*time.Hour {
		return instant(t, TimeOnly)
	}
	return instant(t, DateTime)
}
