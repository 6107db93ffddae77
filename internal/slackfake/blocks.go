package slackfake

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// checker checks Block Kit as Slack does: by code points, with the place of each mistake as a JSON pointer.
type checker struct {
	surface  string // message, modal, home
	errs     []string
	blockIDs map[string]bool
	actions  map[string]bool // action ids of the block at hand
	markdown int
	table    int // characters
	tables   int
	focused  int
	inputs   bool
}

// checkMessage checks a message's blocks and returns them as Slack keeps them, with the block ids that were missing.
func (s *Server) checkMessage(blocks []Block) ([]Block, *refusal) {
	c := &checker{surface: "message"}
	c.blocks("/blocks", asAny(blocks), maxBlocks)
	if len(c.errs) > 0 {
		return nil, faulty("invalid_blocks", c.errs...)
	}
	if c.tables > 1 {
		return nil, faulty("invalid_attachments", "only_one_table_allowed")
	}
	// The limit on all blocks together is not documented. Others measured about 13200 characters of JSON. A table is sent apart
	// and has a limit of its own.
	size := 0
	for _, b := range blocks {
		if b["type"] != "table" {
			size += utf8.RuneCount(encode(b))
		}
	}
	if size > s.cfg.Limits.Blocks {
		return nil, faulty("msg_blocks_too_long", fmt.Sprintf("%d characters of blocks", size))
	}
	return s.parsed(blocks), nil
}

// checkView checks a view and returns its blocks.
func (s *Server) checkView(v map[string]any, kind string) ([]Block, []string) {
	c := &checker{surface: kind}
	if kind == "home" {
		c.fields("/view", v, "type", "blocks", "private_metadata", "callback_id", "external_id")
	} else {
		c.fields("/view", v, "type", "title", "blocks", "close", "submit", "private_metadata", "callback_id", "clear_on_close",
			"notify_on_close", "external_id", "submit_disabled")
		c.text("/view", v, "title", plainOnly, 1, 24, true)
		c.text("/view", v, "submit", plainOnly, 1, 24, false)
		c.text("/view", v, "close", plainOnly, 1, 24, false)
		c.bools("/view", v, "clear_on_close", "notify_on_close", "submit_disabled")
	}
	c.str("/view", v, "private_metadata", 0, 3000, false)
	c.str("/view", v, "callback_id", 0, 255, false)
	c.str("/view", v, "external_id", 0, 255, false)
	list, ok := v["blocks"].([]any)
	if !ok || len(list) == 0 {
		c.bad("/view", "missing required field: blocks")
		return nil, c.errs
	}
	c.blocks("/view/blocks", list, 100)
	if kind == "modal" && c.inputs && v["submit"] == nil {
		c.bad("/view/submit", "a modal with an input block needs submit")
	}
	if len(c.errs) > 0 {
		return nil, c.errs
	}
	return s.parsed(asBlocks(v["blocks"])), nil
}

// parsed copies blocks and adds what Slack adds: block ids, and the defaults of text objects.
func (s *Server) parsed(blocks []Block) []Block {
	out := make([]Block, len(blocks))
	for i, b := range blocks {
		c, _ := clone(b).(map[string]any)
		if str(c["block_id"]) == "" && c["type"] != "markdown" {
			c["block_id"] = s.id("b")
		}
		// Slack does not keep the block_id of a markdown block.
		if c["type"] == "markdown" {
			delete(c, "block_id")
		}
		walk(c, func(o Block) {
			_, isText := o["text"].(string)
			switch {
			case isText && o["type"] == "mrkdwn" && o["verbatim"] == nil:
				o["verbatim"] = false
			case isText && o["type"] == "plain_text" && o["emoji"] == nil:
				o["emoji"] = true
			case interactiveType(str(o["type"])) && str(o["action_id"]) == "":
				o["action_id"] = s.id("a")
			}
		})
		out[i] = c
	}
	return out
}

func clone(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, x := range v {
			out[k] = clone(x)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = clone(x)
		}
		return out
	}
	return v
}

func (c *checker) bad(path, format string, args ...any) {
	c.errs = append(c.errs, fmt.Sprintf(format, args...)+" [json-pointer:"+path+"]")
}

// fields refuses what Slack does not know there.
func (c *checker) fields(path string, m map[string]any, known ...string) {
	for k := range m {
		if !slices.Contains(known, k) {
			c.bad(path, "invalid additional property: %s", k)
		}
	}
}

