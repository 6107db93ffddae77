package slackfake

import (
	"regexp"
	"slices"
)

var emojiName = regexp.MustCompile(`^[a-z0-9_+'-]+(?:::skin-tone-[2-6])?$`)

// marked finds the message that a reaction or a pin is for. The lock is held.
func (s *Server) marked(c *call) (*channel, *Message, *refusal) {
	ch := s.channels[c.text("channel")]
	switch {
	case ch == nil, ch.Private && !ch.has(s.cfg.App.BotUser):
		return nil, nil, refuse("channel_not_found")
	case !ch.has(s.cfg.App.BotUser):
		return nil, nil, refuse("not_in_channel")
	case ch.Archived:
		return nil, nil, refuse("is_archived")
	}
	m := ch.live(c.text("timestamp"))
	if m == nil {
		return nil, nil, refuse("message_not_found")
	}
	return ch, m, nil
}

func (s *Server) reactionsAdd(c *call) (map[string]any, *refusal) {
	ch, m, no := s.marked(c)
	if no == nil {
		no = s.react(ch, m, s.cfg.App.BotUser, c.text("name"), nil)
	}
	if no != nil {
		return nil, no
	}
	return map[string]any{}, nil
}

// react sets a reaction and tells the bot, also of its own. The lock is held.
func (s *Server) react(ch *channel, m *Message, user, name string, in *Interaction) *refusal {
	if !emojiName.MatchString(name) {
		return faulty("invalid_name", name)
	}
	i := slices.IndexFunc(m.Reactions, func(r Reaction) bool { return r.Name == name })
	switch {
	case i < 0 && len(m.Reactions) >= 23:
		return refuse("too_many_emoji")
	case i < 0:
		m.Reactions = append(m.Reactions, Reaction{name, []string{user}})
	case slices.Contains(m.Reactions[i].Users, user):
		return refuse("already_reacted")
	default:
		m.Reactions[i].Users = append(m.Reactions[i].Users, user)
	}
	m.Version = s.bump()
	if s.hears(ch) {
		s.emit("reaction_added", map[string]any{
			"type": "reaction_added", "user": user, "reaction": name, "item_user": m.User,
			"item":     map[string]any{"type": "message", "channel": ch.ID, "ts": m.TS},
			"event_ts": s.stamp(ch),
		}, in)
	}
	return nil
}

func (s *Server) pinsAdd(c *call) (map[string]any, *refusal) {
	ch, m, no := s.marked(c)
	switch {
	case no != nil:
		return nil, no
	case m.Pinned:
		return nil, refuse("already_pinned")
	case pins(ch) >= 100:
		return nil, refuse("too_many_pins")
	}
	m.Pinned, m.Version = true, s.bump()
	return map[string]any{}, nil
}
