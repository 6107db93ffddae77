package bot

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-notebook/notebookbot/internal/access"
	"github.com/ai-notebook/notebookbot/internal/slackfake"
	"github.com/ai-notebook/notebookbot/notify"
)

func sender(t *testing.T, s *slackfake.Server) *Bot {
	t.Helper()
	return newTestBot(t, fakeConfig(s), nil, nil)
}

func TestAMessageIsPostedEditedAndFound(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	b := sender(t, s)
	since := time.Now()
	root, err := b.Post(t.Context(), notify.Post{Channel: slackfake.Incidents, Key: "card-1", State: "planned", Message: card()})
	if err != nil {
		t.Fatal(err)
	}
	reply, err := b.Post(t.Context(), notify.Post{Channel: slackfake.Incidents, Thread: root.TS, Key: "reply-1", Message: hello()})
	if err != nil {
		t.Fatal(err)
	}
	m, _ := s.Message(root.Channel, root.TS)
	if m.Key() != "card-1" || m.Metadata.EventType != "notebookbot" || m.Metadata.Payload["state"] != "planned" {
		t.Errorf("metadata = %+v", m.Metadata)
	}
	edited := card()
	edited.Summary = "INC-1 recovered"
	if err := b.Edit(t.Context(), root, notify.Post{Key: "card-1", State: "done", Message: edited}); err != nil {
		t.Fatal(err)
	}
	m, _ = s.Message(root.Channel, root.TS)
	if m.Text != "INC-1 recovered" || m.Metadata.Payload["state"] != "done" || len(m.Blocks) == 0 {
		t.Errorf("edited message = %q %+v, %d blocks", m.Text, m.Metadata, len(m.Blocks))
	}
	for _, tt := range []struct {
		thread, key string
		want        notify.Posted
	}{{"", "card-1", root}, {root.TS, "reply-1", reply}, {root.TS, "unheard-of", notify.Posted{}}, {"", "reply-1", notify.Posted{}}} {
		got, found, err := b.Find(t.Context(), slackfake.Incidents, tt.thread, tt.key, since)
		if err != nil || got != tt.want || found != (tt.want != notify.Posted{}) {
			t.Errorf("Find(%q, %q) = %v, %v, %v; want %v", tt.thread, tt.key, got, found, err, tt.want)
		}
	}
}

func TestALostAnswerIsUnknownAndTheMessageIsFound(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	b := sender(t, s)
	for i, kind := range []slackfake.FaultKind{slackfake.Lost, slackfake.Doubtful} {
		s.Fault(slackfake.Fault{Method: "chat.postMessage", Kind: kind, Count: 1})
		key := fmt.Sprint("k", i)
		begin := time.Now()
		_, err := b.Post(t.Context(), notify.Post{Channel: slackfake.Ops, Key: key, Message: hello()})
		var se *notify.SendError
		if !errors.As(err, &se) || se.Fate != notify.Ambiguous {
			t.Errorf("%s: err = %v, want ambiguous", kind, err)
		}
		at, found, err := b.Find(t.Context(), slackfake.Ops, "", key, begin)
		if err != nil || !found {
			t.Errorf("%s: found %v, err %v", kind, found, err)
		}
		if refs := s.PostsByKey()[key]; len(refs) != 1 || refs[0].TS != at.TS {
			t.Errorf("%s: posted %v, found %v", kind, refs, at)
		}
	}
}

func TestAMessageAmongManyIsFound(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	b := sender(t, s)
	since := time.Now()
	at, err := b.Post(t.Context(), notify.Post{Channel: slackfake.Ops, Key: "needle", Message: hello()})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 450 {
		s.User(slackfake.Operator).Post(slackfake.Ops, "", fmt.Sprint("hay ", i))
	}
	got, found, err := b.Find(t.Context(), slackfake.Ops, "", "needle", since)
	if err != nil || !found || got != at {
		t.Errorf("Find = %v, %v, %v; want %v", got, found, err, at)
	}
	if n := len(s.Calls("conversations.history")); n < 3 {
		t.Errorf("%d pages were read, want several", n)
	}
}

