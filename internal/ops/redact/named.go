package redact

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// secretName is a name whose value is secret. It is looked for within names: DB_PASSWORD, spring.datasource.password, apiKey.
const secretName = `(?:pass(?:word|wd|phrase|code)?|pwd|secret|token|api[_.-]?key|access[_.-]?key|private[_.-]?key|encryption[_.-]?key|` +
	`signing[_.-]?key|master[_.-]?key|license[_.-]?key|auth[_.-]?key|key[_.-]?id|credentials?|session[_.-]?(?:id|key)|signature|csrf|xsrf|` +
	`密码|口令|密钥|令牌|秘钥|暗号)`

// shortName is likewise secret, but also stands within names that are not: "sid" within "inside".
const shortName = `(?:sid|sig|dsn|jwt|otp|totp|salt|auth|bearer|cookie|key|jsessionid|phpsessid)`

// assignment is such a name with what stands between it and its value. Both may stand in quotes, which may be escaped.
var assignment = regexp.MustCompile(`(?i)((?:[\p{L}\p{N}_.-]*` + secretName + `[\p{L}\p{N}_.-]*|(?:\b|[\p{L}\p{N}_.-]*[_.-])` + shortName + `))` +
	`((?:\\*["'` + "`" + `\]]){0,2}(?:[ \t]{1,3}(?:is|was)|为|是)?[ \t]{0,3}(?:=>|:=|[:=：＝]|%3[AaDd])[ \t]{0,3})`)

// harmless are names that only look secret: counts, times and sizes of tokens and passes.
var harmless = regexp.MustCompile(`(?i)^(?:tokens|passes|passed|passing|passthrough|(?:[a-z]+_)*(?:prompt|completion|total|max|min|num|input|output|cached?|reasoning)_?tokens?(?:_[a-z]+)*|` +
	`token[_-]?(?:count|type|usage|limit)s?|tokens?_(?:used|total|limit|count|remaining)|password[_-]?(?:length|policy|changed[_a-z]*)|session[_-]?(?:count|timeout)|(?:[a-z]+[_.-])*key[_-]?ids?|(?:primary|foreign|duplicate|unique|partition|sort|cache|object|s3|group|message)[_. -]?key)$`)

// named hides the values of names such as password and token.
func named(s string) string {
	var b strings.Builder
	for {
		at := assignment.FindStringSubmatchIndex(s)
		if at == nil {
			break
		}
		name, value := s[at[2]:at[3]], s[at[1]:]
		b.WriteString(s[:at[1]])
		if harmless.MatchString(name) {
			s = value
			continue
		}
		colon := strings.ContainsAny(s[at[4]:at[5]], ":：")
		kept, n := valueLength(value, colon && wordy(name))
		if n > kept {
			b.WriteString(value[:kept] + Mask)
		}
		s = value[n:]
	}
	b.WriteString(s)
	return b.String()
}

// wordy tells whether the value of a name may be several words.
func wordy(name string) bool {
	name = strings.ToLower(name)
	return strings.Contains(name, "pass") || strings.Contains(name, "密码") || strings.Contains(name, "口令")
}

// valueLength finds the value at the beginning of s: kept bytes of quotes before it, and where it ends.
func valueLength(s string, words bool) (kept, end int) {
	i := 0
	for i < len(s) && s[i] == '\\' {
		i++
	}
	if i < len(s) && strings.IndexByte("\"'`", s[i]) >= 0 {
		quote := s[:i+1]
		if to := closing(s[i+1:], quote); to >= 0 {
			return i + 1, i + 1 + to
		}
		return i + 1, lineEnd(s) // a line that was cut
	}
	end = wordEnd(s)
	for words && end < len(s) && s[end] == ' ' {
		next := end + 1
		to := next + wordEnd(s[next:])
		if to == next || strings.ContainsAny(s[next:to], "=:：＝") {
			break
		}
		end = to
	}
	return 0, end
}

func lineEnd(s string) int {
	if i := strings.IndexByte(s, '\n'); i >= 0 {
		return i
	}
	return len(s)
}

// wordEnd is where a value without quotes ends. A comma or a bracket may be part of it, so they do not end it.
func wordEnd(s string) int {
	for i, r := range s {
		if unicode.IsSpace(r) || r == '&' || r == '"' || r == '\'' || r == '<' || r == '，' || r == '。' || r == '；' {
			return i
		}
		if r == utf8.RuneError {
			continue
		}
	}
	return len(s)
}
