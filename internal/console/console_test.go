package console_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/internal/console"
	"github.com/ai-notebook/notebookbot/internal/slackfake"
)

var people = []console.Person{
	{ID: slackfake.Operator, Name: "Ana", Role: "operator"},
	{ID: slackfake.Commander, Name: "Bo", Role: "commander"},
	{ID: slackfake.Stranger, Name: "Sam", Role: "stranger"},
	{ID: slackfake.Bystander, Name: "Dee"}, // seen, not played
}

func handler(s *slackfake.Server, change func(*console.Config)) http.Handler {
	cfg := console.Config{Slack: s, Locale: "en", People: people}
	if change != nil {
		change(&cfg)
	}
	return console.New(cfg).Handler()
}

// ask sends one request to the console, as a browser at 127.0.0.1 does.
func ask(t *testing.T, h http.Handler, method, path, body string, change ...func(*http.Request)) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, "http://127.0.0.1:8390"+path, strings.NewReader(body))
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, c := range change {
		c(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

type message struct {
	TS, Name, Text string
	Ephemeral      bool
	Replies        []message
}

type state struct {
	Version  int64
	Me       string
	Channels []struct {
		ID, Name string
		Direct   bool
		Messages []message
	}
	View *struct{ ID, Title string }
}

func look(t *testing.T, h http.Handler, as string, since int64) state {
	t.Helper()
	w := ask(t, h, http.MethodGet, "/api/state?as="+as+"&since="+strconv.FormatInt(since, 10), "")
	var s state
	if err := json.Unmarshal(w.Body.Bytes(), &s); err != nil {
		t.Fatalf("%d %s: %v", w.Code, w.Body, err)
	}
	return s
}

func (s state) messages(channel string) []message {
	for _, c := range s.Channels {
		if c.ID == channel {
			return c.Messages
		}
	}
	return nil
}

func (s state) rooms() []string {
	var out []string
	for _, c := range s.Channels {
		out = append(out, c.Name)
	}
	return out
}

func TestOnlyRequestsToALoopbackNameAreAnswered(t *testing.T) {
	t.Parallel()
	h := handler(workspace(t), nil)
	for host, want := range map[string]int{
		"127.0.0.1:8390": 200, "127.0.0.1": 200, "127.9.9.9:1": 200, "localhost:8390": 200, "localhost": 200, "[::1]:8390": 200, "[::1]": 200,
		"evil.example:8390": 403, "localhost.evil.example": 403, "127.0.0.1.evil.example": 403, "10.0.0.1:8390": 403, "0.0.0.0:8390": 403, "[fe80::1]:80": 403, "": 403,
	} {
		for _, path := range []string{"/", "/app.js", "/api/state"} {
			w := ask(t, h, http.MethodGet, path, "", func(r *http.Request) { r.Host = host })
			if w.Code != want {
				t.Errorf("%q %s: %d, want %d", host, path, w.Code, want)
			}
		}
	}
}

func TestAFormOfAnotherPageIsRefused(t *testing.T) {
	t.Parallel()
	s := workspace(t)
	h := handler(s, nil)
	body := `{"as":"U01AAAA","channel":"C0OPS","text":"from elsewhere"}`
	for kind, want := range map[string]int{
		"application/json": 200, "application/json; charset=utf-8": 200,
		"text/plain": 415, "application/x-www-form-urlencoded": 415, "multipart/form-data; boundary=x": 415, "": 415, "application/jsonp": 415,
	} {
		w := ask(t, h, http.MethodPost, "/api/say", body, func(r *http.Request) { r.Header.Set("Content-Type", kind) })
		if w.Code != want {
			t.Errorf("%q: %d, want %d", kind, w.Code, want)
		}
	}
	if n := len(s.Messages(slackfake.Ops)); n != 2 {
		t.Errorf("%d messages were posted, want those of the 2 requests with JSON", n)
	}
	if w := ask(t, h, http.MethodGet, "/api/say", body); w.Code != http.StatusMethodNotAllowed && w.Code != http.StatusNotFound {
		t.Errorf("GET of an action: %d", w.Code)
	}
	if w := ask(t, h, http.MethodPost, "/api/say", "{"); w.Code != http.StatusBadRequest {
		t.Errorf("half a body: %d", w.Code)
	}
	if w := ask(t, h, http.MethodPost, "/api/say", `{"text":"`+strings.Repeat("x", 2<<20)+`"}`); w.Code != http.StatusBadRequest {
		t.Errorf("two megabytes: %d", w.Code)
	}
}

func TestThePageMayLoadNothingFromElsewhere(t *testing.T) {
	t.Parallel()
	w := ask(t, handler(workspace(t), nil), http.MethodGet, "/", "")
	policy := w.Header().Get("Content-Security-Policy")
	if !strings.HasPrefix(policy, "default-src 'self'") || strings.Contains(policy, "unsafe") || !strings.Contains(policy, "frame-ancestors 'none'") {
		t.Errorf("policy: %s", policy)
	}
	if strings.Contains(w.Body.String(), "://") {
		t.Errorf("the page names an address:\n%s", w.Body)
	}
}

func TestNobodyIsPlayedWhoIsNotOffered(t *testing.T) {
	t.Parallel()
	s := workspace(t)
	h := handler(s, nil)
	for _, as := range []string{slackfake.BotUser, slackfake.Bystander, slackfake.GuestUser, "U0NOBODY", ""} {
		w := ask(t, h, http.MethodPost, "/api/say", `{"as":"`+as+`","channel":"C0OPS","text":"x"}`)
		if !strings.Contains(w.Body.String(), `"error"`) {
			t.Errorf("as %q: %s", as, w.Body)
		}
		if me := look(t, h, as, -1).Me; me != slackfake.Operator {
			t.Errorf("as %q one sees what %s sees", as, me)
		}
	}
	if n := len(s.Messages(slackfake.Ops)); n != 0 {
		t.Errorf("%d messages were posted", n)
	}
}

func TestAQuestionForNewsWaitsUntilThereAreSome(t *testing.T) {
	t.Parallel()
	s := workspace(t)
	h := handler(s, nil)
	now := look(t, h, slackfake.Operator, -1)
	got := make(chan state, 1)
	go func() { got <- look(t, h, slackfake.Operator, now.Version) }()
	select {
	case <-got:
		t.Fatal("answered although nothing has changed")
	case <-time.After(100 * time.Millisecond):
	}
	post(t, s, slackfake.Ops, "", "news")
	news := <-got
	if news.Version <= now.Version {
		t.Errorf("version %d after %d", news.Version, now.Version)
	}
	if m := news.messages(slackfake.Ops); len(m) != 1 || m[0].Text != "news" {
		t.Errorf("ops: %+v", m)
	}
	if late := look(t, h, slackfake.Operator, now.Version); late.Version < news.Version {
		t.Errorf("who asks late gets version %d, want %d at once", late.Version, news.Version)
	}
}

func TestAQuestionForNewsEndsWithItsPage(t *testing.T) {
	t.Parallel()
	h := handler(workspace(t), nil)
	now := look(t, h, slackfake.Operator, -1)
	ctx, leave := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		r := httptest.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1/api/state?since="+strconv.FormatInt(now.Version, 10), nil)
		h.ServeHTTP(httptest.NewRecorder(), r)
	}()
	leave()
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		t.Fatal("still waiting")
	}
}

