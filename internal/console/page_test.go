package console_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/ai-notebook/notebookbot/internal/console"
	"github.com/ai-notebook/notebookbot/internal/realparts"
	"github.com/ai-notebook/notebookbot/internal/slackfake"
)

// page is the console's page in a real chromium.
type page struct {
	t   *testing.T
	ctx context.Context //nolint:containedctx // chromedp keeps the browser in it
}

func open(t *testing.T, s *slackfake.Server, change func(*console.Config)) *page {
	t.Helper()
	path := realparts.Require(t, "chromium")
	server := httptest.NewServer(handler(s, change))
	t.Cleanup(server.Close)
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.WindowSize(1300, 900),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true), chromedp.UserDataDir(t.TempDir()),
	)
	alloc, cancel := chromedp.NewExecAllocator(context.Background(), opts...)
	t.Cleanup(cancel)
	ctx, cancel := chromedp.NewContext(alloc)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(cancel)
	p := &page{t, ctx}
	if err := chromedp.Listen(ctx, p.event); err != nil {
		t.Fatal(err)
	}
	p.do(chromedp.Navigate(server.URL), chromedp.WaitVisible("#people button"))
	return p
}

// event fails the test for what the developer tools would show.
func (p *page) event(ev any) {
	switch ev := ev.(type) {
	case *runtime.EventExceptionThrown:
		p.t.Errorf("the page threw: %s %s", ev.ExceptionDetails.Text, ev.ExceptionDetails.Exception.Description)
	case *network.EventResponseReceived:
		if ev.Response.Status >= 400 {
			p.t.Errorf("%s answered %d", ev.Response.URL, ev.Response.Status)
		}
	}
}

func (p *page) do(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, 20*time.Second)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		p.t.Fatal(err)
	}
}

func (p *page) click(selector string) {
	p.t.Helper()
	p.do(chromedp.WaitVisible(selector), chromedp.Click(selector))
}

func (p *page) key(k string) {
	p.t.Helper()
	p.do(chromedp.KeyEvent(k))
}

// js gives what an expression says, as text.
func (p *page) js(format string, args ...any) string {
	p.t.Helper()
	out, err := chromedp.Run(p.ctx, chromedp.Evaluate[string]("String("+fmt.Sprintf(format, args...)+")"))
	if err != nil {
		p.t.Fatal(err)
	}
	return out
}

// until waits for an expression to hold.
func (p *page) until(format string, args ...any) {
	p.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for p.js(format, args...) != "true" {
		if time.Now().After(deadline) {
			p.t.Fatalf("never holds: "+format+"\nthe page shows:\n%s", append(args, p.js("document.body.innerText"))...)
		}
		<-time.After(20 * time.Millisecond)
	}
}

// see waits until what a selector shows holds a text.
func (p *page) see(selector, want string) {
	p.t.Helper()
	p.until("[...document.querySelectorAll(%q)].some(e => e.checkVisibility() && e.innerText.includes(%q))", selector, want)
}

