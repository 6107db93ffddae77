// Package redact takes secrets out of what containers write before people, messages and the log see it.
//
// It hides what is known to be secret (the values in the application's .env) and what looks like it: passwords in addresses,
// credentials in headers, values of names such as password or token, keys, and tokens whose form is known. It hides rather too
// much than too little: a line that says less is still a line, a password that was shown has to be changed.
//
// What cannot be seen by looking is not found: a password in the middle of a sentence that no file names. So what quotes
// containers also stays with people who may read their logs.
package redact

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"unicode"
)

// Mask stands where a secret was. It needs no language.
const Mask = "•••"

// shortest is the length in bytes below which a known value is not looked for: "1" or "no" would hide half of each log.
const shortest = 4

// Redactor hides secrets in text. The zero value, and nil, know the forms alone. It is safe for concurrent use.
type Redactor struct {
	values *strings.Replacer
}

// New makes a Redactor that also hides these values, as they are and in the forms in which addresses, JSON and basic
// authentication carry them.
func New(values ...string) *Redactor {
	var forms []string
	for _, v := range values {
		v = Clean(v)
		if len(v) < shortest || strings.Trim(v, "*xX.•-_ ") == "" {
			continue
		}
		forms = append(forms, v, url.QueryEscape(v), url.PathEscape(v), url.UserPassword("", v).String()[1:])
		forms = append(forms, base64.StdEncoding.EncodeToString([]byte(v)), base64.RawURLEncoding.EncodeToString([]byte(v)))
		if b, err := json.Marshal(v); err == nil {
			forms = append(forms, strings.Trim(string(b), `"`))
		}
	}
	slices.SortFunc(forms, func(a, b string) int { // of two that begin alike the longer one is looked for first
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	forms = slices.Compact(forms)
	pairs := make([]string, 0, 2*len(forms))
	for _, f := range forms {
		pairs = append(pairs, f, Mask)
	}
	return &Redactor{values: strings.NewReplacer(pairs...)}
}

// Text hides what is secret in a text of any number of lines. What it gives back is valid UTF-8 without control characters but
// newline and tab: colours and characters without a width could stand in the middle of a secret and hide it from us.
func (r *Redactor) Text(s string) string {
	s = Clean(s)
	if s == "" {
		return ""
	}
	s = privateKeys(r.known(s))
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = hide(l)
	}
	return r.known(strings.Join(lines, "\n")) // what was taken out may have stood in the middle of a known value
}

// hide takes out of a line what looks secret. Most lines have nothing that could be, which is found out without a regular
// expression: a log of ten thousand lines is looked at while somebody waits.
func hide(line string) string {
	small := strings.ToLower(line)
	for _, f := range forms {
		if f.may(small, line) {
			was := line
			if line = f.hide(line); line != was {
				small = strings.ToLower(line)
			}
		}
	}
	return line
}

func (r *Redactor) known(s string) string {
	if r == nil || r.values == nil {
		return s
	}
	return r.values.Replace(s)
}

// Lines hides what is secret in lines that belong together, and keeps their number: a private key reaches over several.
func (r *Redactor) Lines(lines []string) []string {
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = strings.ReplaceAll(strings.ReplaceAll(l, "\r", ""), "\n", " ")
	}
	return strings.Split(r.Text(strings.Join(out, "\n")), "\n")
}

// Clean takes out what terminals do not show: colours, control characters but newline and tab, characters without a width, and
// bytes that are no UTF-8.
func Clean(s string) string {
	if isPlain(s) {
		return s
	}
	s = strings.ToValidUTF8(s, "\uFFFD")
	s = escapes.ReplaceAllString(s, "")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case r == 0x85 || r == 0x2028 || r == 0x2029:
			return '\n'
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r), unicode.Is(unicode.Variation_Selector, r), unicode.Is(unicode.Co, r):
			return -1
		}
		return r
	}, s)
}

// isPlain tells quickly that a text needs no cleaning.
func isPlain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c >= 0x7f || c < 0x20 && c != '\n' && c != '\t' {
			return false
		}
	}
	return true
}
