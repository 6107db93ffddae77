package docker

import (
	"cmp"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

var (
	// NAME=value, as in .env and in lists of a compose file.
	assignment = regexp.MustCompile(`(?m)(?:^|[\s"'-])[A-Za-z_][A-Za-z0-9_.]*=([^\n]+)`)
	// NAME: value, as in a compose file; names of variables are written large.
	mapping = regexp.MustCompile(`[A-Z][A-Z0-9_]*["']?\s*:\s*([^\n]+)`)
)

// unreadable says why the compose file cannot be used. compose-go quotes the values that it does not understand, passwords among
// them, so whatever stands for a value in the files is taken out, and the error is not wrapped.
func (e *Engine) unreadable(files []string, err error) error {
	found, globErr := filepath.Glob(filepath.Join(e.cfg.Dir, "*.y*ml"))
	env, envErr := filepath.Glob(filepath.Join(e.cfg.Dir, "*.env"))
	if globErr != nil || envErr != nil {
		return say(ErrComposeFile, "the compose file in %s cannot be read", e.cfg.Dir)
	}
	text := err.Error()
	var values []string
	for _, name := range slices.Concat(files, found, env, []string{filepath.Join(e.cfg.Dir, ".env")}) {
		b, err := os.ReadFile(name) //nolint:gosec // The operator's own files.
		if err != nil {
			continue
		}
		for _, m := range slices.Concat(assignment.FindAllSubmatch(b, -1), mapping.FindAllSubmatch(b, -1)) {
			value := strings.TrimSpace(string(m[1]))
			values = append(values, value, strings.Trim(value, `"'`))
			first := strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune("\"',}] \t\r", r) })
			values = append(values, first...)
		}
	}
	for _, v := range e.cfg.Env {
		values = append(values, v)
	}
	slices.SortFunc(values, func(a, b string) int { return cmp.Compare(len(b), len(a)) }) // the whole before its parts
	for _, v := range values {
		if len(v) > 2 {
			text = strings.ReplaceAll(text, v, "(hidden)")
		}
	}
	return say(ErrComposeFile, "the compose file in %s: %s", e.cfg.Dir, text)
}
