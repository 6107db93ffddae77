package slackfake_test

import (
	"testing"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"

	"github.com/ai-notebook/notebookbot/internal/slackfake"
)

func TestABotConnectsPostsAndIsClicked(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	b := startBot(t, s, nil)

	who := must(b.AuthTestContext(t.Context()))(t)
	if who.UserID != slackfake.BotUser || who.TeamID != "T0FAKE" {
		t.Errorf("auth.test = %+v", who)
	}
	ts := post(t, b.Client, slackfake.Incidents, slack.MsgOptionText("api is down", false),
		slack.MsgOptionBlocks(actions("act:1", "incident.ack", "INC-1")),
		slack.MsgOptionMetadata(slack.SlackMetadata{EventType: "notebookbot", EventPayload: map[string]any{"key": "k1"}}))
	if got := s.PostsByKey()["k1"]; len(got) != 1 || got[0] != (slackfake.Ref{Channel: slackfake.Incidents, TS: ts}) {
		t.Errorf("posts of the key = %v", got)
	}

	out := ended(t, s.User(slackfake.Operator).Click(slackfake.Incidents, ts, "incident.ack"), slackfake.Acked)
	if out.Took <= 0 {
		t.Errorf("took = %v", out.Took)
	}
	click, ok := b.wait(t, socketmode.EventTypeInteractive, 1)[0].Data.(slack.InteractionCallback)
	if !ok || click.User.ID != slackfake.Operator || click.ActionCallback.BlockActions[0].Value != "INC-1" ||
		click.Container.MessageTs != ts || click.Message.Metadata.EventPayload["key"] != "k1" {
		t.Errorf("click = %+v", click)
	}

	ended(t, s.User(slackfake.Commander).Slash(slackfake.Ops, "help @ana"), slackfake.Acked)
	cmd, ok := b.wait(t, socketmode.EventTypeSlashCommand, 1)[0].Data.(slack.SlashCommand)
	if !ok || cmd.Text != "help <@U01AAAA|ana>" || cmd.Command != "/notebook" || cmd.ChannelID != slackfake.Ops {
		t.Errorf("slash command = %+v", cmd)
	}

	in := s.User(slackfake.Operator).Mention(slackfake.Incidents, ts, "note it's <b>ad")
	ended(t, in, slackfake.Acked)
	m, ok := s.Message(slackfake.Incidents, in.Message.TS)
	if !ok || m.Text != "<@U0BOT> note it's &lt;b&gt;ad" || m.Thread != ts {
		t.Errorf("mention = %+v", m)
	}
}
