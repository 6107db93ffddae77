package commands

import "strings"

// deploy is `deploy VERSION [reason]`, rollback `rollback [VERSION] [reason]`.
var (
	deploy   = operation("deploy", "deploy", readDeploy)
	rollback = operation("rollback", "rollback", readRollback)
)

func readDeploy(c *call) (wanted, error) {
	if len(c.args.tokens) == 0 {
		return wanted{}, nil // the kind knows which versions there are
	}
	return wanted{args: []string{c.args.word(0)}, reason: c.args.from(1)}, nil
}

// readRollback takes the first word for a version where it looks like one; otherwise all of it is the reason.
func readRollback(c *call) (wanted, error) {
	if len(c.args.tokens) > 0 && strings.ContainsAny(c.args.word(0), "0123456789") {
		return readDeploy(c)
	}
	return wanted{reason: c.args.from(0)}, nil
}
