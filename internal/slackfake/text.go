package slackfake

import (
	"strings"
)

// VisibleText is what a person reads in a message, from top to bottom, without styles: mentions as @U…, emoji as :name:, buttons
// as [label]. Without blocks it is the text.
func VisibleText(m Message) string {
	if len(m.Blocks) == 0 {
		return mrkdwnText(m.Text)
	}
	return BlocksText(m.Blocks)
}

// BlocksText is VisibleText of blocks, for example of a view.
func BlocksText(blocks []Block) string {
	var lines []string
	for _, b := range blocks {
		if line := blockText(b); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

func blockText(b Block) string {
	var parts []string
	put := func(text string) {
		if text != "" {
			parts = append(parts, text)
		}
	}
	switch b["type"] {
	case "divider":
		return "---"
	case "rich_text":
		for _, e := range asBlocks(b["elements"]) {
			put(richLine(e))
		}
	case "markdown":
		put(str(b["text"]))
	case "table":
		rows, _ := b["rows"].([]any)
		for _, r := range rows {
			var cells []string
			for _, c := range asBlocks(r) {
				if c["type"] == "rich_text" {
					cells = append(cells, blockText(c))
				} else {
					cells = append(cells, str(c["text"]))
				}
			}
			put(strings.Join(cells, " | "))
		}
	case "actions":
		var labels []string
		for _, e := range asBlocks(b["elements"]) {
			labels = append(labels, elementText(e))
		}
		put(strings.Join(labels, " "))
	default:
		put(objectText(b["text"]))
		put(objectText(b["label"]))
		for _, f := range asBlocks(b["fields"]) {
			put(objectText(f))
		}
		for _, e := range asBlocks(b["elements"]) {
			put(objectText(e))
		}
		if e, ok := b["accessory"].(map[string]any); ok {
			put(elementText(e))
		}
		put(objectText(b["hint"]))
	}
	return strings.Join(parts, "\n")
}

func elementText(e Block) string {
	if e["type"] == "image" {
		return str(e["alt_text"])
	}
	label := objectText(e["text"])
	if label == "" {
		label = objectText(e["placeholder"])
	}
	return "[" + label + "]"
}

// objectText is the text of a text object.
func objectText(v any) string {
	o, _ := v.(map[string]any)
	switch o["type"] {
	case "mrkdwn":
		return mrkdwnText(str(o["text"]))
	case "plain_text":
		return str(o["text"])
	case "image":
		return str(o["alt_text"])
	}
	return ""
}

func richLine(e Block) string {
	if e["type"] == "rich_text_list" {
		var items []string
		for _, it := range asBlocks(e["elements"]) {
			items = append(items, "• "+richLine(it))
		}
		return strings.Join(items, "\n")
	}
	var b strings.Builder
	for _, p := range asBlocks(e["elements"]) {
		switch p["type"] {
		case "text":
			b.WriteString(str(p["text"]))
		case "link":
			if t := str(p["text"]); t != "" {
				b.WriteString(t)
			} else {
				b.WriteString(str(p["url"]))
			}
		case "user":
			b.WriteString("@" + str(p["user_id"]))
		case "usergroup":
			b.WriteString("@" + str(p["usergroup_id"]))
		case "broadcast":
			b.WriteString("@" + str(p["range"]))
		case "channel":
			b.WriteString("#" + str(p["channel_id"]))
		case "emoji":
			b.WriteString(":" + str(p["name"]) + ":")
		case "date":
			b.WriteString(str(p["fallback"]))
		}
	}
	return strings.TrimRight(b.String(), "\n")
}

// mrkdwnText shows control sequences as a client would.
func mrkdwnText(text string) string {
	var b strings.Builder
	for p := range sequenceParts(text) {
		if !p.control {
			b.WriteString(unescape(p.text))
			continue
		}
		body, label, labelled := strings.Cut(strings.Trim(p.text, "<>"), "|")
		switch {
		case labelled && !strings.HasPrefix(body, "@"):
			b.WriteString(unescape(label))
		case strings.HasPrefix(body, "!subteam^"):
			b.WriteString("@" + strings.TrimPrefix(body, "!subteam^"))
		case strings.HasPrefix(body, "!"):
			b.WriteString("@" + body[1:])
		default:
			b.WriteString(unescape(body))
		}
	}
	return b.String()
}
