package slackfake

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

// Person acts in the workspace as one of its users.
type Person struct {
	s  *Server
	ID string
}

// User is the person with that id. A person whom the workspace does not have can do nothing.
func (s *Server) User(id string) *Person { return &Person{s, id} }

// act begins something that a person does, and refuses it where Slack's client would.
func (p *Person) act(kind, channelID string) (*Interaction, *channel) {
	in := p.s.newInteraction(p.ID, kind)
	u := p.s.users[p.ID]
	ch := p.s.channels[channelID]
	switch {
	case u == nil || u.Deleted:
		in.refuse("there is no such user here")
	case channelID != "" && ch == nil:
		in.refuse("there is no channel " + channelID)
	case ch != nil && !ch.has(p.ID):
		in.refuse(p.ID + " is not in " + ch.ID)
	case ch != nil && ch.Archived:
		in.refuse(ch.ID + " is archived")
	}
	return in, ch
}

func (p *Person) lock() func() {
	p.s.mu.Lock()
	return p.s.mu.Unlock
}

// DM is the channel id of the person's direct messages with the bot.
func (p *Person) DM() string {
	defer p.lock()()
	return p.s.direct(p.ID).ID
}

// Slash types the app's first slash command with this text.
func (p *Person) Slash(channel, text string) *Interaction {
	return p.SlashCommand(p.s.cfg.Commands[0].Name, channel, text)
}

// SlashCommand types a slash command. Slash commands do not exist in threads.
func (p *Person) SlashCommand(command, channel, text string) *Interaction {
	defer p.lock()()
	in, ch := p.act("slash", channel)
	if in.over {
		return in
	}
	s := p.s
	i := slices.IndexFunc(s.cfg.Commands, func(c Command) bool { return c.Name == command })
	if i < 0 {
		return in.refuse(command + " is not a valid command")
	}
	if s.cfg.Commands[i].Escape {
		text = s.mentionsIn(text, true)
	}
	in.Trigger = s.newTrigger(p.ID, "")
	u := s.users[p.ID]
	payload := map[string]any{
		"token": "deprecated", "team_id": u.Team, "team_domain": s.cfg.Team.Domain, "channel_id": ch.ID,
		"channel_name": ch.shownName(), "user_id": p.ID, "user_name": u.Name, "command": command, "text": text,
		"api_app_id": s.cfg.App.ID, "is_enterprise_install": "false", "trigger_id": in.Trigger,
		"response_url": s.newResponseURL(responseURL{channel: ch.ID, user: p.ID, kind: "commands"}),
	}
	in.on = func(ack json.RawMessage) string { return s.slashAck(ch, p.ID, ack) }
	s.ask(in, "slash_commands", true, payload)
	return in
}

// slashAck shows the message that an acknowledgement of a slash command carries.
func (s *Server) slashAck(ch *channel, user string, ack json.RawMessage) string {
	if len(ack) == 0 {
		return ""
	}
	v, err := decodeJSON(ack)
	m, ok := v.(map[string]any)
	if err != nil || !ok {
		s.blame("ack slash_commands", "the payload is no object")
		return "an invalid response"
	}
	a := args{m: m}
	body, no := s.readContent(a)
	if no != nil {
		s.blame("ack slash_commands", no.code+": "+strings.Join(no.messages, "; "))
		return no.code
	}
	if body.empty() {
		return ""
	}
	switch kind := a.text("response_type"); kind {
	case "in_channel":
		msg := s.own(body)
		s.add(ch, msg)
		s.announce(ch, msg)
	case "", "ephemeral":
		s.whisper(ch, user, "", body)
	default:
		s.blame("ack slash_commands", "response_type "+kind)
	}
	return ""
}

// Mention posts a message that begins with a mention of the bot. An empty thread is the channel itself.
func (p *Person) Mention(channel, thread, text string) *Interaction {
	defer p.lock()()
	return p.post("mention", channel, thread, "<@"+p.s.cfg.App.BotUser+"> "+p.s.typed(text))
}

// Post posts a message as a person types it: @name and #name become mentions where such a name exists, addresses become links,
// and the three control characters are escaped.
func (p *Person) Post(channel, thread, text string) *Interaction {
	defer p.lock()()
	return p.post("post", channel, thread, p.s.typed(text))
}

func (p *Person) post(kind, channel, thread, text string) *Interaction {
	in, ch := p.act(kind, channel)
	if in.over {
		return in
	}
	if thread != "" {
		if root := ch.live(thread); root == nil || root.Thread != "" {
			return in.refuse("there is no thread " + thread)
		}
	}
	s := p.s
	m := &Message{User: p.ID, Text: text, Thread: thread, clientID: s.id("client-"), Blocks: []Block{s.richText(text)}}
	s.add(ch, m)
	in.Message = m.Ref()
	in.pending = 1
	s.tell(ch, m, in)
	in.settle()
	return in
}

