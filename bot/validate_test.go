package bot

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/slack-go/slack"
)

// checker holds blocks against Slack's published limits, reading the JSON that goes over the wire and nothing else.
type checker struct {
	t    *testing.T
	ids  map[string]bool
	pins map[string]int // mentions and links that are effective
}

func (c *checker) errorf(format string, args ...any) {
	c.t.Helper()
	c.t.Errorf(format, args...)
}

func checkBlocks(t *testing.T, wire string, limit int) map[string]int {
	t.Helper()
	c := &checker{t: t, ids: map[string]bool{}, pins: map[string]int{}}
	var blocks []map[string]any
	if err := json.Unmarshal([]byte(wire), &blocks); err != nil {
		t.Fatalf("blocks are not JSON: %v", err)
	}
	if len(blocks) == 0 || len(blocks) > limit {
		c.errorf("%d blocks, want 1 to %d", len(blocks), limit)
	}
	rich := 0
	for i, b := range blocks {
		id, _ := b["block_id"].(string)
		if id == "" || len(id) > 255 || c.ids[id] {
			c.errorf("block %d: block_id %q is empty, too long or twice", i, id)
		}
		c.ids[id] = true
		switch b["type"] {
		case "header":
			c.textObject(b["text"], "plain_text", 150)
		case "divider":
		case "context":
			c.context(b)
		case "actions":
			c.actions(b)
		case "rich_text":
			rich++
			c.rich(b)
		case "input":
			c.textObject(b["label"], "plain_text", 2000)
		default:
			c.errorf("block %d of type %v", i, b["type"])
		}
	}
	if limit == maxBlocks {
		if rich == 0 {
			c.errorf("no rich text: such a message could not replace one that has some")
		}
		if n := utf8.RuneCountInString(wire); n > 13200 {
			c.errorf("blocks of %d characters", n)
		}
	}
	return c.pins
}

var ourMarks = regexp.MustCompile(`^(<@[UW][A-Z0-9]+>|<!subteam\^S[A-Z0-9]+>|:[a-z0-9_+'-]+:|<!date\^[0-9]+\^(\{time\}|\{date_short_pretty\} \{time\})\|[-0-9: +]+>)$`)

func (c *checker) textObject(v any, kind string, limit int) {
	c.t.Helper()
	o, _ := v.(map[string]any)
	text, _ := o["text"].(string)
	if o["type"] != kind {
		c.errorf("text object of type %v, want %s", o["type"], kind)
	}
	if n := utf8.RuneCountInString(text); n < 1 || n > limit || strings.TrimSpace(text) == "" {
		c.errorf("text of %d characters, want 1 to %d: %.40q", n, limit, text)
	}
	c.characters(text)
	if kind == "plain_text" && o["emoji"] != false {
		c.errorf("plain text whose emoji names are parsed")
	}
	if kind == "mrkdwn" {
		if o["verbatim"] != true || !ourMarks.MatchString(text) {
			c.errorf("mrkdwn that is not one of our own marks: %q", text)
		}
		c.pins[text]++
	}
}

func (c *checker) characters(s string) {
	c.t.Helper()
	if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool {
		return deceptive(r) || r < ' ' && r != '\n' && r != '\t' || r == 0x7f
	}) {
		c.errorf("a character that deceives in %.60q", s)
	}
}

func (c *checker) context(b map[string]any) {
	c.t.Helper()
	elements, _ := b["elements"].([]any)
	if len(elements) < 1 || len(elements) > 10 {
		c.errorf("context of %d elements", len(elements))
	}
	for _, e := range elements {
		kind, _ := e.(map[string]any)["type"].(string)
		if kind != "plain_text" && kind != "mrkdwn" {
			c.errorf("context element %q", kind)
		}
		c.textObject(e, kind, 3000)
	}
}

func (c *checker) actions(b map[string]any) {
	c.t.Helper()
	elements, _ := b["elements"].([]any)
	if len(elements) < 1 || len(elements) > 25 {
		c.errorf("actions of %d elements", len(elements))
	}
	seen := map[string]bool{}
	for _, v := range elements {
		e, _ := v.(map[string]any)
		id, _ := e["action_id"].(string)
		if id == "" || len(id) > 255 || seen[id] {
			c.errorf("action_id %q is empty, too long or twice in its block", id)
		}
		seen[id] = true
		c.textObject(e["text"], "plain_text", 75)
		if value, _ := e["value"].(string); utf8.RuneCountInString(value) > 2000 {
			c.errorf("value too long")
		}
		if s, ok := e["style"]; ok && s != "primary" && s != "danger" {
			c.errorf("style %v", s)
		}
		if u, ok := e["url"].(string); ok {
			c.link(u)
		}
		if q, ok := e["confirm"].(map[string]any); ok {
			c.textObject(q["title"], "plain_text", 100)
			c.textObject(q["text"], "plain_text", 300)
			c.textObject(q["confirm"], "plain_text", 30)
			c.textObject(q["deny"], "plain_text", 30)
		}
	}
}

func (c *checker) link(u string) {
	c.t.Helper()
	if !strings.HasPrefix(u, "http://") && !strings.HasPrefix(u, "https://") || len(u) > 3000 || strings.ContainsAny(u, " |<>\n") {
		c.errorf("address %q", u)
	}
	c.pins[u]++
}

func (c *checker) rich(b map[string]any) {
	c.t.Helper()
	elements, _ := b["elements"].([]any)
	if len(elements) == 0 {
		c.errorf("rich text without elements")
	}
	total := 0
	var walk func(v any)
	walk = func(v any) {
		e, _ := v.(map[string]any)
		kind, _ := e["type"].(string)
		if !strings.HasPrefix(kind, "rich_text_") {
			total += c.richElement(kind, e)
			return
		}
		children, _ := e["elements"].([]any)
		if len(children) == 0 {
			c.errorf("%s without elements", kind)
		}
		for _, child := range children {
			walk(child)
		}
	}
	for _, e := range elements {
		walk(e)
	}
	if total > 3000 {
		c.errorf("rich text of %d characters", total)
	}
}

func (c *checker) richElement(kind string, e map[string]any) int {
	c.t.Helper()
	text, _ := e["text"].(string)
	c.characters(text)
	switch kind {
	case "text":
		if text == "" {
			c.errorf("empty text element")
		}
	case "link":
		c.link(fmt.Sprint(e["url"]))
	case "user":
		c.pins["<@"+fmt.Sprint(e["user_id"])+">"]++
	case "usergroup":
		c.pins["<!subteam^"+fmt.Sprint(e["usergroup_id"])+">"]++
	case "date":
		if e["fallback"] == "" || e["format"] == "" {
			c.errorf("date without format or fallback")
		}
	case "emoji":
	default:
		c.errorf("element of type %q", kind)
	}
	return utf8.RuneCountInString(text)
}

// checkText holds the top-level text against its limit, and against every form that Slack would act on.
func checkText(t *testing.T, text string) {
	t.Helper()
	if n := utf8.RuneCountInString(text); n < 1 || n > 4000 {
		t.Errorf("text of %d characters", n)
	}
	if strings.ContainsAny(text, "<>") {
		t.Errorf("markup in the text: %.80q", text)
	}
	if bare := regexp.MustCompile(`&(amp|lt|gt);`).ReplaceAllString(text, ""); strings.Contains(bare, "&") {
		t.Errorf("an ampersand that is not escaped, or an entity cut in two: %.80q", bare)
	}
}

func encodeView(v slack.ModalViewRequest) string { return encode(v.Blocks.BlockSet) }
