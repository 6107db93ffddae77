package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/internal/realparts"
	"github.com/ai-notebook/notebookbot/internal/slackfake"
)

const token = "e2e-token"

func TestMain(m *testing.M) { os.Exit(realparts.Main(m)) }

// startSlack starts a workspace that ends with the test, which fails when the bot broke one of Slack's rules or said a thing
// twice.
func startSlack(t *testing.T) *slackfake.Server {
	t.Helper()
	slack := slackfake.New(slackfake.Default())
	if err := slack.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, v := range slack.Violations() {
			t.Errorf("slack: %s", v)
		}
		for key, places := range slack.PostsByKey() {
			if len(places) != 1 {
				t.Errorf("%s was posted %d times", key, len(places))
			}
		}
		slack.Close()
	})
	return slack
}

// startBot starts the real program and gives its address once it takes alerts.
func startBot(t *testing.T, slack *slackfake.Server, store string) string {
	t.Helper()
	addr := realparts.FreeAddr(t)
	startBotAt(t, slack, store, addr, "")
	return addr
}

// startBotAt starts it at that address. more are keys of its Alertmanager.
func startBotAt(t *testing.T, slack *slackfake.Server, store, addr, more string) *realparts.Program {
	t.Helper()
	config := filepath.Join(t.TempDir(), "notebookbot.yml")
	text := fmt.Sprintf(`
app: {name: AI智能记事本, timezone: UTC}
listen: %s
store: "%s"
slack: {app_token: %s, bot_token: %s, api_url: "%s", channels: {ops: C0OPS, incidents: C0INC}}
alertmanager: {token: %s%s}
incidents: {hold: 2s}
people: {operators: [U01AAAA, U01BBBB, U01CCCC], commanders: [U01BBBB, U01CCCC]}
`, addr, store, slackfake.AppToken, slackfake.BotToken, slack.URL(), token, more)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return realparts.Run(t, "notebookbot", realparts.Notebookbot(t), []string{"serve", "--config", config}, func(ctx context.Context) error {
		return realparts.Answers(ctx, "http://"+addr+"/readyz")
	})
}

// soon is how long a machine under load may take for what takes a second.
const soon = 60 * time.Second

// eventually waits until cond holds.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-ctx.Done():
			t.Fatalf("not within %s: %s", soon, what)
		case <-tick.C:
		}
	}
}

// cards are the incidents' root messages, oldest first.
func cards(slack *slackfake.Server) []slackfake.Message {
	var out []slackfake.Message
	for _, m := range slack.Roots("C0INC") {
		if strings.HasSuffix(m.Key(), "/card") {
			out = append(out, m)
		}
	}
	return out
}

// awaitCard waits until the card of that number says all of these words.
func awaitCard(t *testing.T, slack *slackfake.Server, number int, words ...string) {
	t.Helper()
	began := time.Now()
	last := "there is none"
	defer func() {
		if t.Failed() {
			t.Logf("card %d: %s", number, last)
			return
		}
		t.Logf("after %s: %s", time.Since(began).Round(time.Millisecond), last)
	}()
	eventually(t, fmt.Sprintf("card %d says %q", number, words), func() bool {
		all := cards(slack)
		if len(all) < number {
			return false
		}
		last = all[number-1].Text
		for _, w := range words {
			if !strings.Contains(last, w) {
				return false
			}
		}
		return true
	})
}
