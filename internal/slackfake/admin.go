package slackfake

import "slices"

// join makes somebody a member and tells the bot. The lock is held.
func (s *Server) join(ch *channel, user string) {
	if ch.has(user) {
		return
	}
	ch.Members = append(ch.Members, user)
	s.bump()
	if s.hears(ch) {
		team := s.cfg.Team.ID
		if u := s.users[user]; u != nil {
			team = u.Team
		}
		s.emit("member_joined_channel", map[string]any{
			"type": "member_joined_channel", "user": user, "channel": ch.ID, "channel_type": ch.kind()[:1], "team": team,
			"event_ts": s.stamp(ch),
		}, nil)
	}
}

// Invite makes somebody a member of a channel.
func (s *Server) Invite(channel, user string) {
	s.inChannel(channel, func(ch *channelRef) { s.join(ch, user) })
}

// Kick ends somebody's membership.
func (s *Server) Kick(channel, user string) {
	s.inChannel(channel, func(ch *channelRef) {
		heard := s.hears(ch)
		ch.Members = slices.DeleteFunc(ch.Members, func(u string) bool { return u == user })
		if heard {
			s.emit("member_left_channel", map[string]any{
				"type": "member_left_channel", "user": user, "channel": ch.ID, "channel_type": ch.kind()[:1],
				"event_ts": s.stamp(ch),
			}, nil)
		}
	})
}

// Archive archives a channel, or takes it out of the archive.
func (s *Server) Archive(channel string, yes bool) {
	s.inChannel(channel, func(ch *channelRef) {
		ch.Archived = yes
		name := "channel_archive"
		if !yes {
			name = "channel_unarchive"
		}
		if s.hears(ch) {
			s.emit(name, map[string]any{"type": name, "channel": ch.ID, "user": "U0ADMIN", "event_ts": s.stamp(ch)}, nil)
		}
	})
}

func (s *Server) inChannel(id string, f func(*channelRef)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ch := s.channels[id]; ch != nil {
		f(ch)
		s.bump()
	}
}

// ChangeUser changes what the workspace knows of somebody, for example that he left.
func (s *Server) ChangeUser(id string, f func(*User)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if u := s.users[id]; u != nil {
		f(u)
		s.bump()
	}
}

// SetGroup changes who is in a user group, and tells the bot.
func (s *Server) SetGroup(id string, users ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.groups {
		if g.ID != id {
			continue
		}
		var added, removed []string
		for _, u := range users {
			if !slices.Contains(g.Users, u) {
				added = append(added, u)
			}
		}
		for _, u := range g.Users {
			if !slices.Contains(users, u) {
				removed = append(removed, u)
			}
		}
		g.Users = slices.Clone(users)
		s.bump()
		s.emit("subteam_members_changed", map[string]any{
			"type": "subteam_members_changed", "subteam_id": id, "team_id": s.cfg.Team.ID, "date_previous_update": 1700000000,
			"date_update": s.now().Unix(), "added_users": added, "added_users_count": len(added), "removed_users": removed,
			"removed_users_count": len(removed), "event_ts": stampOf(s.now()),
		}, nil)
	}
}

// SetToken changes a token: its scopes, or the error that it gets from now on (token_revoked, account_inactive). An empty state
// makes it valid again; nil scopes stay as they are.
func (s *Server) SetToken(value, state string, scopes []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tokens[value]
	if t == nil {
		return
	}
	t.State = state
	if scopes != nil {
		t.Scopes = slices.Clone(scopes)
	}
}
