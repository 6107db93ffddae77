package bot

import (
	"github.com/slack-go/slack"

	"github.com/ai-notebook/notebookbot/templates"
)

// maxLines bounds the lines of one block of rich text; Slack publishes no number.
const maxLines = 100

// richLine is a rendered line with its cost in code points.
type richLine struct {
	elements []slack.RichTextSectionElement
	cost     int
}

// textWithin renders lines as rich text, in as many blocks as they need but no more than free ones. Lines that do not fit are
// counted.
func (p *page) textWithin(kind templates.BlockKind, lines []templates.Line, free int) {
	var part []richLine
	cost := 0
	flush := func() {
		if block := p.richBlock(kind, part); block != nil {
			p.add(block)
			p.rich = true
			free--
		}
		part, cost = nil, 0
	}
	for i, l := range lines {
		room := min(p.room, maxText)
		if room < markCost {
			flush()
			p.drop(len(lines) - i)
			return
		}
		rl := p.line(kind, l, room)
		if len(part) == maxLines || cost+rl.cost > maxText {
			flush()
		}
		if free <= 0 {
			p.drop(len(lines) - i)
			return
		}
		part = append(part, rl)
		cost += rl.cost
		p.room -= rl.cost
	}
	flush()
}

// line renders one line within room code points, its line end included.
func (p *page) line(kind templates.BlockKind, l templates.Line, room int) richLine {
	out := richLine{cost: 1}
	for _, s := range l {
		left := room - out.cost
		if left <= 0 {
			break
		}
		if kind == templates.Pre {
			s = templates.Span{Text: words(s, p.loc)} // monospaced text holds nothing but text
		}
		e, cost := element(s, p.loc, left)
		if e == nil {
			continue
		}
		out.elements = append(out.elements, e)
		out.cost += cost
	}
	return out
}

// richBlock puts lines into one block; nil when there is nothing to see.
func (p *page) richBlock(kind templates.BlockKind, lines []richLine) slack.Block {
	if kind == templates.List {
		var items []slack.RichTextElement
		for _, l := range lines {
			if len(l.elements) > 0 {
				items = append(items, slack.NewRichTextSection(l.elements...))
			}
		}
		if len(items) == 0 {
			return nil
		}
		return slack.NewRichTextBlock(p.id(), slack.NewRichTextList(slack.RTEListBullet, 0, items...))
	}
	elements, seen := joinLines(lines)
	if !seen {
		return nil
	}
	var body slack.RichTextElement
	switch kind {
	case templates.Quote:
		body = &slack.RichTextQuote{Type: slack.RTEQuote, Elements: elements}
	case templates.Pre:
		body = &slack.RichTextPreformatted{Type: slack.RTEPreformatted, Elements: elements}
	default:
		body = slack.NewRichTextSection(elements...)
	}
	return slack.NewRichTextBlock(p.id(), body)
}

// joinLines puts line ends between lines; seen says whether any line shows something.
func joinLines(lines []richLine) (out []slack.RichTextSectionElement, seen bool) {
	for i, l := range lines {
		if i > 0 {
			out = append(out, slack.NewRichTextSectionTextElement("\n", nil))
		}
		out = append(out, l.elements...)
		seen = seen || len(l.elements) > 0
	}
	return out, seen
}