func TestHostileTextStaysText(t *testing.T) {
	t.Parallel()
	realparts.Require(t, "chromium")
	s := workspace(t)
	hostile := []string{
		`<img src=x onerror="window.pwned=1">`, `<script>window.pwned=2</script>`, `<!channel>`, `<@U01AAAA>`, `"><svg/onload=window.pwned=3>`,
		`<javascript:window.pwned=4|press>`, `javascript:window.pwned=5`, `<https://good.example|https://evil.example>`,
		`:constructor: :__proto__:`, `*bold* _it_ ` + "`code`", "\u202eevil\u202c",
	}
	all := strings.Join(hostile, "\n")
	// A person types it; the bot shows it as plain text, in rich text, and carelessly as mrkdwn.
	s.User(slackfake.Operator).Post(slackfake.Ops, "", all)
	rich := map[string]any{"type": "rich_text", "elements": []any{map[string]any{"type": "rich_text_section", "elements": []any{
		map[string]any{"type": "text", "text": all},
	}}}}
	header := map[string]any{"type": "header", "text": plain(hostile[0])}
	note := map[string]any{"type": "context", "elements": []any{plain(all)}}
	post(t, s, slackfake.Ops, "", all, header, rich, note, section(plain(all)))
	post(t, s, slackfake.Ops, "", all, section(map[string]any{"type": "mrkdwn", "text": all}))
	post(t, s, slackfake.Ops, "", all)
	api(t, s, "chat.postEphemeral", map[string]any{"channel": slackfake.Ops, "user": slackfake.Operator, "text": all})

	p := open(t, s, func(c *console.Config) {
		c.People = []console.Person{{ID: slackfake.Operator, Name: hostile[0], Role: hostile[1]}}
		c.Topics = map[string]map[string]string{slackfake.Ops: {"en": hostile[0]}}
		c.Alerts = []console.Alert{{Name: hostile[4], Label: map[string]string{"en": hostile[4]}}}
	})
	p.until("document.querySelectorAll('#messages .msg').length === 5")
	for _, text := range hostile[:5] {
		p.see("#messages .msg", text)
		p.see("#messages .b-context", text)
		p.see("#messages .b-section", text)
	}
	p.see("#topic", hostile[0])
	p.see("#people", hostile[0])
	p.see("#alerts", hostile[4])
	for what, count := range map[string]string{
		"elements from text": "document.querySelectorAll('img, svg, iframe, object, embed, body script, style').length",
		"handlers":           "[...document.querySelectorAll('*')].filter(e => [...e.attributes].some(a => a.name.startsWith('on'))).length",
		"other addresses":    "[...document.querySelectorAll('a')].filter(a => !/^https?:$/.test(a.protocol)).length",
		"ran":                "window.pwned || 0",
		// Only the careless mrkdwn pings, as in Slack: that is for the bot to avoid, and the page shows it as a ping.
		"pings from plain text": "document.querySelectorAll('.b-header .mention, .b-context .mention').length",
	} {
		if n := p.js("%s", count); n != "0" {
			t.Errorf("%s: %s", what, n)
		}
	}
}

