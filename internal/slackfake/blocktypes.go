package slackfake

import (
	"slices"
	"unicode/utf8"
)

// blocks checks a list of blocks.
func (c *checker) blocks(path string, list []any, high int) {
	c.blockIDs = map[string]bool{}
	if len(list) > high {
		c.bad(path, "no more than %d items allowed", high)
		return
	}
	for i, v := range list {
		at := path + "/" + itoa(i)
		b, ok := v.(map[string]any)
		if !ok {
			c.bad(at, "must be an object")
			continue
		}
		c.actions = map[string]bool{}
		if id, ok := c.str(at, b, "block_id", 1, 255, false); ok {
			if c.blockIDs[id] {
				c.bad(at+"/block_id", "block_id %q already exists", id)
			}
			c.blockIDs[id] = true
		}
		c.block(at, b)
	}
	if c.markdown > 12000 {
		c.bad(path, "markdown blocks must be less than 12001 characters together")
	}
	if c.table > 10000 {
		c.bad(path, "table cells must be less than 10001 characters together")
	}
	if c.focused > 1 {
		c.bad(path, "focus_on_load can only be set on one element")
	}
}

func (c *checker) block(path string, b map[string]any) {
	switch kind := str(b["type"]); kind {
	case "header":
		c.fields(path, b, "type", "block_id", "text", "level")
		c.text(path, b, "text", plainOnly, 1, 150, true)
		c.integer(path, b, "level", 1, 4)
	case "section":
		c.section(path, b)
	case "divider":
		c.fields(path, b, "type", "block_id")
	case "context":
		c.fields(path, b, "type", "block_id", "elements")
		for i, e := range c.list(path, b, "elements", 1, 10, true) {
			at := path + "/elements/" + itoa(i)
			if e["type"] == "image" {
				c.imageElement(at, e)
			} else {
				c.textObject(at, e, anyText, 1, 3000)
			}
		}
	case "actions":
		c.fields(path, b, "type", "block_id", "elements")
		for i, e := range c.list(path, b, "elements", 1, 25, true) {
			c.element(path+"/elements/"+itoa(i), e, inActions)
		}
	case "input":
		c.input(path, b)
	case "image":
		c.fields(path, b, "type", "block_id", "image_url", "alt_text", "title", "slack_file")
		c.image(path, b)
		c.text(path, b, "title", plainOnly, 1, 2000, false)
	case "rich_text":
		c.fields(path, b, "type", "block_id", "elements")
		c.richText(path, b)
	case "markdown":
		c.onlyIn(path, kind, "message")
		c.fields(path, b, "type", "block_id", "text")
		text, _ := c.str(path, b, "text", 1, 12000, true)
		c.markdown += utf8.RuneCountInString(text)
	case "table":
		c.onlyIn(path, kind, "message")
		c.tables++
		c.tableBlock(path, b)
	default:
		// Slack knows more types than these; a bot that means to be robust uses these alone.
		c.bad(path+"/type", "unsupported type: %s", kind)
	}
}

func (c *checker) onlyIn(path, kind string, surfaces ...string) {
	if !slices.Contains(surfaces, c.surface) {
		c.bad(path+"/type", "unsupported type: %s (in a %s)", kind, c.surface)
	}
}

func (c *checker) section(path string, b map[string]any) {
	c.fields(path, b, "type", "block_id", "text", "fields", "accessory", "expand")
	c.bools(path, b, "expand")
	if b["text"] == nil && b["fields"] == nil {
		c.bad(path, "missing required field: text")
	}
	c.text(path, b, "text", anyText, 1, 3000, false)
	for i, f := range c.list(path, b, "fields", 1, 10, false) {
		c.textObject(path+"/fields/"+itoa(i), f, anyText, 1, 2000)
	}
	if v := b["accessory"]; v != nil {
		e, ok := v.(map[string]any)
		if !ok {
			c.bad(path+"/accessory", "must provide an object")
			return
		}
		c.element(path+"/accessory", e, inSection)
	}
}

func (c *checker) input(path string, b map[string]any) {
	c.inputs = true
	c.fields(path, b, "type", "block_id", "label", "element", "hint", "optional", "dispatch_action")
	c.text(path, b, "label", plainOnly, 1, 2000, true)
	c.text(path, b, "hint", plainOnly, 1, 2000, false)
	c.bools(path, b, "optional", "dispatch_action")
	e, ok := b["element"].(map[string]any)
	if !ok {
		c.bad(path, "missing required field: element")
		return
	}
	c.element(path+"/element", e, inInput)
}

func (c *checker) image(path string, b map[string]any) {
	c.str(path, b, "alt_text", 1, 2000, true)
	file, hasFile := b["slack_file"].(map[string]any)
	switch {
	case hasFile:
		c.fields(path+"/slack_file", file, "id", "url")
	case b["image_url"] == nil:
		c.bad(path, "missing required field: image_url")
	default:
		c.web(path, b, "image_url", true, "http", "https")
	}
}

func (c *checker) imageElement(path string, e map[string]any) {
	c.fields(path, e, "type", "image_url", "alt_text", "slack_file")
	c.image(path, e)
}

func (c *checker) tableBlock(path string, b map[string]any) {
	c.fields(path, b, "type", "block_id", "rows", "column_settings")
	for i, col := range c.list(path, b, "column_settings", 0, 20, false) {
		at := path + "/column_settings/" + itoa(i)
		c.fields(at, col, "align", "is_wrapped")
		c.oneOf(at, col, "align", "left", "center", "right", "")
		c.bools(at, col, "is_wrapped")
	}
	rows, ok := b["rows"].([]any)
	if !ok || len(rows) == 0 {
		c.bad(path, "missing required field: rows")
		return
	}
	if len(rows) > 100 {
		c.bad(path+"/rows", "no more than 100 items allowed")
	}
	for i, r := range rows {
		at := path + "/rows/" + itoa(i)
		cells, ok := r.([]any)
		switch {
		case !ok || len(cells) == 0:
			c.bad(at, "no less than 1 items allowed")
			continue
		case len(cells) > 20:
			c.bad(at, "no more than 20 items allowed")
		}
		for j, v := range cells {
			cell, _ := v.(map[string]any)
			c.cell(at+"/"+itoa(j), cell)
		}
	}
}

func (c *checker) cell(path string, cell map[string]any) {
	switch str(cell["type"]) {
	case "raw_text":
		c.fields(path, cell, "type", "text")
		text, _ := c.str(path, cell, "text", 1, 3000, true)
		c.table += utf8.RuneCountInString(text)
	case "raw_number":
		c.fields(path, cell, "type", "value", "text")
	case "rich_text":
		c.fields(path, cell, "type", "elements")
		c.richText(path, cell)
		walk(cell, func(o Block) {
			if t, ok := o["text"].(string); ok {
				c.table += utf8.RuneCountInString(t)
			}
		})
	default:
		c.bad(path+"/type", "must be one of: raw_text, raw_number, rich_text")
	}
}
