package slackfake

import (
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	maxText   = 40000
	maxUpdate = 4000
	maxBlocks = 50
)

// where finds the channel that the bot writes to. A person's id means the direct message with the bot.
func (s *Server) where(c *call) (*channel, *refusal) {
	id := c.text("channel")
	if id == "" {
		return nil, faulty("invalid_arguments", "missing required field: channel")
	}
	if u := s.users[id]; u != nil {
		if u.Deleted || u.ID == s.cfg.App.BotUser {
			return nil, refuse("channel_not_found")
		}
		if u.Bot {
			return nil, refuse("cannot_dm_bot")
		}
		return s.direct(id), nil
	}
	ch := s.channels[id]
	if ch == nil {
		return nil, refuse("channel_not_found")
	}
	if !ch.has(s.cfg.App.BotUser) {
		if ch.Private || ch.Direct != "" {
			return nil, refuse("channel_not_found")
		}
		if !slices.Contains(c.token.Scopes, "chat:write.public") || c.method != "chat.postMessage" {
			return nil, refuse("not_in_channel")
		}
	}
	return ch, nil
}

// content is what a message says.
type content struct {
	text        string
	blocks      []Block
	attachments []Block
	metadata    *Metadata

	hasText, hasBlocks, hasAttachments, hasMetadata bool
}

// readContent checks text, blocks, attachments and metadata of a message.
func (s *Server) readContent(a args) (content, *refusal) {
	var m content
	m.hasText = a.has("text")
	m.text = clean(a.text("text"))
	blocks, present, err := a.objects("blocks")
	if err != nil {
		return m, faulty("invalid_blocks_format", err.Error())
	}
	m.hasBlocks = present
	if md := a.text("markdown_text"); md != "" {
		if m.text != "" || len(blocks) > 0 {
			return m, faulty("markdown_text_conflict")
		}
		if utf8.RuneCountInString(md) > 12000 {
			return m, faulty("msg_too_long", "markdown_text is over 12000 characters")
		}
		blocks = []Block{{"type": "markdown", "text": md}}
		m.hasBlocks = true
	}
	if len(blocks) > 0 {
		parsed, no := s.checkMessage(blocks)
		if no != nil {
			return m, no
		}
		m.blocks = parsed
	}
	m.attachments, m.hasAttachments, err = a.objects("attachments")
	if err != nil {
		return m, faulty("invalid_attachments", err.Error())
	}
	if len(m.attachments) > 100 {
		return m, faulty("too_many_attachments")
	}
	for i, at := range m.attachments {
		inner, present, err := args{m: at}.objects("blocks")
		if err != nil {
			return m, faulty("invalid_attachments", err.Error())
		}
		if present && len(inner) > 0 {
			if _, no := s.checkMessage(inner); no != nil {
				return m, faulty("invalid_attachments", append(no.messages, "attachment "+itoa(i))...)
			}
		}
	}
	var no *refusal
	m.metadata, m.hasMetadata, no = s.readMetadata(a)
	return m, no
}

func (m content) empty() bool {
	return strings.TrimSpace(m.text) == "" && len(m.blocks) == 0 && len(m.attachments) == 0
}

func (s *Server) chatPostMessage(c *call) (map[string]any, *refusal) {
	ch, no := s.where(c)
	if no != nil {
		return nil, no
	}
	if ch.Archived {
		return nil, refuse("is_archived")
	}
	body, no := s.readContent(c.args)
	if no != nil {
		return nil, no
	}
	if body.empty() {
		return nil, faulty("no_text")
	}
	thread, no := s.threadFor(c, ch)
	if no != nil {
		return nil, no
	}
	m := s.own(body)
	m.Text = cut(m.Text, maxText)
	m.Thread = thread
	m.Broadcast = thread != "" && c.flag("reply_broadcast")
	m.LinkNames = c.flag("link_names") || c.text("parse") == "full"
	s.add(ch, m)
	if k := m.Key(); k != "" {
		s.posted[k] = append(s.posted[k], m.Ref())
	}
	s.announce(ch, m)
	return map[string]any{"channel": ch.ID, "ts": m.TS, "message": s.shape(ch, m, true)}, nil
}

// own is a message of the bot that stands nowhere yet.
func (s *Server) own(body content) *Message {
	return &Message{
		User: s.cfg.App.BotUser, Own: true, Text: body.text, Blocks: body.blocks, Attachments: body.attachments,
		Metadata: body.metadata,
	}
}

