package slackfake

import (
	"regexp"
	"slices"
)

var (
	userID    = regexp.MustCompile(`^[UW][A-Z0-9]+$`)
	groupID   = regexp.MustCompile(`^S[A-Z0-9]+$`)
	channelID = regexp.MustCompile(`^[CGD][A-Z0-9]+$`)
	dateToken = regexp.MustCompile(`\{([^{}]*)\}`)
)

// dateTokens are the tokens of a date's format.
var dateTokens = []string{
	"date_num", "date", "date_short", "date_long", "date_pretty", "date_short_pretty", "date_long_pretty", "date_long_full",
	"time", "time_secs", "ago", "day_divider_pretty",
}

func (c *checker) richText(path string, b map[string]any) {
	for i, e := range c.list(path, b, "elements", 1, 1000, true) {
		at := path + "/elements/" + itoa(i)
		switch kind := str(e["type"]); kind {
		case "rich_text_section":
			c.fields(at, e, "type", "elements")
			c.inline(at, e, false)
		case "rich_text_quote":
			c.fields(at, e, "type", "elements", "border")
			c.integer(at, e, "border", 0, 1)
			c.inline(at, e, false)
		case "rich_text_preformatted":
			c.fields(at, e, "type", "elements", "border", "language")
			c.integer(at, e, "border", 0, 1)
			c.inline(at, e, true)
		case "rich_text_list":
			c.fields(at, e, "type", "elements", "style", "indent", "border", "offset")
			if e["style"] == nil {
				c.bad(at, "missing required field: style")
			}
			c.oneOf(at, e, "style", "bullet", "ordered")
			c.integer(at, e, "indent", 0, 8)
			c.integer(at, e, "border", 0, 1)
			c.integer(at, e, "offset", 0, 1<<30)
			for j, item := range c.list(at, e, "elements", 1, 1000, true) {
				to := at + "/elements/" + itoa(j)
				if item["type"] != "rich_text_section" {
					c.bad(to+"/type", "must be one of: rich_text_section")
					continue
				}
				c.fields(to, item, "type", "elements")
				c.inline(to, item, false)
			}
		default:
			c.bad(at+"/type", "unsupported type: %s", kind)
		}
	}
}

// inline checks the pieces of a line. Preformatted text has plain text and links alone.
func (c *checker) inline(path string, m map[string]any, preformatted bool) {
	for i, e := range c.list(path, m, "elements", 1, 1000, true) {
		at := path + "/elements/" + itoa(i)
		kind := str(e["type"])
		if preformatted && kind != "text" && kind != "link" {
			c.bad(at+"/type", "unsupported type: %s", kind)
			continue
		}
		if e["style"] != nil {
			c.style(at+"/style", e["style"])
		}
		switch kind {
		case "text":
			c.fields(at, e, "type", "text", "style")
			c.str(at, e, "text", 1, 1<<20, true)
		case "link":
			c.fields(at, e, "type", "url", "text", "style", "unsafe")
			c.web(at, e, "url", true, "http", "https", "mailto", "tel", "slack")
			c.str(at, e, "text", 1, 3000, false)
			c.bools(at, e, "unsafe")
		case "user":
			c.fields(at, e, "type", "user_id", "style")
			c.id(at, e, "user_id", userID)
		case "usergroup":
			c.fields(at, e, "type", "usergroup_id", "style")
			c.id(at, e, "usergroup_id", groupID)
		case "channel":
			c.fields(at, e, "type", "channel_id", "style")
			c.id(at, e, "channel_id", channelID)
		case "emoji":
			c.fields(at, e, "type", "name", "unicode", "skin_tone", "style", "url")
			c.id(at, e, "name", emojiName)
		case "broadcast":
			c.fields(at, e, "type", "range", "style")
			if e["range"] == nil {
				c.bad(at, "missing required field: range")
			}
			c.oneOf(at, e, "range", "here", "channel", "everyone")
		case "date":
			c.date(at, e)
		default:
			c.bad(at+"/type", "unsupported type: %s", kind)
		}
	}
}

func (c *checker) id(path string, e map[string]any, key string, form *regexp.Regexp) {
	if v, ok := c.str(path, e, key, 1, 255, true); ok && !form.MatchString(v) {
		c.bad(path+"/"+key, "invalid %s", key)
	}
}

func (c *checker) style(path string, v any) {
	m, ok := v.(map[string]any)
	if !ok {
		c.bad(path, "must provide an object")
		return
	}
	names := []string{"bold", "italic", "strike", "code", "underline", "highlight", "client_highlight", "unlink"}
	c.fields(path, m, names...)
	c.bools(path, m, names...)
}

func (c *checker) date(path string, e map[string]any) {
	c.fields(path, e, "type", "timestamp", "format", "url", "fallback", "style")
	if n, ok := asInt(e["timestamp"]); !ok || n <= 0 {
		c.bad(path+"/timestamp", "must be a Unix time in seconds")
	}
	if e["url"] != nil {
		c.web(path, e, "url", false, "http", "https")
	}
	format, _ := c.str(path, e, "format", 1, 3000, true)
	tokens := dateToken.FindAllStringSubmatch(format, -1)
	if len(tokens) == 0 {
		c.bad(path+"/format", "must hold a token such as {date_short}")
	}
	for _, t := range tokens {
		if !slices.Contains(dateTokens, t[1]) {
			c.bad(path+"/format", "unknown token {%s}", t[1])
		}
	}
	c.str(path, e, "fallback", 1, 3000, false)
}
