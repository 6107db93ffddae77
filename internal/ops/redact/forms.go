package redact

import (
	"regexp"
	"strings"
	"unicode"
)

// escapes are the sequences with which programs colour what they write, and what a cut may leave of them.
var escapes = regexp.MustCompile("\x1b\\[[0-9;:?<=>]*[ -/]*[@-~]|\x1b\\][^\x07\x1b]*(?:\x07|\x1b\\\\|$)|\x1b[@-_]|\x1b[ -/]*[0-~]?|\u009b[0-9;:?]*[@-~]")

// form is one way in which a secret in a line can be seen.
type form struct {
	// may tells quickly, from the line in small letters and as it is, that there could be one. It may say yes too often.
	may  func(small, line string) bool
	hide func(string) string
}

// forms are looked for in this order: what reaches further comes first.
var forms = func() []form {
	out := []form{
		{func(s, _ string) bool {
			return (strings.Contains(s, "://") || strings.Contains(s, "%3a%2f%2f")) && (strings.Contains(s, "@") || strings.Contains(s, "%40"))
		}, userinfo},
		{oneOf("authorization", "cookie", "x-", "bearer", "basic", "digest", "negotiate", "apikey"), headers},
		{oneOf("xox", "xapp", "gh", "github", "gl", "akia", "asia", "agpa", "aida", "aroa", "ltai", "akid", "sk-", "sk_", "rk_", "pk_", "whsec", "aiza", "ya29", "npm_", "pypi",
			"dckr", "hvs.", "hvb.", "sg.", "eyj", "age-", "hooks.slack", "feishu", "dingtalk", "weixin", "discord", "telegram"), tokens},
		{oneOf("pass", "pwd", "secret", "token", "key", "credential", "sess", "signature", "csrf", "xsrf", "sid", "sig", "dsn", "jwt", "otp", "salt", "auth", "bearer",
			"cookie", "密码", "口令", "密钥", "令牌", "秘钥", "暗号"), named},
	}
	for _, st := range statements {
		out = append(out, form{oneOf(st.words...), func(s string) string { return st.form.ReplaceAllString(s, "${1}"+Mask) }})
	}
	return append(out, form{oneOf("$", "md5"), passwordHashes}, form{func(_, line string) bool { return hasLongWord(line) }, random})
}()

// oneOf is a test for one of several texts.
func oneOf(words ...string) func(string, string) bool {
	return func(small, _ string) bool {
		for _, w := range words {
			if strings.Contains(small, w) {
				return true
			}
		}
		return false
	}
}

var (
	keyBegin = regexp.MustCompile(`-----BEGIN [A-Z0-9 ]*PRIVATE KEY[A-Z ]*-----`)
	keyEnd   = regexp.MustCompile(`-----END [A-Z0-9 ]*PRIVATE KEY[A-Z ]*-----`)
	// A line of a key whose beginning is not there: logs are read from their end.
	keyLine = regexp.MustCompile(`(?:^|[\s|:])([A-Za-z0-9+/]{60,76}={0,2})[ \t]*$`)
	keyLast = regexp.MustCompile(`(?:^|[\s|:])([A-Za-z0-9+/]{16,76}={0,2}|[A-Za-z0-9+/]{2,15}={1,2})[ \t]*$`)
)

// privateKeys hides keys from their first line to their last, or to the end of the text, and keeps the number of lines.
func privateKeys(s string) string {
	var b strings.Builder
	for {
		at := keyBegin.FindStringIndex(s)
		if at == nil {
			break
		}
		b.WriteString(s[:at[0]])
		body := s[at[0]:]
		end := len(body)
		if to := keyEnd.FindStringIndex(body); to != nil {
			end = to[1]
		}
		b.WriteString(Mask + strings.Repeat("\n"+Mask, strings.Count(body[:end], "\n")))
		s = body[end:]
	}
	b.WriteString(s)
	return keyRest(b.String())
}

// keyRest hides the lines of a key whose beginning is not there.
func keyRest(s string) string {
	const shortestLine = 60
	if len(s) < shortestLine {
		return s
	}
	lines := strings.Split(s, "\n")
	inside := false
	for i, l := range lines {
		form := keyLine
		if inside {
			form = keyLast
		}
		at := form.FindStringSubmatchIndex(l)
		inside = at != nil && (inside || strings.ToLower(l[at[2]:at[3]]) != l[at[2]:at[3]]) // a digest has no large letters
		if inside {
			lines[i] = l[:at[2]] + Mask
		}
	}
	return strings.Join(lines, "\n")
}

