package audit

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// How many characters are kept. The log is never pruned, so nothing in it may be long.
const (
	wordRunes   = 100
	idRunes     = 300
	detailRunes = 500
)

// most is how much of a text is looked at. What is longer is cut before anything else, so that nobody makes this slow.
const most = 16 << 10

// clean makes one line of a text that anybody may have written: UTF-8, nothing that hides or turns what is seen, at most n
// characters, secrets taken out.
func clean(s string, n int) string {
	if len(s) > most {
		s = s[:most]
	}
	s = strings.ToValidUTF8(s, "\uFFFD")
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\uFEFF' || unicode.Is(unicode.Bidi_Control, r):
			return -1
		case unicode.IsControl(r) || r == '\u2028' || r == '\u2029':
			return ' '
		}
		return r
	}, s)
	return shorten(strings.TrimSpace(Redact(s)), n)
}

func shorten(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	at := 0
	for range n - 1 {
		_, size := utf8.DecodeRuneInString(s[at:])
		at += size
	}
	return strings.TrimRight(s[:at], " ") + "…"
}

// taken stands for a secret.
const taken = "(secret)"

const (
	named = `(?:passw(?:or)?d|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key)`
	value = `("[^"]*"|'[^']*'|“[^”]*”|[^\s,;，；]+)`
)

// What looks like a secret, and what is left of it. People paste them where they should not. Hints are what such a text has in
// lower case: a search for them is much faster than the pattern, and most texts have none.
var secrets = []struct {
	hints []string
	form  *regexp.Regexp
	left  string
}{
	{
		[]string{"-----begin"},
		regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)`), taken,
	},
	{[]string{"age-secret-key"}, regexp.MustCompile(`(?i)AGE-SECRET-KEY-1[0-9a-z]+`), taken},
	{[]string{"xox", "xapp-"}, regexp.MustCompile(`\bx(?:ox[a-z]|app)-[0-9A-Za-z-]+`), taken},
	{
		[]string{"gh", "glpat", "sk-", "sk_", "npm_"},
		regexp.MustCompile(`\b(?:gh[oprsu]_|github_pat_|glpat-|sk-|sk_live_|npm_)[0-9A-Za-z_-]{16,}`), taken,
	},
	{[]string{"akia", "asia"}, regexp.MustCompile(`\b(?:AKIA|ASIA)[0-9A-Z]{16}\b`), taken},
	{[]string{"eyj"}, regexp.MustCompile(`\beyJ[0-9A-Za-z_-]+\.[0-9A-Za-z_-]+\.[0-9A-Za-z_-]*`), taken},
	{[]string{"hooks.slack"}, regexp.MustCompile(`https?://hooks\.slack\.com/[^\s>|]+`), taken},
	{[]string{"://"}, regexp.MustCompile(`([a-zA-Z][a-zA-Z0-9+.-]*://)[^\s/@]+@`), "${1}" + taken + "@"},
	{[]string{"bearer", "basic"}, regexp.MustCompile(`(?i)\b(bearer|basic)\s+[0-9a-z._~+/=-]{8,}`), "${1} " + taken},
	// name=value, name: value, name is value, --name value.
	{names, regexp.MustCompile(`(?i)([0-9a-z_-]*` + named + `[0-9a-z_-]*["']?(?:\s*[=:：]\s*|\s+is\s+))` + value), "${1}" + taken},
	{names, regexp.MustCompile(`(?i)(--?[0-9a-z_-]*` + named + `[0-9a-z_-]*\s+)` + value), "${1}" + taken},
	{
		[]string{"密码", "口令", "密钥", "令牌"},
		regexp.MustCompile(`((?:密码|口令|密钥|令牌)\s*[=:：是为]\s*)` + value), "${1}" + taken,
	},
}

var names = []string{"passw", "passphrase", "pwd", "secret", "token", "key"}

// Redact takes out of a text what looks like a secret.
func Redact(s string) string {
	lower := strings.ToLower(s)
	for _, x := range secrets {
		if slices.ContainsFunc(x.hints, func(h string) bool { return strings.Contains(lower, h) }) {
			s = x.form.ReplaceAllString(s, x.left)
		}
	}
	return s
}
