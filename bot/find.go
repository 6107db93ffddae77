package bot

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/ai-notebook/notebookbot/notify"
)

const (
	// The clocks of Slack and of this machine differ; a message may seem to be older than the try that posted it.
	findBefore = time.Minute
	findPage   = 200
	findPages  = 200
)

// errTooLong says that a channel holds more than can be searched.
var errTooLong = errors.New("more messages than can be searched")

// Find looks for our message with that key. Only the key and who wrote it are read, whatever else the messages around it hold:
// one odd message must not hide ours, or it would be posted again.
func (b *Bot) Find(ctx context.Context, channel, thread, key string, since time.Time) (notify.Posted, bool, error) {
	self, err := b.identify(ctx)
	if err != nil {
		return notify.Posted{}, false, err
	}
	if channel, err = b.conversation(ctx, channel); err != nil {
		return notify.Posted{}, false, err
	}
	oldest := strconv.FormatInt(since.Add(-findBefore).Unix(), 10) + ".000000"
	s := search{web: b.web, self: self, channel: channel, key: key, oldest: oldest}
	if thread != "" {
		s.method, s.thread = "conversations.replies", thread
		at, found, err := s.run(ctx)
		var se *notify.SendError
		if found || err != nil && (!errors.As(err, &se) || se.Reason != "thread_not_found") {
			return at, found, err
		}
		// A reply whose root was deleted stands in the channel.
	}
	s.method, s.thread = "conversations.history", ""
	return s.run(ctx)
}

type search struct {
	web                                  *web
	self                                 self
	method, channel, thread, key, oldest string
}

func (s search) run(ctx context.Context) (notify.Posted, bool, error) {
	form := url.Values{
		"channel": {s.channel}, "oldest": {s.oldest}, "inclusive": {"1"}, "include_all_metadata": {"1"},
		"limit": {strconv.Itoa(findPage)},
	}
	if s.thread != "" {
		form.Set("ts", s.thread)
	}
	for range findPages {
		a, err := s.web.do(ctx, call{method: s.method, form: form, repeatable: true})
		if err != nil {
			return notify.Posted{}, false, err
		}
		for _, m := range a.head.at("messages").list() {
			if s.ours(m) {
				return notify.Posted{Channel: s.channel, TS: m.at("ts").text()}, true, nil
			}
		}
		next := a.head.at("response_metadata", "next_cursor").text()
		if next == "" {
			return notify.Posted{}, false, nil
		}
		form.Set("cursor", next)
	}
	return notify.Posted{}, false, failed("too_long", false, true, fmt.Errorf("%s: %w", s.method, errTooLong))
}

// ours is a message with our key that we wrote: another app could carry the same metadata. A file has none, so its name tells.
func (s search) ours(m node) bool {
	if m.at("bot_id").text() != s.self.bot && m.at("user").text() != s.self.user || m.at("ts").text() == "" {
		return false
	}
	if m.at("metadata", "event_type").text() == metadataType && m.at("metadata", "event_payload", "key").text() == s.key {
		return true
	}
	for _, f := range m.at("files").list() {
		if tagged(f.at("name").text(), s.key) {
			return true
		}
	}
	return false
}

// conversation gives the channel in which messages to that id stand: for a person, the direct channel.
func (b *Bot) conversation(ctx context.Context, id string) (string, error) {
	if !userID.MatchString(id) {
		return id, nil
	}
	b.mu.Lock()
	known := b.dms[id]
	b.mu.Unlock()
	if known != "" {
		return known, nil
	}
	a, err := b.web.do(ctx, call{method: "conversations.open", form: url.Values{"users": {id}}, repeatable: true})
	if err != nil {
		return "", err
	}
	channel := a.head.at("channel", "id").text()
	if channel == "" {
		return "", failed("unreadable", true, true, nil)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.dms[id] = channel
	return channel, nil
}