var address = regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]{0,30}(?:://|%3[Aa]%2[Ff]%2[Ff]))([^\s"'<>` + "`" + `]+)`)

// userinfo hides passwords in addresses. What stands before the last @ is one, even if it holds characters that should have been
// escaped; only what can be nothing but the port and path of a web address is left.
func userinfo(s string) string {
	return address.ReplaceAllStringFunc(s, func(found string) string {
		m := address.FindStringSubmatch(found)
		scheme, rest := m[1], m[2]
		at := strings.LastIndex(rest, "@")
		width := 1
		if escaped := strings.LastIndex(strings.ToLower(rest), "%40"); at < 0 && escaped >= 0 {
			at, width = escaped, 3
		}
		if at < 0 {
			return found
		}
		user, password, has := cutColon(rest[:at])
		switch {
		case !has && strings.ContainsAny(user, "/?#"): // an address with an @ in its path
			return found
		case !has && len(user) < 16: // git@github.com
			return found
		case !has:
			return scheme + Mask + rest[at:]
		case strings.ContainsAny(user, "/?#"), portAndPath(password):
			return found
		case password == Mask:
			return found
		}
		return scheme + user + ":" + Mask + rest[at:at+width] + rest[at+width:]
	})
}

func cutColon(s string) (before, after string, found bool) {
	if before, after, found = strings.Cut(s, ":"); found {
		return before, after, true
	}
	i := strings.Index(strings.ToLower(s), "%3a")
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+3:], true
}

var onlyPort = regexp.MustCompile(`^[0-9]{1,5}[/?#]`)

func portAndPath(s string) bool { return onlyPort.MatchString(s) }

var header = regexp.MustCompile(`(?i)((?:proxy-)?authorization|(?:set-)?cookie2?|x-[a-z-]*(?:token|key|secret|auth|signature)[a-z-]*)` +
	`((?:\\*["'])?\s{0,4}(?:[:=：＝]|%3A|=>)\s{0,4}\[?)(\\*["'])?([^\n]*)`)

// headers hides credentials and cookies to the end of their quotes, or of the line: there may be several in one.
func headers(s string) string {
	s = header.ReplaceAllStringFunc(s, func(found string) string {
		m := header.FindStringSubmatch(found)
		quote, value := m[3], m[4]
		rest := ""
		if quote != "" {
			if end := closing(value, quote); end >= 0 {
				// What follows the quotes is looked at as any other text.
				rest = headers(value[end:])
			}
		}
		return m[1] + m[2] + quote + Mask + rest
	})
	return scheme.ReplaceAllStringFunc(s, func(found string) string {
		m := scheme.FindStringSubmatch(found)
		if plainWord.MatchString(m[2]) && !strings.HasPrefix(strings.ToLower(m[1]), "bearer") {
			return found // basic authentication
		}
		return m[1] + Mask
	})
}

var (
	// scheme is a credential whose header's name is not there.
	scheme    = regexp.MustCompile(`(?i)(\b(?:bearer|basic|digest|negotiate|apikey)(?:\s+|%20|\+))([A-Za-z0-9+/=._~%:-]{8,})`)
	plainWord = regexp.MustCompile(`^(?:[A-Za-z][a-z]*|sha[0-9]+:.*)[:.]*$`)
)

// closing is where the quote ends that was opened before s; -1: nowhere.
func closing(s, quote string) int {
	mark := quote[len(quote)-1]
	slashes := len(quote) - 1
	run := 0
	for i := range len(s) {
		switch {
		case s[i] == '\\':
			run++
			continue
		case s[i] == mark && run <= slashes:
			return i - run
		}
		run = 0
	}
	return -1
}

// tokens of which the issuer has given the form.
var token = regexp.MustCompile(`\b(?:` + strings.Join([]string{
	`xox[a-z]-[A-Za-z0-9-]{6,}`, `xapp-[A-Za-z0-9-]{6,}`, `xoxe\.[A-Za-z0-9.-]{6,}`, // Slack
	`gh[opsur]_[A-Za-z0-9]{16,}`, `github_pat_[A-Za-z0-9_]{16,}`, `gl(?:pat|dt|rt|ptt|cbt|soat)-[A-Za-z0-9_.-]{10,}`,
	`(?:AKIA|ASIA|AGPA|AIDA|AROA)[A-Za-z0-9]{12,}`, `LTAI[A-Za-z0-9]{12,}`, `AKID[A-Za-z0-9]{12,}`, // AWS, Alibaba, Tencent
	`sk-[A-Za-z0-9_-]{16,}`, `(?:sk|rk|pk|whsec)_(?:live|test)?_?[A-Za-z0-9]{12,}`, `AIza[A-Za-z0-9_-]{20,}`, `ya29\.[A-Za-z0-9_-]{10,}`,
	`npm_[A-Za-z0-9]{20,}`, `pypi-[A-Za-z0-9_-]{20,}`, `dckr_pat_[A-Za-z0-9_-]{10,}`, `hv[sb]\.[A-Za-z0-9_-]{20,}`, `SG\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}`,
	`eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){1,4}`, // JWT
	`AGE-SECRET-KEY-1[A-Za-z0-9]{10,}`, `AGE-PLUGIN-[A-Z0-9-]{10,}`,
}, `|`) + `)`)

