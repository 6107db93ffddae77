package postgres

import (
	"context"
	"regexp"
)

// Ask asks the application's database with constant statements, of which the last one prints one value. What the statements may do is theirs
// to say: they come as they are. The errors are those of Ready; State tells the code of what the server refused.
func (d *Database) Ask(ctx context.Context, statements string) (string, error) {
	// psql says a refusal in the language of its container, but with its code only if it is told to.
	return d.ask(ctx, d.cfg.Name, "\\set VERBOSITY verbose\n"+statements, nil)
}

// sqlState is the code of an error as psql writes it: psql:<stdin>:3: ERROR:  57014: canceling statement due to statement timeout.
// A word comes before it, which is in the language of the container; before the word, a number.
var sqlState = regexp.MustCompile(`\pL[:：]\s*([0-9A-Z]{5})[:：]\s`)

// State is the code of what the server said when it refused a statement, such as 57014; empty: there is none.
func (p *ProgramError) State() string {
	if m := sqlState.FindStringSubmatch(p.Said); m != nil {
		return m[1]
	}
	return ""
}
