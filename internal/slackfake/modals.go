package slackfake

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// input is a question of a modal.
type input struct {
	block, action string
	element       Block
	optional      bool
}

func inputsOf(blocks []Block) []input {
	var out []input
	for _, b := range blocks {
		if e, ok := b["element"].(map[string]any); ok && b["type"] == "input" {
			optional, _ := b["optional"].(bool)
			out = append(out, input{str(b["block_id"]), str(e["action_id"]), e, optional})
		}
	}
	return out
}

// Submit fills a modal in and sends it. Values go by block_id or action_id; several choices are separated by commas. What is left
// out keeps what was typed before, or its initial value. Slack's client checks what it checks: required inputs, lengths, options.
func (p *Person) Submit(viewID string, values map[string]string) *Interaction {
	defer p.lock()()
	in, _ := p.act("submit", "")
	s := p.s
	v := s.views[viewID]
	switch {
	case in.over:
		return in
	case v == nil || v.User != p.ID || v.Closed:
		return in.refuse("the person does not see the view " + viewID)
	case s.stacks[p.ID][len(s.stacks[p.ID])-1] != viewID:
		return in.refuse("another view lies on top of " + viewID)
	case v.Submit == "" && len(inputsOf(v.Blocks)) == 0:
		return in.refuse("the view has nothing to submit")
	}
	if why := s.fill(v, values); why != "" {
		return in.refuse(why)
	}
	v.Errors, v.Trouble = nil, ""
	v.Version = s.bump()
	in.Trigger = s.newTrigger(p.ID, viewID)
	payload := s.interactionHead("view_submission", p.ID, in.Trigger)
	payload["view"], payload["response_urls"] = s.viewShape(v), []any{}
	in.on = func(ack json.RawMessage) string { return s.viewAck(v, ack) }
	s.ask(in, "interactive", true, payload)
	return in
}

// fill puts a person's answers into a view.
func (s *Server) fill(v *View, values map[string]string) string {
	left := map[string]bool{}
	for k := range values {
		left[k] = true
	}
	if v.Values == nil {
		v.Values = map[string]map[string]any{}
	}
	for _, in := range inputsOf(v.Blocks) {
		text, given := values[in.block]
		delete(left, in.block)
		if !given {
			text, given = values[in.action]
			delete(left, in.action)
		}
		var obj map[string]any
		switch kept := v.Values[in.block][in.action].(type) {
		case map[string]any:
			obj = kept
		default:
			obj = initialValue(in.element)
		}
		if given {
			var why string
			if obj, why = valueObject(s, in.element, text); why != "" {
				return in.block + ": " + why
			}
		}
		if !in.optional && blank(obj) {
			return in.block + ": please complete this required field"
		}
		v.Values[in.block] = map[string]any{in.action: obj}
	}
	for k := range left {
		return "the view has no input " + k
	}
	return ""
}

