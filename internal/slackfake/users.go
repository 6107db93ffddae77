package slackfake

func (s *Server) usersInfo(c *call) (map[string]any, *refusal) {
	u := s.users[c.text("user")]
	if u == nil {
		return nil, refuse("user_not_found")
	}
	profile := map[string]any{"real_name": u.RealName, "display_name": u.Name, "team": u.Team}
	for _, sc := range c.token.Scopes {
		if sc == "users:read.email" && u.Email != "" {
			profile["email"] = u.Email
		}
	}
	out := map[string]any{
		"id": u.ID, "team_id": u.Team, "name": u.Name, "deleted": u.Deleted, "profile": profile, "is_bot": u.Bot,
		"is_app_user": false, "updated": 1700000000,
	}
	// A deleted user has none of these.
	if !u.Deleted {
		out["real_name"], out["tz"], out["tz_offset"], out["tz_label"] = u.RealName, u.TZ, u.TZOffset, u.TZ
		out["is_admin"], out["is_owner"], out["is_primary_owner"] = u.Admin, false, false
		out["is_restricted"], out["is_ultra_restricted"] = u.Guest || u.OneRoom, u.OneRoom
		if c.flag("include_locale") && u.Locale != "" {
			out["locale"] = u.Locale
		}
	}
	if u.Stranger {
		out["is_stranger"] = true
	}
	return map[string]any{"user": out}, nil
}

func (s *Server) botsInfo(c *call) (map[string]any, *refusal) {
	if b := c.text("bot"); b != s.cfg.App.BotID {
		return nil, refuse("bot_not_found")
	}
	return map[string]any{"bot": map[string]any{
		"id": s.cfg.App.BotID, "deleted": false, "name": s.cfg.App.Name, "updated": 1700000000, "app_id": s.cfg.App.ID,
		"user_id": s.cfg.App.BotUser, "icons": map[string]any{},
	}}, nil
}

func (s *Server) usergroupsList(c *call) (map[string]any, *refusal) {
	if s.cfg.FreePlan {
		return nil, refuse("plan_upgrade_required")
	}
	list := []map[string]any{}
	for _, g := range s.groups {
		if g.Disabled && !c.flag("include_disabled") {
			continue
		}
		out := map[string]any{
			"id": g.ID, "team_id": s.cfg.Team.ID, "is_usergroup": true, "name": g.Name, "handle": g.Handle, "description": "",
			"is_external": false, "date_create": 1700000000, "date_update": 1700000000, "date_delete": 0,
			"created_by": "U0ADMIN", "user_count": len(g.Users), "prefs": map[string]any{"channels": []string{}, "groups": []string{}},
		}
		if g.Disabled {
			out["date_delete"] = 1700000001
		}
		if c.flag("include_users") {
			out["users"] = g.Users
		}
		list = append(list, out)
	}
	return map[string]any{"usergroups": list}, nil
}

func (s *Server) usergroupsUsersList(c *call) (map[string]any, *refusal) {
	if s.cfg.FreePlan {
		return nil, refuse("plan_upgrade_required")
	}
	for _, g := range s.groups {
		if g.ID == c.text("usergroup") && (!g.Disabled || c.flag("include_disabled")) {
			users := g.Users
			if users == nil {
				users = []string{}
			}
			return map[string]any{"users": users}, nil
		}
	}
	return nil, refuse("no_such_subteam")
}
