package slackfake

import (
	"encoding/base64"
	"math"
	"slices"
	"strings"
)

// window is a span of time that a reader asked for.
type window struct {
	oldest, latest int64
	inclusive      bool
}

func readWindow(c *call) (window, *refusal) {
	w := window{0, math.MaxInt64, c.flag("inclusive")}
	var ok bool
	if t := c.text("oldest"); t != "" {
		if w.oldest, ok = micros(t); !ok {
			return w, faulty("invalid_ts_oldest", t)
		}
	}
	if t := c.text("latest"); t != "" && t != "now" {
		if w.latest, ok = micros(t); !ok {
			return w, faulty("invalid_ts_latest", t)
		}
	}
	return w, nil
}

func (w window) holds(ts string) bool {
	t, _ := micros(ts)
	if w.inclusive {
		return t >= w.oldest && t <= w.latest
	}
	return t > w.oldest && t < w.latest
}

// readable finds a channel whose messages the bot may read.
func (s *Server) readable(c *call) (*channel, window, *refusal) {
	ch, no := s.seen(c, "history")
	if no != nil {
		return nil, window{}, no
	}
	if !ch.has(s.cfg.App.BotUser) {
		return nil, window{}, refuse("not_in_channel")
	}
	w, no := readWindow(c)
	return ch, w, no
}

// visible is whether readers see a message yet.
func (s *Server) visible(m *Message) bool {
	return s.cfg.Times.HistoryLag == 0 || s.now().Sub(m.At) >= s.cfg.Times.HistoryLag
}

func (s *Server) conversationsHistory(c *call) (map[string]any, *refusal) {
	ch, w, no := s.readable(c)
	if no != nil {
		return nil, no
	}
	var list []*Message
	for _, m := range slices.Backward(ch.messages) {
		// Replies are read with conversations.replies alone, unless they were sent to the channel too.
		if m.Thread != "" && !m.Broadcast || m.Deleted && m.Replies == 0 {
			continue
		}
		if w.holds(m.TS) && s.visible(m) {
			list = append(list, m)
		}
	}
	return s.pageOfMessages(c, ch, list, 100, func(a, b string) bool { return compareTS(a, b) < 0 })
}

func (s *Server) conversationsReplies(c *call) (map[string]any, *refusal) {
	ch, w, no := s.readable(c)
	if no != nil {
		return nil, no
	}
	ts := c.text("ts")
	root := ch.find(ts)
	if ts == "" {
		return nil, faulty("invalid_arguments", "missing required field: ts")
	}
	if root == nil || root.Deleted && root.Replies == 0 || !s.visible(root) {
		return nil, refuse("thread_not_found")
	}
	// The root comes first whatever the window is, as in the real thing.
	list := []*Message{root}
	for _, m := range ch.repliesTo(ts) {
		if w.holds(m.TS) && s.visible(m) {
			list = append(list, m)
		}
	}
	return s.pageOfMessages(c, ch, list, 1000, func(a, b string) bool { return compareTS(a, b) > 0 })
}

// pageOfMessages cuts by limit and cursor. A cursor names the last message of the page before, so that messages that come
// meanwhile do not shift the pages.
func (s *Server) pageOfMessages(
	c *call, ch *channel, list []*Message, otherwise int, after func(a, b string) bool,
) (map[string]any, *refusal) {
	limit, ok := c.number("limit", otherwise)
	if !ok || limit < 0 || limit > max(999, otherwise) {
		return nil, faulty("invalid_limit", c.text("limit"))
	}
	if limit == 0 {
		limit = otherwise
	}
	if cur := c.text("cursor"); cur != "" {
		raw, err := base64.StdEncoding.DecodeString(cur)
		last, found := strings.CutPrefix(string(raw), "ts:")
		if err != nil || !found {
			return nil, faulty("invalid_cursor")
		}
		i := slices.IndexFunc(list, func(m *Message) bool { return after(m.TS, last) })
		if i < 0 {
			i = len(list)
		}
		list = list[i:]
	}
	more := len(list) > limit
	next := ""
	if more {
		list = list[:limit]
		next = base64.StdEncoding.EncodeToString([]byte("ts:" + list[limit-1].TS))
	}
	full := c.flag("include_all_metadata")
	shapes := make([]map[string]any, len(list))
	for i, m := range list {
		shapes[i] = s.shape(ch, m, full)
	}
	return map[string]any{
		"messages": shapes, "has_more": more, "pin_count": pins(ch), "response_metadata": map[string]any{"next_cursor": next},
	}, nil
}

func pins(ch *channel) int {
	n := 0
	for _, m := range ch.messages {
		if m.Pinned && !m.Deleted {
			n++
		}
	}
	return n
}
