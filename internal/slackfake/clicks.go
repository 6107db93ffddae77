package slackfake

import (
	"encoding/json"
	"maps"
	"slices"
)

// element is an interactive element and the block that it stands in.
type element struct {
	block string
	Block
}

// interactive lists the elements of blocks that a person can use.
func interactive(blocks []Block) []element {
	var out []element
	for _, b := range blocks {
		id := str(b["block_id"])
		switch b["type"] {
		case "actions":
			for _, e := range asBlocks(b["elements"]) {
				out = append(out, element{id, e})
			}
		case "section":
			if e, ok := b["accessory"].(map[string]any); ok && e["type"] != "image" {
				out = append(out, element{id, e})
			}
		case "input":
			if e, ok := b["element"].(map[string]any); ok && b["dispatch_action"] == true {
				out = append(out, element{id, e})
			}
		}
	}
	return out
}

func findElement(blocks []Block, actionID string) (element, bool) {
	for _, e := range interactive(blocks) {
		if e.Block["action_id"] == actionID {
			return e, true
		}
	}
	return element{}, false
}

// Click presses a button of a message, also of an ephemeral one. A button that asks for a confirmation is confirmed. A button with
// an address opens it (Interaction.URL) and is told to the bot all the same, as Slack does. What is not there cannot be clicked.
func (p *Person) Click(channel, ts, actionID string) *Interaction {
	return p.use(channel, ts, actionID, "")
}

// Choose picks a value in a select, an overflow menu, radio buttons or a date picker of a message: the option's value, or the id
// of a user, a channel or a conversation.
func (p *Person) Choose(channel, ts, actionID, value string) *Interaction {
	return p.use(channel, ts, actionID, value)
}

func (p *Person) use(channelID, ts, actionID, value string) *Interaction {
	defer p.lock()()
	in, ch := p.act("click", channelID)
	if in.over {
		return in
	}
	s := p.s
	m := ch.live(ts)
	eph := s.ephemeral(channelID, ts, p.ID)
	if m == nil && eph == nil {
		return in.refuse("there is no message " + ts)
	}
	if m == nil {
		m = &eph.Message
	}
	if !m.Own {
		return in.refuse("the message is not the bot's")
	}
	el, ok := findElement(m.Blocks, actionID)
	if !ok {
		return in.refuse("there is no " + actionID + " on the message")
	}
	container := map[string]any{
		"type": "message", "message_ts": m.TS, "channel_id": ch.ID, "is_ephemeral": eph != nil,
	}
	if m.Thread != "" {
		container["thread_ts"] = m.Thread
	}
	payload := map[string]any{
		"container": container,
		"channel":   map[string]any{"id": ch.ID, "name": ch.shownName()},
		"state":     map[string]any{"values": initialValues(m.Blocks)},
		"response_url": s.newResponseURL(responseURL{
			channel: ch.ID, user: p.ID, kind: "actions", ts: m.TS, thread: m.Thread, ephemeral: eph != nil,
		}),
	}
	if eph == nil {
		payload["message"] = s.shape(ch, m, true)
	}
	return p.press(in, el, value, "", payload)
}

// ClickIn presses a button in a modal or a home tab.
func (p *Person) ClickIn(viewID, actionID string) *Interaction { return p.useIn(viewID, actionID, "") }

// ChooseIn is Choose in a modal or a home tab.
func (p *Person) ChooseIn(viewID, actionID, value string) *Interaction {
	return p.useIn(viewID, actionID, value)
}

func (p *Person) useIn(viewID, actionID, value string) *Interaction {
	defer p.lock()()
	in, _ := p.act("click", "")
	v := p.s.views[viewID]
	switch {
	case in.over:
		return in
	case v == nil || v.User != p.ID || v.Closed:
		return in.refuse("the person does not see the view " + viewID)
	}
	el, ok := findElement(v.Blocks, actionID)
	if !ok {
		return in.refuse("there is no " + actionID + " in the view")
	}
	return p.press(in, el, value, viewID, map[string]any{
		"container": map[string]any{"type": "view", "view_id": v.ID}, "view": p.s.viewShape(v),
	})
}

