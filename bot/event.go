package bot

import (
	"strings"

	"github.com/ai-notebook/notebookbot/commands"
)

// event reads an events_api envelope. A redelivery is read like the first one: events that were raised while no socket was open
// come as redeliveries only.
func (e *envelope) event(self self) {
	ev := e.payload.at("event")
	if self.user == "" {
		self.user = authorized(e.payload)
	}
	switch e.kind {
	case "app_mention":
		e.mention(ev, self)
	case "message":
		e.message(ev, self)
	case "subteam_members_changed", "subteam_updated":
		e.group = first(ev.at("subteam_id"), ev.at("subteam", "id"))
		e.verdict = ignore
	default:
		if kinds[e.kind] {
			e.verdict = ignore
		}
	}
}

// authorized is our own user id as each event tells it, for the time before Slack was asked.
func authorized(p node) string {
	for _, a := range p.at("authorizations").list() {
		if a.at("is_bot").yes() {
			return a.at("user_id").text()
		}
	}
	return ""
}

// spoken is what mentions and direct messages have in common. Its id is the message's own place: a retry, and the second event
// that one message in a channel can cause, both mean the same words.
func (e *envelope) spoken(ev node, self self) commands.Request {
	channel, ts := ev.at("channel").text(), first(ev.at("ts"), ev.at("event_ts"))
	r := commands.Request{
		Source: commands.Mention, User: ev.at("user").text(),
		Team:    first(ev.at("user_team"), ev.at("source_team"), ev.at("team"), e.payload.at("team_id")),
		Channel: channel, Thread: ev.at("thread_ts").text(), Message: ts,
		Text: strings.TrimSpace(unmark(afterMention(ev.at("text").text(), self.user))),
	}
	if event := e.payload.at("event_id").text(); channel == "" || ts == "" {
		r.ID = e.key("event", event)
	} else {
		r.ID = e.key("message", channel, ts)
	}
	return r
}

// fromBot is a message of a bot, our own among them: bots are not answered, or two of them could talk for ever.
func fromBot(ev node, self self) bool {
	return ev.at("bot_id").text() != "" || ev.at("subtype").text() == "bot_message" ||
		self.user != "" && ev.at("user").text() == self.user
}

func (e *envelope) mention(ev node, self self) {
	if fromBot(ev, self) || ev.at("edited").exists() {
		e.verdict = ignore
		return
	}
	e.take(e.spoken(ev, self))
}

// message reads a message event: words in a direct message are a command; in channels a command is a mention, which comes as an
// event of its own. Edits and deletions mean nothing yet.
func (e *envelope) message(ev node, self self) {
	e.verdict = ignore
	direct := ev.at("channel_type").text() == "im" || !ev.at("channel_type").exists() && strings.HasPrefix(ev.at("channel").text(), "D")
	subtype := ev.at("subtype").text()
	if !direct || fromBot(ev, self) || subtype != "" && subtype != "file_share" || ev.at("hidden").yes() {
		return
	}
	r := e.spoken(ev, self)
	r.Direct = true
	e.take(r)
}