func TestEachPersonSeesTheirOwnMessagesAlone(t *testing.T) {
	t.Parallel()
	s := workspace(t)
	h := handler(s, nil)
	post(t, s, slackfake.Operator, "", "for Ana's eyes")
	api(t, s, "chat.postEphemeral", map[string]any{"channel": slackfake.Ops, "user": slackfake.Operator, "text": "only Ana"})
	root := post(t, s, slackfake.Ops, "", "card")
	post(t, s, slackfake.Ops, root, "reply")
	api(t, s, "chat.postEphemeral", map[string]any{"channel": slackfake.Ops, "user": slackfake.Operator, "thread_ts": root, "text": "only Ana, in the thread"})

	ana, bo, sam := look(t, h, slackfake.Operator, -1), look(t, h, slackfake.Commander, -1), look(t, h, slackfake.Stranger, -1)
	all := func(s state) (out []string) {
		for _, c := range s.Channels {
			for _, m := range c.Messages {
				out = append(out, m.Text)
				for _, r := range m.Replies {
					out = append(out, "> "+r.Text)
				}
			}
		}
		return out
	}
	if want := []string{"only Ana", "card", "> reply", "> only Ana, in the thread", "for Ana's eyes"}; !slices.Equal(all(ana), want) {
		t.Errorf("Ana sees %q, want %q", all(ana), want)
	}
	for name, other := range map[string]state{"Bo": bo, "Sam": sam} {
		if want := []string{"card", "> reply"}; !slices.Equal(all(other), want) {
			t.Errorf("%s sees %q, want %q", name, all(other), want)
		}
	}
	if want := []string{"ops", "incidents", "announcements", "random", "secret", "vault", "notebookbot"}; !slices.Equal(ana.rooms(), want) {
		t.Errorf("Ana is in %v, want %v", ana.rooms(), want)
	}
	if want := []string{"ops", "incidents", "announcements"}; !slices.Equal(sam.rooms(), want) {
		t.Errorf("Sam is in %v, want %v", sam.rooms(), want)
	}
}

