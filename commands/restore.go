package commands

import (
	"regexp"
	"slices"
	"strings"
)

// restore is `restore ID|latest [database|files|config|secrets] [reason]`, `restore TIME [database] [reason]` and `restore undo OP-7
// [reason]`.
var restore = operation("restore", "restore", readRestore)

// restoreParts are the words that may follow a set.
var restoreParts = []string{"database", "files", "config", "secrets"}

// setLike is what begins as a set's id, a moment or an operation's key does.
var setLike = regexp.MustCompile(`^(?i:[0-9]|op-[0-9])`)

// capitals are those of ids, moments and keys, which nobody types. What is none of them is told back as it was written.
func capitals(word string) string {
	if setLike.MatchString(word) {
		return strings.ToUpper(word)
	}
	return word
}

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
		return wanted{args: []string{first, capitals(c.args.word(1))}, reason: c.args.from(2)}, nil
	}
	what, n := capitals(c.args.word(0)), 1
	switch {
	case first == "latest":
		what = first
	case len(c.args.tokens) > 1 && dayOnly.MatchString(what) && clockLike.MatchString(c.args.word(1)):
		what, n = what+"T"+strings.ToUpper(c.args.word(1)), 2 // a moment with a space in it
	}
	a := wanted{args: []string{what}, reason: c.args.from(n)}
	if len(c.args.tokens) > n {
		// One word more is a part, rightly written or not: a restore of more than was meant is no matter of a slip.
		if word := strings.ToLower(c.args.word(n)); len(c.args.tokens) == n+1 || slices.Contains(restoreParts, word) {
			a.args, a.reason = append(a.args, word), c.args.from(n+1)
		}
	}
	return a, nil
}

var (
	dayOnly   = regexp.MustCompile(`^\d{4}-\d{1,2}-\d{1,2}$`)
	clockLike = regexp.MustCompile(`^\d{1,2}:`)
)
