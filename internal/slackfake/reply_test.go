package slackfake_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/slack-go/slack"

	"github.com/ai-notebook/notebookbot/internal/slackfake"
)

// responseURL is the address of the last interaction.
func responseURL(t *testing.T, s *slackfake.Server) string {
	t.Helper()
	all := s.Envelopes()
	u, _ := all[len(all)-1].Payload["response_url"].(string)
	if u == "" {
		t.Fatal("no response_url")
	}
	return u
}

// reply posts to a response address.
func reply(t *testing.T, u, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, u, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var b strings.Builder
	buf := make([]byte, 4096)
	for {
		n, err := resp.Body.Read(buf)
		b.Write(buf[:n])
		if err != nil {
			break
		}
	}
	return resp.StatusCode, b.String()
}

func TestAResponseAddressAnswersACommand(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	b := startBot(t, s, nil)
	// The bot is not in this channel, and can answer all the same.
	ended(t, s.User(slackfake.Operator).Slash(slackfake.Vault, "x"), slackfake.Acked)
	u := responseURL(t, s)
	if _, _, err := b.PostMessageContext(t.Context(), slackfake.Vault, slackText("psst"), slack.MsgOptionResponseURL(u, "ephemeral")); err != nil {
		t.Errorf("slack-go: %v", err)
	}
	if status, body := reply(t, u, `{"text":"all","response_type":"in_channel"}`); status != http.StatusOK || body != "ok" {
		t.Errorf("in_channel: %d %s", status, body)
	}
	if e := s.Ephemerals(slackfake.Operator); len(e) != 1 || e[0].Text != "psst" || e[0].Channel != slackfake.Vault {
		t.Errorf("ephemeral = %+v", e)
	}
	if m := s.Messages(slackfake.Vault); len(m) != 1 || m[0].Text != "all" {
		t.Errorf("messages = %+v", m)
	}
	for _, tc := range []struct{ body, blame string }{
		{`{"text":"x","replace_original":true}`, "no message to replace"},
		{`{"text":"x","thread_ts":"1.000001"}`, "thread_ts needs"},
		{`{"text":"x","response_type":"loud"}`, "response_type loud"},
		{`{"text":""}`, "no_text"},
		{`{"text":"x","blocks":[{"type":"nonsense"}]}`, "invalid_blocks"},
	} {
		if status, body := reply(t, u, tc.body); status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", tc.body, status, body)
		}
		violated(t, s, tc.blame)
	}
	for range 3 {
		reply(t, u, `{"text":"x"}`)
	}
	if status, body := reply(t, u, `{"text":"the sixth"}`); status != http.StatusNotFound || !strings.Contains(body, "used_url") {
		t.Errorf("the sixth: %d %s", status, body)
	}
}

func TestAResponseAddressChangesWhatWasClicked(t *testing.T) {
	t.Parallel()
	s := workspace(t, func(c *slackfake.Config) { c.Times.ResponseLife = 500 * time.Millisecond })
	b := startBot(t, s, nil)
	ts := post(t, b.Client, slackfake.Ops, slackText("card"), slackOption(actions("b", "a", "1")))
	ana := s.User(slackfake.Operator)
	ended(t, ana.Click(slackfake.Ops, ts, "a"), slackfake.Acked)
	u := responseURL(t, s)
	if status, body := reply(t, u, `{"text":"done","replace_original":true}`); status != http.StatusOK {
		t.Errorf("replacing: %d %s", status, body)
	}
	if m, _ := s.Message(slackfake.Ops, ts); m.Text != "done" || len(m.Blocks) != 0 || m.Edits != 1 {
		t.Errorf("message = %+v", m)
	}
	if _, err := b.PostEphemeralContext(t.Context(), slackfake.Ops, slackfake.Operator, slackText("for you"), slackOption(actions("b", "a", "1"))); err != nil {
		t.Fatal(err)
	}
	e := s.Ephemerals(slackfake.Operator)[0]
	ended(t, ana.Click(slackfake.Ops, e.TS, "a"), slackfake.Acked)
	if p := s.Envelopes(); p[len(p)-1].Payload["message"] != nil {
		t.Error("a click on an ephemeral message carries no message")
	}
	u = responseURL(t, s)
	reply(t, u, `{"text":"changed","replace_original":"true"}`)
	if e := s.Ephemerals(slackfake.Operator); len(e) != 1 || e[0].Text != "changed" {
		t.Errorf("ephemeral = %+v", e)
	}
	reply(t, u, `{"delete_original":true}`)
	if e := s.Ephemerals(slackfake.Operator); len(e) != 0 {
		t.Errorf("ephemeral = %+v, want none", e)
	}
	late := time.After(550 * time.Millisecond)
	<-late
	if status, body := reply(t, u, `{"text":"late"}`); status != http.StatusNotFound || !strings.Contains(body, "expired_url") {
		t.Errorf("late: %d %s", status, body)
	}
}

