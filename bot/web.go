package bot

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/ai-notebook/notebookbot/notify"
)

// maxAnswer bytes are read of what Slack answers; a page of history is the largest.
const maxAnswerBytes = 16 << 20

// web calls Slack. Every failure comes back as a *notify.SendError that knows whether the thing may have been done.
type web struct {
	api     *url.URL
	base    string
	app     Secret
	bot     Secret
	http    *http.Client
	timeout time.Duration
	metrics *metrics
	trouble atomic.Pointer[string] // the newest refusal of the bot token; empty: it works
}

func newWeb(cfg Config, api *url.URL, m *metrics) *web {
	return &web{
		api: api, base: cfg.APIURL, app: cfg.AppToken, bot: cfg.BotToken, timeout: cfg.timing.call, metrics: m,
		http: newHTTPClient(cfg.timing.call),
	}
}

// answer is what every answer of Slack's has; each call reads its own fields from Body. Nothing but ok and error is relied on,
// and the other fields may be of any type.
type answer struct {
	header http.Header
	body   []byte
	head   node
}

// call is one request to Slack.
type call struct {
	method      string     // for metrics, and of the API
	form        url.Values // arguments as a form with the bot's token in it …
	json        any        // … or as JSON with a Bearer token
	token       Secret
	url         string // a response URL, or one for an upload; no token
	upload      []byte // the body of an upload, of the type contentType
	contentType string
	repeatable  bool // doing it twice is the same as once
}

// do calls Slack once.
func (w *web) do(ctx context.Context, c call) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, w.timeout)
	defer cancel()
	begin := time.Now()
	a, err := w.once(ctx, c)
	w.metrics.calls.WithLabelValues(c.method, outcome(err)).Inc()
	w.metrics.callSeconds.WithLabelValues(c.method).Observe(time.Since(begin).Seconds())
	if err != nil {
		return answer{}, err
	}
	return a, nil
}

// once returns a plain error only as a *notify.SendError; the nil interface means that Slack said ok.
func (w *web) once(ctx context.Context, c call) (answer, error) {
	var wrote atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteHeaders: func() { wrote.Store(true) }, // from here on, Slack may have it
	})
	req, err := w.request(ctx, c)
	if err != nil {
		return answer{}, &notify.SendError{Fate: notify.Permanent, Reason: "unsendable", Err: err}
	}
	resp, err := w.http.Do(req)
	if err != nil {
		return answer{}, transportError(err, wrote.Load(), c.repeatable)
	}
	defer resp.Body.Close() //nolint:errcheck // nothing can be done about it
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswerBytes+1))
	if err != nil {
		return answer{}, transportError(err, true, c.repeatable)
	}
	if len(body) > maxAnswerBytes {
		return answer{}, failed("answer_too_large", true, c.repeatable, nil)
	}
	return w.judge(c, resp, body)
}

// judge reads what Slack answered.
func (w *web) judge(c call, resp *http.Response, body []byte) (answer, error) {
	head := parse(body)
	if resp.StatusCode == http.StatusTooManyRequests {
		return answer{}, limited(resp.Header.Get("Retry-After"), head.at("retry_after").number(), time.Now())
	}
	if resp.StatusCode == http.StatusOK && c.url != "" && (c.upload != nil || string(bytes.TrimSpace(body)) == "ok") {
		return answer{}, nil
	}
	ok, isBool := head.at("ok").value.(bool)
	code := head.at("error").text()
	switch {
	case isBool && ok && resp.StatusCode == http.StatusOK:
		w.healthy(c, "")
		return answer{header: resp.Header, body: body, head: head}, nil
	case isBool && !ok && errorCode(code):
		return answer{}, w.refused(c, code, resp, head)
	case resp.StatusCode != http.StatusOK:
		return answer{}, statusError(resp.StatusCode, c.repeatable)
	}
	return answer{}, failed("unreadable", true, c.repeatable, nil)
}

// refused is ok:false. Slack's own words go along where they tell what to mend; they never hold what people wrote.
func (w *web) refused(c call, code string, resp *http.Response, head node) error {
	e := &notify.SendError{Fate: fateOf(code, c.repeatable), Reason: code}
	if e.Fate == notify.Limited {
		e = limited(resp.Header.Get("Retry-After"), head.at("retry_after").number(), time.Now())
	}
	if needed := head.at("needed").text(); needed != "" {
		e.Err = fmt.Errorf("the scope %s is needed", cut(oneLine(needed), 200))
	}
	if hints := head.at("response_metadata").at("messages").list(); len(hints) > 0 {
		e.Err = errors.New(cut(oneLine(hints[0].text()), 200))
	}
	if IsAuth(code) {
		w.healthy(c, code)
	}
	return e
}

// healthy notes whether the bot's token works; reason names what Slack refused it for.
func (w *web) healthy(c call, reason string) {
	if c.url == "" && c.token == "" {
		w.trouble.Store(&reason)
	}
}

// errorCode tells whether a text can be a code of Slack's, and so a metric's label and a reason.
func errorCode(s string) bool {
	return s != "" && len(s) <= 80 && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '-' && r != '.' && r != ':'
	})
}

func (w *web) request(ctx context.Context, c call) (*http.Request, error) {
	address, contentType, bearer := w.base+c.method, "application/json; charset=utf-8", w.bot
	var body io.Reader = http.NoBody
	switch {
	case c.form != nil:
		contentType, bearer = "application/x-www-form-urlencoded", ""
		form := url.Values{"token": {w.bot.Reveal()}}
		maps.Copy(form, c.form)
		body = strings.NewReader(form.Encode())
	case c.json != nil:
		b, err := json.Marshal(c.json)
		if err != nil {
			return nil, fmt.Errorf("encoding %s: %w", c.method, err)
		}
		body = bytes.NewReader(b)
	case c.upload != nil:
		contentType, body = c.contentType, bytes.NewReader(c.upload)
	}
	if c.url != "" {
		if !w.mayAnswerTo(c.url) {
			return nil, errors.New("a response address that is not Slack's")
		}
		address, bearer = c.url, ""
	}
	if c.token != "" {
		bearer = c.token
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, body)
	if err != nil {
		return nil, errors.New("an address that cannot be used") // err would show it
	}
	req.Header.Set("Content-Type", contentType)
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer.Reveal())
	}
	return req, nil
}

// mayAnswerTo keeps response URLs, which lie in the store for a while, from sending us elsewhere.
func (w *web) mayAnswerTo(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.User != nil {
		return false
	}
	if u.Scheme == w.api.Scheme && u.Host == w.api.Host {
		return true
	}
	h := strings.ToLower(u.Hostname())
	return u.Scheme == "https" && (strings.HasSuffix(h, ".slack.com") || strings.HasSuffix(h, ".slack-gov.com"))
}