func TestADirectMessageGoesToThePersonAndIsFoundThere(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	b := sender(t, s)
	since := time.Now()
	at, err := b.Post(t.Context(), notify.Post{Channel: slackfake.Commander, Key: "page", Message: hello()})
	if err != nil || !strings.HasPrefix(at.Channel, "D") {
		t.Fatalf("posted to %v, err %v", at, err)
	}
	got, found, err := b.Find(t.Context(), slackfake.Commander, "", "page", since)
	if err != nil || !found || got != at {
		t.Errorf("Find = %v, %v, %v; want %v", got, found, err, at)
	}
}

func TestAReplyWhoseRootIsGoneIsFoundInTheChannel(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	b := sender(t, s)
	since := time.Now()
	in := s.User(slackfake.Operator).Post(slackfake.Ops, "", "root")
	s.User(slackfake.Operator).Delete(slackfake.Ops, in.Message.TS)
	at, err := b.Post(t.Context(), notify.Post{Channel: slackfake.Ops, Thread: in.Message.TS, Key: "late", Message: hello()})
	if err != nil {
		t.Fatal(err)
	}
	if n := metric(t, b.metrics.unthreaded, ""); n != 1 {
		t.Errorf("%v replies without a thread were counted", n)
	}
	got, found, err := b.Find(t.Context(), slackfake.Ops, in.Message.TS, "late", since)
	if err != nil || !found || got != at {
		t.Errorf("Find = %v, %v, %v; want %v", got, found, err, at)
	}
}

func TestRefusalsForGoodAreNamed(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	b := sender(t, s)
	for channel, want := range map[string]string{
		"C0NONE": "channel_not_found", slackfake.Vault: "channel_not_found", slackfake.Random: "not_in_channel", slackfake.Attic: "is_archived",
	} {
		_, err := b.Post(t.Context(), notify.Post{Channel: channel, Key: "k" + channel, Message: hello()})
		checkFate(t, channel, err, notify.Permanent, want, 0)
	}
	err := b.Edit(t.Context(), notify.Posted{Channel: slackfake.Ops, TS: "1.000001"}, notify.Post{Key: "k", Message: hello()})
	checkFate(t, "edit of nothing", err, notify.Permanent, "message_not_found", 0)
	in := s.User(slackfake.Operator).Post(slackfake.Ops, "", "mine")
	err = b.Edit(t.Context(), notify.Posted{Channel: slackfake.Ops, TS: in.Message.TS}, notify.Post{Key: "k", Message: hello()})
	checkFate(t, "edit of another's", err, notify.Permanent, "cant_update_message", 0)
	s.TakeViolations() // that was one
	if got := b.TokenTrouble(); got != "" {
		t.Errorf("token trouble %q", got)
	}
	s.SetToken(slackfake.BotToken, "token_revoked", nil)
	_, err = b.Post(t.Context(), notify.Post{Channel: slackfake.Ops, Key: "k", Message: hello()})
	checkFate(t, "revoked", err, notify.Permanent, "token_revoked", 0)
	if got := b.TokenTrouble(); got != "token_revoked" || !IsAuth(got) {
		t.Errorf("token trouble %q", got)
	}
}

func whispers(s *slackfake.Server, user string) (out []string) {
	for _, e := range s.Ephemerals(user) {
		out = append(out, e.Channel+"/"+e.Thread)
	}
	return out
}

