package commands

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/ai-notebook/notebookbot/internal/access"
	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/templates"
)

var (
	operationList = &command{words: "operation list", read: true, run: runOperationList}
	operationShow = &command{words: "operation show", decides: true, read: true, run: runOperationShow}
)

// runOperationList shows `operation list [all|restart|…] [<OP-7]`: what is not over yet, or all, the newest first.
func runOperationList(ctx context.Context, r *Runner, c *call) (outcome, error) {
	f := ops.Filter{Open: true, Limit: pageSize + 1}
	next := []string{c.cmd.words}
	for i := range c.args.tokens {
		word := c.args.word(i)
		cursor, isCursor := keyOf(opWord, trimLess(word))
		switch {
		case isCursor && word != trimLess(word):
			f.Before = cursor
			continue
		case word == "all" || word == "全部":
			f.Open = false
		case f.Word == "" && slices.Contains(access.Words(), word):
			f.Word, f.Open = word, false
		default:
			return outcome{}, wrongUsage(c.cmd)
		}
		next = append(next, word)
	}
	found, err := r.Store.ListOperations(ctx, f)
	if err != nil {
		return outcome{}, err
	}
	v := templates.OperationListView{Open: f.Open, Word: f.Word, Later: f.Before > 0, Now: c.now}
	if len(found) > pageSize {
		found = found[:pageSize]
		v.Next = strings.Join(next, " ") + " <op-" + strconv.FormatInt(found[pageSize-1].Number, 10)
	}
	v.Operations = found
	return outcome{say: r.Words.OperationList(v), share: c.text}, nil
}

// trimLess takes the sign off a cursor such as "<op-7".
func trimLess(word string) string {
	if len(word) > 0 && word[0] == '<' {
		return word[1:]
	}
	return word
}

// runOperationShow shows everything about one operation.
func runOperationShow(ctx context.Context, r *Runner, c *call) (outcome, error) {
	op, err := r.Store.FindOperation(ctx, c.op)
	if err != nil {
		return outcome{}, fromOperations(err, c.op, nil)
	}
	entries, err := r.Store.OperationTimeline(ctx, c.op)
	if err != nil {
		return outcome{}, err
	}
	return outcome{
		say: r.Words.OperationShow(templates.OperationView{Operation: op, Now: c.now}, entries), target: op.Key(),
		share: "operation show " + op.Key(),
	}, nil
}
