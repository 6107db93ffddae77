package redact

import (
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// maxFile is how much of a file with variables is read.
const maxFile = 1 << 20

// Dir makes a Redactor that knows the secrets of an application: the values with secret names in .env, *.env and the compose files
// of its folder, and those of more. Files are read anew each time, since secrets change while we run; one that cannot be read is
// passed over.
func Dir(dir string, more map[string]string) *Redactor {
	var values []string
	for name, v := range more {
		values = append(values, secretsOf(name, v)...)
	}
	if dir == "" {
		return New(values...)
	}
	names := []string{filepath.Join(dir, ".env")}
	for _, pattern := range []string{"*.env", ".env.*", "*.yml", "*.yaml"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err == nil {
			names = append(names, found...)
		}
	}
	for _, name := range names {
		values = append(values, fileSecrets(name)...)
	}
	return New(values...)
}

func fileSecrets(name string) []string {
	info, err := os.Stat(name)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxFile {
		return nil
	}
	b, err := os.ReadFile(name) //nolint:gosec // The operator's own files.
	if err != nil {
		return nil
	}
	return Env(b)
}

// variable is NAME=value or NAME: value, as .env and compose files have it.
var variable = regexp.MustCompile(`(?m)(?:^|[\s"'{,-])([A-Za-z_][A-Za-z0-9_.-]*)["']?[ \t]*[=:][ \t]*([^\n]+)`)

var secretWord = regexp.MustCompile(`(?i)` + secretName + `|(?:^|[_.-])` + shortName + `$`)

// Env finds the secrets in the text of an .env or compose file: the values whose names say so, the passwords of addresses, and
// what has the form of a token.
func Env(text []byte) []string {
	var out []string
	for {
		m := variable.FindSubmatchIndex(text)
		if m == nil {
			return out
		}
		out = append(out, secretsOf(string(text[m[2]:m[3]]), string(text[m[4]:m[5]]))...)
		text = text[m[4]:] // a value may hold further ones: {A: b, C: d}
	}
}

// substituted is a variable of compose with its default, or with the sentence that is said when it is missing.
var substituted = regexp.MustCompile(`^\$\{[A-Za-z_0-9]+(?::?([-?+])(.*))?\}$|^\$[A-Za-z_]`)

func secretsOf(name, value string) []string {
	value = strings.TrimSpace(value)
	var out []string
	if quoted := unquote(value); quoted != value {
		out = append(out, candidates(name, quoted)...)
	} else {
		before, _, comment := strings.Cut(value, " #")
		if comment {
			out = append(out, candidates(name, strings.TrimSpace(before))...)
		}
		for _, end := range []string{",}] \t\"'", ",", "}"} {
			out = append(out, candidates(name, strings.TrimRight(value, end))...)
		}
		first, _, _ := strings.Cut(value, ",") // of {A: b, C: d}
		out = append(out, candidates(name, strings.TrimRight(strings.TrimSpace(first), "}]\"'"))...)
	}
	return append(out, candidates(name, value)...)
}

func candidates(name, value string) []string {
	if m := substituted.FindStringSubmatch(value); m != nil {
		if m[1] != "-" {
			return nil
		}
		value = m[2]
	}
	var out []string
	if u, err := url.Parse(value); err == nil && u.User != nil {
		if p, ok := u.User.Password(); ok {
			out = append(out, p)
		}
	}
	switch {
	case secretWord.MatchString(name) && !harmless.MatchString(name) && !ordinary(value):
		out = append(out, value)
	case token.FindString(value) == value && value != "", random(value) == Mask:
		out = append(out, value)
	}
	return out
}

// ordinary are values that switch something: hiding them would hide words that each log has.
func ordinary(v string) bool {
	switch strings.ToLower(v) {
	case "true", "false", "none", "null", "default", "enabled", "disabled", "disable", "require", "required", "info", "debug", "error":
		return true
	}
	return strings.HasPrefix(v, "/") && !strings.ContainsAny(v, " \t") // a file that holds it, as of *_FILE
}

func unquote(s string) string {
	if s == "" || s[0] != '"' && s[0] != '\'' {
		return s
	}
	if i := strings.IndexByte(s[1:], s[0]); i >= 0 {
		return s[1 : 1+i]
	}
	return s
}