// webhook addresses are secret from their path on.
var webhook = regexp.MustCompile(`(hooks\.slack\.com/[a-z]+/|open\.feishu\.cn/open-apis/bot/v2/hook/|oapi\.dingtalk\.com/robot/send\?|` +
	`qyapi\.weixin\.qq\.com/cgi-bin/webhook/send\?|discord(?:app)?\.com/api/webhooks/|api\.telegram\.org/bot)[^\s"'<>]+`)

func tokens(s string) string {
	return webhook.ReplaceAllString(token.ReplaceAllString(s, Mask), "${1}"+Mask)
}

// statements are the ways in which programs and people give passwords without a colon: SQL, redis-cli, command lines.
var statements = []struct {
	words []string // one of them is in each, in small letters
	form  *regexp.Regexp
}{
	{[]string{"password"}, regexp.MustCompile(`(?i)(\b(?:encrypted\s+)?password\s+(?:is\s+|:?=\s*)?)(?:E?'(?:[^'\\]|\\.|'')*'?|"(?:[^"\\]|\\.)*"?)`)},
	{[]string{"identified"}, regexp.MustCompile(`(?i)(\bidentified\s+by\s+)(?:'[^']*'?|"[^"]*"?|\S+)`)},
	{[]string{"pass", "pwd", "token", "secret", "key", "cred", "masterauth"}, regexp.MustCompile(`(?i)(\B--?[a-z0-9_-]*(?:password|passwd|pass|pwd|token|secret|api-?key|access-?key|secret-?key|credentials?|requirepass|masterauth)(?:\s+|=))(?:'[^']*'?|"[^"]*"?|[^\s'"]+)`)},
	{[]string{"requirepass", "masterauth"}, regexp.MustCompile(`(?i)(\b(?:requirepass|masterauth)\s+)\S+`)},
	{[]string{"redis-cli"}, regexp.MustCompile(`(?m)(\bredis-cli\b[^\n]*?\s-a\s+)\S+`)},
	{[]string{"mysql"}, regexp.MustCompile(`(?m)(\b(?:mysql|mysqldump|mysqladmin)\b[^\n]*?\s-p)[^\s-]\S*`)},
	{[]string{"curl", "wget"}, regexp.MustCompile(`(?m)(\b(?:curl|wget)\b[^\n]*?\s(?:-u|--user)[\s=]+[^\s:]+:)\S+`)},
	{[]string{"auth"}, regexp.MustCompile(`(\bAUTH\s+)[^\n]*\S`)},
	{[]string{`"auth"`}, regexp.MustCompile(`("(?:AUTH|auth|Auth)")(?:\s+"(?:[^"\\]|\\.)*"?)+`)},
	{[]string{"</", "<p", "<s", "<t", "<a", "<d", "<c", "<k", "<u", "<w"}, regexp.MustCompile(`(?i)(<[a-z:]*(?:password|passwd|secret|token|apikey)[a-z]*>)[^<\n]+`)},
}

var hash = regexp.MustCompile(`\$(?:2[abxy]?|argon2(?:id|i|d)|scrypt|pbkdf2[a-z0-9-]*|[156y])\$[^\s"':,]{8,}|SCRAM-SHA-256\$[^\s"',]+|\bmd5[0-9a-f]{32}\b`)

// passwordHashes can be tried out at leisure by who has them.
func passwordHashes(s string) string { return hash.ReplaceAllString(s, Mask) }

const shortestRandom = 32

// hasLongWord tells whether there is a word that is long enough to be random.
func hasLongWord(s string) bool {
	run := 0
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '+', c == '_', c == '=', c == '-':
			if run++; run >= shortestRandom {
				return true
			}
		default:
			run = 0
		}
	}
	return false
}

var longWord = regexp.MustCompile(`[A-Za-z0-9+_=-]{32,}`)

// random hides long words that look drawn by lot. Those of small hexadecimal digits are ids of commits and images.
func random(s string) string {
	return longWord.ReplaceAllStringFunc(s, func(w string) string {
		var upper, lower, digits, turns int
		last := 0
		for _, r := range w {
			kind := 0
			switch {
			case unicode.IsUpper(r):
				upper++
				kind = 1
			case unicode.IsLower(r):
				lower++
				kind = 2
			case unicode.IsDigit(r):
				digits++
				kind = 3
			}
			if kind != last {
				turns++
			}
			last = kind
		}
		if upper >= 3 && lower >= 3 && digits >= 2 && turns >= len(w)/4 {
			return Mask
		}
		return w
	})
}