// threadFor finds the thread that a post asks for. A parent that was deleted makes an ordinary message of the reply, with ok.
func (s *Server) threadFor(c *call, ch *channel) (string, *refusal) {
	ts := c.text("thread_ts")
	if ts == "" {
		return "", nil
	}
	if _, ok := micros(ts); !ok || !strings.Contains(ts, ".") {
		return "", faulty("invalid_arguments", "thread_ts is no timestamp: "+ts)
	}
	parent := ch.find(ts)
	switch {
	case parent == nil:
		s.blame(c.method, "thread_ts "+ts+" never was a message of "+ch.ID+"; Slack posts it outside of any thread")
		return "", nil
	case parent.Deleted:
		return "", nil
	case parent.Thread != "":
		return "", faulty("cannot_reply_to_message", "thread_ts is the timestamp of a reply, not of the parent")
	}
	return ts, nil
}

func (s *Server) chatUpdate(c *call) (map[string]any, *refusal) {
	ch, m, no := s.ownMessage(c, "cant_update_message")
	if no != nil {
		return nil, no
	}
	if ch.Archived {
		return nil, refuse("is_inactive")
	}
	if utf8.RuneCountInString(c.text("text")) > maxUpdate {
		return nil, faulty("msg_too_long")
	}
	body, no := s.readContent(c.args)
	if no != nil {
		return nil, no
	}
	if body.empty() && !body.hasAttachments && len(m.Attachments) == 0 {
		return nil, faulty("no_text")
	}
	if onlyRichText(m.Blocks) && len(body.blocks) > 0 && !slices.ContainsFunc(body.blocks, isRichText) {
		return nil, faulty("block_mismatch")
	}
	before := copyOf(m)
	if body.hasText {
		m.Text = body.text
	}
	// Text without blocks removes the blocks; attachments and metadata stay unless they are named.
	if body.hasBlocks || body.hasText {
		m.Blocks = body.blocks
	}
	if body.hasAttachments {
		m.Attachments = body.attachments
	}
	if body.hasMetadata {
		m.Metadata = body.metadata
	}
	m.Edits++
	m.Edited = len(m.Blocks) == 0
	m.LinkNames = c.flag("link_names") || c.text("parse") == "full"
	m.Version = s.bump()
	s.announceChange(ch, m, before)
	return map[string]any{"channel": ch.ID, "ts": m.TS, "text": m.Text, "message": s.shape(ch, m, true)}, nil
}

func isRichText(b Block) bool { return b["type"] == "rich_text" }

func onlyRichText(blocks []Block) bool {
	return len(blocks) > 0 && !slices.ContainsFunc(blocks, func(b Block) bool { return !isRichText(b) })
}

// ownMessage finds the bot's message that an update or a deletion names.
func (s *Server) ownMessage(c *call, otherwise string) (*channel, *Message, *refusal) {
	ch := s.channels[c.text("channel")]
	if ch == nil || (ch.Private && !ch.has(s.cfg.App.BotUser)) {
		return nil, nil, refuse("channel_not_found")
	}
	m := ch.live(c.text("ts"))
	if m == nil {
		return nil, nil, refuse("message_not_found")
	}
	if !m.Own {
		return nil, nil, faulty(otherwise)
	}
	return ch, m, nil
}

func (s *Server) chatDelete(c *call) (map[string]any, *refusal) {
	ch, m, no := s.ownMessage(c, "cant_delete_message")
	if no != nil {
		return nil, no
	}
	s.remove(ch, m)
	return map[string]any{"channel": ch.ID, "ts": m.TS}, nil
}

// remove deletes a message. Its replies stay; the root is then a tombstone. The lock is held.
func (s *Server) remove(ch *channel, m *Message) {
	before := copyOf(m)
	m.Deleted = true
	m.Version = s.bump()
	if root := ch.find(m.Thread); m.Thread != "" && root != nil {
		root.Replies--
		root.Version = m.Version
	}
	s.announceDeletion(ch, before)
}

func (s *Server) chatGetPermalink(c *call) (map[string]any, *refusal) {
	ch := s.channels[c.text("channel")]
	if ch == nil || (!ch.has(s.cfg.App.BotUser) && ch.Private) {
		return nil, refuse("channel_not_found")
	}
	m := ch.live(c.text("message_ts"))
	if m == nil {
		return nil, refuse("message_not_found")
	}
	link := "https://" + s.cfg.Team.Domain + ".slack.com/archives/" + ch.ID + "/p" + strings.ReplaceAll(m.TS, ".", "")
	if m.Thread != "" {
		link += "?thread_ts=" + m.Thread + "&cid=" + ch.ID
	}
	return map[string]any{"channel": ch.ID, "permalink": link}, nil
}
