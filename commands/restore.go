package commands

import (
	"slices"
	"strings"
)

// restore is `restore ID|latest [database|files|config|secrets] [reason]` and `restore undo OP-7 [reason]`.
var restore = operation("restore", "restore", readRestore)

// restoreParts are the words that may follow a set.
var restoreParts = []string{"database", "files", "config", "secrets"}

// readRestore takes what follows for the reason, except a part of the set. The kind knows which sets there are.
func readRestore(c *call) (wanted, error) {
	if len(c.args.tokens) == 0 {
		return wanted{}, nil
	}
	first := strings.ToLower(c.args.word(0))
	if first == "undo" {
		if len(c.args.tokens) == 1 {
			return wanted{args: []string{first}}, nil
		}
		return wanted{args: []string{first, strings.ToUpper(c.args.word(1))}, reason: c.args.from(2)}, nil
	}
	a := wanted{args: []string{strings.ToUpper(c.args.word(0))}, reason: c.args.from(1)}
	if first == "latest" {
		a.args[0] = first
	}
	if len(c.args.tokens) > 1 {
		// One word more is a part, rightly written or not: a restore of more than was meant is no matter of a slip.
		if word := strings.ToLower(c.args.word(1)); len(c.args.tokens) == 2 || slices.Contains(restoreParts, word) {
			a.args, a.reason = append(a.args, word), c.args.from(2)
		}
	}
	return a, nil
}
