package slackfake

import (
	"slices"
	"unicode/utf8"
)

// Ephemeral is a message that one person alone sees, and that no method of the API can reach again.
type Ephemeral struct {
	Message
	For   string `json:"for"`
	Shown bool   `json:"shown"` // false: in a thread that does not exist yet; nobody sees it
}

func (s *Server) chatPostEphemeral(c *call) (map[string]any, *refusal) {
	ch, no := s.where(c)
	if no != nil {
		return nil, no
	}
	if ch.Archived {
		return nil, refuse("is_archived")
	}
	user := s.users[c.text("user")]
	if user == nil || user.Deleted || !ch.has(user.ID) {
		return nil, refuse("user_not_in_channel")
	}
	if utf8.RuneCountInString(c.text("text")) > maxText {
		return nil, faulty("msg_too_long")
	}
	body, no := s.readContent(c.args)
	if no != nil {
		return nil, no
	}
	if body.empty() {
		return nil, faulty("no_text")
	}
	e := s.whisper(ch, user.ID, c.text("thread_ts"), body)
	return map[string]any{"message_ts": e.TS}, nil
}

// whisper keeps an ephemeral message. The lock is held.
func (s *Server) whisper(ch *channel, user, thread string, body content) *Ephemeral {
	m := s.own(body)
	m.Metadata = nil
	m.Channel, m.TS, m.Thread, m.At = ch.ID, s.stamp(ch), thread, s.now()
	m.Version = s.bump()
	e := &Ephemeral{Message: *m, For: user, Shown: true}
	if thread != "" {
		root := ch.live(thread)
		e.Shown = root != nil && root.Replies > 0
	}
	s.ephemera = keep(append(s.ephemera, e), s.cfg.Limits.Keep)
	return e
}

func (s *Server) ephemeral(channel, ts, user string) *Ephemeral {
	i := slices.IndexFunc(s.ephemera, func(e *Ephemeral) bool {
		return e.Channel == channel && e.TS == ts && e.For == user && !e.Deleted
	})
	if i < 0 {
		return nil
	}
	return s.ephemera[i]
}
