package commands

import (
	"context"

	"github.com/ai-notebook/notebookbot/templates"
)

// shared is the same command for all to see. What an answer said is asked for anew, with the rights of who shares it, so that
// what is shown is true when it is shown. A second click on the same button shares nothing more.
func shared(cmd *command) *command {
	out := *cmd
	out.run = func(ctx context.Context, r *Runner, c *call) (outcome, error) {
		said, err := cmd.run(ctx, r, c)
		if err != nil {
			return outcome{}, err
		}
		said.everybody = true
		if c.req.Message != "" {
			said.key = "share/" + c.req.Channel + "/" + c.req.Message
		}
		by := r.Words.Done(templates.DoneShare, templates.Args{By: c.by()})
		said.say.Blocks = append(by.Blocks, said.say.Blocks...)
		return said, nil
	}
	return &out
}
