package slackfake

import (
	"slices"
	"strings"
)

// scopeOf tells which scope an event needs.
var scopeOf = map[string]string{
	"app_mention": "app_mentions:read", "message.channels": "channels:history", "message.groups": "groups:history",
	"message.im": "im:history", "reaction_added": "reactions:read", "reaction_removed": "reactions:read",
	"member_joined_channel": "channels:read", "member_left_channel": "channels:read", "channel_archive": "channels:read",
	"channel_unarchive": "channels:read", "channel_rename": "channels:read", "subteam_members_changed": "usergroups:read",
	"subteam_updated": "usergroups:read", "user_change": "users:read", "pin_added": "pins:read",
}

// subscribed is whether the app gets events of that name. The lock is held.
func (s *Server) subscribed(name string) bool {
	if !slices.Contains(s.cfg.Events, name) {
		return false
	}
	need := scopeOf[name]
	if need == "" {
		return true
	}
	for _, t := range s.tokens {
		if t.State == "" && strings.HasPrefix(t.Value, "xoxb-") && slices.Contains(t.Scopes, need) {
			return true
		}
	}
	return false
}

// wrap puts the outer event around an event.
func (s *Server) wrap(event map[string]any, id string) map[string]any {
	if id == "" {
		id = s.id("Ev")
	}
	return map[string]any{
		"token": "deprecated", "team_id": s.cfg.Team.ID, "context_team_id": s.cfg.Team.ID, "context_enterprise_id": nil,
		"api_app_id": s.cfg.App.ID, "type": "event_callback", "event_id": id, "event_time": s.now().Unix(),
		"event_context": "4-fake", "is_ext_shared_channel": false,
		"authorizations": []map[string]any{{
			"enterprise_id": nil, "team_id": s.cfg.Team.ID, "user_id": s.cfg.App.BotUser, "is_bot": true,
			"is_enterprise_install": false,
		}},
		"event": event,
	}
}

// emit delivers an event if the app is subscribed to it. The lock is held.
func (s *Server) emit(name string, event map[string]any, in *Interaction) {
	if !s.subscribed(name) {
		return
	}
	in.expect(1)
	id := s.id("Ev")
	s.deliver(&delivery{id: id, payload: s.wrap(event, id), asked: in})
}

// hears is whether the app gets events of that channel.
func (s *Server) hears(ch *channel) bool { return ch.has(s.cfg.App.BotUser) }

// messageEvent is the event of a new message.
func (s *Server) messageEvent(ch *channel, m *Message) map[string]any {
	ev := s.shape(ch, m, true)
	delete(ev, "reply_count")
	ev["channel"], ev["event_ts"], ev["channel_type"] = ch.ID, m.TS, ch.kind()
	if m.Broadcast {
		if root := ch.find(m.Thread); root != nil {
			ev["root"] = s.shape(ch, root, true)
		}
	}
	if len(m.Files) > 0 {
		ev["subtype"] = "file_share"
	}
	return ev
}

func messageName(ch *channel) string { return "message." + ch.family() }

// announce tells of a message that the bot posted, so that a bot that answers itself shows. The lock is held.
func (s *Server) announce(ch *channel, m *Message) { s.tell(ch, m, nil) }

// tell delivers the events of a new message, the mention and its twin among them. The lock is held.
func (s *Server) tell(ch *channel, m *Message, in *Interaction) {
	if !s.hears(ch) {
		return
	}
	if !m.Own && ch.Direct == "" && strings.Contains(m.Text, "<@"+s.cfg.App.BotUser+">") {
		ev := s.messageEvent(ch, m)
		delete(ev, "channel_type")
		delete(ev, "parent_user_id")
		ev["type"] = "app_mention"
		s.emit("app_mention", ev, in)
	}
	s.emit(messageName(ch), s.messageEvent(ch, m), in)
}

// announceChange tells of an edit. The lock is held.
func (s *Server) announceChange(ch *channel, m *Message, before Message) {
	if !s.hears(ch) {
		return
	}
	ts := s.stamp(ch)
	s.emit(messageName(ch), map[string]any{
		"type": "message", "subtype": "message_changed", "hidden": true, "channel": ch.ID, "channel_type": ch.kind(),
		"message": s.shape(ch, m, true), "previous_message": s.shape(ch, &before, true), "ts": ts, "event_ts": ts,
	}, nil)
}

// announceDeletion tells of a deletion. The lock is held.
func (s *Server) announceDeletion(ch *channel, before Message) {
	if !s.hears(ch) {
		return
	}
	ts := s.stamp(ch)
	s.emit(messageName(ch), map[string]any{
		"type": "message", "subtype": "message_deleted", "hidden": true, "channel": ch.ID, "channel_type": ch.kind(),
		"deleted_ts": before.TS, "previous_message": s.shape(ch, &before, true), "ts": ts, "event_ts": ts,
	}, nil)
}
