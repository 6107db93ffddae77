package bot

import (
	"net/url"
	"strconv"
	"unicode/utf8"

	"github.com/slack-go/slack"

	"github.com/ai-notebook/notebookbot/templates"
)

const (
	maxButtons      = 25 // in one actions block
	maxLabel        = 75
	maxValue        = 2000
	maxConfirmTitle = 100
	maxConfirmText  = 300
	maxConfirmWord  = 30
	// linkAction begins the action_id of a button that only opens an address. Its clicks are acknowledged and mean nothing.
	linkAction = "link."
)

// actions renders buttons in at most free blocks. Slack wants an action_id once in a block, so a second one with the same id
// begins a new block.
func (p *page) actions(buttons []templates.Button, free int) {
	var row []slack.BlockElement
	used := map[string]bool{}
	flush := func() {
		if len(row) > 0 {
			p.add(slack.NewActionBlock(p.id(), row...))
			free--
			p.rows--
		}
		row = nil
		clear(used)
	}
	for i, b := range buttons {
		e, ok := p.button(b)
		if !ok {
			continue
		}
		if len(row) == maxButtons || used[e.ActionID] {
			flush()
		}
		if free <= 0 {
			p.drop(len(buttons) - i)
			return
		}
		row = append(row, e)
		used[e.ActionID] = true
	}
	flush()
}

// button renders one button; false when Slack would refuse it and no shorter form of it would be right.
func (p *page) button(b templates.Button) (*slack.ButtonBlockElement, bool) {
	e := &slack.ButtonBlockElement{Type: slack.METButton, ActionID: b.Action, Value: b.Value}
	switch b.Style {
	case templates.Primary, templates.Danger:
		e.Style = slack.Style(b.Style)
	}
	label := oneLine(b.Label)
	if b.URL != "" {
		address, ok := webAddress(b.URL)
		if !ok {
			p.problems = append(p.problems, "a button's address is not http or https with a host")
			return nil, false
		}
		e.URL, e.Value = address, ""
		p.links++
		e.ActionID = linkAction + strconv.Itoa(p.links)
		if label == "" {
			label = host(address)
		}
	}
	// Bytes that are no text would be replaced on the way, and what comes back with a click would be another id.
	if e.ActionID == "" || len(e.ActionID) > maxID || len(e.Value) > maxValue || !utf8.ValidString(e.ActionID+e.Value) {
		p.problems = append(p.problems, "a button's action or value is empty, too long or no text")
		return nil, false
	}
	if label == "" {
		label = oneLine(b.Action)
	}
	if label == "" {
		label = ellipsis
	}
	e.Text = plainText(label, maxLabel)
	if b.Confirm != nil {
		e.Confirm = confirm(*b.Confirm, label)
	}
	return e, true
}

// confirm renders the question before a click. Slack wants all four texts; the label stands in for one that is missing.
func confirm(c templates.Confirm, label string) *slack.ConfirmationBlockObject {
	word := func(s, instead string, limit int) *slack.TextBlockObject {
		if s = oneLine(s); s == "" {
			s = instead
		}
		return plainText(s, limit)
	}
	return &slack.ConfirmationBlockObject{
		Title:   word(c.Title, label, maxConfirmTitle),
		Text:    word(c.Text, label, maxConfirmText),
		Confirm: word(c.Yes, label, maxConfirmWord),
		Deny:    word(c.No, "×", maxConfirmWord),
	}
}

func host(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ellipsis
	}
	return u.Host
}