// Edit changes a message of the person.
func (p *Person) Edit(channel, ts, text string) *Interaction {
	return p.change("edit", channel, ts, func(ch *channelRef, m *Message) {
		before := copyOf(m)
		m.Text = p.s.typed(text)
		m.Blocks = []Block{p.s.richText(m.Text)}
		m.Edited, m.Edits, m.Version = true, m.Edits+1, p.s.bump()
		p.s.announceChange(ch, m, before)
	})
}

// Delete deletes a message, also one of the bot or of others, as an administrator may.
func (p *Person) Delete(channel, ts string) *Interaction {
	return p.change("delete", channel, ts, func(ch *channelRef, m *Message) { p.s.remove(ch, m) })
}

// channelRef keeps the parameter name channel free for ids.
type channelRef = channel

func (p *Person) change(kind, channelID, ts string, f func(*channelRef, *Message)) *Interaction {
	defer p.lock()()
	in, ch := p.act(kind, channelID)
	if in.over {
		return in
	}
	m := ch.live(ts)
	if m == nil {
		return in.refuse("there is no message " + ts)
	}
	f(ch, m)
	in.end(Outcome{Ended: Acked})
	return in
}

// React sets a reaction.
func (p *Person) React(channel, ts, name string) *Interaction {
	defer p.lock()()
	in, ch := p.act("react", channel)
	if in.over {
		return in
	}
	m := ch.live(ts)
	if m == nil {
		return in.refuse("there is no message " + ts)
	}
	in.pending = 1
	if no := p.s.react(ch, m, p.ID, name, in); no != nil {
		return in.refuse(no.code)
	}
	in.settle()
	return in
}

var (
	atName  = regexp.MustCompile(`[@#][\p{L}\p{N}._-]+`)
	address = regexp.MustCompile(`https?://[^\s<>|]*[^\s<>|.,;:!?)]`)
)

// typed is what Slack makes of typed text.
func (s *Server) typed(text string) string {
	text = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
	text = s.mentionsIn(text, false)
	return address.ReplaceAllString(text, "<$0>")
}

// mentionsIn replaces @name and #name. With labels they look as in a slash command.
func (s *Server) mentionsIn(text string, labels bool) string {
	return atName.ReplaceAllStringFunc(text, func(word string) string {
		name, label := word[1:], ""
		if labels {
			label = "|" + name
		}
		if word[0] == '@' {
			for _, id := range s.userIDs {
				if s.users[id].Name == name {
					return "<@" + id + label + ">"
				}
			}
			for _, g := range s.groups {
				if g.Handle == name {
					return "<!subteam^" + g.ID + label + ">"
				}
			}
			if !labels && (name == "here" || name == "channel" || name == "everyone") {
				return "<!" + name + ">"
			}
			return word
		}
		for _, id := range s.order {
			if c := s.channels[id]; c.Name == name && c.Direct == "" {
				return "<#" + id + "|" + name + ">"
			}
		}
		return word
	})
}

var sequence = regexp.MustCompile(`<[^<>]+>`)

// richText is the block that Slack's client sends with a typed message.
func (s *Server) richText(text string) Block {
	var list []any
	put := func(t string) {
		if t != "" {
			t = unescape(t)
			list = append(list, Block{"type": "text", "text": t})
		}
	}
	for at := range sequenceParts(text) {
		if !at.control {
			put(at.text)
			continue
		}
		body, label, _ := strings.Cut(at.text[1:len(at.text)-1], "|")
		switch {
		case strings.HasPrefix(body, "@"):
			list = append(list, Block{"type": "user", "user_id": body[1:]})
		case strings.HasPrefix(body, "#"):
			list = append(list, Block{"type": "channel", "channel_id": body[1:]})
		case strings.HasPrefix(body, "!subteam^"):
			list = append(list, Block{"type": "usergroup", "usergroup_id": strings.TrimPrefix(body, "!subteam^")})
		case strings.HasPrefix(body, "!"):
			list = append(list, Block{"type": "broadcast", "range": body[1:]})
		default:
			link := Block{"type": "link", "url": body}
			if label != "" {
				link["text"] = label
			}
			list = append(list, link)
		}
	}
	return Block{
		"type": "rich_text", "block_id": s.id("b"),
		"elements": []any{Block{"type": "rich_text_section", "elements": list}},
	}
}
