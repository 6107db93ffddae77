package slackfake_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/slack-go/slack"

	"github.com/ai-notebook/notebookbot/internal/slackfake"
)

func meta(key string) slack.MsgOption {
	return slack.MsgOptionMetadata(slack.SlackMetadata{EventType: "notebookbot", EventPayload: map[string]any{"key": key, "state": "done"}})
}

func TestPostsAreRefusedAsSlackRefusesThem(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	c := client(t, s)
	reply := s.User(slackfake.Operator).Post(slackfake.Ops, s.User(slackfake.Operator).Post(slackfake.Ops, "", "root").Message.TS, "reply")
	for _, tc := range []struct {
		name, channel, code string
		blame               string
		opts                []slack.MsgOption
	}{
		{"a channel without the bot", slackfake.Random, "not_in_channel", "", []slack.MsgOption{slackText("x")}},
		{"a private channel without the bot", slackfake.Vault, "channel_not_found", "", []slack.MsgOption{slackText("x")}},
		{"an unknown channel", "C0NOWHERE", "channel_not_found", "", []slack.MsgOption{slackText("x")}},
		{"a name", "#ops", "channel_not_found", "", []slack.MsgOption{slackText("x")}},
		{"an archived channel", slackfake.Attic, "is_archived", "", []slack.MsgOption{slackText("x")}},
		{"a person who left", slackfake.Leaver, "channel_not_found", "", []slack.MsgOption{slackText("x")}},
		{"another bot", slackfake.OtherBot, "cannot_dm_bot", "", []slack.MsgOption{slackText("x")}},
		{"nothing to say", slackfake.Ops, "no_text", "no_text", nil},
		{
			"a reply to a reply", slackfake.Ops, "cannot_reply_to_message", "cannot_reply",
			[]slack.MsgOption{slackText("x"), slack.MsgOptionTS(reply.Message.TS)},
		},
		{
			"a thread that is no timestamp", slackfake.Ops, "invalid_arguments", "thread_ts",
			[]slack.MsgOption{slackText("x"), slack.MsgOptionTS("yesterday")},
		},
		{"large metadata", slackfake.Ops, "metadata_too_large", "metadata_too_large", []slack.MsgOption{slackText("x"), meta(strings.Repeat("k", 9000))}},
		{
			"metadata without a payload", slackfake.Ops, "invalid_metadata_schema", "event_payload",
			[]slack.MsgOption{slackText("x"), slack.MsgOptionMetadata(slack.SlackMetadata{EventType: "x"})},
		},
		{"nested metadata", slackfake.Ops, "invalid_metadata_schema", "event_payload.a", []slack.MsgOption{
			slackText("x"),
			slack.MsgOptionMetadata(slack.SlackMetadata{EventType: "x", EventPayload: map[string]any{"a": map[string]any{"b": map[string]any{"c": map[string]any{"d": 1}}}}}),
		}},
	} {
		_, _, err := c.PostMessageContext(t.Context(), tc.channel, tc.opts...)
		if err == nil || !strings.HasPrefix(err.Error(), tc.code) {
			t.Errorf("%s: %v, want %s", tc.name, err, tc.code)
		}
		if tc.blame != "" {
			violated(t, s, tc.blame)
		} else {
			violated(t, s)
		}
	}
}