func TestConversationsPeopleAndGroupsAreLookedUp(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	c := client(t, s)
	u := must(c.GetUserInfoContext(t.Context(), slackfake.Commander2))(t)
	if u.TZ != "Europe/Berlin" || u.Locale != "zh-CN" || u.TeamID != "T0FAKE" || u.Profile.Email != "" || u.Deleted {
		t.Errorf("user = %+v", u)
	}
	for id, check := range map[string]func(*slack.User) bool{
		slackfake.Leaver:    func(u *slack.User) bool { return u.Deleted },
		slackfake.GuestUser: func(u *slack.User) bool { return u.IsRestricted },
		slackfake.Stranger:  func(u *slack.User) bool { return u.IsStranger && u.TeamID == "T0OTHER" },
		slackfake.OtherBot:  func(u *slack.User) bool { return u.IsBot },
	} {
		if u := must(c.GetUserInfoContext(t.Context(), id))(t); !check(u) {
			t.Errorf("%s = %+v", id, u)
		}
	}
	_, err := c.GetUserInfoContext(t.Context(), "U0NOBODY")
	refused(t, err, "user_not_found")
	if g := must(c.GetUserGroupMembersContext(t.Context(), slackfake.OpsGroup))(t); !slices.Equal(g, []string{slackfake.Operator, slackfake.Commander}) {
		t.Errorf("group = %v", g)
	}
	_, err = c.GetUserGroupMembersContext(t.Context(), "S0NONE")
	refused(t, err, "no_such_subteam")
	if g := must(c.GetUserGroupsContext(t.Context(), slack.GetUserGroupsOptionIncludeUsers(true)))(t); len(g) != 1 || len(g[0].Users) != 2 {
		t.Errorf("groups = %+v", g)
	}

	info := must(c.GetConversationInfoContext(t.Context(), &slack.GetConversationInfoInput{ChannelID: slackfake.Ops, IncludeNumMembers: true}))(t)
	if info.Name != "ops" || !info.IsMember || info.NumMembers != 7 {
		t.Errorf("channel = %+v", info)
	}
	_, err = c.GetConversationInfoContext(t.Context(), &slack.GetConversationInfoInput{ChannelID: slackfake.Vault})
	refused(t, err, "channel_not_found")
	list, next, err := c.GetConversationsContext(t.Context(), &slack.GetConversationsParameters{Types: []string{"public_channel", "private_channel"}, Limit: 3})
	if err != nil || len(list) != 3 || next == "" {
		t.Errorf("first page = %d channels, cursor %q, %v", len(list), next, err)
	}
	rest, next, err := c.GetConversationsContext(t.Context(), &slack.GetConversationsParameters{Types: []string{"public_channel", "private_channel"}, Limit: 30, Cursor: next, ExcludeArchived: true})
	if err != nil || next != "" || len(rest) != 2 {
		t.Errorf("second page = %+v, %v; want random and secret", rest, err)
	}
	members, _, err := c.GetUsersInConversationContext(t.Context(), &slack.GetUsersInConversationParameters{ChannelID: slackfake.Secret})
	if err != nil || !slices.Contains(members, slackfake.Operator) || len(members) != 3 {
		t.Errorf("members = %v, %v", members, err)
	}
	if _, warning, _, err := c.JoinConversationContext(t.Context(), slackfake.Ops); err != nil || warning != "already_in_channel" {
		t.Errorf("joining twice: %q, %v", warning, err)
	}
	if _, _, _, err := c.JoinConversationContext(t.Context(), slackfake.Random); err != nil {
		t.Errorf("joining: %v", err)
	}
	_, _, _, err = c.JoinConversationContext(t.Context(), slackfake.Secret)
	refused(t, err, "method_not_supported_for_channel_type")
	dm, _, _, err := c.OpenConversationContext(t.Context(), &slack.OpenConversationParameters{Users: []string{slackfake.Operator}})
	if err != nil || dm.ID != s.User(slackfake.Operator).DM() {
		t.Errorf("direct message = %+v, %v", dm, err)
	}
	if b := must(c.GetBotInfoContext(t.Context(), slack.GetBotInfoParameters{Bot: "B0FAKE"}))(t); b.UserID != slackfake.BotUser {
		t.Errorf("bot = %+v", b)
	}

	s.ChangeUser(slackfake.Commander2, func(u *slackfake.User) { u.Deleted = true })
	if u := must(c.GetUserInfoContext(t.Context(), slackfake.Commander2))(t); !u.Deleted {
		t.Errorf("user = %+v, want deleted", u)
	}
	s.Archive(slackfake.Ops, true)
	_, _, err = c.PostMessageContext(t.Context(), slackfake.Ops, slackText("x"))
	refused(t, err, "is_archived")
	s.Kick(slackfake.Incidents, slackfake.BotUser)
	_, _, err = c.PostMessageContext(t.Context(), slackfake.Incidents, slackText("x"))
	refused(t, err, "not_in_channel")
}