// str checks a string by its length in code points.
func (c *checker) str(path string, m map[string]any, key string, low, high int, needed bool) (string, bool) {
	v, ok := m[key]
	if !ok || v == nil {
		if needed {
			c.bad(path, "missing required field: %s", key)
		}
		return "", false
	}
	s, ok := v.(string)
	if !ok {
		c.bad(path+"/"+key, "must provide a string")
		return "", false
	}
	switch n := utf8.RuneCountInString(s); {
	case n < low:
		c.bad(path+"/"+key, "must be more than %d characters", low-1)
	case n > high:
		c.bad(path+"/"+key, "must be less than %d characters", high+1)
	}
	if !utf8.ValidString(s) {
		c.bad(path+"/"+key, "is no UTF-8")
	}
	return s, true
}

func (c *checker) bools(path string, m map[string]any, keys ...string) {
	for _, k := range keys {
		if v, ok := m[k]; ok && v != nil {
			if _, ok := v.(bool); !ok {
				c.bad(path+"/"+k, "must be a boolean")
			}
		}
	}
}

func (c *checker) oneOf(path string, m map[string]any, key string, allowed ...string) {
	if v, ok := m[key]; ok && v != nil && !slices.Contains(allowed, str(v)) {
		c.bad(path+"/"+key, "must be one of: %s", strings.Join(allowed, ", "))
	}
}

func asInt(v any) (int, bool) {
	n, ok := v.(json.Number)
	if !ok {
		return 0, false
	}
	i, err := strconv.Atoi(n.String())
	return i, err == nil
}

func (c *checker) integer(path string, m map[string]any, key string, low, high int) {
	v, ok := m[key]
	if !ok || v == nil {
		return
	}
	if n, ok := asInt(v); !ok || n < low || n > high {
		c.bad(path+"/"+key, "must be a number from %d to %d", low, high)
	}
}

// web checks an address.
func (c *checker) web(path string, m map[string]any, key string, needed bool, schemes ...string) {
	s, ok := c.str(path, m, key, 1, 3000, needed)
	if !ok {
		return
	}
	u, err := url.Parse(s)
	if err != nil || !slices.Contains(schemes, u.Scheme) || strings.ContainsAny(s, " \t\n<>|") ||
		(u.Host == "" && strings.HasPrefix(u.Scheme, "http")) {
		c.bad(path+"/"+key, "invalid url")
	}
}

type textKind int

const (
	plainOnly textKind = iota
	anyText
)

// text checks a text object.
func (c *checker) text(path string, m map[string]any, key string, kind textKind, low, high int, needed bool) {
	v, ok := m[key]
	if !ok || v == nil {
		if needed {
			c.bad(path, "missing required field: %s", key)
		}
		return
	}
	c.textObject(path+"/"+key, v, kind, low, high)
}

func (c *checker) textObject(path string, v any, kind textKind, low, high int) {
	o, ok := v.(map[string]any)
	if !ok {
		c.bad(path, "must provide an object")
		return
	}
	switch t := str(o["type"]); {
	case t == "plain_text":
		c.fields(path, o, "type", "text", "emoji")
		c.bools(path, o, "emoji")
	case t == "mrkdwn" && kind == anyText:
		c.fields(path, o, "type", "text", "verbatim")
		c.bools(path, o, "verbatim")
	case kind == plainOnly:
		c.bad(path+"/type", "must be one of: plain_text")
	default:
		c.bad(path+"/type", "must be one of: mrkdwn, plain_text")
	}
	c.str(path, o, "text", low, high, true)
}

// list checks that a field is a list of objects of a certain length.
func (c *checker) list(path string, m map[string]any, key string, low, high int, needed bool) []map[string]any {
	v, ok := m[key]
	if !ok || v == nil {
		if needed {
			c.bad(path, "missing required field: %s", key)
		}
		return nil
	}
	items, ok := v.([]any)
	if !ok {
		c.bad(path+"/"+key, "must be an array")
		return nil
	}
	if len(items) < low {
		c.bad(path+"/"+key, "no less than %d items allowed", low)
	}
	if len(items) > high {
		c.bad(path+"/"+key, "no more than %d items allowed", high)
	}
	out := make([]map[string]any, 0, len(items))
	for i, it := range items {
		o, ok := it.(map[string]any)
		if !ok {
			c.bad(path+"/"+key+"/"+itoa(i), "must be an object")
			o = map[string]any{}
		}
		out = append(out, o)
	}
	return out
}
