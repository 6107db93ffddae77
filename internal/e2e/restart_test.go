package e2e

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ai-notebook/notebookbot/internal/ops/docker"
	"github.com/ai-notebook/notebookbot/internal/realparts"
	"github.com/ai-notebook/notebookbot/internal/slackfake"
)

// startBotOn starts the real program for the sample application, and gives the folder of its backups.
func startBotOn(t *testing.T, slack *slackfake.Server, a *realparts.Application, more string) (backups string) {
	t.Helper()
	addr, dir := realparts.FreeAddr(t), t.TempDir()
	text := fmt.Sprintf(`
app: {name: AI智能记事本, timezone: UTC}
listen: %s
store: "sqlite:%s"
slack: {app_token: %s, bot_token: %s, api_url: "%s", channels: {ops: C0OPS, incidents: C0INC}}
alertmanager: {token: %s}
people: {operators: [U01AAAA, U01BBBB, U01CCCC], commanders: [U01AAAA, U01BBBB, U01CCCC]}
break_glass: [U01AAAA]
target: {docker_host: "%s", project: %s, dir: %s, health_url: "%s"}
database: {name: ai_notebook, user: postgres}
backup: {dir: %s, files: [docker-compose.yml], config: [nginx/], secrets: [.env]}
%s`, addr, filepath.Join(dir, "notebookbot.db"), slackfake.AppToken, slackfake.BotToken, slack.URL(), token, a.Host, a.Project, a.Dir, a.URL("/health"),
		filepath.Join(dir, "backups"), more)
	config := filepath.Join(dir, "notebookbot.yml")
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	realparts.Run(t, "notebookbot", realparts.Notebookbot(t), []string{"serve", "--config", config}, func(ctx context.Context) error {
		return realparts.Answers(ctx, "http://"+addr+"/readyz")
	})
	eventually(t, "the bot hears Slack", func() bool {
		return slices.ContainsFunc(slack.Sockets(), func(s slackfake.Socket) bool { return s.Hello })
	})
	return filepath.Join(dir, "backups")
}

// operationCard waits until the card of an operation says all of these words, and gives it.
func operationCard(t *testing.T, slack *slackfake.Server, key string, words ...string) slackfake.Message {
	t.Helper()
	var last slackfake.Message
	defer func() {
		if t.Failed() {
			t.Logf("the card of %s: %s\n%v", key, last.Text, last.Metadata)
			for _, m := range slack.Messages("C0OPS") {
				t.Logf("ops: %s", m.Text)
			}
		}
	}()
	eventually(t, fmt.Sprintf("the card of %s says %q", key, words), func() bool {
		for _, m := range append(slack.Messages("C0OPS"), slack.Messages("C0INC")...) {
			if m.Key() == key+"/card" {
				last = m
			}
		}
		for _, w := range words {
			if !strings.Contains(last.Text, w) {
				return false
			}
		}
		return last.TS != ""
	})
	return last
}

// onlyContainer is the one container of a service.
func onlyContainer(t *testing.T, a *realparts.Application, service string) docker.Container {
	t.Helper()
	e, err := docker.Open(docker.Config{Host: a.Host, Project: a.Project, Dir: a.Dir})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	list, err := e.Containers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range list {
		if c.Service == service {
			return c
		}
	}
	t.Fatalf("%s has no container", service)
	return docker.Container{}
}

func healthy(t *testing.T, a *realparts.Application) {
	t.Helper()
	eventually(t, "the application is healthy", func() bool {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.URL("/health"), http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return false
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
}

func TestARestartIsAskedApprovedBySomebodyElseCarriedOutAndVerified(t *testing.T) {
	t.Parallel()
	a := realparts.StartApplication(t, "")
	slack := startSlack(t)
	healthy(t, a)
	startBotOn(t, slack, a, "")
	before := onlyContainer(t, a, "backend")
	asker, commander, stranger := slack.User("U01AAAA"), slack.User("U01BBBB"), slack.User(slackfake.Stranger)

	asker.Slash("C0OPS", "restart backend --no-backup 内存持续上涨")
	card := operationCard(t, slack, "OP-1", "重启 backend", "待批准")
	if card.Metadata == nil || card.Metadata.Payload["state"] != "planned" {
		t.Errorf("metadata %+v, want the state planned", card.Metadata)
	}

	stranger.Click(card.Channel, card.TS, "approval.approve")
	eventually(t, "who may not is told so", func() bool { return len(slack.Ephemerals(slackfake.Stranger)) > 0 })
	asker.Click(card.Channel, card.TS, "approval.approve")
	eventually(t, "nobody approves their own request", func() bool {
		es := slack.Ephemerals("U01AAAA")
		return len(es) > 0
	})
	if c := onlyContainer(t, a, "backend"); !c.Started.Equal(before.Started) {
		t.Fatal("it was restarted without an approval")
	}

	commander.Click(card.Channel, card.TS, "approval.approve")
	card = operationCard(t, slack, "OP-1", "已完成")
	if card.Metadata.Payload["state"] != "done" {
		t.Errorf("metadata %+v, want the state done", card.Metadata)
	}
	after := onlyContainer(t, a, "backend")
	if after.ID != before.ID || !after.Started.After(before.Started) {
		t.Errorf("it was not restarted: %s %s, before %s %s", after.ID, after.Started, before.ID, before.Started)
	}
	eventually(t, "the end is told in a reply", func() bool {
		for _, m := range slack.Thread(card.Channel, card.TS) {
			if m.Thread != "" && strings.Contains(m.Text, "OP-1") && strings.Contains(m.Text, "已完成") {
				return true
			}
		}
		return false
	})
}