func TestReactionsAndPinsAreSetOnce(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	c := client(t, s)
	ts := post(t, c, slackfake.Ops, slackText("x"))
	if err := c.AddReactionContext(t.Context(), "eyes", itemAt(slackfake.Ops, ts)); err != nil {
		t.Fatal(err)
	}
	refused(t, c.AddReactionContext(t.Context(), "eyes", itemAt(slackfake.Ops, ts)), "already_reacted")
	refused(t, c.AddReactionContext(t.Context(), ":eyes:", itemAt(slackfake.Ops, ts)), "invalid_name")
	violated(t, s, "invalid_name")
	refused(t, c.AddReactionContext(t.Context(), "eyes", itemAt(slackfake.Ops, "1.000001")), "message_not_found")
	if err := c.AddPinContext(t.Context(), slackfake.Ops, itemAt(slackfake.Ops, ts)); err != nil {
		t.Fatal(err)
	}
	refused(t, c.AddPinContext(t.Context(), slackfake.Ops, itemAt(slackfake.Ops, ts)), "already_pinned")
	s.User(slackfake.Operator).React(slackfake.Ops, ts, "eyes")
	m, _ := s.Message(slackfake.Ops, ts)
	want := []slackfake.Reaction{{Name: "eyes", Users: []string{slackfake.BotUser, slackfake.Operator}}}
	if diff := cmp.Diff(want, m.Reactions); diff != "" || !m.Pinned {
		t.Errorf("reactions: %s", diff)
	}
}

func TestFilesAreUploadedInThreeSteps(t *testing.T) {
	t.Parallel()
	s := workspace(t, func(c *slackfake.Config) { c.Times.FileLag = 50 * time.Millisecond })
	c := client(t, s)
	root := post(t, c, slackfake.Ops, slackText("root"))
	f, err := c.UploadFileContext(t.Context(), slack.UploadFileParameters{
		Filename: "log.txt", Title: "The log", FileSize: 5, Reader: strings.NewReader("hello"),
		Channel: slackfake.Ops, ThreadTimestamp: root, InitialComment: "see",
	})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, s, func() bool { return len(s.Thread(slackfake.Ops, root)) == 2 })
	m := s.Thread(slackfake.Ops, root)[1]
	if m.Text != "see" || len(m.Files) != 1 || m.Files[0].ID != f.ID || m.Files[0].Title != "The log" {
		t.Errorf("message = %+v", m)
	}
	if data, ok := s.FileData(f.ID); !ok || string(data) != "hello" {
		t.Errorf("content = %q", data)
	}
	_, err = c.UploadFileContext(t.Context(), slack.UploadFileParameters{Filename: "x", FileSize: 9, Reader: strings.NewReader("short")})
	if err == nil {
		t.Error("five bytes passed for nine")
	}
	violated(t, s, "5 bytes came, 9 were announced")
}

