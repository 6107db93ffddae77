package bot

import (
	"slices"
	"strings"
	"time"

	"github.com/ai-notebook/notebookbot/commands"
)

// envelope is one frame that Slack wants acknowledged.
type envelope struct {
	id       string
	kind     string // what it holds, for metrics: one of kinds, or "other"
	payload  node
	answers  bool // a payload in the acknowledgement is read
	received time.Time

	requests []commands.Request
	group    string // of a changed user group
	inputs   []string
	verdict  verdict
}

// verdict says what is to be done with an envelope.
type verdict string

const (
	take    verdict = "take"    // commit its requests, then acknowledge
	ignore  verdict = "ignored" // nothing for us: acknowledge
	unknown verdict = "unknown" // never heard of: acknowledge, or Slack sends it again
	broken  verdict = "invalid" // what is needed is missing: acknowledge, a second delivery would not mend it
)

// kinds are the values of the metric's label.
var kinds = map[string]bool{
	"slash_commands": true, "block_actions": true, "view_submission": true, "view_closed": true, "shortcut": true,
	"message_action": true, "block_suggestion": true, "app_mention": true, "message": true, "app_home_opened": true,
	"subteam_members_changed": true, "subteam_updated": true, "reaction_added": true, "reaction_removed": true,
	"member_joined_channel": true, "app_rate_limited": true,
}

// read turns an envelope into requests. It needs the few fields that say who asked what, and puts up with any form of all
// others.
func read(frame node, self self, received time.Time) envelope {
	e := envelope{
		id: frame.at("envelope_id").text(), payload: frame.at("payload"), answers: frame.at("accepts_response_payload").yes(),
		received: received, verdict: unknown,
	}
	switch frame.at("type").text() {
	case "slash_commands":
		e.kind = "slash_commands"
		e.slash()
	case "interactive":
		e.kind = e.payload.at("type").text()
		e.interactive()
	case "events_api":
		e.kind = first(e.payload.at("event", "type"), e.payload.at("type"))
		e.event(self)
	}
	if !kinds[e.kind] {
		e.kind = "other"
	}
	for i := range e.requests {
		r := &e.requests[i]
		r.Received = received
		if r.User == "" || r.ID == "" {
			e.requests, e.verdict = nil, broken
			break
		}
	}
	return e
}

func (e *envelope) take(r commands.Request) {
	e.requests = append(e.requests, r)
	e.verdict = take
}

// key makes a request's id from the parts that are the same when Slack delivers it again; without them, from the envelope.
func (e *envelope) key(kind string, parts ...string) string {
	if slices.Contains(parts, "") {
		parts = []string{"envelope", e.id}
	}
	return kind + ":" + strings.Join(parts, ":")
}

func (e *envelope) slash() {
	p := e.payload
	trigger := p.at("trigger_id").text()
	e.take(commands.Request{
		ID: e.key("slash", trigger), Source: commands.Slash,
		User: p.at("user_id").text(), Team: p.at("team_id").text(), Channel: p.at("channel_id").text(),
		Text: strings.TrimSpace(unmark(p.at("text").text())), Trigger: trigger, ResponseURL: p.at("response_url").text(),
	})
}

func (e *envelope) interactive() {
	switch e.kind {
	case "block_actions":
		e.clicks()
	case "view_submission":
		e.submission()
	case "shortcut", "message_action":
		e.shortcut()
	case "view_closed", "block_suggestion":
		e.verdict = ignore
	}
}

// asked is what every interaction tells of who and where.
func (e *envelope) asked(source commands.Source) commands.Request {
	p := e.payload
	return commands.Request{
		Source: source, User: first(p.at("user", "id"), p.at("user_id")), Team: first(p.at("user", "team_id"), p.at("team", "id")),
		Channel: first(p.at("container", "channel_id"), p.at("channel", "id")),
		Trigger: p.at("trigger_id").text(), ResponseURL: p.at("response_url").text(),
	}
}

// clicks reads the actions of a block_actions; mostly it is one.
func (e *envelope) clicks() {
	p := e.payload
	e.verdict = broken
	for _, a := range p.at("actions").list() {
		action := a.at("action_id").text()
		if strings.HasPrefix(action, linkAction) {
			if e.verdict == broken {
				e.verdict = ignore // the browser opened the address
			}
			continue
		}
		if action == "" {
			continue
		}
		r := e.asked(commands.Action)
		r.Message = first(p.at("container", "message_ts"), p.at("message", "ts"))
		// A button on a root message acts for the thread below it.
		r.Thread = first(p.at("container", "thread_ts"), p.at("message", "thread_ts"), p.at("container", "message_ts"), p.at("message", "ts"))
		r.Direct = strings.HasPrefix(r.Channel, "D")
		r.Action, r.Value = action, chosen(a)
		r.Callback, r.Metadata = p.at("view", "callback_id").text(), p.at("view", "private_metadata").text()
		r.Values = values(firstNode(p.at("view", "state", "values"), p.at("state", "values")))
		where := first(p.at("container", "message_ts"), p.at("message", "ts"), p.at("container", "view_id"), p.at("view", "id"))
		r.ID = e.key("click", where, action, r.User, a.at("action_ts").text())
		e.take(r)
	}
}

func (e *envelope) submission() {
	v := e.payload.at("view")
	r := e.asked(commands.Submit)
	r.ID = e.key("submit", v.at("id").text(), v.at("hash").text())
	r.Callback, r.Metadata = v.at("callback_id").text(), v.at("private_metadata").text()
	r.Values = values(v.at("state", "values"))
	for _, b := range v.at("blocks").list() {
		if id := b.at("block_id").text(); id != "" && b.at("type").text() == "input" {
			e.inputs = append(e.inputs, id)
		}
	}
	e.take(r)
}

func (e *envelope) shortcut() {
	p := e.payload
	r := e.asked(commands.Shortcut)
	r.Callback = p.at("callback_id").text()
	if e.kind == "message_action" {
		r.Message = first(p.at("message_ts"), p.at("message", "ts"))
		r.Thread = p.at("message", "thread_ts").text()
		r.Text = strings.TrimSpace(unmark(p.at("message", "text").text()))
	}
	if r.Trigger != "" {
		r.ID = e.key("shortcut", r.Trigger)
	} else {
		r.ID = e.key("shortcut", r.User, p.at("action_ts").text())
	}
	e.take(r)
}

// values reads the answers of a modal: block_id → what was typed or chosen. Our questions have one element each.
func values(n node) map[string]string {
	var out map[string]string
	for _, block := range n.keys() {
		for _, action := range n.at(block).keys() {
			if out == nil {
				out = map[string]string{}
			}
			out[block] = chosen(n.at(block, action))
		}
	}
	return out
}

// chosen is what an element of any kind holds.
func chosen(a node) string {
	if v := first(a.at("value"), a.at("selected_option", "value"), a.at("selected_user"), a.at("selected_date"),
		a.at("selected_time"), a.at("selected_date_time"), a.at("selected_conversation"), a.at("selected_channel")); v != "" {
		return v
	}
	var all []string
	for _, o := range a.at("selected_options").list() {
		all = append(all, o.at("value").text())
	}
	for _, u := range a.at("selected_users").list() {
		all = append(all, u.text())
	}
	return strings.Join(all, ",")
}

func firstNode(nodes ...node) node {
	for _, n := range nodes {
		if n.exists() {
			return n
		}
	}
	return node{}
}