func TestAPostIsKeptAndAnsweredAsSlackParsesIt(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	c := client(t, s)
	channel, at, parsed, err := c.PostMessageWithResponseContext(t.Context(), slackfake.Operator, slackText("a & b < c <@U01AAAA> &amp; <nonsense"),
		slackOption(slack.NewDividerBlock()), meta("k"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(channel, "D") || channel != s.User(slackfake.Operator).DM() {
		t.Errorf("channel = %s, want the direct message's", channel)
	}
	m, _ := s.Message(channel, at)
	if want := "a &amp; b &lt; c <@U01AAAA> &amp; &lt;nonsense"; m.Text != want || parsed.Text != want {
		t.Errorf("text = %q and %q", m.Text, parsed.Text)
	}
	if id, _ := m.Blocks[0]["block_id"].(string); id == "" {
		t.Error("no block_id was made")
	}
	if m.Key() != "k" || parsed.Metadata.EventPayload["key"] != "k" {
		t.Errorf("metadata = %+v, answered %+v", m.Metadata, parsed.Metadata)
	}

	long := strings.Repeat("字", 40001)
	ts := post(t, c, slackfake.Ops, slackText(long))
	if m, _ := s.Message(slackfake.Ops, ts); m.Text != strings.Repeat("字", 40000) {
		t.Errorf("%d characters were kept", len([]rune(m.Text)))
	}
	var stamps []string
	for range 50 {
		stamps = append(stamps, post(t, c, slackfake.Ops, slackText("x")))
	}
	if !slices.IsSorted(stamps) || len(slices.Compact(stamps)) != 50 {
		t.Errorf("timestamps are not strictly increasing: %v", stamps)
	}
}

func TestRepliesToWhatIsGone(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	c := client(t, s)
	root := post(t, c, slackfake.Ops, slackText("root"))
	ended(t, s.User(slackfake.Operator).Delete(slackfake.Ops, root), slackfake.Acked)
	_, _, parsed, err := c.PostMessageWithResponseContext(t.Context(), slackfake.Ops, slackText("reply"), slack.MsgOptionTS(root))
	if err != nil || parsed.ThreadTimestamp != "" {
		t.Errorf("reply to a deleted root: %v in thread %q, want none", err, parsed.ThreadTimestamp)
	}
	if _, _, err := c.PostMessageContext(t.Context(), slackfake.Ops, slackText("reply"), slack.MsgOptionTS("1.000001")); err != nil {
		t.Errorf("reply to what never was: %v", err)
	}
	violated(t, s, "never was a message")
}

func TestUpdateKeepsAndRemovesAsSlackDoes(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	c := client(t, s)
	ts := post(t, c, slackfake.Ops, slackText("one"), slackOption(slack.NewDividerBlock()), meta("k"),
		slack.MsgOptionAttachments(slack.Attachment{Text: "attached"}))
	update := func(opts ...slack.MsgOption) slackfake.Message {
		t.Helper()
		if _, _, _, err := c.UpdateMessageContext(t.Context(), slackfake.Ops, ts, opts...); err != nil {
			t.Fatal(err)
		}
		m, _ := s.Message(slackfake.Ops, ts)
		return m
	}
	m := update(slackText("two"), slackOption(slack.NewDividerBlock(), slack.NewDividerBlock()))
	if m.Text != "two" || len(m.Blocks) != 2 || len(m.Attachments) != 1 || m.Key() != "k" || m.Edited || m.Edits != 1 {
		t.Errorf("with blocks: %+v", m)
	}
	m = update(slackText("three"))
	if len(m.Blocks) != 0 || len(m.Attachments) != 1 || m.Key() != "k" || !m.Edited {
		t.Errorf("text without blocks: %+v", m)
	}
	m = update(slackText("four"), slack.MsgOptionAttachments([]slack.Attachment{}...), slack.MsgOptionMetadata(slack.SlackMetadata{}))
	if len(m.Attachments) != 0 || m.Metadata != nil {
		t.Errorf("emptied: %+v", m)
	}
	if got := len(s.PostsByKey()["k"]); got != 1 {
		t.Errorf("%d posts of the key, want 1: updates are no posts", got)
	}

	bad := func(name, ts, code, blame string, opts ...slack.MsgOption) {
		t.Helper()
		_, _, _, err := c.UpdateMessageContext(t.Context(), slackfake.Ops, ts, opts...)
		if err == nil || !strings.HasPrefix(err.Error(), code) {
			t.Errorf("%s: %v, want %s", name, err, code)
		}
		if blame == "" {
			violated(t, s)
		} else {
			violated(t, s, blame)
		}
	}
	human := s.User(slackfake.Operator).Post(slackfake.Ops, "", "mine").Message.TS
	bad("another's message", human, "cant_update_message", "cant_update_message", slackText("x"))
	bad("no such message", "1.000001", "message_not_found", "", slackText("x"))
	bad("too long", ts, "msg_too_long", "msg_too_long", slackText(strings.Repeat("x", 4001)))
	bad("nothing", ts, "no_text", "no_text", slackText(""))
	rich := post(t, c, slackfake.Ops, slackText("x"), slackOption(slack.NewRichTextBlock("", slack.NewRichTextSection(
		slack.NewRichTextSectionTextElement("x", nil)))))
	bad("rich text to none", rich, "block_mismatch", "block_mismatch", slackText("x"), slackOption(slack.NewDividerBlock()))
	if _, _, err := c.DeleteMessageContext(t.Context(), slackfake.Ops, ts); err != nil {
		t.Fatal(err)
	}
	bad("a deleted message", ts, "message_not_found", "", slackText("x"))
	if _, _, err := c.DeleteMessageContext(t.Context(), slackfake.Ops, human); err == nil || err.Error() != "cant_delete_message" {
		t.Errorf("deleting another's message: %v", err)
	}
	violated(t, s, "cant_delete_message")
}

func TestEphemeralMessagesAreSeenByOneAlone(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	c := client(t, s)
	whisper := func(channel, user string, opts ...slack.MsgOption) error {
		_, err := c.PostEphemeralContext(t.Context(), channel, user, opts...)
		return err
	}
	if err := whisper(slackfake.Ops, slackfake.Operator, slackText("psst")); err != nil {
		t.Fatal(err)
	}
	root := post(t, c, slackfake.Ops, slackText("root"))
	if err := whisper(slackfake.Ops, slackfake.Operator, slackText("unseen"), slack.MsgOptionTS(root)); err != nil {
		t.Fatal(err)
	}
	s.User(slackfake.Operator).Post(slackfake.Ops, root, "now it is a thread")
	if err := whisper(slackfake.Ops, slackfake.Operator, slackText("seen"), slack.MsgOptionTS(root)); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range s.Ephemerals(slackfake.Operator) {
		got = append(got, e.Text)
	}
	if !slices.Equal(got, []string{"psst", "seen"}) || len(s.Ephemerals(slackfake.Commander)) != 0 {
		t.Errorf("seen by the operator: %v", got)
	}
	refused(t, whisper(slackfake.Ops, slackfake.Leaver, slackText("x")), "user_not_in_channel")
	refused(t, whisper(slackfake.Secret, slackfake.Commander2, slackText("x")), "user_not_in_channel")
	refused(t, whisper(slackfake.Random, slackfake.Operator, slackText("x")), "not_in_channel")
	eph := s.Ephemerals(slackfake.Operator)[0]
	_, _, _, err := c.UpdateMessageContext(t.Context(), slackfake.Ops, eph.TS, slackText("x"))
	refused(t, err, "message_not_found")
}

func TestHistoryAndRepliesArePagedAndGated(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	c := client(t, s)
	var roots []string
	for _, text := range []string{"a", "b", "c", "d", "e"} {
		roots = append(roots, post(t, c, slackfake.Ops, slackText(text), meta(text)))
	}
	for _, text := range []string{"r1", "r2", "r3"} {
		post(t, c, slackfake.Ops, slackText(text), slack.MsgOptionTS(roots[0]), meta(text))
	}
	post(t, c, slackfake.Ops, slackText("broadcast"), slack.MsgOptionTS(roots[0]), slack.MsgOptionBroadcast())
	history := func(p slack.GetConversationHistoryParameters) (string, *slack.GetConversationHistoryResponse) {
		t.Helper()
		p.ChannelID = slackfake.Ops
		resp, err := c.GetConversationHistoryContext(t.Context(), &p)
		if err != nil {
			t.Fatal(err)
		}
		var texts []string
		for _, m := range resp.Messages {
			texts = append(texts, m.Text)
		}
		return strings.Join(texts, " "), resp
	}
	if got, _ := history(slack.GetConversationHistoryParameters{}); got != "broadcast e d c b a" {
		t.Errorf("history = %s", got)
	}
	got, resp := history(slack.GetConversationHistoryParameters{Limit: 4})
	if got != "broadcast e d c" || !resp.HasMore {
		t.Errorf("first page = %s", got)
	}
	post(t, c, slackfake.Ops, slackText("meanwhile"))
	if got, resp = history(slack.GetConversationHistoryParameters{Limit: 4, Cursor: resp.ResponseMetaData.NextCursor}); got != "b a" || resp.HasMore {
		t.Errorf("second page = %s", got)
	}
	if got, _ = history(slack.GetConversationHistoryParameters{Oldest: roots[1], Latest: roots[3]}); got != "c" {
		t.Errorf("exclusive window = %s", got)
	}
	if got, _ = history(slack.GetConversationHistoryParameters{Oldest: roots[1], Latest: roots[3], Inclusive: true}); got != "d c b" {
		t.Errorf("inclusive window = %s", got)
	}
	_, resp = history(slack.GetConversationHistoryParameters{Oldest: roots[4], Latest: roots[4], Inclusive: true})
	if md := resp.Messages[0].Metadata; md.EventType != "notebookbot" || md.EventPayload != nil {
		t.Errorf("metadata without asking = %+v", md)
	}
	_, resp = history(slack.GetConversationHistoryParameters{Oldest: roots[4], Latest: roots[4], Inclusive: true, IncludeAllMetadata: true})
	if md := resp.Messages[0].Metadata; md.EventPayload["key"] != "e" {
		t.Errorf("metadata with asking = %+v", md)
	}

	replies := func(p slack.GetConversationRepliesParameters) (string, bool, string) {
		t.Helper()
		p.ChannelID, p.Timestamp = slackfake.Ops, roots[0]
		msgs, more, cursor, err := c.GetConversationRepliesContext(t.Context(), &p)
		if err != nil {
			t.Fatal(err)
		}
		var texts []string
		for _, m := range msgs {
			texts = append(texts, m.Text)
		}
		return strings.Join(texts, " "), more, cursor
	}
	if got, _, _ := replies(slack.GetConversationRepliesParameters{}); got != "a r1 r2 r3 broadcast" {
		t.Errorf("replies = %s", got)
	}
	got, more, cursor := replies(slack.GetConversationRepliesParameters{Limit: 3})
	if got != "a r1 r2" || !more {
		t.Errorf("first page of replies = %s", got)
	}
	if got, more, _ = replies(slack.GetConversationRepliesParameters{Limit: 3, Cursor: cursor}); got != "r3 broadcast" || more {
		t.Errorf("second page of replies = %s", got)
	}
	_, _, _, err := c.GetConversationRepliesContext(t.Context(), &slack.GetConversationRepliesParameters{ChannelID: slackfake.Ops, Timestamp: "1.000001"})
	refused(t, err, "thread_not_found")
	_, err = c.GetConversationHistoryContext(t.Context(), &slack.GetConversationHistoryParameters{ChannelID: slackfake.Random})
	refused(t, err, "not_in_channel")
	_, err = c.GetConversationHistoryContext(t.Context(), &slack.GetConversationHistoryParameters{ChannelID: slackfake.Vault})
	refused(t, err, "channel_not_found")
	_, err = c.GetConversationHistoryContext(t.Context(), &slack.GetConversationHistoryParameters{ChannelID: slackfake.Ops, Cursor: "x", Oldest: "now"})
	refused(t, err, "invalid_ts_oldest")
	violated(t, s, "invalid_ts_oldest")

	// A root that was deleted stays as a tombstone while it has replies.
	s.User(slackfake.Operator).Delete(slackfake.Ops, roots[0])
	if got, _, _ := replies(slack.GetConversationRepliesParameters{}); got != "This message was deleted. r1 r2 r3 broadcast" {
		t.Errorf("replies to a tombstone = %s", got)
	}
}
