package bot

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/ai-notebook/notebookbot/internal/slackfake"
	"github.com/ai-notebook/notebookbot/notify"
)

func TestAnAcknowledgementStaysBelowSlacksFrame(t *testing.T) {
	t.Parallel()
	e := envelope{id: "e", answers: true}
	wrong := map[string]string{}
	for i := range 90 {
		id := fmt.Sprint("q", i)
		e.inputs = append(e.inputs, id)
		wrong[id] = strings.Repeat("长", maxError)
	}
	f := (&intake{}).frame(e, ackReply{send: true, payload: viewErrors(wrong)})
	if len(f) >= maxFrame || !strings.Contains(f, `"errors":{"q0":`) {
		t.Errorf("a frame of %d bytes: %.80s", len(f), f)
	}
	f = (&intake{}).frame(e, ackReply{send: true, payload: map[string]any{"text": strings.Repeat("x", maxFrame)}})
	if f != `{"envelope_id":"e"}` {
		t.Errorf("a frame of %d bytes: %.80s", len(f), f)
	}
	e.answers = false
	if f = (&intake{}).frame(e, ackReply{send: true, payload: viewErrors(wrong)}); f != `{"envelope_id":"e"}` {
		t.Errorf("a payload that Slack does not read: %.80s", f)
	}
}

func TestResponseURLsLeadToSlackOnly(t *testing.T) {
	t.Parallel()
	b := newTestBot(t, Config{APIURL: "https://slack.com/api/"}, nil, nil)
	for address, want := range map[string]bool{
		"https://hooks.slack.com/commands/T/1/x": true, "https://hooks.slack-gov.com/actions/x": true, "https://slack.com/x": true,
		"http://hooks.slack.com/x": false, "https://evilslack.com/x": false, "https://hooks.slack.com.evil.example/x": false,
		"https://hooks.slack.com@evil.example/x": false, "https://x:y@hooks.slack.com/x": false, "https://169.254.169.254/": false,
		"file:///etc/passwd": false, "": false, "https://hooks.slack.com\\@evil.example/": false,
	} {
		if got := b.web.mayAnswerTo(address); got != want {
			t.Errorf("mayAnswerTo(%q) = %v, want %v", address, got, want)
		}
	}
}

func TestAPersonOfAnotherTeamIsAStrangerWhateverSlackCallsThem(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		self, user string
		want       bool
	}{
		"our team":              {`"team_id":"T1"`, `"team_id":"T1"`, false},
		"another team":          {`"team_id":"T1"`, `"team_id":"T2"`, true},
		"no team":               {`"team_id":"T1"`, `"x":1`, true},
		"our organisation":      {`"team_id":"T1","enterprise_id":"E1"`, `"team_id":"T2","enterprise_user":{"enterprise_id":"E1"}`, false},
		"another organisation":  {`"team_id":"T1","enterprise_id":"E1"`, `"team_id":"T2","enterprise_user":{"enterprise_id":"E2"}`, true},
		"said to be a stranger": {`"team_id":"T1"`, `"team_id":"T1","is_stranger":true`, true},
	} {
		b := newTestBot(t, Config{APIURL: respondWith(t, func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "auth.test") {
				static(200, `{"ok":true,"user_id":"U9",`+tt.self+`}`)(w, r)
				return
			}
			static(200, `{"ok":true,"user":{"id":"U1",`+tt.user+`}}`)(w, r)
		})}, nil, nil)
		p, err := b.Person(t.Context(), "U1")
		if err != nil || p.Stranger != tt.want {
			t.Errorf("%s: stranger %v, err %v; want %v", name, p.Stranger, err, tt.want)
		}
	}
}

func TestAWhisperIntoAThreadThatCannotBeGoesToTheResponseURL(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	b := runBot(t, s, nil)
	b.connected(t)
	acked(t, s.User(slackfake.Operator).Slash(slackfake.Random, "help")) // the bot is no member there
	err := b.Whisper(t.Context(), slackfake.Operator, notify.Post{Channel: slackfake.Random, Thread: "1700000000.000100", Message: hello()},
		b.inbox.requests()[0].ResponseURL)
	if err != nil || len(s.Ephemerals(slackfake.Operator)) != 1 {
		t.Errorf("err %v, %d whispers", err, len(s.Ephemerals(slackfake.Operator)))
	}
}
