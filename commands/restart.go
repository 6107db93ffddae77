package commands

import (
	"strings"

	"github.com/ai-notebook/notebookbot/templates"
)

var restart = operation("restart", "restart", readRestart)

// readRestart reads `restart SERVICE|all [--no-backup] [reason]`.
func readRestart(c *call) (wanted, error) {
	var a wanted
	rest := c.args
	for i := 0; i < len(rest.tokens); {
		if word := rest.word(i); strings.HasPrefix(word, "-") || strings.HasPrefix(word, "—") {
			if strings.TrimLeft(word, "-—") != "no-backup" {
				return a, refuse(templates.WrongUsage, templates.Args{Word: c.cmd.words})
			}
			a.args, rest = append(a.args, "--no-backup"), rest.without(i)
			continue
		}
		i++
	}
	if len(rest.tokens) > 0 {
		a.args = append([]string{rest.word(0)}, a.args...)
		a.reason = rest.from(1)
	}
	return a, nil
}
