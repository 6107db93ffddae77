package commands

import (
	"context"
	"strconv"

	"github.com/ai-notebook/notebookbot/incidents"
)

var incidentSearch = &command{words: "incident search", read: true, run: runSearch}

// runSearch looks for words in titles, labels and notes of all incidents.
func runSearch(ctx context.Context, r *Runner, c *call) (outcome, error) {
	var f incidents.Filter
	if m := cursor.FindStringSubmatch(c.args.word(0)); m != nil {
		f.Before, _ = strconv.ParseInt(m[1], 10, 64)
		c.args = c.args.without(0)
	}
	f.Text = oneLine(c.args.from(0))
	if f.Text == "" {
		return outcome{}, wrongUsage(c.cmd)
	}
	if err := tooLong(f.Text, maxTitle); err != nil {
		return outcome{}, err
	}
	return r.page(ctx, c, f, 1, f.Text)
}