// blank is whether a value object holds no value.
func blank(obj map[string]any) bool {
	for k, x := range obj {
		if k == "type" {
			continue
		}
		switch x := x.(type) {
		case nil:
		case []any:
			if len(x) > 0 {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// CloseView closes a modal without sending it; with clearAll the whole stack.
func (p *Person) CloseView(viewID string, clearAll bool) *Interaction {
	defer p.lock()()
	in, _ := p.act("close", "")
	s := p.s
	v := s.views[viewID]
	if in.over {
		return in
	}
	if v == nil || v.User != p.ID || v.Closed || v.Type != "modal" {
		return in.refuse("the person does not see the view " + viewID)
	}
	clearAll = clearAll || v.ClearOnClose
	if clearAll {
		s.pop(s.views[s.stacks[p.ID][0]])
	} else {
		s.pop(v)
	}
	if !v.NotifyOnClose {
		in.end(Outcome{Ended: Acked})
		return in
	}
	payload := s.interactionHead("view_closed", p.ID, "")
	shape := s.viewShape(v)
	shape["state"] = map[string]any{"values": map[string]any{}}
	payload["view"], payload["is_cleared"] = shape, clearAll
	s.ask(in, "interactive", false, payload)
	return in
}

// valueObject is what an element says after a person put a value into it.
func valueObject(s *Server, el Block, value string) (map[string]any, string) {
	kind := str(el["type"])
	obj := map[string]any{"type": kind}
	switch kind {
	case "button":
	case "plain_text_input", "email_text_input", "url_text_input", "number_input":
		n := utf8.RuneCountInString(value)
		if low, ok := asInt(el["min_length"]); ok && n < low {
			return nil, fmt.Sprintf("at least %d characters", low)
		}
		if high, ok := asInt(el["max_length"]); n > 3000 || ok && n > high {
			return nil, "too many characters"
		}
		if el["multiline"] != true && strings.Contains(value, "\n") {
			return nil, "a single line has no line break"
		}
		obj["value"] = value
		if value == "" {
			obj["value"] = nil
		}
	case "static_select", "radio_buttons", "overflow":
		opt := optionOf(el, value)
		if opt == nil {
			return nil, "there is no option " + value
		}
		obj["selected_option"] = opt
	case "multi_static_select", "checkboxes":
		list := []any{}
		for v := range strings.SplitSeq(value, ",") {
			if v == "" {
				continue
			}
			opt := optionOf(el, v)
			if opt == nil {
				return nil, "there is no option " + v
			}
			list = append(list, opt)
		}
		obj["selected_options"] = list
	case "users_select":
		if s.users[value] == nil {
			return nil, "there is no user " + value
		}
		obj["selected_user"] = value
	case "multi_users_select":
		list := []any{}
		for v := range strings.SplitSeq(value, ",") {
			if s.users[v] == nil {
				return nil, "there is no user " + v
			}
			list = append(list, v)
		}
		obj["selected_users"] = list
	case "conversations_select", "channels_select":
		if s.channels[value] == nil {
			return nil, "there is no channel " + value
		}
		obj["selected_"+strings.TrimSuffix(strings.TrimSuffix(kind, "s_select"), "_select")] = value
	case "datepicker":
		obj["selected_date"] = value
	case "timepicker":
		obj["selected_time"] = value
	case "datetimepicker":
		obj["selected_date_time"] = json.Number(value)
	default:
		return nil, "the fake does not know how to use a " + kind
	}
	return obj, ""
}

func optionsOf(el Block) []Block {
	out := asBlocks(el["options"])
	for _, g := range asBlocks(el["option_groups"]) {
		out = append(out, asBlocks(g["options"])...)
	}
	return out
}

func optionOf(el Block, value string) Block {
	for _, o := range optionsOf(el) {
		if o["value"] == value {
			return o
		}
	}
	return nil
}

// initialValue is the value of an element that nobody touched.
func initialValue(el Block) map[string]any {
	kind := str(el["type"])
	obj := map[string]any{"type": kind}
	for from, to := range map[string]string{
		"initial_value": "value", "initial_option": "selected_option", "initial_options": "selected_options",
		"initial_user": "selected_user", "initial_users": "selected_users", "initial_conversation": "selected_conversation",
		"initial_channel": "selected_channel", "initial_date": "selected_date", "initial_time": "selected_time",
		"initial_date_time": "selected_date_time",
	} {
		if v := el[from]; v != nil {
			obj[to] = v
		}
	}
	if len(obj) > 1 {
		return obj
	}
	switch {
	case strings.HasSuffix(kind, "_input"):
		obj["value"] = nil
	case slices.Contains([]string{"static_select", "radio_buttons"}, kind):
		obj["selected_option"] = nil
	case slices.Contains([]string{"multi_static_select", "checkboxes"}, kind):
		obj["selected_options"] = []any{}
	case kind == "users_select":
		obj["selected_user"] = nil
	case kind == "multi_users_select":
		obj["selected_users"] = []any{}
	case kind == "datepicker":
		obj["selected_date"] = nil
	}
	return obj
}

// initialValues is the state of a message's elements; the fake's people choose and are done, so nothing is kept.
func initialValues(blocks []Block) map[string]any {
	out := map[string]any{}
	for _, e := range interactive(blocks) {
		if kind := str(e.Block["type"]); kind == "button" || kind == "overflow" {
			continue
		}
		of, _ := out[e.block].(map[string]any)
		if of == nil {
			of = map[string]any{}
			out[e.block] = of
		}
		of[str(e.Block["action_id"])] = initialValue(e.Block)
	}
	return out
}

func stampOf(t time.Time) string {
	us := t.UnixMicro()
	return fmt.Sprintf("%d.%06d", us/1e6, us%1e6)
}
