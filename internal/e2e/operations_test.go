package e2e

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops/docker"
	"github.com/ai-notebook/notebookbot/internal/realparts"
	"github.com/ai-notebook/notebookbot/internal/slackfake"
)

// operated is an application with its bot and the people who ask things of it.
type operated struct {
	app               *realparts.Application
	slack             *slackfake.Server
	asker, bob, carol *slackfake.Person // the other two may approve
}

// asks types a command in ops and gives the card of the operation that comes of it.
func (o *operated) asks(t *testing.T, command string) (key string, card slackfake.Message) {
	t.Helper()
	cards := func() []string {
		var out []string
		for _, m := range o.slack.Messages("C0OPS") {
			if k, ok := strings.CutSuffix(m.Key(), "/card"); ok && strings.HasPrefix(k, "OP-") {
				out = append(out, k)
			}
		}
		return out
	}
	known := cards()
	const again = 25 * time.Second // a busy machine may not have been able to look at the application in time
	var asked time.Time
	eventually(t, command+" is planned", func() bool {
		if time.Since(asked) > again {
			o.asker.Slash("C0OPS", command)
			asked = time.Now()
		}
		for _, k := range cards() {
			if !slices.Contains(known, k) {
				key = k
			}
		}
		return key != ""
	})
	return key, operationCard(t, o.slack, key, "待批准")
}

// says waits until a message, or what a person alone sees, has all of these words.
func (o *operated) says(t *testing.T, person string, words ...string) {
	t.Helper()
	eventually(t, person+" reads "+strings.Join(words, " "), func() bool {
		return slices.ContainsFunc(o.slack.Ephemerals(person), func(e slackfake.Ephemeral) bool {
			b, err := json.Marshal(e.Blocks)
			return err == nil && !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(e.Text+string(b), w) })
		})
	})
}

// toldOnce waits for the one reply that says how an operation ended, and gives it.
func (o *operated) toldOnce(t *testing.T, key string, words ...string) {
	t.Helper()
	card := operationCard(t, o.slack, key)
	var replies []slackfake.Message
	eventually(t, "the end of "+key+" is told", func() bool {
		replies = nil
		for _, m := range o.slack.Thread(card.Channel, card.TS) {
			if m.TS != card.TS && strings.Contains(m.Text, key) {
				replies = append(replies, m)
			}
		}
		return len(replies) > 0
	})
	if len(replies) != 1 || !containsAll(replies[0], words) {
		t.Errorf("told %d times, want once with %q: %+v", len(replies), words, replies)
	}
}

func (o *operated) state(t *testing.T, key string) string {
	t.Helper()
	s, _ := operationCard(t, o.slack, key).Metadata.Payload["state"].(string)
	return s
}