func TestWhatTheBotAsksForIsAskedShownAndSent(t *testing.T) {
	t.Parallel()
	realparts.Require(t, "chromium")
	s := workspace(t)
	clicks, sent := make(chan string, 10), make(chan string, 10)
	ask := func(id, label string, optional bool, element map[string]any) map[string]any {
		element["action_id"] = "v"
		return map[string]any{"type": "input", "block_id": id, "label": plain(label), "optional": optional, "element": element}
	}
	long := func() map[string]any { return map[string]any{"type": "plain_text_input", "multiline": true} }
	runBot(t, s, func(e envelope) any {
		switch e.Payload.Type {
		case "block_actions":
			id := e.Payload.Actions[0].ID
			clicks <- id
			if id == "form" {
				view := map[string]any{"type": "modal", "title": plain("A form"), "submit": plain("Go"), "blocks": []any{
					ask("cause", "Cause", false, long()), ask("extra", "Extra", true, long()),
					ask("who", "Who", false, map[string]any{"type": "users_select"}),
				}}
				if _, err := call(t.Context(), s, "views.open", map[string]any{"trigger_id": e.Payload.Trigger, "view": view}); err != nil {
					t.Errorf("%v", err)
				}
			}
		case "view_submission":
			cause := e.Payload.View.State.Values["cause"]["v"].Value
			sent <- cause
			if cause == "no idea" {
				return map[string]any{"response_action": "errors", "errors": map[string]string{"cause": "Think again."}}
			}
		}
		return nil
	})
	sure := button("sure", "Sure?")
	sure["confirm"] = map[string]any{"title": plain("Really?"), "text": plain("It tells everybody."), "confirm": plain("Yes"), "deny": plain("No"), "style": "danger"}
	post(t, s, slackfake.Ops, "", "card", section(plain("card")), actions(button("form", "Form"), sure))
	p := open(t, s, nil)

	p.click(`[data-action="sure"]`)
	p.see("#confirm", "It tells everybody.")
	p.key(kb.Escape)
	p.until("!document.querySelector('dialog[open]')")
	p.click(`[data-action="sure"]`)
	p.click("#confirm button[value=no]")
	p.until("!document.querySelector('dialog[open]')")
	p.click(`[data-action="sure"]`)
	p.click("#confirm .danger")
	if c := <-clicks; c != "sure" {
		t.Errorf("clicked %s", c)
	}

	p.click(`[data-action="form"]`)
	p.see("#modal", "A form")
	p.until("document.activeElement.id === 'in-cause'")
	p.key(kb.Escape)
	p.until("!document.querySelector('dialog[open]')")
	p.click(`[data-action="form"]`)
	p.see("#modal", "A form")
	if all := <-clicks + <-clicks; all != "formform" || len(clicks) > 0 {
		t.Errorf("what was declined was sent all the same: %s and %d more", all, len(clicks))
	}

	p.click("#submit")
	p.see("#err-cause", "Please complete this field.")
	p.see("#err-who", "Please complete this field.")
	p.do(chromedp.SendKeys("#in-cause", "no idea"))
	p.js(`document.getElementById('in-who').value = %q`, slackfake.Commander)
	p.click("#submit")
	p.see("#err-cause", "Think again.")
	p.until("document.getElementById('err-who').textContent === ''")
	p.until("document.getElementById('in-cause').value === 'no idea'")
	p.do(chromedp.SendKeys("#in-cause", "!"))
	p.click("#submit")
	p.until("!document.querySelector('dialog[open]')")
	if first, second := <-sent, <-sent; first != "no idea" || second != "no idea!" {
		t.Errorf("sent %q and %q", first, second)
	}
}

func TestAButtonThatNobodyAnswersSaysSo(t *testing.T) {
	t.Parallel()
	realparts.Require(t, "chromium")
	s := workspace(t)
	post(t, s, slackfake.Ops, "", "card", section(plain("card")), actions(button("x", "Press")))
	p := open(t, s, nil)
	p.click(`[data-action="x"]`)
	p.see("#toast", "Not taken")
	p.click("#lang")
	p.click(`[data-action="x"]`)
	p.see("#toast", "没有受理")
}

func TestUnreadMessagesAreCountedForEachPerson(t *testing.T) {
	t.Parallel()
	realparts.Require(t, "chromium")
	s := workspace(t)
	p := open(t, s, nil)
	count := func(channel, want string) {
		t.Helper()
		p.until(`(document.querySelector('[data-channel=%q] .count')?.innerText || '') === %q`, channel, want)
	}
	root := post(t, s, slackfake.Incidents, "", "one")
	post(t, s, slackfake.Incidents, root, "two")
	s.User(slackfake.Operator).Post(slackfake.Incidents, "", "my own")
	post(t, s, slackfake.Ops, "", "seen")
	p.see("#messages", "seen")
	count(slackfake.Incidents, "2")
	count(slackfake.Ops, "")
	p.click(`[data-channel="C0INC"]`)
	p.see("#messages", "1 reply")
	p.see("#messages .new", "1 new")
	count(slackfake.Incidents, "")
	p.click("#messages .msg .more")
	p.see("#replies", "two")
	p.until("!document.querySelector('#messages .new')")
	p.key(kb.Escape)
	p.until("document.getElementById('thread').hidden")
	p.click(`[data-channel="C0OPS"]`)
	count(slackfake.Incidents, "")
	p.click(`[data-user="U01BBBB"]`)
	count(slackfake.Incidents, "3")
}

