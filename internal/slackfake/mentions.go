package slackfake

import (
	"iter"
	"regexp"
	"strings"
)

// Mention is something in a message that pings somebody.
type Mention struct {
	Kind string `json:"kind"` // user, usergroup, broadcast
	ID   string `json:"id"`   // U…, S…, or here, channel, everyone
	In   string `json:"in"`   // the text that does it, or the type of the element
}

// Link is something in a message that opens an address.
type Link struct {
	URL   string `json:"url"`
	Label string `json:"label,omitempty"`
	In    string `json:"in"` // mrkdwn, rich_text, button
}

type part struct {
	text    string
	control bool
}

// sequenceParts cuts a text into control sequences and what stands between them.
func sequenceParts(text string) iter.Seq[part] {
	return func(yield func(part) bool) {
		at := 0
		for _, m := range sequence.FindAllStringIndex(text, -1) {
			if m[0] > at && !yield(part{text[at:m[0]], false}) {
				return
			}
			if !yield(part{text[m[0]:m[1]], true}) {
				return
			}
			at = m[1]
		}
		if at < len(text) {
			yield(part{text[at:], false})
		}
	}
}

func unescape(text string) string {
	return strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&").Replace(text)
}

// EffectiveMentions are all pings of a message: control sequences in its text, in mrkdwn and markdown, elements of rich text, and
// words such as @here where Slack parses them (in mrkdwn that is not verbatim, and in the text with link_names). A test asserts
// that text from outside causes none.
func EffectiveMentions(m Message) []Mention {
	var out []Mention
	look := func(text string, words bool) {
		for p := range sequenceParts(text) {
			if p.control {
				if mn, ok := mentionOf(p.text); ok {
					out = append(out, mn)
				}
				continue
			}
			if !words {
				continue
			}
			for _, w := range wordMention.FindAllStringSubmatch(p.text, -1) {
				out = append(out, Mention{"broadcast", w[1], w[0]})
			}
		}
	}
	look(m.Text, m.LinkNames)
	walk(asAny(m.Blocks), func(b Block) {
		text, _ := b["text"].(string)
		switch b["type"] {
		case "mrkdwn":
			verbatim, _ := b["verbatim"].(bool)
			look(text, !verbatim)
		case "markdown":
			look(text, true)
		case "user":
			out = append(out, Mention{"user", str(b["user_id"]), "rich_text"})
		case "usergroup":
			out = append(out, Mention{"usergroup", str(b["usergroup_id"]), "rich_text"})
		case "broadcast":
			out = append(out, Mention{"broadcast", str(b["range"]), "rich_text"})
		}
	})
	for _, a := range m.Attachments {
		for _, field := range []string{"text", "pretext", "fallback"} {
			look(str(a[field]), true)
		}
		inner := Message{Blocks: asBlocks(a["blocks"])}
		out = append(out, EffectiveMentions(inner)...)
	}
	return out
}

var (
	wordMention = regexp.MustCompile(`(?:^|[^\p{L}\p{N}_])@(here|channel|everyone)\b`)
	bareURL     = regexp.MustCompile(`https?://[^\s<>|]+`)
)

func mentionOf(seq string) (Mention, bool) {
	body, _, _ := strings.Cut(strings.Trim(seq, "<>"), "|")
	switch {
	case strings.HasPrefix(body, "@"):
		return Mention{"user", body[1:], seq}, true
	case strings.HasPrefix(body, "!subteam^"):
		return Mention{"usergroup", strings.TrimPrefix(body, "!subteam^"), seq}, true
	case body == "!here", body == "!channel", body == "!everyone", body == "!group":
		return Mention{"broadcast", body[1:], seq}, true
	}
	return Mention{}, false
}

// EffectiveLinks are all addresses of a message that a person can open: in mrkdwn (bare ones too, unless it is verbatim), in rich
// text and on buttons.
func EffectiveLinks(m Message) []Link {
	var out []Link
	look := func(text string, bare bool) {
		for p := range sequenceParts(text) {
			if p.control {
				body, label, _ := strings.Cut(strings.Trim(p.text, "<>"), "|")
				if strings.Contains(body, ":") && !strings.ContainsAny(body[:1], "@#!") {
					out = append(out, Link{body, label, "mrkdwn"})
				}
				continue
			}
			if bare {
				for _, u := range bareURL.FindAllString(p.text, -1) {
					out = append(out, Link{u, "", "mrkdwn"})
				}
			}
		}
	}
	if len(m.Blocks) == 0 {
		look(m.Text, true)
	}
	walk(asAny(m.Blocks), func(b Block) {
		switch b["type"] {
		case "mrkdwn":
			verbatim, _ := b["verbatim"].(bool)
			look(str(b["text"]), !verbatim)
		case "markdown":
			look(str(b["text"]), true)
		case "link":
			out = append(out, Link{str(b["url"]), str(b["text"]), "rich_text"})
		case "button":
			if u := str(b["url"]); u != "" {
				label, _ := b["text"].(map[string]any)
				out = append(out, Link{u, str(label["text"]), "button"})
			}
		}
	})
	return out
}

// walk visits every object in a value, from outside to inside, lists in their order.
func walk(v any, f func(Block)) {
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			walk(x, f)
		}
	case map[string]any:
		f(v)
		for _, k := range []string{"text", "title", "fields", "elements", "accessory", "label", "hint", "element", "rows", "options"} {
			walk(v[k], f)
		}
	}
}

func asAny(blocks []Block) []any {
	out := make([]any, len(blocks))
	for i, b := range blocks {
		out[i] = b
	}
	return out
}

func asBlocks(v any) []Block {
	list, _ := v.([]any)
	var out []Block
	for _, x := range list {
		if m, ok := x.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}

func str(v any) string {
	s, _ := v.(string)
	return s
}
