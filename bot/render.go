package bot

import (
	"crypto/rand"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/slack-go/slack"

	"github.com/ai-notebook/notebookbot/templates"
)

// Slack's limits, in code points unless said. Message and block text have no published limit for rich text; these stay below
// every one that is published.
const (
	maxBlocks     = 50
	maxViewBlocks = 100
	maxHeader     = 150
	maxText       = 3000  // a text object, and what we put into one block of rich text
	maxMessage    = 12000 // all text of a message
	maxWire       = 13000 // all blocks of a message as JSON: undocumented, others measured 13200 (bolt-js#2509)
	maxFallback   = 3900  // the top-level text, escaped; chat.update refuses more than 4000
	maxContext    = 10    // elements of a context block
	maxID         = 255   // block_id, action_id, callback_id
)

// rendered is a message in Slack's form.
type rendered struct {
	text     string // the top-level text: for notifications, escaped
	blocks   []slack.Block
	wire     string   // blocks as JSON
	problems []string // what was left out because Slack would have refused it; never text of people
}

// renderer turns neutral messages into Block Kit. It never fails: what does not fit is cut with an ellipsis, left out with a
// line that counts it, or, where a shortened form would be wrong (a button's value), named in problems.
type renderer struct {
	loc    *time.Location
	prefix func() string // of the block ids: fresh for each revision of a message
}

func newPrefix() string { return strings.ToLower(rand.Text()[:10]) }

// page collects the blocks of one message or view.
type page struct {
	loc      *time.Location
	prefix   string
	limit    int // blocks
	rows     int // blocks of buttons
	room     int // code points
	blocks   []slack.Block
	problems []string
	rich     bool // a block of rich text is there
	links    int
	dropped  int // lines that did not fit
	dropAt   int // where the first of them would have stood
}

func (p *page) id() string { return p.prefix + "." + strconv.Itoa(len(p.blocks)) }

func (p *page) add(b slack.Block) { p.blocks = append(p.blocks, b) }

// message renders what is posted. There is always a block of rich text, because Slack refuses to edit a message that has one
// into one that has none.
func (r renderer) message(m templates.Message) rendered {
	prefix := r.prefix()
	room, buttons := maxMessage, maxBlocks
	for {
		out := r.within(m, prefix, room, buttons)
		n := utf8.RuneCountInString(out.wire)
		switch {
		case n <= maxWire:
			return out
		case room > 0:
			room = max(room-max(n-maxWire, room/8), 0)
		default: // text alone is never that much; so many buttons cannot be
			out.problems = append(out.problems, "more buttons than a message can hold")
			buttons = min(buttons, len(out.blocks)) - 1
		}
	}
}

// within renders with at most room code points of text and blocks of buttons.
func (r renderer) within(m templates.Message, prefix string, room, buttons int) rendered {
	// Two blocks are kept free: for the count line, and for the rich text that every message must have.
	p := &page{loc: r.loc, prefix: prefix, limit: maxBlocks - 2, room: room, rows: buttons}
	p.fill(m.Blocks, !hasRich(m.Blocks))
	text := oneLine(m.Summary)
	if text == "" {
		text = firstWords(m.Blocks, r.loc)
	}
	if !p.rich {
		p.room = max(p.room, maxHeader)
		p.textWithin(templates.Text, []templates.Line{{{Text: text}}}, 1)
	}
	p.countLine()
	return rendered{text: escapeCut(text, maxFallback), blocks: p.blocks, wire: encode(p.blocks), problems: p.problems}
}

func hasRich(blocks []templates.Block) bool {
	for _, b := range blocks {
		switch b.Kind {
		case templates.Text, templates.Quote, templates.Pre, templates.List, templates.Fields:
			return true
		}
	}
	return false
}

// firstWords is the summary of a message that has none.
func firstWords(blocks []templates.Block, loc *time.Location) string {
	for _, b := range blocks {
		for _, l := range b.Lines {
			if t := oneLine(lineWords(l, loc)); t != "" {
				return t
			}
		}
	}
	return ellipsis
}