func (o *operated) sql(t *testing.T, statement string) string {
	t.Helper()
	e, err := docker.Open(docker.Config{Host: o.app.Host, Project: o.app.Project, Dir: o.app.Dir})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	var out, said strings.Builder
	argv := []string{"psql", "-h", "/tmp", "-U", "postgres", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", "ai_notebook", "-c", statement}
	if code, err := e.Exec(t.Context(), onlyContainer(t, o.app, "postgres").ID, argv, nil, &out, &said); err != nil || code != 0 {
		t.Fatalf("%s: %d, %v: %s", statement, code, err, said.String())
	}
	return strings.TrimSpace(out.String())
}

func (o *operated) rows(t *testing.T, want string) {
	t.Helper()
	if got := o.sql(t, "select count(*) from ledger"); got != want {
		t.Errorf("there are %s rows, want %s", got, want)
	}
}

// restore: notes were deleted by mistake, and come back only when two others agree.
func (o *operated) restore(t *testing.T, set string) {
	o.sql(t, "delete from ledger where id > 10")
	key, card := o.asks(t, "restore "+set+" database 误删了笔记")
	if want := []string{"恢复 " + set + " 的数据库", "还差2人", "误删了笔记", "互换时断开数据库的现有连接", "失败则换回旧库"}; !containsAll(card, want) {
		t.Errorf("the card does not say %q: %+v", want, card.Blocks)
	}
	click := func(p *slackfake.Person) {
		ctx, cancel := context.WithTimeout(t.Context(), soon)
		defer cancel()
		if _, err := p.Click(card.Channel, card.TS, "approval.approve").Wait(ctx); err != nil {
			t.Error(err)
		}
	}
	click(o.slack.User(slackfake.Stranger))
	eventually(t, "who may not is told so", func() bool { return len(o.slack.Ephemerals(slackfake.Stranger)) > 0 })
	click(o.asker)
	o.says(t, "U01AAAA", key, "必须由别人批准")
	click(o.bob)
	eventually(t, "one of two has approved", func() bool { return containsAll(operationCard(t, o.slack, key), []string{"还差1人"}) })
	click(o.bob)
	if card := operationCard(t, o.slack, key); o.state(t, key) != "planned" || !containsAll(card, []string{"还差1人"}) {
		t.Errorf("after two clicks of one person it is %s: %+v", o.state(t, key), card.Blocks)
	}
	o.rows(t, "10")
	click(o.carol)
	operationCard(t, o.slack, key, "已完成")
	o.rows(t, "3000")
	o.toldOnce(t, key, "已完成", "数据库已回到", "restore undo "+key)

	o.sql(t, "insert into ledger values (100000, '恢复之后')")
	undo, card := o.asks(t, "restore undo "+key)
	if want := []string{"换回 " + key + " 之前的数据", "还差2人"}; !containsAll(card, want) {
		t.Errorf("the card does not say %q: %+v", want, card.Blocks)
	}
	click(o.bob)
	click(o.carol)
	operationCard(t, o.slack, undo, "已完成")
	o.rows(t, "10")
	o.toldOnce(t, undo, "已完成", "restore undo "+undo)
	healthy(t, o.app)
}

// cleanup: what stands in the list goes, and nothing else, whatever happens after the plan.
func (o *operated) cleanup(t *testing.T) {
	long := time.Now().AddDate(0, -2, 0)
	put := func(name string, at time.Time) string {
		path := filepath.Join(o.app.Dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(strings.Repeat("一行日志\n", 1000)), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
		return path
	}
	listed := []string{put("logs/access.log.1", long), put("logs/nginx/error.log.2.gz", long)}
	stays := []string{put("logs/busy.log", long), put("logs/fresh.log", time.Now()), put("logs/README", long)}
	// As compose leaves one behind whose service was taken away: the guide's `docker volume prune` takes it with all that is in it.
	volume := o.app.Project + "_archive"
	o.docker(t, "volume", "create", "--label", "com.docker.compose.project="+o.app.Project, "--label", "com.docker.compose.volume=archive", volume)

	key, card := o.asks(t, "cleanup 磁盘已用 92%")
	if want := []string{"清理磁盘空间", "删除 30 天没有写入的日志：3 项", "access.log.1", "数据卷从不删除", "不可撤销"}; !containsAll(card, want) {
		t.Errorf("the card does not say %q: %+v", want, card.Blocks)
	}
	o.bob.Slash("C0OPS", "operation items "+key)
	eventually(t, "the list is shown", func() bool {
		return slices.ContainsFunc(o.slack.Messages("C0OPS"), func(m slackfake.Message) bool {
			return containsAll(m, []string{key + " 的清单", "access.log.1", "nginx/error.log.2.gz", "busy.log"}) && !containsAll(m, []string{"fresh.log"})
		})
	})
	stays = append(stays, put("logs/late.log", long)) // nobody has approved that
	put("logs/busy.log", time.Now())
	o.bob.Click(card.Channel, card.TS, "approval.approve")
	operationCard(t, o.slack, key, "已完成")
	o.toldOnce(t, key, "清理了2项", "1项已有变化", "busy.log")
	for _, name := range listed {
		if _, err := os.Lstat(name); !os.IsNotExist(err) {
			t.Errorf("%s was approved and is there: %v", name, err)
		}
	}
	for _, name := range stays {
		if _, err := os.Lstat(name); err != nil {
			t.Errorf("%s went: %v", name, err)
		}
	}
	if got := strings.Fields(o.docker(t, "volume", "ls", "--quiet", "--filter", "label=com.docker.compose.project="+o.app.Project)); len(got) != 3 ||
		!slices.Contains(got, volume) {
		t.Errorf("the volumes are %q", got)
	}
	healthy(t, o.app)
}

// deploy: another version comes, and goes again.
func (o *operated) deploy(t *testing.T) {
	o.app.Versioned(t)
	versions := func(want string) {
		t.Helper()
		for _, service := range []string{"backend", "frontend"} {
			if c := onlyContainer(t, o.app, service); c.Image != "ai-notebook/"+service+":"+want {
				t.Errorf("%s runs %s, want %s", service, c.Image, want)
			}
		}
		healthy(t, o.app)
	}
	for _, c := range []struct {
		command, want string
		card, told    []string
	}{
		{"deploy v2 修复登录", "v2", []string{"发布 v2", "v1 (", "先起新容器，健康后再停旧的，不中断", "失败则换回旧版本"}, []string{"发布 v2", "rollback"}},
		{"rollback 新版本太慢", "v1", []string{"回滚到 v1", "数据库保持现状", "比现在的版本旧"}, []string{"回滚到 v1"}},
	} {
		key, card := o.asks(t, c.command)
		if !containsAll(card, append(c.card, "还差1人")) {
			t.Errorf("the card does not say %q: %+v", c.card, card.Blocks)
		}
		o.bob.Click(card.Channel, card.TS, "approval.approve")
		operationCard(t, o.slack, key, "已完成")
		o.toldOnce(t, key, append(c.told, "已完成")...)
		versions(c.want)
	}
}

func (o *operated) docker(t *testing.T, args ...string) string {
	t.Helper()
	return o.run(t, "docker", append([]string{"-H", o.app.Host}, args...)...)
}

func (o *operated) run(t *testing.T, program string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	out, err := exec.CommandContext(ctx, realparts.Require(t, program), args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", program, args, err, out)
	}
	return strings.TrimSpace(string(out))
}