func TestNobodyWritesWhereTheyAreNot(t *testing.T) {
	t.Parallel()
	s := workspace(t)
	h := handler(s, nil)
	for _, channel := range []string{slackfake.Secret, s.User(slackfake.Operator).DM(), "C0NOWHERE"} {
		w := ask(t, h, http.MethodPost, "/api/say", `{"as":"`+slackfake.Stranger+`","channel":"`+channel+`","text":"x"}`)
		if !strings.Contains(w.Body.String(), `"error"`) {
			t.Errorf("%s: %s", channel, w.Body)
		}
	}
}

func TestWhatIsTypedBecomesACommandAMentionOrAMessage(t *testing.T) {
	t.Parallel()
	s := workspace(t)
	h := handler(s, nil)
	got := make(chan envelope, 1)
	runBot(t, s, func(e envelope) any {
		got <- e
		return nil
	})
	say := func(thread, text string) string {
		b, _ := json.Marshal(map[string]string{"as": slackfake.Operator, "channel": slackfake.Incidents, "thread": thread, "text": text})
		return ask(t, h, http.MethodPost, "/api/say", string(b)).Body.String()
	}
	if a := say("", "/notebook incident list"); strings.Contains(a, "error") {
		t.Error(a)
	}
	if e := <-got; e.Type != "slash_commands" || e.Payload.Text != "incident list" {
		t.Errorf("a command became %+v", e)
	}
	root := post(t, s, slackfake.Incidents, "", "card")
	for _, thread := range []string{"", root} {
		if a := say(thread, "@notebookbot help"); strings.Contains(a, "error") {
			t.Error(a)
		}
		if e := <-got; e.Type != "events_api" {
			t.Errorf("a mention became %+v", e)
		}
	}
	if a := say("", "good morning <b>all</b>"); strings.Contains(a, "error") {
		t.Error(a)
	}
	for text, want := range map[string]string{"/notbook help": "not a valid command", "/notebook help": "no slash commands in threads"} {
		thread := ""
		if want == "no slash commands in threads" {
			thread = root
		}
		if a := say(thread, text); !strings.Contains(a, want) {
			t.Errorf("%s: %s", text, a)
		}
	}
	last := s.Messages(slackfake.Incidents)
	if m := last[len(last)-1]; m.Text != "good morning &lt;b&gt;all&lt;/b&gt;" {
		t.Errorf("a message became %q", m.Text)
	}
}

func TestAnAlertThatCannotBeSentSaysWhy(t *testing.T) {
	t.Parallel()
	fired := 0
	h := handler(workspace(t), func(c *console.Config) {
		c.Alerts = []console.Alert{
			{Name: "works", Fire: func(context.Context) error { fired++; return nil }},
			{Name: "none", Fire: func(context.Context) error { return fmt.Errorf("end: %w", console.ErrNothing) }},
			{Name: "fails", Fire: func(context.Context) error { return errors.New("the webhook answered 503") }},
		}
	})
	for name, want := range map[string]string{"works": "{}", "none": `{"note":"nothing"}`, "fails": "the webhook answered 503", "other": "no such alert"} {
		w := ask(t, h, http.MethodPost, "/api/alert", `{"as":"U01AAAA","name":"`+name+`"}`)
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %s, want %s", name, w.Body, want)
		}
	}
	if fired != 1 {
		t.Errorf("fired %d times", fired)
	}
}

func TestOfALongChannelTheNewestAreShown(t *testing.T) {
	t.Parallel()
	s := workspace(t)
	h := handler(s, nil)
	for i := range 230 {
		s.User(slackfake.Operator).Post(slackfake.Ops, "", "message "+strconv.Itoa(i))
	}
	m := look(t, h, slackfake.Operator, -1).messages(slackfake.Ops)
	if len(m) != 200 || m[0].Text != "message 30" || m[199].Text != "message 229" {
		t.Errorf("%d messages, from %q to %q", len(m), m[0].Text, m[len(m)-1].Text)
	}
}
