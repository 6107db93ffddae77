package e2e

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/ai-notebook/notebookbot/internal/realparts"
	"github.com/ai-notebook/notebookbot/internal/slackfake"
)

func TestHealthIsToldToAllAndALongLogGoesToTheCallerAsAFileWithoutItsSecrets(t *testing.T) {
	t.Parallel()
	a := realparts.StartApplication(t, "")
	slack := startSlack(t)
	healthy(t, a)
	for range 30 {
		res, err := http.Get(a.URL("/api/nothing?token=tulip-7-in-an-address"))
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
	}
	startBotOn(t, slack, a, "")
	asker := slack.User("U01AAAA")

	var report slackfake.Message
	asker.Slash("C0OPS", "health")
	eventually(t, "health is told in ops", func() bool {
		for _, m := range slack.Messages("C0OPS") {
			if strings.Contains(m.Text, "健康检查") {
				report = m
			}
		}
		return report.TS != ""
	})
	t.Log(report.Text)
	blocks, err := json.Marshal(report.Blocks)
	if err != nil {
		t.Fatal(err)
	}
	shown := string(blocks)
	for _, want := range []string{"backend", "PostgreSQL", "Redis", "内存", "备份"} {
		if !strings.Contains(shown, want) {
			t.Errorf("it does not tell of %s", want)
		}
	}

	asker.Slash("C0OPS", "logs nginx 100 api/nothing")
	eventually(t, "the log is told to the caller alone", func() bool {
		for _, e := range slack.Ephemerals("U01AAAA") {
			if strings.Contains(e.Text, "nginx 的日志") {
				return true
			}
		}
		return false
	})
	var file slackfake.File
	eventually(t, "the file is in the caller's direct messages", func() bool {
		for _, c := range slack.Snapshot().Channels {
			for _, m := range slack.Messages(c.ID) {
				if len(m.Files) > 0 {
					file = m.Files[0]
					if !strings.HasPrefix(c.ID, "D") {
						t.Errorf("it stands in %s", c.ID)
					}
				}
			}
		}
		return file.ID != ""
	})
	data, ok := slack.FileData(file.ID)
	if !ok || strings.Count(string(data), "/api/nothing") != 30 || strings.Contains(string(data), "tulip") {
		t.Errorf("the file %s: %d lines\n%.600s", file.Name, strings.Count(string(data), "\n"), data)
	}
	for _, m := range slack.Messages("C0OPS") {
		if strings.Contains(m.Text, "日志") {
			t.Errorf("the log is for all to see: %s", m.Text)
		}
	}

	asker.Slash("C0OPS", "stats")
	eventually(t, "the table is told", func() bool {
		for _, m := range slack.Messages("C0OPS") {
			if strings.Contains(m.Text, "容器资源") {
				return true
			}
		}
		return false
	})
}
