package slackfake

import (
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
)

// seen finds a channel that the bot may know of: its own, and public ones. The lock is held.
func (s *Server) seen(c *call, verb string) (*channel, *refusal) {
	ch := s.channels[c.text("channel")]
	if c.text("channel") == "" {
		return nil, faulty("invalid_arguments", "missing required field: channel")
	}
	if ch == nil || (!ch.has(s.cfg.App.BotUser) && (ch.Private || ch.Direct != "")) {
		return nil, refuse("channel_not_found")
	}
	return ch, s.needs(c, ch.family()+":"+verb)
}

func (s *Server) channelShape(ch *channel, members bool) map[string]any {
	out := map[string]any{
		"id": ch.ID, "is_channel": ch.kind() == "channel", "is_group": ch.kind() == "group", "is_im": ch.kind() == "im",
		"is_private": ch.Private || ch.Direct != "", "is_archived": ch.Archived, "created": 1700000000,
		"is_member": ch.has(s.cfg.App.BotUser), "context_team_id": s.cfg.Team.ID,
	}
	if ch.Direct != "" {
		out["user"] = ch.Direct
	} else {
		out["name"], out["name_normalized"] = ch.Name, ch.Name
	}
	if members {
		out["num_members"] = len(ch.Members)
	}
	return out
}

func (s *Server) conversationsInfo(c *call) (map[string]any, *refusal) {
	ch, no := s.seen(c, "read")
	if no != nil {
		return nil, no
	}
	return map[string]any{"channel": s.channelShape(ch, c.flag("include_num_members"))}, nil
}

func (s *Server) conversationsList(c *call) (map[string]any, *refusal) {
	types := []string{"public_channel"}
	if t := c.text("types"); t != "" {
		types = strings.Split(t, ",")
	}
	kinds := map[string]string{"public_channel": "channel", "private_channel": "group", "im": "im", "mpim": "mpim"}
	var want []string
	for _, t := range types {
		kind, ok := kinds[t]
		if !ok {
			return nil, faulty("invalid_types", t)
		}
		scope := map[string]string{"channel": "channels:read", "group": "groups:read", "im": "im:read", "mpim": "mpim:read"}[kind]
		if no := s.needs(c, scope); no != nil {
			return nil, no
		}
		want = append(want, kind)
	}
	var list []map[string]any
	for _, id := range s.order {
		ch := s.channels[id]
		if !slices.Contains(want, ch.kind()) || ch.Archived && c.flag("exclude_archived") {
			continue
		}
		if (ch.Private || ch.Direct != "") && !ch.has(s.cfg.App.BotUser) {
			continue
		}
		list = append(list, s.channelShape(ch, true))
	}
	part, cursor, no := page(c, list, 100)
	if no != nil {
		return nil, no
	}
	return map[string]any{"channels": part, "response_metadata": cursor}, nil
}

func (s *Server) conversationsMembers(c *call) (map[string]any, *refusal) {
	ch, no := s.seen(c, "read")
	if no != nil {
		return nil, no
	}
	part, cursor, no := page(c, slices.Clone(ch.Members), 100)
	if no != nil {
		return nil, no
	}
	return map[string]any{"members": part, "response_metadata": cursor}, nil
}

func (s *Server) conversationsJoin(c *call) (map[string]any, *refusal) {
	ch := s.channels[c.text("channel")]
	switch {
	case ch == nil:
		return nil, refuse("channel_not_found")
	case ch.Private || ch.Direct != "":
		return nil, refuse("method_not_supported_for_channel_type")
	case ch.Archived:
		return nil, refuse("is_archived")
	}
	if ch.has(s.cfg.App.BotUser) {
		c.warn = "already_in_channel"
	} else {
		s.join(ch, s.cfg.App.BotUser)
	}
	return map[string]any{"channel": s.channelShape(ch, false)}, nil
}

func (s *Server) conversationsOpen(c *call) (map[string]any, *refusal) {
	users := strings.Split(c.text("users"), ",")
	if c.text("users") == "" {
		return nil, faulty("invalid_arguments", "users is needed")
	}
	if len(users) != 1 {
		return nil, faulty("too_many_users", "this workspace has no group direct messages")
	}
	u := s.users[users[0]]
	switch {
	case u == nil:
		return nil, refuse("user_not_found")
	case u.Deleted:
		return nil, refuse("user_disabled")
	case u.Bot:
		return nil, refuse("cannot_dm_bot")
	}
	ch := s.direct(u.ID)
	out := map[string]any{"id": ch.ID}
	if c.flag("return_im") {
		out = s.channelShape(ch, false)
	}
	return map[string]any{"channel": out}, nil
}

// page cuts a list by limit and cursor. Cursors are opaque.
func page[T any](c *call, list []T, otherwise int) ([]T, map[string]any, *refusal) {
	limit, ok := c.number("limit", otherwise)
	if !ok || limit < 0 || limit > 999 {
		return nil, nil, faulty("invalid_limit", c.text("limit"))
	}
	if limit == 0 {
		limit = otherwise
	}
	from := 0
	if cur := c.text("cursor"); cur != "" {
		raw, err := base64.StdEncoding.DecodeString(cur)
		n, found := strings.CutPrefix(string(raw), "next:")
		at, err2 := strconv.Atoi(n)
		if err != nil || err2 != nil || !found || at < 0 || at > len(list) {
			return nil, nil, faulty("invalid_cursor")
		}
		from = at
	}
	to := min(from+limit, len(list))
	next := ""
	if to < len(list) {
		next = base64.StdEncoding.EncodeToString([]byte("next:" + strconv.Itoa(to)))
	}
	part := list[from:to]
	if part == nil {
		part = []T{}
	}
	return part, map[string]any{"next_cursor": next}, nil
}
