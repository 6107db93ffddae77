package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ai-notebook/notebookbot/internal/slackfake"
)

// workspace starts a Slack workspace and gives a configuration for it.
func workspace(t *testing.T, more string) (*slackfake.Server, string) {
	t.Helper()
	slack := slackfake.New(slackfake.Default())
	if err := slack.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(slack.Close)
	return slack, fmt.Sprintf(`
app: {locale: en}
listen: 127.0.0.1:0
store: sqlite:%s
slack:
  app_token: %s
  bot_token: %s
  api_url: %s
  channels: {ops: C0OPS, incidents: C0INC, announcements: C0ANN}
alertmanager: {token: a-token-of-alertmanager}
people:
  operators: [U01AAAA, U01BBBB, U01CCCC]
  commanders: [U01BBBB, U01CCCC, S0OPS]
%s`, filepath.Join(t.TempDir(), "bot.db"), slackfake.AppToken, slackfake.BotToken, slack.URL(), more)
}

func TestCheckPassesInAWorkspaceThatIsSetUp(t *testing.T) {
	t.Parallel()
	slack, config := workspace(t, "")
	code, stdout, stderr := try(t, config, "check", "--config", "CONFIG")
	if code != exitDone {
		t.Errorf("code %d\n%s%s", code, stdout, stderr)
	}
	for _, want := range []string{
		"ok         slack bot_token", "ok         slack scopes", "ok         slack app_token", "ok         slack channel C0INC",
		"ok         people", "ok         store", "unchecked  public_url",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("no line %q in\n%s", want, stdout)
		}
	}
	if strings.Contains(stdout+stderr, slackfake.BotToken) || strings.Contains(stdout+stderr, "a-token-of") {
		t.Errorf("a secret shows:\n%s%s", stdout, stderr)
	}
	if posts := slack.Calls("chat.postMessage"); len(posts) > 0 {
		t.Errorf("check posted %d messages", len(posts))
	}
}

func TestCheckFindsEachMistakeInAWorkspaceAndSaysHowToMendIt(t *testing.T) {
	t.Parallel()
	without := func(scope string) []string {
		return slices.DeleteFunc(slackfake.DefaultScopes(), func(s string) bool { return s == scope })
	}
	tests := []struct {
		name   string
		change func(*slackfake.Server)
		edit   func(string) string
		want   []string
	}{
		{
			"a token that was revoked", func(s *slackfake.Server) { s.SetToken(slackfake.BotToken, "token_revoked", nil) }, nil,
			[]string{"failed     slack bot_token", "copy the token anew", "unchecked  people"},
		},
		{
			"a scope that is missing", func(s *slackfake.Server) { s.SetToken(slackfake.BotToken, "", without("chat:write")) }, nil,
			[]string{"failed     slack scopes", "chat:write", "install it again"},
		},
		{
			"a channel without the bot", func(s *slackfake.Server) { s.Kick("C0INC", slackfake.BotUser) }, nil,
			[]string{"failed     slack channel C0INC", "/invite @notebookbot"},
		},
		{
			"a channel that is archived", func(s *slackfake.Server) { s.Archive("C0ANN", true) }, nil,
			[]string{"failed     slack channel C0ANN", "the channel is archived"},
		},
		{
			"a channel that does not exist", nil, func(c string) string { return strings.Replace(c, "C0INC", "C0NONE", 1) },
			[]string{"failed     slack channel C0NONE", "no such channel"},
		},
		{
			"nobody who can approve", nil, func(c string) string { return strings.Replace(c, "[U01BBBB, U01CCCC, S0OPS]", "[]", 1) },
			[]string{"failed     people", "restart"},
		},
		{
			"an operator who left", nil, func(c string) string { return strings.Replace(c, "U01AAAA", slackfake.Leaver, 1) },
			[]string{"failed     people", slackfake.Leaver},
		},
		{
			"Slack cannot be reached", func(s *slackfake.Server) { s.SetReachable(false) }, nil,
			[]string{"failed     slack bot_token", "slack.api_url", "unchecked  people"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			slack, config := workspace(t, "")
			if tt.change != nil {
				tt.change(slack)
			}
			if tt.edit != nil {
				config = tt.edit(config)
			}
			code, stdout, stderr := try(t, config, "check", "--config", "CONFIG")
			if code != exitFailed || stderr != "" {
				t.Errorf("code %d, stderr %q; want a failure in the table alone", code, stderr)
			}
			for _, want := range tt.want {
				if !strings.Contains(stdout, want) {
					t.Errorf("no %q in\n%s", want, stdout)
				}
			}
		})
	}
}
