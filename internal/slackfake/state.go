package slackfake

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Block is a Block Kit block, an attachment or any other object as it came, decoded from JSON with numbers as json.Number.
type Block = map[string]any

// Ref names a message.
type Ref struct {
	Channel string `json:"channel"`
	TS      string `json:"ts"`
}

// Metadata is a message's metadata.
type Metadata struct {
	EventType string         `json:"event_type"`
	Payload   map[string]any `json:"event_payload"`
}

// Reaction is an emoji and who set it.
type Reaction struct {
	Name  string   `json:"name"`
	Users []string `json:"users"`
}

// Message is what stands in a channel. Slices and maps in it are shared with the fake: read them, do not change them.
type Message struct {
	Channel     string     `json:"channel"`
	TS          string     `json:"ts"`
	Thread      string     `json:"thread_ts,omitempty"` // of a reply: its root
	User        string     `json:"user"`
	Own         bool       `json:"own,omitempty"` // by the bot
	Text        string     `json:"text"`
	Blocks      []Block    `json:"blocks,omitempty"`
	Attachments []Block    `json:"attachments,omitempty"`
	Metadata    *Metadata  `json:"metadata,omitempty"`
	Files       []File     `json:"files,omitempty"`
	Reactions   []Reaction `json:"reactions,omitempty"`
	Edited      bool       `json:"edited,omitempty"` // shown as "(edited)"
	Edits       int        `json:"edits,omitempty"`  // how often it was changed
	Broadcast   bool       `json:"broadcast,omitempty"`
	Pinned      bool       `json:"pinned,omitempty"`
	Deleted     bool       `json:"deleted,omitempty"`
	Replies     int        `json:"reply_count,omitempty"`
	LinkNames   bool       `json:"link_names,omitempty"` // @here and the like are parsed in the text
	Version     int64      `json:"version"`              // of the workspace when it last changed
	At          time.Time  `json:"at"`

	clientID string
}

// Ref is the message's place.
func (m Message) Ref() Ref { return Ref{m.Channel, m.TS} }

// Key is the metadata's event_payload.key.
func (m Message) Key() string {
	if m.Metadata == nil {
		return ""
	}
	k, _ := m.Metadata.Payload["key"].(string)
	return k
}

type channel struct {
	Channel
	messages []*Message // by ts
	last     int64      // microseconds of the newest timestamp
}

func (s *Server) addChannel(c Channel) *channel {
	c.Members = slices.Clone(c.Members)
	ch := &channel{Channel: c}
	s.channels[c.ID] = ch
	s.order = append(s.order, c.ID)
	return ch
}

func (c *channel) has(user string) bool { return slices.Contains(c.Members, user) }

func (c *channel) kind() string {
	switch {
	case c.Direct != "":
		return "im"
	case c.Private:
		return "group"
	}
	return "channel"
}

// family is the first word of the scopes that a channel needs: channels, groups, im.
func (c *channel) family() string {
	if c.Direct != "" {
		return "im"
	}
	return c.kind() + "s"
}

// shownName is what payloads of interactions call the channel.
func (c *channel) shownName() string {
	switch c.kind() {
	case "im":
		return "directmessage"
	case "group":
		return "privategroup"
	}
	return c.Name
}

// stamp gives the next timestamp of a channel: never twice, never backwards. The lock is held.
func (s *Server) stamp(c *channel) string {
	us := max(s.now().UnixMicro(), c.last+1)
	c.last = us
	return fmt.Sprintf("%d.%06d", us/1e6, us%1e6)
}

// micros reads a timestamp or a number of seconds.
func micros(ts string) (int64, bool) {
	sec, frac, _ := strings.Cut(ts, ".")
	n, err := strconv.ParseInt(sec, 10, 64)
	if err != nil || n < 0 || len(frac) > 6 {
		return 0, false
	}
	var f int64
	if frac != "" {
		if f, err = strconv.ParseInt((frac + "000000")[:6], 10, 64); err != nil || f < 0 {
			return 0, false
		}
	}
	return n*1e6 + f, true
}

func (c *channel) find(ts string) *Message {
	i, ok := slices.BinarySearchFunc(c.messages, ts, func(m *Message, ts string) int { return compareTS(m.TS, ts) })
	if !ok {
		return nil
	}
	return c.messages[i]
}

func compareTS(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}

// live is find without what was deleted.
func (c *channel) live(ts string) *Message {
	if m := c.find(ts); m != nil && !m.Deleted {
		return m
	}
	return nil
}

func (c *channel) repliesTo(ts string) []*Message {
	var out []*Message
	for _, m := range c.messages {
		if m.Thread == ts && !m.Deleted {
			out = append(out, m)
		}
	}
	return out
}

// add puts a message into its channel. The lock is held.
func (s *Server) add(c *channel, m *Message) *Message {
	m.Channel, m.TS, m.At = c.ID, s.stamp(c), s.now()
	m.Version = s.bump()
	c.messages = append(c.messages, m)
	if root := c.find(m.Thread); m.Thread != "" && root != nil {
		root.Replies++
		root.Version = m.Version
	}
	return m
}

// direct is the direct message channel of a person with the bot, made on first use. The lock is held.
func (s *Server) direct(user string) *channel {
	for _, id := range s.order {
		if s.channels[id].Direct == user {
			return s.channels[id]
		}
	}
	return s.addChannel(Channel{ID: s.id("D"), Direct: user, Members: []string{user, s.cfg.App.BotUser}})
}

// copyOf is a message as others may hold it.
func copyOf(m *Message) Message {
	out := *m
	out.Reactions = slices.Clone(m.Reactions)
	for i := range out.Reactions {
		out.Reactions[i].Users = slices.Clone(out.Reactions[i].Users)
	}
	if m.Metadata != nil {
		md := *m.Metadata
		md.Payload = maps.Clone(md.Payload)
		out.Metadata = &md
	}
	return out
}