func TestAWhisperFindsItsWay(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	b := runBot(t, s, nil)
	b.connected(t)
	ana := s.User(slackfake.Operator)
	reply := func(channel string) string {
		n := len(b.inbox.requests())
		acked(t, ana.Slash(channel, "help"))
		return b.inbox.requests()[n].ResponseURL
	}
	say := func(channel, thread, url string) error {
		return b.Whisper(t.Context(), slackfake.Operator, notify.Post{Channel: channel, Thread: thread, Message: hello()}, url)
	}
	// Where the bot is no member, only the response URL leads.
	if err := say(slackfake.Random, "", reply(slackfake.Random)); err != nil {
		t.Errorf("by response URL: %v", err)
	}
	if err := say(slackfake.Ops, "", ""); err != nil {
		t.Errorf("without a response URL: %v", err)
	}
	at := post(t, b, notify.Post{Channel: slackfake.Ops, Key: "root", Message: hello()})
	post(t, b, notify.Post{Channel: slackfake.Ops, Thread: at.TS, Key: "reply", Message: hello()})
	if err := say(slackfake.Ops, at.TS, reply(slackfake.Ops)); err != nil {
		t.Errorf("into a thread: %v", err)
	}
	want := []string{slackfake.Random + "/", slackfake.Ops + "/", slackfake.Ops + "/" + at.TS}
	if d := cmp.Diff(want, whispers(s, slackfake.Operator)); d != "" {
		t.Errorf("whispers (-want +got):\n%s", d)
	}
	// A response URL that is used up: the Web API goes on.
	used := reply(slackfake.Ops)
	for i := range replyUses + 2 {
		if err := say(slackfake.Ops, "", used); err != nil {
			t.Errorf("use %d: %v", i, err)
		}
	}
	if n := len(s.Calls("response_url")); n != 1+replyUses {
		t.Errorf("%d answers to response URLs, want %d", n, 1+replyUses)
	}
	if err := say(ana.DM(), "", ""); err != nil || len(s.Messages(ana.DM())) != 1 {
		t.Errorf("in a direct message: %v, %d messages", err, len(s.Messages(ana.DM())))
	}
	if err := say("", "", ""); err != nil || len(s.Messages(ana.DM())) != 2 {
		t.Errorf("without a channel: %v, %d messages", err, len(s.Messages(ana.DM())))
	}
}

func TestAnExpiredResponseURLThatWeNeverSawIsNoEnd(t *testing.T) {
	t.Parallel()
	s := workspace(t, func(c *slackfake.Config) { c.Times.ResponseLife = time.Millisecond })
	b := runBot(t, s, nil)
	b.connected(t)
	acked(t, s.User(slackfake.Operator).Slash(slackfake.Ops, "help"))
	address := b.inbox.requests()[0].ResponseURL
	eventually(t, "the address has ended", func() bool { return time.Since(b.inbox.requests()[0].Received) > 10*time.Millisecond })
	other := sender(t, s) // after a restart
	if err := other.Whisper(t.Context(), slackfake.Operator, notify.Post{Channel: slackfake.Ops, Message: hello()}, address); err != nil {
		t.Error(err)
	}
	if got := whispers(s, slackfake.Operator); len(got) != 1 {
		t.Errorf("whispers = %v", got)
	}
}

func TestPeopleAreKnownAndStrangersAreStrangers(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	b := sender(t, s)
	for id, want := range map[string]access.Person{
		slackfake.Operator:  {Team: "T0FAKE", TimeZone: "Asia/Shanghai"},
		slackfake.GuestUser: {Team: "T0FAKE", Guest: true},
		slackfake.Leaver:    {Team: "T0FAKE", Deleted: true},
		slackfake.Stranger:  {Team: "T0OTHER", Stranger: true},
		slackfake.OtherBot:  {Team: "T0FAKE", Bot: true},
	} {
		got, err := b.Person(t.Context(), id)
		if err != nil {
			t.Errorf("%s: %v", id, err)
		}
		want.ID, want.Name = id, got.Name
		if got != want || got.Name == "" {
			t.Errorf("Person(%s) = %+v, want %+v", id, got, want)
		}
	}
	if p, err := b.Person(t.Context(), "U0NONE"); err == nil {
		t.Errorf("nobody is %+v", p)
	}
	got, err := b.Members(t.Context(), slackfake.OpsGroup)
	if want := []string{slackfake.Operator, slackfake.Commander}; err != nil || !slices.Equal(got, want) {
		t.Errorf("members = %v, %v; want %v", got, err, want)
	}
	if got, err := b.Members(t.Context(), "S0NONE"); err == nil {
		t.Errorf("the members of nothing are %v", got)
	}
}

func TestCheckNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	b := sender(t, s)
	verdicts := func() map[string]string {
		out := map[string]string{}
		for _, f := range b.Check(t.Context(), slackfake.Ops, slackfake.Random, slackfake.Attic, "C0NONE", slackfake.Ops) {
			out[f.Name] = string(f.Verdict) + " " + f.Reason
		}
		return out
	}
	want := map[string]string{
		"bot_token": "ok ", "scopes": "ok ", "app_token": "ok ", "channel C0OPS": "ok ", "channel C0RANDOM": "failed not_in_channel",
		"channel C0ATTIC": "failed is_archived", "channel C0NONE": "failed channel_not_found", "interactivity": "unchecked only_a_click_shows",
	}
	if d := cmp.Diff(want, verdicts()); d != "" {
		t.Errorf("check (-want +got):\n%s", d)
	}
	fewer := slices.DeleteFunc(Scopes(), func(s string) bool { return s == "users:read" || s == "im:write" })
	s.SetToken(slackfake.BotToken, "", fewer)
	for _, f := range b.Check(t.Context()) {
		if f.Name == "scopes" && (f.Verdict != Wrong || !strings.Contains(f.Detail, "users:read") || !strings.Contains(f.Detail, "im:write")) {
			t.Errorf("scopes = %+v", f)
		}
	}
	s.SetToken(slackfake.BotToken, "account_inactive", nil)
	s.SetToken(slackfake.AppToken, "", []string{"authorizations:read"})
	got := verdicts()
	if got["bot_token"] != "failed account_inactive" || got["app_token"] != "failed missing_scope" {
		t.Errorf("check = %v", got)
	}
}

// TestHostileTextThroughSlack asks the workspace itself what was effective.
func TestHostileTextThroughSlack(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	b := sender(t, s)
	for i, h := range hostile {
		at, err := b.Post(t.Context(), notify.Post{Channel: slackfake.Ops, Key: fmt.Sprint("k", i), Message: everywhere(h)})
		if err != nil {
			t.Errorf("%.40q: %v", h, err)
			continue
		}
		m, _ := s.Message(at.Channel, at.TS)
		if got := slackfake.EffectiveMentions(m); len(got) > 0 {
			t.Errorf("%.40q pings %v", h, got)
		}
		if got := slackfake.EffectiveLinks(m); len(got) > 0 {
			t.Errorf("%.40q links %v", h, got)
		}
		if err := b.Edit(t.Context(), at, notify.Post{Key: fmt.Sprint("k", i), Message: everywhere(h + "!")}); err != nil {
			t.Errorf("%.40q: %v", h, err)
		}
	}
}

func TestAStoppedCallSaysSo(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	b := sender(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := b.Post(ctx, notify.Post{Channel: slackfake.Ops, Key: "k", Message: hello()})
	checkFate(t, "stopped", err, notify.Retry, "stopped", 0)
}

// TestOnlyOurOwnMessageIsOurs: other messages may have any shape, and another app may copy our metadata.
func TestOnlyOurOwnMessageIsOurs(t *testing.T) {
	t.Parallel()
	const ours = `"metadata":{"event_type":"notebookbot","event_payload":{"key":"k"}}`
	for name, tt := range map[string]struct {
		message string
		want    bool
	}{
		"ours by bot id":         {`{"bot_id":"B1","ts":"1.1",` + ours + `}`, true},
		"ours by user id":        {`{"user":"U1","ts":"1.1",` + ours + `}`, true},
		"another app's":          {`{"bot_id":"B2","user":"U2","ts":"1.1",` + ours + `}`, false},
		"another key":            {`{"bot_id":"B1","ts":"1.1","metadata":{"event_type":"notebookbot","event_payload":{"key":"kk"}}}`, false},
		"another type":           {`{"bot_id":"B1","ts":"1.1","metadata":{"event_type":"x","event_payload":{"key":"k"}}}`, false},
		"no metadata":            {`{"bot_id":"B1","ts":"1.1"}`, false},
		"metadata of any shape":  {`{"bot_id":"B1","ts":"1.1","metadata":[1]}`, false},
		"a message of any shape": {`"boo"`, false},
	} {
		b := newTestBot(t, Config{APIURL: respondWith(t, func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "auth.test") {
				static(200, `{"ok":true,"user_id":"U1","bot_id":"B1","team_id":"T1"}`)(w, r)
				return
			}
			static(200, `{"ok":true,"messages":[{"blocks":7,"user":{},"ts":[]},`+tt.message+`]}`)(w, r)
		})}, nil, nil)
		_, found, err := b.Find(t.Context(), "C1", "", "k", time.Now())
		if err != nil || found != tt.want {
			t.Errorf("%s: found %v, err %v; want %v", name, found, err, tt.want)
		}
	}
}
