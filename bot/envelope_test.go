package bot

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-notebook/notebookbot/commands"
)

var (
	botSelf = self{user: "U999BOT", bot: "B111", team: "T111"}
	arrived = time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
)

func TestEnvelopesBecomeRequests(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		frame string
		want  commands.Request
	}{
		"a slash command": {
			`{"envelope_id":"e","type":"slash_commands","accepts_response_payload":true,"payload":{"team_id":"T111","channel_id":"C111","user_id":"U111",
			"command":"/notebook","text":" oncall <@U012|ana> &amp; x ","response_url":"https://hooks.slack.com/x","trigger_id":"3.7"}}`,
			commands.Request{
				ID: "slash:3.7", Source: commands.Slash, User: "U111", Team: "T111", Channel: "C111", Text: "oncall U012 & x",
				Trigger: "3.7", ResponseURL: "https://hooks.slack.com/x",
			},
		},
		"a slash command with odd and missing fields": {
			`{"envelope_id":"e","type":"slash_commands","payload":{"user_id":"U111","text":null,"channel_id":7,"team_id":{},
			"is_enterprise_install":"maybe","enterprise":[1],"response_url":false}}`,
			commands.Request{ID: "slash:envelope:e", Source: commands.Slash, User: "U111", Channel: "7"},
		},
		"a button in a thread": {
			`{"envelope_id":"e","type":"interactive","payload":{"type":"block_actions","user":{"id":"U222","team_id":"T111"},
			"container":{"type":"message","message_ts":"100.2","channel_id":"C111","thread_ts":"100.1"},"trigger_id":"tr","team":null,
			"enterprise":null,"message":{"ts":"100.2","thread_ts":"100.1"},"state":{"values":{}},"response_url":"https://hooks.slack.com/a",
			"actions":[{"action_id":"incident.ack","block_id":"b","value":"42","action_ts":"123.4"}]}}`,
			commands.Request{
				ID: "click:100.2:incident.ack:U222:123.4", Source: commands.Action, User: "U222", Team: "T111", Channel: "C111",
				Thread: "100.1", Message: "100.2", Action: "incident.ack", Value: "42", Trigger: "tr", ResponseURL: "https://hooks.slack.com/a",
			},
		},
		"a button on a root message acts for its thread": {
			`{"envelope_id":"e","type":"interactive","payload":{"type":"block_actions","user":{"id":"U222"},"team":{"id":"T111"},
			"channel":{"id":"D111"},"message":{"ts":"100.2"},"actions":[{"action_id":"incident.ack","action_ts":"1.2"}]}}`,
			commands.Request{
				ID: "click:100.2:incident.ack:U222:1.2", Source: commands.Action, User: "U222", Team: "T111", Channel: "D111", Direct: true,
				Thread: "100.2", Message: "100.2", Action: "incident.ack",
			},
		},
		"a select": {
			`{"envelope_id":"e","type":"interactive","payload":{"type":"block_actions","user":{"id":"U222"},"container":{"message_ts":"1.1"},
			"actions":[{"action_id":"level","action_ts":"1.2","selected_option":{"value":"P1"},"value":null}]}}`,
			commands.Request{
				ID: "click:1.1:level:U222:1.2", Source: commands.Action, User: "U222", Thread: "1.1", Message: "1.1", Action: "level", Value: "P1",
			},
		},
		"a modal's answers": {
			`{"envelope_id":"e","type":"interactive","accepts_response_payload":true,"payload":{"type":"view_submission","user":{"id":"U222","team_id":"T111"},
			"team":null,"trigger_id":"tr","view":{"id":"V1","hash":"h","callback_id":"incident.resolve","private_metadata":"1",
			"state":{"values":{"cause":{"v":{"type":"plain_text_input","value":"disk"}},"empty":{"v":{"value":null}},"who":{"v":{"selected_user":"U1"}},
			"many":{"v":{"selected_users":["U1","U2"]}},"odd":7}}}}}`,
			commands.Request{
				ID: "submit:V1:h", Source: commands.Submit, User: "U222", Team: "T111", Trigger: "tr", Callback: "incident.resolve", Metadata: "1",
				Values: map[string]string{"cause": "disk", "empty": "", "who": "U1", "many": "U1,U2"},
			},
		},
		"a global shortcut": {
			`{"envelope_id":"e","type":"interactive","payload":{"type":"shortcut","callback_id":"new","trigger_id":"t1","user":{"id":"U1"},"team":{"id":"T1"}}}`,
			commands.Request{ID: "shortcut:t1", Source: commands.Shortcut, User: "U1", Team: "T1", Callback: "new", Trigger: "t1"},
		},
		"a message shortcut": {
			`{"envelope_id":"e","type":"interactive","payload":{"type":"message_action","callback_id":"open","action_ts":"9.9","message_ts":"1.3",
			"user":{"id":"U1"},"channel":{"id":"C1"},"message":{"text":"<@U2> look &lt;","thread_ts":"1.1"}}}`,
			commands.Request{
				ID: "shortcut:U1:9.9", Source: commands.Shortcut, User: "U1", Channel: "C1", Callback: "open", Message: "1.3", Thread: "1.1",
				Text: "U2 look <",
			},
		},
		"a mention in a thread, delivered again": {
			`{"envelope_id":"e2","type":"events_api","retry_attempt":3,"retry_reason":"timeout","payload":{"type":"event_callback","team_id":"T111",
			"event_id":"Ev1","event":{"type":"app_mention","text":"<@U999BOT> ack","user":"U222","ts":"5.5","channel":"C111","thread_ts":"5.1"}}}`,
			commands.Request{
				ID: "message:C111:5.5", Source: commands.Mention, User: "U222", Team: "T111", Channel: "C111", Thread: "5.1", Message: "5.5", Text: "ack",
			},
		},
		"a direct message": {
			`{"envelope_id":"e","type":"events_api","payload":{"team_id":"T111","event_id":"Ev2","event":{"type":"message","channel_type":"im",
			"text":"help","user":"U222","team":"T222","ts":"5.5","channel":"D1"}}}`,
			commands.Request{
				ID: "message:D1:5.5", Source: commands.Mention, User: "U222", Team: "T222", Channel: "D1", Message: "5.5", Text: "help", Direct: true,
			},
		},
	} {
		e := read(parse([]byte(tt.frame)), botSelf, arrived)
		tt.want.Received = arrived
		if e.verdict != take || len(e.requests) != 1 {
			t.Errorf("%s: verdict %s with %d requests", name, e.verdict, len(e.requests))
			continue
		}
		if d := cmp.Diff(tt.want, e.requests[0]); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

func TestEnvelopesThatAreNoRequest(t *testing.T) {
	t.Parallel()
	event := func(body string) string {
		return `{"envelope_id":"e","type":"events_api","payload":{"event_id":"Ev","authorizations":[{"is_bot":true,"user_id":"U999BOT"}],"event":` + body + `}}`
	}
	for name, tt := range map[string]struct {
		frame string
		want  verdict
	}{
		"a link was opened": {
			`{"envelope_id":"e","type":"interactive","payload":{"type":"block_actions","user":{"id":"U"},"actions":[{"action_id":"link.1","action_ts":"1"}]}}`, ignore,
		},
		"a modal was closed":      {`{"envelope_id":"e","type":"interactive","payload":{"type":"view_closed"}}`, ignore},
		"our own message":         {event(`{"type":"message","channel_type":"im","user":"U999BOT","ts":"1","channel":"D1","text":"x"}`), ignore},
		"another bot's message":   {event(`{"type":"app_mention","user":"U5","bot_id":"B5","ts":"1","channel":"C1","text":"<@U999BOT> x"}`), ignore},
		"an edit":                 {event(`{"type":"message","subtype":"message_changed","channel_type":"im","channel":"D1","ts":"1","hidden":true}`), ignore},
		"a message in a channel":  {event(`{"type":"message","channel_type":"channel","channel":"C1","ts":"1","user":"U1","text":"<@U999BOT> x"}`), ignore},
		"a reaction":              {event(`{"type":"reaction_added","user":"U1"}`), ignore},
		"a home tab":              {event(`{"type":"app_home_opened","user":"U1"}`), ignore},
		"an unheard-of event":     {event(`{"type":"message_replied"}`), unknown},
		"an event without a body": {event(`null`), unknown},
		"an unheard-of type":      {`{"envelope_id":"e","type":"telepathy","payload":[1,2]}`, unknown},
		"an unheard-of click":     {`{"envelope_id":"e","type":"interactive","payload":{"type":"telepathy"}}`, unknown},
		"nobody asked":            {`{"envelope_id":"e","type":"slash_commands","payload":{"text":"x"}}`, broken},
		"a click on nothing":      {`{"envelope_id":"e","type":"interactive","payload":{"type":"block_actions","user":{"id":"U"},"actions":{}}}`, broken},
	} {
		e := read(parse([]byte(tt.frame)), self{}, arrived)
		if e.verdict != tt.want || len(e.requests) != 0 {
			t.Errorf("%s: verdict %s with %d requests, want %s", name, e.verdict, len(e.requests), tt.want)
		}
	}
}

func TestAChangedGroupIsNamed(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`{"type":"subteam_members_changed","subteam_id":"S1"}`, `{"type":"subteam_updated","subteam":{"id":"S1"}}`} {
		e := read(parse([]byte(`{"envelope_id":"e","type":"events_api","payload":{"event":`+body+`}}`)), self{}, arrived)
		if e.group != "S1" || e.verdict != ignore {
			t.Errorf("%s: group %q, verdict %s", body, e.group, e.verdict)
		}
	}
}

func FuzzReadingAnEnvelope(f *testing.F) {
	f.Add(`{"envelope_id":"e","type":"interactive","payload":{"type":"block_actions","actions":[{"action_id":"a"}]}}`)
	f.Add(`{"envelope_id":"e","type":"events_api","payload":{"event":{"type":"app_mention","text":"<@U999BOT"}}}`)
	f.Add(`{"envelope_id":"e","type":"slash_commands","payload":{"user_id":"U","text":"<"}}`)
	f.Fuzz(func(t *testing.T, frame string) {
		e := read(parse([]byte(frame)), botSelf, arrived)
		if !kinds[e.kind] && e.kind != "other" {
			t.Errorf("kind %q would be a new label", e.kind)
		}
		if (e.verdict == take) != (len(e.requests) > 0) {
			t.Errorf("verdict %s with %d requests", e.verdict, len(e.requests))
		}
		for _, r := range e.requests {
			if r.ID == "" || r.User == "" || r.Received != arrived {
				t.Errorf("a request without what is needed: %+v", r)
			}
		}
	})
}
