package slackfake

import (
	"fmt"
	"slices"
	"strings"
)

// place is where an element stands.
type place string

const (
	inSection place = "section"
	inActions place = "actions"
	inInput   place = "input"
)

// elementPlaces tells where each element may stand.
var elementPlaces = map[string][]place{
	"button":               {inSection, inActions},
	"overflow":             {inSection, inActions},
	"image":                {inSection},
	"static_select":        {inSection, inActions, inInput},
	"users_select":         {inSection, inActions, inInput},
	"conversations_select": {inSection, inActions, inInput},
	"channels_select":      {inSection, inActions, inInput},
	"multi_static_select":  {inSection, inInput},
	"multi_users_select":   {inSection, inInput},
	"datepicker":           {inSection, inActions, inInput},
	"timepicker":           {inSection, inActions, inInput},
	"datetimepicker":       {inActions, inInput},
	"checkboxes":           {inSection, inActions, inInput},
	"radio_buttons":        {inSection, inActions, inInput},
	"plain_text_input":     {inInput},
	"email_text_input":     {inInput},
	"url_text_input":       {inInput},
	"number_input":         {inInput},
}

// interactiveType is whether elements of that type have an action_id.
func interactiveType(kind string) bool { return kind != "image" && elementPlaces[kind] != nil }

func (c *checker) element(path string, e map[string]any, where place) {
	kind := str(e["type"])
	if !slices.Contains(elementPlaces[kind], where) {
		c.bad(path+"/type", "unsupported type: %s", kind)
		return
	}
	if kind == "image" {
		c.imageElement(path, e)
		return
	}
	if id, ok := c.str(path, e, "action_id", 1, 255, false); ok {
		if c.actions[id] {
			c.bad(path+"/action_id", "action_id %q already exists in this block", id)
		}
		c.actions[id] = true
	}
	if e["confirm"] != nil {
		c.confirm(path+"/confirm", e["confirm"])
	}
	c.bools(path, e, "focus_on_load")
	if e["focus_on_load"] == true {
		c.focused++
	}
	c.text(path, e, "placeholder", plainOnly, 1, 150, false)
	known := []string{"type", "action_id"}
	switch kind {
	case "button":
		c.button(path, e)
		return
	case "overflow":
		c.fields(path, e, append(known, "options", "confirm")...)
		c.options(path, e, 1, 5, true)
	case "static_select", "multi_static_select":
		c.fields(path, e, append(known, "placeholder", "options", "option_groups", "initial_option", "initial_options", "confirm",
			"focus_on_load", "max_selected_items")...)
		c.choices(path, e)
	case "users_select", "multi_users_select", "conversations_select", "channels_select":
		c.fields(path, e, append(known, "placeholder", "initial_user", "initial_users", "initial_conversation", "initial_channel",
			"confirm", "focus_on_load", "max_selected_items", "default_to_current_conversation", "response_url_enabled", "filter")...)
		c.str(path, e, "initial_user", 1, 255, false)
	case "checkboxes", "radio_buttons":
		c.fields(path, e, append(known, "options", "initial_option", "initial_options", "confirm", "focus_on_load")...)
		c.options(path, e, 1, 10, false)
		c.initial(path, e)
	case "datepicker", "timepicker", "datetimepicker":
		c.fields(path, e, append(known, "placeholder", "initial_date", "initial_time", "initial_date_time", "timezone", "confirm",
			"focus_on_load")...)
	default:
		c.textInput(path, e, kind, known)
	}
}

func (c *checker) button(path string, e map[string]any) {
	c.fields(path, e, "type", "action_id", "text", "url", "value", "style", "confirm", "accessibility_label")
	c.text(path, e, "text", plainOnly, 1, 75, true)
	c.str(path, e, "value", 1, 2000, false)
	c.str(path, e, "accessibility_label", 1, 75, false)
	if e["url"] != nil {
		c.web(path, e, "url", false, "http", "https")
	}
	c.oneOf(path, e, "style", "primary", "danger")
}