func TestHistoryCanLagBehind(t *testing.T) {
	t.Parallel()
	s := workspace(t, func(c *slackfake.Config) { c.Times.HistoryLag = time.Hour })
	c := client(t, s)
	post(t, c, slackfake.Ops, slackText("x"))
	resp := must(c.GetConversationHistoryContext(t.Context(), &slack.GetConversationHistoryParameters{ChannelID: slackfake.Ops}))(t)
	if len(resp.Messages) != 0 || len(s.Messages(slackfake.Ops)) != 1 {
		t.Errorf("history = %+v", resp.Messages)
	}
}

func TestMentionsLinksAndTextOfAMessageAreFound(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	c := client(t, s)
	verbatim := slack.NewTextBlockObject(slack.MarkdownType, "@here <!date^1700000000^{date}|then> https://bare.example", false, true)
	loose := slack.NewTextBlockObject(slack.MarkdownType, "@channel <https://evil.example|Approve> <!subteam^S0OPS> &lt;!everyone&gt;", false, false)
	button := slack.NewButtonBlockElement("a", "1", plainText("Open"))
	button.URL = "https://button.example/"
	ts := post(t, c, slackfake.Ops, slackText("<@U01AAAA> @here"), slackOption(
		slack.NewSectionBlock(verbatim, nil, nil), slack.NewSectionBlock(loose, nil, nil),
		slack.NewSectionBlock(plainText("<!channel> @here"), nil, nil),
		slack.NewRichTextBlock("r", slack.NewRichTextSection(slack.NewRichTextSectionTextElement("<!here> by ", nil),
			slack.NewRichTextSectionUserElement("U01BBBB", nil), slack.NewRichTextSectionBroadcastElement("here"))),
		slack.NewActionBlock("b", button),
	))
	m, _ := s.Message(slackfake.Ops, ts)
	var got []string
	for _, mn := range slackfake.EffectiveMentions(m) {
		got = append(got, mn.Kind+" "+mn.ID)
	}
	want := []string{"user U01AAAA", "broadcast channel", "usergroup S0OPS", "user U01BBBB", "broadcast here"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("mentions: %s", diff)
	}
	got = nil
	for _, l := range slackfake.EffectiveLinks(m) {
		got = append(got, l.URL+" "+l.Label)
	}
	if diff := cmp.Diff([]string{"https://evil.example Approve", "https://button.example/ Open"}, got); diff != "" {
		t.Errorf("links: %s", diff)
	}
	visible := "@here then https://bare.example\n@channel Approve @S0OPS <!everyone>\n<!channel> @here\n<!here> by @U01BBBB@here\n[Open]"
	if diff := cmp.Diff(visible, slackfake.VisibleText(m)); diff != "" {
		t.Errorf("visible text: %s", diff)
	}
}

func TestASnapshotHoldsTheWorkspace(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	b := modalBot(t, s, nil)
	in := s.User(slackfake.Operator).Slash(slackfake.Ops, "x")
	ended(t, in, slackfake.Acked)
	if _, err := b.OpenViewContext(t.Context(), in.Trigger, resolveModal("Open")); err != nil {
		t.Fatal(err)
	}
	before := s.Version()
	ts := post(t, b.Client, slackfake.Ops, slackText("root"))
	post(t, b.Client, slackfake.Ops, slackText("reply"), slack.MsgOptionTS(ts))
	snap := s.Snapshot()
	if snap.Version <= before || snap.Sockets != 1 || snap.Views[slackfake.Operator].Title != "Open" {
		t.Errorf("snapshot = %+v", snap)
	}
	ops := snap.Channels[0]
	if ops.ID != slackfake.Ops || len(ops.Messages) != 2 || ops.Messages[0].Replies != 1 || ops.Messages[0].Version <= before {
		t.Errorf("channel = %+v", ops)
	}
	if r := s.Roots(slackfake.Ops); len(r) != 1 || r[0].TS != ts {
		t.Errorf("roots = %+v", r)
	}
}
