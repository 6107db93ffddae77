package main

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ai-notebook/notebookbot/internal/slackfake"
)

// alertBody is a webhook with one firing alert, in a group of its own.
func alertBody(name, severity string) string {
	return fmt.Sprintf(`{"version":"4","groupKey":"{}:{n=\"%[1]s\"}","receiver":"r","status":"firing","truncatedAlerts":0,`+
		`"alerts":[{"status":"firing","labels":{"alertname":"%[1]s","severity":"%[2]s"},"annotations":{"summary":"%[1]s"},`+
		`"startsAt":"%[3]s","endsAt":"0001-01-01T00:00:00Z","fingerprint":"%[1]s"}]}`, name, severity, time.Now().UTC().Format(time.RFC3339Nano))
}

// lab is a workspace and a configuration for the real program.
type lab struct {
	slack        *slackfake.Server
	addr, config string
}

func newLab(t *testing.T, store, more string) *lab {
	t.Helper()
	slack := slackfake.New(slackfake.Default())
	if err := slack.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(slack.Close)
	l := &lab{slack: slack, addr: freeAddr(t), config: filepath.Join(t.TempDir(), "notebookbot.yml")}
	if store == "" {
		store = "sqlite:" + filepath.Join(t.TempDir(), "bot.db")
	}
	writeFile(t, l.config, fmt.Sprintf(`
app: {name: Notebook, timezone: UTC, locale: en}
listen: %s
store: %q
slack:
  app_token: %s
  bot_token: %s
  api_url: "%s"
  channels: {ops: C0OPS, incidents: C0INC}
alertmanager: {token: lab}
people: {operators: [U01AAAA, U01BBBB], commanders: [U01BBBB, U01CCCC]}
contacts: {ops: {slack: U01BBBB}, management: {slack: U01CCCC}}
%s
`, l.addr, store, slackfake.AppToken, slackfake.BotToken, slack.URL(), more))
	return l
}

// sql runs a statement.
func sql(t *testing.T, dsn, statement string) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(context.WithoutCancel(t.Context())) }()
	if _, err := c.Exec(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}
