package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/ai-notebook/notebookbot/internal/realparts"
	"github.com/ai-notebook/notebookbot/internal/slackfake"
)

// output is what a program prints, read while it runs.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

var demoAddress = regexp.MustCompile(`http://127\.0\.0\.1:\d+/`)

// startDemo runs the demo as `notebookbot demo --no-browser` does, and gives the address of its page.
func startDemo(t *testing.T) string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	stdout, stderr := &output{}, &output{}
	done := make(chan int, 1)
	go func() {
		done <- program(ctx, env{stdout: stdout, stderr: stderr}, []string{"demo", "--no-browser", "--listen", "127.0.0.1:0"})
	}()
	t.Cleanup(func() {
		cancel()
		select {
		case code := <-done:
			if code != exitDone {
				t.Errorf("demo ended with %d:\n%s", code, stderr)
			}
		case <-time.After(10 * time.Second):
			t.Error("demo did not end")
		}
		if t.Failed() {
			t.Logf("its log:\n%s", tail(stderr.String(), 4000))
		}
	})
	until(t, "the demo prints its address", 20*time.Second, func() bool { return demoAddress.MatchString(stdout.String()) })
	return demoAddress.FindString(stdout.String())
}

// browser is a page in a real chromium.
type browser struct {
	t   *testing.T
	ctx context.Context //nolint:containedctx // chromedp keeps the browser in it
}

func openPage(t *testing.T, address, lang string) *browser {
	t.Helper()
	path := realparts.Require(t, "chromium")
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.WindowSize(1400, 900),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true), chromedp.Flag("lang", lang),
		chromedp.UserDataDir(t.TempDir()),
	)
	alloc, cancel := chromedp.NewExecAllocator(context.Background(), opts...)
	t.Cleanup(cancel)
	ctx, cancel := chromedp.NewContext(alloc)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 5*time.Minute)
	t.Cleanup(cancel)
	b := &browser{t, ctx}
	if err := chromedp.Listen(ctx, b.event); err != nil {
		t.Fatal(err)
	}
	b.do(chromedp.Navigate(address), chromedp.WaitVisible("#people button"))
	return b
}

// event fails the test for what a visitor would see in the developer tools.
func (b *browser) event(ev any) {
	switch ev := ev.(type) {
	case *runtime.EventExceptionThrown:
		b.t.Errorf("the page threw: %s %s", ev.ExceptionDetails.Text, ev.ExceptionDetails.Exception.Description)
	case *network.EventResponseReceived:
		if ev.Response.Status >= 400 {
			b.t.Errorf("%s answered %d", ev.Response.URL, ev.Response.Status)
		}
	}
}

func (b *browser) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		b.shot("failed")
		b.t.Fatalf("%v", err)
	}
}

func (b *browser) text(selector string) string {
	b.t.Helper()
	s, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](
		fmt.Sprintf(`[...document.querySelectorAll(%q)].map(e => e.innerText).join("\n")`, selector)))
	if err != nil {
		b.t.Fatal(err)
	}
	return s
}

// see waits until what a selector shows holds a text.
func (b *browser) see(selector, want string) {
	b.t.Helper()
	deadline := time.Now().Add(45 * time.Second) // the demo holds for 20 s
	for !strings.Contains(b.text(selector), want) {
		if time.Now().After(deadline) {
			b.shot("failed")
			b.t.Fatalf("%s never shows %q; it shows:\n%s", selector, want, b.text(selector))
		}
		<-time.After(50 * time.Millisecond)
	}
}

// click presses what a selector finds. The page draws itself anew when something happens, and what was found may be gone by the
// time it is pressed: then it is looked for again, as a person would.
func (b *browser) click(selector string) {
	b.t.Helper()
	var err error
	for range 10 {
		if err = chromedp.Do(b.ctx, chromedp.WaitVisible(selector), chromedp.Click(selector)); err == nil || b.ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		b.shot("failed")
		b.t.Fatalf("click %s: %v", selector, err)
	}
}

// say writes into a field and sends it.
func (b *browser) say(selector, text string) {
	b.t.Helper()
	b.do(chromedp.SendKeys(selector, text+"\r"))
}

func (b *browser) be(user string) { b.click(`[data-user="` + user + `"]`) }

// shot keeps a picture where NOTEBOOKBOT_SCREENSHOTS names a folder.
func (b *browser) shot(name string) {
	b.t.Helper()
	dir := os.Getenv("NOTEBOOKBOT_SCREENSHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.t.Logf("screenshot %s: %v", name, err)
		return
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600); err != nil {
		b.t.Logf("screenshot %s: %v", name, err)
	}
}

func TestInTheDemoAnIncidentIsHandledFromTheAlertToItsResolution(t *testing.T) {
	t.Parallel()
	realparts.Require(t, "chromium")
	b := openPage(t, startDemo(t), "zh-CN")
	b.shot("01-empty")

	b.click(`[data-channel="` + slackfake.Incidents + `"]`)
	b.click(`[data-alert="ServiceDown"]`)
	b.see("#messages", "服务 backend:8080 宕机")
	b.see("#messages", "P0")
	b.click("#messages .msg .more")
	b.see("#replies", "值班")
	b.shot("02-card-and-thread")

	b.be(slackfake.Operator)
	b.click(`[data-channel="` + slackfake.Incidents + `"]`)
	b.click(`#messages [data-action="incident.ack"]`)
	b.see("#messages", "已确认")
	b.shot("03-acknowledged")

	b.be(slackfake.Stranger)
	b.click(`[data-channel="` + slackfake.Incidents + `"]`)
	b.click(`#messages [data-action="incident.resolve"]`)
	b.see("#messages .only", "工作区")
	b.shot("04-stranger-refused")

	b.be(slackfake.Commander)
	b.click(`[data-channel="` + slackfake.Incidents + `"]`)
	b.click("#messages .msg .more")
	b.say("#replybox", "@notebookbot incident note 已重启 <!channel> *backend*")
	b.see("#replies", "已重启 <!channel> *backend*")
	b.click(`#messages [data-action="incident.more"]`)
	b.see("#modal", "INC-1")
	b.shot("05-more")
	b.click("#modal .feet button")
	b.click(`#messages [data-action="incident.resolve"]`)
	b.see("#modal", "原因")
	b.do(chromedp.SendKeys("#in-cause", "数据库连接池配置问题"), chromedp.SendKeys("#in-solution", "优化连接池并重启"),
		chromedp.SendKeys("#in-prevention", "加强监控"))
	b.shot("06-resolve")
	b.click("#submit")
	b.see("#messages", "数据库连接池配置问题")
	b.shot("07-resolved")

	b.click(`[data-channel="` + slackfake.Ops + `"]`)
	b.say("#box", "/notebook help")
	b.see("#messages .only", "incident")
	b.say("#box", "/notebook capacity 1000 0.15 6")
	b.see("#messages", "2,313")
	b.say("#box", "/notebook oncal")
	b.see("#messages .only", "oncall")
	b.say("#box", "/notebook incident list all")
	b.see("#messages", "INC-1")
	b.shot("08-commands")
}

func TestInTheDemoAlertsThatEndRecoverByThemselves(t *testing.T) {
	t.Parallel()
	realparts.Require(t, "chromium")
	b := openPage(t, startDemo(t), "en")
	b.click("#lang")
	b.click(`[data-channel="` + slackfake.Incidents + `"]`)
	b.click(`[data-alert="HighErrorRate"]`)
	b.see("#messages", "P1")
	b.click(`[data-alert="end"]`)
	b.see("#messages", "观察中")
	b.see("#messages", "已恢复")
	b.shot("09-recovered")
}