func (c *checker) confirm(path string, v any) {
	m, ok := v.(map[string]any)
	if !ok {
		c.bad(path, "must provide an object")
		return
	}
	c.fields(path, m, "title", "text", "confirm", "deny", "style")
	c.text(path, m, "title", plainOnly, 1, 100, true)
	c.text(path, m, "text", plainOnly, 1, 300, true)
	c.text(path, m, "confirm", plainOnly, 1, 30, true)
	c.text(path, m, "deny", plainOnly, 1, 30, true)
	c.oneOf(path, m, "style", "primary", "danger")
}

// choices checks options and option groups of a select.
func (c *checker) choices(path string, e map[string]any) {
	c.integer(path, e, "max_selected_items", 1, 100)
	if (e["options"] == nil) == (e["option_groups"] == nil) {
		c.bad(path, "must provide either options or option_groups")
		return
	}
	if e["options"] != nil {
		c.options(path, e, 1, 100, false)
	}
	for i, g := range c.list(path, e, "option_groups", 1, 100, false) {
		at := path + "/option_groups/" + itoa(i)
		c.fields(at, g, "label", "options")
		c.text(at, g, "label", plainOnly, 1, 75, true)
		c.options(at, g, 1, 100, false)
	}
	c.initial(path, e)
}

// initial checks that what is chosen at first is one of the options.
func (c *checker) initial(path string, e map[string]any) {
	values := make([]string, 0, 8)
	for _, o := range optionsOf(e) {
		values = append(values, str(o["value"]))
	}
	if o, ok := e["initial_option"].(map[string]any); ok && !slices.Contains(values, str(o["value"])) {
		c.bad(path+"/initial_option", "must be one of the provided options")
	}
	for i, o := range c.list(path, e, "initial_options", 1, 100, false) {
		if !slices.Contains(values, str(o["value"])) {
			c.bad(path+"/initial_options/"+itoa(i), "must be one of the provided options")
		}
	}
}

func (c *checker) options(path string, m map[string]any, low, high int, urls bool) {
	seen := map[string]bool{}
	for i, o := range c.list(path, m, "options", low, high, true) {
		at := fmt.Sprintf("%s/options/%d", path, i)
		known := []string{"text", "value", "description"}
		if urls {
			known = append(known, "url")
			if o["url"] != nil {
				c.web(at, o, "url", false, "http", "https")
			}
		}
		c.fields(at, o, known...)
		kind := plainOnly
		if t := str(m["type"]); t == "checkboxes" || t == "radio_buttons" {
			kind = anyText
		}
		c.text(at, o, "text", kind, 1, 75, true)
		c.text(at, o, "description", kind, 1, 75, false)
		// 150 in the current documentation, 75 in older ones: 75 is what surely works.
		v, _ := c.str(at, o, "value", 1, 75, true)
		if seen[v] {
			c.bad(at+"/value", "duplicate value %q", v)
		}
		seen[v] = true
	}
}

func (c *checker) textInput(path string, e map[string]any, kind string, known []string) {
	known = append(known, "placeholder", "initial_value", "focus_on_load", "dispatch_action_config")
	switch kind {
	case "plain_text_input":
		c.fields(path, e, append(known, "multiline", "min_length", "max_length")...)
		c.bools(path, e, "multiline")
		c.integer(path, e, "min_length", 0, 3000)
		c.integer(path, e, "max_length", 1, 3000)
		low, _ := asInt(e["min_length"])
		high, given := asInt(e["max_length"])
		if given && low > high {
			c.bad(path+"/min_length", "must be less than max_length")
		}
		if !given || high > 3000 {
			high = 3000
		}
		c.str(path, e, "initial_value", 0, high, false)
		if e["multiline"] != true && strings.Contains(str(e["initial_value"]), "\n") {
			c.bad(path+"/initial_value", "a single line has no line break")
		}
	case "number_input":
		c.fields(path, e, append(known, "is_decimal_allowed", "min_value", "max_value")...)
		if _, ok := e["is_decimal_allowed"].(bool); !ok {
			c.bad(path, "missing required field: is_decimal_allowed")
		}
	default:
		c.fields(path, e, known...)
		c.str(path, e, "initial_value", 0, 3000, false)
	}
}