// press sends block_actions for an element.
func (p *Person) press(in *Interaction, el element, value, viewID string, payload map[string]any) *Interaction {
	s := p.s
	in.URL = str(el.Block["url"])
	in.Confirm = el.Block["confirm"] != nil
	chosen, why := valueObject(s, el.Block, value)
	if why != "" {
		return in.refuse(why)
	}
	action := maps.Clone(chosen)
	for _, k := range []string{"action_id", "text", "value", "style"} {
		if v := el.Block[k]; v != nil && (k == "action_id" || el.Block["type"] == "button") {
			action[k] = v
		}
	}
	action["block_id"] = el.block
	action["action_ts"] = stampOf(s.now())
	in.Trigger = s.newTrigger(p.ID, viewID)
	maps.Copy(payload, s.interactionHead("block_actions", p.ID, in.Trigger))
	payload["actions"] = []any{action}
	in.on = func(ack json.RawMessage) string {
		if len(ack) > 0 {
			s.blame("ack block_actions", "a payload in the acknowledgement of a click, which Slack ignores")
		}
		return ""
	}
	s.ask(in, "interactive", true, payload)
	return in
}

// interactionHead is what all interactive payloads have in common.
func (s *Server) interactionHead(kind, user, trigger string) map[string]any {
	u := s.users[user]
	head := map[string]any{
		"type": kind, "api_app_id": s.cfg.App.ID, "token": "deprecated", "enterprise": nil, "is_enterprise_install": false,
		"user": map[string]any{"id": user, "username": u.Name, "name": u.Name, "team_id": u.Team},
		"team": map[string]any{"id": s.cfg.Team.ID, "domain": s.cfg.Team.Domain},
	}
	if trigger != "" {
		head["trigger_id"] = trigger
	}
	return head
}

// GlobalShortcut starts a shortcut from anywhere.
func (p *Person) GlobalShortcut(callbackID string) *Interaction {
	defer p.lock()()
	in, _ := p.act("shortcut", "")
	if in.over {
		return in
	}
	s := p.s
	in.Trigger = s.newTrigger(p.ID, "")
	payload := s.interactionHead("shortcut", p.ID, in.Trigger)
	payload["callback_id"], payload["action_ts"] = callbackID, stampOf(s.now())
	// Slack leaves out the name there.
	payload["user"] = map[string]any{"id": p.ID, "username": s.users[p.ID].Name, "team_id": s.users[p.ID].Team}
	s.ask(in, "interactive", false, payload)
	return in
}

// SelectShortcut starts a message shortcut from the menu of a message.
func (p *Person) SelectShortcut(channel, ts, callbackID string) *Interaction {
	defer p.lock()()
	in, ch := p.act("shortcut", channel)
	if in.over {
		return in
	}
	s := p.s
	m := ch.live(ts)
	if m == nil {
		return in.refuse("there is no message " + ts)
	}
	in.Trigger = s.newTrigger(p.ID, "")
	payload := s.interactionHead("message_action", p.ID, in.Trigger)
	payload["callback_id"], payload["action_ts"], payload["message_ts"] = callbackID, stampOf(s.now()), m.TS
	payload["channel"] = map[string]any{"id": ch.ID, "name": ch.shownName()}
	payload["message"] = s.shape(ch, m, true)
	payload["response_url"] = s.newResponseURL(responseURL{channel: ch.ID, user: p.ID, kind: "app", ts: m.TS, thread: m.Thread})
	s.ask(in, "interactive", false, payload)
	return in
}

// OpenHome opens the app's home tab.
func (p *Person) OpenHome() *Interaction {
	defer p.lock()()
	in, _ := p.act("home", "")
	if in.over {
		return in
	}
	s := p.s
	ev := map[string]any{
		"type": "app_home_opened", "user": p.ID, "channel": s.direct(p.ID).ID, "tab": "home", "event_ts": stampOf(s.now()),
	}
	if v := s.views[s.homes[p.ID]]; v != nil {
		ev["view"] = s.viewShape(v)
	}
	in.pending = 1
	s.emit("app_home_opened", ev, in)
	in.settle()
	return in
}

func sortedValues(m map[string]string) []string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, m[k])
	}
	return out
}
