package commands

import (
	"unicode/utf8"

	"github.com/ai-notebook/notebookbot/templates"
)

// The longest words that are taken, in characters. They are those of the modals.
const (
	maxTitle  = 200
	maxReason = 500
	maxText   = 3000
)

// field is what a modal asks and how long the answer may be.
type field struct {
	id     string
	length int
	needed bool
}

// texts checks answers that are people's own words.
func texts(fields ...field) func(*Runner, map[string]string) map[string]string {
	return func(r *Runner, values map[string]string) map[string]string {
		wrong := map[string]string{}
		for _, f := range fields {
			switch v := values[f.id]; {
			case v == "" && f.needed:
				wrong[f.id] = r.Words.Plain("input.empty", templates.Args{})
			case utf8.RuneCountInString(v) > f.length:
				wrong[f.id] = r.Words.PlainSentence(templates.TooLong, templates.Args{Count: f.length})
			}
		}
		return wrong
	}
}

// tooLong refuses words that are longer than is taken.
func tooLong(s string, length int) error {
	if utf8.RuneCountInString(s) > length {
		return refuse(templates.TooLong, templates.Args{Count: length})
	}
	return nil
}
