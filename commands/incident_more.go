package commands

import "context"

// incidentMore is the button for what the card has no room for.
var incidentMore = &command{words: "incident more", key: true, run: runMore}

func runMore(ctx context.Context, r *Runner, c *call) (outcome, error) {
	return c.open(ctx, r, r.Words.ModalMore)
}