// fill renders blocks from top to bottom. Headers and buttons have their place reserved: a card that lost its buttons is worse
// than one that lost lines.
func (p *page) fill(blocks []templates.Block, richContext bool) {
	reserved := 0
	for _, b := range blocks {
		reserved += reserve(b)
	}
	for _, b := range blocks {
		reserved -= reserve(b)
		free := p.limit - len(p.blocks) - reserved
		if b.Kind == templates.Header || b.Kind == templates.Actions {
			free = p.limit - len(p.blocks)
		}
		if free <= 0 {
			p.drop(max(len(b.Lines)+len(b.Pairs)+len(b.Buttons), 1))
			continue
		}
		switch b.Kind {
		case templates.Header:
			p.header(b)
		case templates.Divider:
			p.add(&slack.DividerBlock{Type: slack.MBTDivider, BlockID: p.id()})
		case templates.Actions:
			p.actions(b.Buttons, min(free, p.rows))
		case templates.Context:
			if richContext {
				p.textWithin(templates.Text, b.Lines, free)
			} else {
				p.context(b.Lines, free)
			}
		case templates.Fields:
			p.textWithin(templates.Text, fieldLines(b.Pairs), free)
		default:
			p.textWithin(b.Kind, b.Lines, free)
		}
	}
}

func reserve(b templates.Block) int {
	switch b.Kind {
	case templates.Header:
		return 1
	case templates.Actions:
		return (len(b.Buttons) + maxButtons - 1) / maxButtons
	}
	return 0
}

func (p *page) drop(lines int) {
	if p.dropped == 0 {
		p.dropAt = len(p.blocks)
	}
	p.dropped += lines
}

// countLine says how many lines were left out, where the first of them would have been. It needs no language.
func (p *page) countLine() {
	if p.dropped == 0 {
		return
	}
	line := slack.NewContextBlock(p.prefix+".more", plainText(ellipsis+" (+"+strconv.Itoa(p.dropped)+")", maxText))
	p.blocks = append(p.blocks[:p.dropAt], append([]slack.Block{line}, p.blocks[p.dropAt:]...)...)
}

func (p *page) header(b templates.Block) {
	if len(b.Lines) == 0 {
		return
	}
	if t := oneLine(lineWords(b.Lines[0], p.loc)); t != "" {
		p.add(slack.NewHeaderBlock(plainText(t, maxHeader), slack.HeaderBlockOptionBlockID(p.id())))
	}
}

// fieldLines shows pairs as lines of rich text. The fields of a section are plain_text, which holds no dates and no mentions, or
// mrkdwn, which has no way to show a star as a star; rich text holds all of it safely.
func fieldLines(pairs []templates.Pair) []templates.Line {
	out := make([]templates.Line, 0, len(pairs))
	for _, pair := range pairs {
		l := templates.Line{{Text: oneLine(pair.Name) + "  ", Bold: true}}
		out = append(out, append(l, pair.Value...))
	}
	return out
}

// context shows small lines, a block each. What is text goes into plain_text, which Slack never parses; the marks that this code
// writes (a time, a person) need mrkdwn and stand in elements of their own. A line that needs more elements than a context block
// takes becomes rich text.
func (p *page) context(lines []templates.Line, free int) {
	for i, l := range lines {
		if free <= 0 || p.room <= 0 {
			p.drop(len(lines) - i)
			return
		}
		before := len(p.blocks)
		if elements, ok := contextElements(l, p.loc, min(p.room, maxText)); ok && len(elements) > 0 {
			p.room -= contextCost(elements)
			p.add(slack.NewContextBlock(p.id(), elements...))
		} else if !ok {
			p.textWithin(templates.Text, []templates.Line{l}, free)
		}
		free -= len(p.blocks) - before
	}
}

func contextCost(elements []slack.MixedElement) (n int) {
	for _, e := range elements {
		if t, ok := e.(*slack.TextBlockObject); ok {
			n += utf8.RuneCountInString(t.Text)
		}
	}
	return n
}

func contextElements(l templates.Line, loc *time.Location, room int) ([]slack.MixedElement, bool) {
	var out []slack.MixedElement
	var text strings.Builder
	flush := func() {
		if t := strings.TrimSpace(text.String()); t != "" {
			out = append(out, plainText(t, room))
		}
		text.Reset()
	}
	for _, s := range l {
		m, ok := mark(s, loc)
		switch {
		case ok:
			flush()
			out = append(out, &slack.TextBlockObject{Type: slack.MarkdownType, Text: m, Verbatim: true})
		case s.URL != "":
			return nil, false
		default:
			text.WriteString(words(s, loc))
		}
	}
	flush()
	return out, len(out) <= maxContext
}

// plainText is a text object that Slack shows as it is. Names of emoji in it are not parsed either.
func plainText(s string, limit int) *slack.TextBlockObject {
	off := false
	return &slack.TextBlockObject{Type: slack.PlainTextType, Text: cut(s, limit), Emoji: &off}
}
