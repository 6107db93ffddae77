package commands

import (
	"context"
	"slices"
	"strings"

	"github.com/ai-notebook/notebookbot/templates"
)

var help = &command{words: "help", run: runHelp}

// runHelp lists what the caller may, or explains one command.
func runHelp(ctx context.Context, r *Runner, c *call) (outcome, error) {
	if len(c.args.tokens) > 0 {
		return explainCommand(r, c)
	}
	var v templates.HelpView
	for _, cmd := range all {
		if r.may(ctx, c.req, cmd) != nil {
			v.Hidden++
			continue
		}
		v.Topics = append(v.Topics, topicOf(r, cmd))
	}
	return outcome{say: r.Words.Help(v), alone: true}, nil
}

func explainCommand(r *Runner, c *call) (outcome, error) {
	first, second := c.args.word(0), c.args.word(1)
	words := strings.TrimSpace(first + " " + second)
	topic := templates.Topic{Word: words}
	switch cmd := byWords(words); {
	case cmd != nil && slices.Contains(all, cmd):
		topic = topicOf(r, cmd)
	case second == "" && slices.Contains(families(), first):
		if rule, ok := r.Access.Rule(first); ok {
			topic.Class = string(rule.Class)
		}
	case second == "" && short(first) != "":
		topic = topicOf(r, byWords(short(first)))
	case slices.Contains(families(), first):
		return outcome{}, unknown(first, second)
	default:
		return outcome{}, unknown(first, "")
	}
	return outcome{say: r.Words.HelpTopic(topic), alone: true}, nil
}

func topicOf(r *Runner, cmd *command) templates.Topic {
	rule, _ := r.Access.Rule(cmd.access())
	return templates.Topic{Word: cmd.words, Class: string(rule.Class)}
}
