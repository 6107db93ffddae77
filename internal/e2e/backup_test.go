package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ai-notebook/notebookbot/internal/ops/backup"
	"github.com/ai-notebook/notebookbot/internal/realparts"
	"github.com/ai-notebook/notebookbot/internal/slackfake"
)

// One application for all of it: a backup is taken, proven and used before a restart, comes back when two people agree, and so on.
func TestTheRealApplicationIsBackedUpRestoredCleanedAndDeployed(t *testing.T) {
	t.Parallel()
	a := realparts.StartApplication(t, "")
	slack := startSlack(t)
	healthy(t, a)
	o := &operated{app: a, slack: slack, asker: slack.User("U01AAAA"), bob: slack.User("U01BBBB"), carol: slack.User("U01CCCC")}
	o.sql(t, "create table ledger (id bigint primary key, text text); insert into ledger select n, 'line ' || n from generate_series(1, 3000) n")
	dir := startBotOn(t, slack, a, "deploy: {watch: 1s}\n")
	asker, commander := slack.User("U01AAAA"), slack.User("U01BBBB")

	asker.Slash("C0OPS", "backup full 升级之前")
	card := operationCard(t, slack, "OP-1", "全量备份", "已完成")
	if card.Metadata.Payload["state"] != "done" {
		t.Errorf("metadata %+v", card.Metadata)
	}
	found, err := os.ReadDir(dir)
	if err != nil || len(found) == 0 {
		t.Fatalf("no set: %v, %v", found, err)
	}
	id := found[0].Name()
	b, err := os.ReadFile(filepath.Join(dir, id, "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	var m backup.Manifest
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	if m.Database.Version == "" || len(m.Images["backend"]) != 1 || m.Files.Count != 1 {
		t.Errorf("database %+v, images %v, files %+v", m.Database, m.Images, m.Files)
	}

	said := func(words ...string) {
		t.Helper()
		eventually(t, strings.Join(words, " "), func() bool {
			for _, msg := range slack.Messages("C0OPS") {
				if containsAll(msg, words) {
					return true
				}
			}
			return false
		})
	}
	asker.Slash("C0OPS", "backup list")
	said(id, "全量", "已验证")
	asker.Slash("C0OPS", "backup status")
	said("现在出事", "RPO", id)
	asker.Slash("C0OPS", "backup verify "+strings.ToLower(id))
	operationCard(t, slack, "OP-2", "验证备份 "+id, "已完成")
	asker.Slash("C0OPS", "backup verify 20200101t000000z")
	eventually(t, "a wrong id is said", func() bool {
		for _, e := range slack.Ephemerals("U01AAAA") {
			if strings.Contains(e.Text, "没有编号为 20200101T000000Z") || strings.Contains(e.Text, "20200101T000000Z") {
				return true
			}
		}
		return false
	})

	asker.Slash("C0OPS", "restart backend")
	card = operationCard(t, slack, "OP-3", "待批准")
	commander.Click(card.Channel, card.TS, "approval.approve")
	operationCard(t, slack, "OP-3", "已完成")

	t.Run("restore", func(t *testing.T) { o.restore(t, id) })
	t.Run("cleanup", o.cleanup)
	t.Run("deploy", o.deploy)
}

// containsAll tells whether a message says all of these words, anywhere.
func containsAll(m slackfake.Message, words []string) bool {
	blocks, err := json.Marshal(m.Blocks)
	for _, w := range words {
		if err != nil || !strings.Contains(m.Text+string(blocks), w) {
			return false
		}
	}
	return true
}
