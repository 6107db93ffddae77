package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"

	"github.com/ai-notebook/notebookbot/internal/realparts"
	"github.com/ai-notebook/notebookbot/internal/sample"
	"github.com/ai-notebook/notebookbot/internal/slackfake"
)

// startDemoOn runs the real program as a demo on an engine of the test's own, and gives the address of its page.
func startDemoOn(t *testing.T, host string, args ...string) string {
	t.Helper()
	stdout, stderr := &output{}, &output{}
	cmd := exec.Command(realparts.Notebookbot(t), append([]string{"demo", "--no-browser", "--listen", "127.0.0.1:0"}, args...)...)
	cmd.Env = append(os.Environ(), "DOCKER_HOST="+host)
	cmd.Stdout, cmd.Stderr = stdout, stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGINT)
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("the demo ended with %v:\n%s", err, tail(stderr.String(), 4000))
			}
		case <-time.After(demoEndsWithin + 5*time.Second):
			_ = cmd.Process.Kill()
			t.Error("the demo did not end")
		}
		if t.Failed() {
			t.Logf("its log:\n%s", tail(stderr.String(), 4000))
		}
	})
	until(t, "the demo prints its address", 30*time.Second, func() bool { return demoAddress.MatchString(stdout.String()) })
	return demoAddress.FindString(stdout.String())
}

func TestInTheDemoTheSampleApplicationIsBrokenRestartedByTwoPeopleAndABadVersionGoesBack(t *testing.T) {
	t.Parallel()
	realparts.Require(t, "chromium")
	b := openPage(t, startDemoOn(t, realparts.StartDocker(t).Host), "zh-CN")
	b.see("#sample", "用本机安装的制作")
	b.shot("20-sample-offered")
	b.click("#sample .go")
	b.see("#sample", "制作镜像")
	b.shot("21-sample-starting")
	patient := func(selector, want string) {
		t.Helper()
		until(t, selector+" shows "+want, 3*time.Minute, func() bool { return strings.Contains(b.text(selector), want) })
	}
	patient("#sampleanswers", "版本 v1")
	b.shot("22-sample-up")

	b.click(`#sample [data-do="kill"]`)
	b.see("#sample .bad", "backend")
	b.click(`[data-channel="` + slackfake.Incidents + `"]`)
	b.see("#messages", "服务 backend:8080 宕机")
	b.see("#messages", "示例应用")
	b.shot("23-sample-broken")

	b.be(slackfake.Operator)
	b.click(`[data-channel="` + slackfake.Ops + `"]`)
	b.say("#box", "/notebook restart backend")
	b.see("#messages", "重启 backend")
	b.see("#messages", "待批准")
	b.shot("24-restart-asked")
	b.be(slackfake.Commander)
	b.click(`[data-channel="` + slackfake.Ops + `"]`)
	b.click(`#messages [data-action="approval.approve"]`)
	b.see("#confirm", "批准")
	b.click("#confirm .primary")
	patient("#messages", "已完成")
	b.shot("25-restarted")
	patient("#sampleanswers.ok", "版本 v1")
	b.click(`[data-channel="` + slackfake.Incidents + `"]`)
	patient("#messages", "已恢复")
	b.shot("26-recovered")

	b.be(slackfake.Operator)
	b.click(`[data-channel="` + slackfake.Ops + `"]`)
	b.say("#box", "/notebook deploy v3")
	b.see("#messages", "发布 v3")
	b.be(slackfake.Commander)
	b.click(`[data-channel="` + slackfake.Ops + `"]`)
	b.click(`#messages [data-action="approval.approve"]`)
	b.click("#confirm .primary")
	patient("#messages", "失败，已撤销")
	patient("#sampleanswers.ok", "版本 v1")
	b.shot("27-bad-version-went-back")

	// What was deleted by mistake comes back, with two people's approvals.
	notes := func() string {
		address, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](`document.querySelector("#sampleanswers a").href`))
		if err != nil {
			return err.Error()
		}
		resp, err := http.Get(strings.TrimSuffix(address, "/") + "/api/notes")
		if err != nil {
			return err.Error()
		}
		defer resp.Body.Close()
		var l struct{ Count int }
		return fmt.Sprint(json.NewDecoder(resp.Body).Decode(&l), l.Count)
	}
	b.be(slackfake.Operator)
	b.click(`[data-channel="` + slackfake.Ops + `"]`)
	b.say("#box", "/notebook backup full")
	patient("#messages", "整份读回验证通过")
	b.click(`#sample [data-do="forget"]`)
	until(t, "half of the notes are gone", time.Minute, func() bool { return notes() == "<nil> 1000" })
	b.say("#box", "/notebook restore latest database 误删")
	b.see("#messages", "还差2人")
	for _, commander := range []string{slackfake.Commander, slackfake.Commander2} {
		b.be(commander)
		b.click(`[data-channel="` + slackfake.Ops + `"]`)
		b.click(`#messages [data-action="approval.approve"]`)
		b.click("#confirm .primary")
	}
	patient("#messages", "数据库已回到")
	until(t, "all notes are back", time.Minute, func() bool { return notes() == "<nil> 2000" })
	b.see("#messages", "restore undo OP-")
	b.shot("29-restored")
	b.do(chromedp.EmulateViewport(420, 800))
	b.click("#menu")
	b.shot("28-sample-narrow")
}

func TestWhatTheDemoHasToSayOfTheSampleApplication(t *testing.T) {
	t.Parallel()
	now := time.Now()
	long, short := now.Add(-time.Minute), now.Add(-time.Second)
	of := func(backend sample.Service, errors int) sample.State {
		backend.Name = "backend"
		return sample.State{Phase: sample.Up, Services: []sample.Service{backend}, Errors: errors}
	}
	down, high := ofSample{"ServiceDown", "backend:8080"}, ofSample{"HighErrorRate", "backend:8080"}
	for _, c := range []struct {
		what  string
		state sample.State
		want  map[ofSample]bool
	}{
		{"all is well", of(sample.Service{State: sample.ServiceUp, Since: short}, 0), map[ofSample]bool{down: false, high: false}},
		{"down for a moment is not told", of(sample.Service{State: sample.ServiceDown, Since: short}, 0), map[ofSample]bool{high: false}},
		{"down for a minute", of(sample.Service{State: sample.ServiceDown, Since: long}, 90), map[ofSample]bool{down: true, high: false}},
		{"unhealthy for a minute", of(sample.Service{State: sample.ServiceUnhealthy, Since: long}, 0), map[ofSample]bool{down: true, high: false}},
		{"starting is not down", of(sample.Service{State: sample.ServiceStarting, Since: long}, 0), map[ofSample]bool{down: false, high: false}},
		{"errors", of(sample.Service{State: sample.ServiceUp, Since: long}, 50), map[ofSample]bool{down: false, high: true}},
		{"while it starts nothing is known", sample.State{Phase: sample.Starting}, map[ofSample]bool{}},
	} {
		if diff := cmp.Diff(c.want, wrongs(c.state, now)); diff != "" {
			t.Errorf("%s: %s", c.what, diff)
		}
	}
	if gone := wrongs(sample.State{Phase: sample.Offered}, now); len(gone) != len(sample.Services)+1 || gone[down] {
		t.Errorf("what was removed still alarms: %v", gone)
	}
}
