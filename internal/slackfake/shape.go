package slackfake

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// shape is a message as the API shows it. Without full metadata there is its event_type alone. The lock is held.
func (s *Server) shape(ch *channel, m *Message, fullMetadata bool) map[string]any {
	team := s.cfg.Team.ID
	if u := s.users[m.User]; u != nil {
		team = u.Team
	}
	out := map[string]any{"type": "message", "user": m.User, "text": m.Text, "ts": m.TS, "team": team}
	if m.Own {
		app := s.cfg.App
		out["bot_id"], out["app_id"] = app.BotID, app.ID
		out["bot_profile"] = map[string]any{
			"id": app.BotID, "app_id": app.ID, "name": app.Name, "team_id": s.cfg.Team.ID, "updated": 1, "deleted": false,
			"icons": map[string]any{},
		}
	} else if m.clientID != "" {
		out["client_msg_id"] = m.clientID
	}
	if len(m.Blocks) > 0 {
		out["blocks"] = m.Blocks
	}
	if len(m.Attachments) > 0 {
		out["attachments"] = m.Attachments
	}
	if m.Thread != "" {
		out["thread_ts"] = m.Thread
		if root := ch.find(m.Thread); root != nil {
			out["parent_user_id"] = root.User
		}
	}
	if m.Broadcast {
		out["subtype"] = "thread_broadcast"
	}
	if m.Replies > 0 {
		list := ch.repliesTo(m.TS)
		var users []string
		for _, r := range list {
			if !slices.Contains(users, r.User) {
				users = append(users, r.User)
			}
		}
		out["thread_ts"], out["reply_count"], out["reply_users"] = m.TS, len(list), users
		out["reply_users_count"] = len(users)
		if len(list) > 0 {
			out["latest_reply"] = list[len(list)-1].TS
		}
	}
	if m.Edited {
		out["edited"] = map[string]any{"user": m.User, "ts": m.TS}
	}
	if m.Metadata != nil {
		md := map[string]any{"event_type": m.Metadata.EventType}
		if fullMetadata {
			md["event_payload"] = m.Metadata.Payload
		}
		out["metadata"] = md
	}
	if len(m.Reactions) > 0 {
		list := make([]map[string]any, len(m.Reactions))
		for i, r := range m.Reactions {
			list[i] = map[string]any{"name": r.Name, "users": slices.Clone(r.Users), "count": len(r.Users)}
		}
		out["reactions"] = list
	}
	if m.Pinned {
		out["pinned_to"] = []string{ch.ID}
	}
	if len(m.Files) > 0 {
		out["files"] = m.Files
	}
	if m.Deleted {
		out["subtype"], out["text"], out["user"], out["hidden"] = "tombstone", "This message was deleted.", "USLACKBOT", true
		delete(out, "blocks")
		delete(out, "attachments")
		delete(out, "metadata")
		delete(out, "bot_id")
	}
	return out
}

var (
	control = regexp.MustCompile(`^<(?:[@#!][^<>]+|(?:https?|mailto|tel|slack)[:][^<>\s|]+(?:\|[^<>]*)?)>`)
	entity  = regexp.MustCompile(`^&(?:amp|lt|gt);`)
)

// clean is Slack's parsing of a text: control sequences stay, other <, > and & are escaped.
func clean(text string) string {
	if !strings.ContainsAny(text, "<>&") {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		switch text[i] {
		case '<':
			if seq := control.FindString(text[i:]); seq != "" {
				b.WriteString(seq)
				i += len(seq)
				continue
			}
			b.WriteString("&lt;")
		case '>':
			// A line that begins with > is a quotation.
			if i == 0 || text[i-1] == '\n' {
				b.WriteByte('>')
			} else {
				b.WriteString("&gt;")
			}
		case '&':
			if seq := entity.FindString(text[i:]); seq != "" {
				b.WriteString(seq)
				i += len(seq)
				continue
			}
			b.WriteString("&amp;")
		default:
			b.WriteByte(text[i])
		}
		i++
	}
	return b.String()
}

// cut keeps the first n characters.
func cut(text string, n int) string {
	if utf8.RuneCountInString(text) <= n {
		return text
	}
	return string([]rune(text)[:n])
}

func itoa(n int) string { return strconv.Itoa(n) }