func TestThePageIsUsedWithoutAMouse(t *testing.T) {
	t.Parallel()
	realparts.Require(t, "chromium")
	s := workspace(t)
	root := post(t, s, slackfake.Ops, "", "card", section(plain("card")), actions(button("x", "Press")))
	p := open(t, s, nil)
	p.see("#messages", "card")
	reached := map[string]bool{}
	for range 60 {
		p.key(kb.Tab)
		reached[p.js(`(e => e.id || e.dataset.user || e.dataset.channel || e.dataset.action || e.className)(document.activeElement)`)] = true
	}
	for _, want := range []string{"U01BBBB", "C0INC", "x", "box", "lang", "more"} {
		if !reached[want] {
			t.Errorf("Tab never reaches %s, only %v", want, reached)
		}
	}
	// The focus stays where it was when what has it is drawn anew.
	p.js(`document.querySelector('#messages [data-action=x]').focus()`)
	api(t, s, "chat.update", map[string]any{"channel": slackfake.Ops, "ts": root, "text": "card", "blocks": []any{section(plain("changed")), actions(button("x", "Press"))}})
	p.see("#messages", "changed")
	p.until(`document.activeElement.dataset.action === 'x'`)
	p.js(`document.querySelector('[data-channel=C0INC]').focus()`)
	p.key(kb.Enter)
	p.see("#title", "incidents")
	p.until(`document.activeElement.dataset.channel === 'C0INC'`)
}

func TestALongChannelKeepsItsPlaceAndStaysFast(t *testing.T) {
	t.Parallel()
	realparts.Require(t, "chromium")
	s := workspace(t)
	s.SetRateLimits(false)
	var root string
	for i := range 200 {
		root = post(t, s, slackfake.Ops, "", "card", section(plain(fmt.Sprintf("card %d\n%s", i, strings.Repeat("a line\n", 5)))), actions(button("x", "Press")))
	}
	p := open(t, s, nil)
	p.until("document.querySelectorAll('#messages .msg').length === 200")
	p.until("(b => b.scrollHeight - b.scrollTop - b.clientHeight < 2)(document.getElementById('messages'))")
	p.js("document.querySelectorAll('#messages .msg')[50].mark = true")

	begin := time.Now()
	const changes = 20
	for i := range changes {
		api(t, s, "chat.update", map[string]any{"channel": slackfake.Ops, "ts": root, "text": "card", "blocks": []any{section(plain(fmt.Sprintf("changed %d", i)))}})
		p.see("#messages .msg:last-child", fmt.Sprintf("changed %d", i))
	}
	took := time.Since(begin) / changes
	t.Logf("a change of one of 200 messages is on the screen after %v", took)
	if took > time.Second {
		t.Errorf("a change takes %v", took)
	}
	p.until("document.querySelectorAll('#messages .msg')[50].mark") // the others were not drawn anew

	p.js("document.getElementById('messages').scrollTop = 500")
	post(t, s, slackfake.Ops, "", "newer")
	p.do(chromedp.WaitVisible("#newest"))
	p.until("Math.abs(document.getElementById('messages').scrollTop - 500) < 200")
	p.click("#newest")
	p.until("document.getElementById('newest').hidden")
	p.see("#messages .msg:last-child", "newer")
	// What one writes one sees, and who is at the end stays there in a window of another size.
	const atEnd = "(b => b.scrollHeight - b.scrollTop - b.clientHeight < 60)(document.getElementById('messages'))"
	p.js("document.getElementById('messages').scrollTop = 500")
	p.until("!%s", atEnd)
	p.do(chromedp.SendKeys("#box", "my own\r"))
	p.see("#messages .msg:last-child", "my own")
	p.until("%s", atEnd)
	p.do(chromedp.EmulateViewport(420, 600))
	p.until("innerWidth === 420 && document.getElementById('messages').clientWidth <= 420")
	p.until("%s", atEnd)
	p.click("#menu")
	p.do(chromedp.WaitVisible("#tour"))
	p.key(kb.Escape)
	p.until("!document.getElementById('tour').checkVisibility({visibilityProperty: true})")
}
