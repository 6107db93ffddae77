package commands

import (
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/templates"
)

var incidentList = &command{words: "incident list", read: true, run: runList}

const (
	pageSize = 10
	maxPage  = 100
)

// cursor is how a page's button names the incident before which the next page begins. Pages by number move when something new
// is opened meanwhile; these do not.
var cursor = regexp.MustCompile(`^<inc-([1-9][0-9]{0,17})$`)

// runList lists incidents, the open ones unless all are asked for.
func runList(ctx context.Context, r *Runner, c *call) (outcome, error) {
	f := incidents.Filter{Open: true}
	page := 1
	var words []string // the same question for the next page
	for n := range c.args.tokens {
		for word := range strings.FieldsFuncSeq(c.args.word(n), func(r rune) bool { return r == ',' || r == '，' || r == '、' }) {
			level, isLevel := levelOf(word)
			number, isNumber := strconv.Atoi(word)
			switch m := cursor.FindStringSubmatch(word); {
			case word == "open":
				f.Open = true
			case word == "all":
				f.Open = false
			case isLevel && !slices.Contains(f.Levels, level):
				f.Levels = append(f.Levels, level)
			case isLevel:
			case m != nil:
				f.Before, _ = strconv.ParseInt(m[1], 10, 64)
				continue
			case isNumber == nil && number >= 1 && number <= maxPage:
				page = number
				continue
			default:
				return outcome{}, wrongUsage(c.cmd)
			}
			words = append(words, word)
		}
	}
	return r.page(ctx, c, f, page, strings.Join(words, " "))
}

// page answers with a page of incidents. Words are what the next page is asked for with, besides where it begins.
func (r *Runner) page(ctx context.Context, c *call, f incidents.Filter, page int, words string) (outcome, error) {
	f.Limit = page*pageSize + 1
	found, err := r.Store.List(ctx, f)
	if err != nil {
		return outcome{}, err
	}
	v := templates.ListView{Filter: f, Now: c.now, Incidents: found[min(len(found), (page-1)*pageSize):]}
	if page > 1 {
		v.Filter.Before = 1 // Not the first page: nothing found means that there is no more.
	}
	if len(v.Incidents) > pageSize {
		v.Incidents = v.Incidents[:pageSize]
		v.Next = strings.TrimSpace(c.cmd.words + " <" + v.Incidents[pageSize-1].Key() + " " + words)
		if len(v.Next) > maxShare {
			v.Next = ""
		}
	}
	return outcome{say: r.Words.List(v), share: c.text}, nil
}
