package slackfake_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/slack-go/slack"

	"github.com/ai-notebook/notebookbot/internal/slackfake"
)

func TestTokensAndScopesAreChecked(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	for _, tc := range []struct{ name, method, auth, body, code string }{
		{"no token", "auth.test", "", "", "not_authed"},
		{"an unknown token", "auth.test", "", "token=xoxb-nobody", "invalid_auth"},
		{"an app token", "auth.test", "", "token=" + slackfake.AppToken, "not_allowed_token_type"},
		{"an app token in the header", "chat.postMessage", slackfake.AppToken, "channel=C0OPS&text=x", "not_allowed_token_type"},
		{"the form's token", "auth.test", "", "token=" + slackfake.BotToken, ""},
		{"the header's token", "auth.test", slackfake.BotToken, "", ""},
	} {
		status, out, _ := api(t, s, tc.method, form, tc.auth, tc.body)
		if got, _ := out["error"].(string); got != tc.code || status != http.StatusOK || out["ok"] != (tc.code == "") {
			t.Errorf("%s: %d %v, want %q", tc.name, status, out, tc.code)
		}
	}

	s.SetToken(slackfake.BotToken, "", []string{"users:read"})
	_, out, head := api(t, s, "chat.postMessage", form, slackfake.BotToken, "channel=C0OPS&text=x")
	if out["error"] != "missing_scope" || out["needed"] != "chat:write" || out["provided"] != "users:read" {
		t.Errorf("without the scope: %v", out)
	}
	if head.Get("X-OAuth-Scopes") != "users:read" || head.Get("X-Accepted-OAuth-Scopes") != "chat:write" {
		t.Errorf("headers = %v", head)
	}
	s.SetToken(slackfake.BotToken, "token_revoked", nil)
	if _, err := client(t, s).AuthTestContext(t.Context()); err == nil || err.Error() != "token_revoked" {
		t.Errorf("error = %v", err)
	}
}

func TestUnknownMethodsAreViolations(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	if _, out, _ := api(t, s, "chat.shout", form, slackfake.BotToken, ""); out["error"] != "unknown_method" {
		t.Errorf("answer = %v", out)
	}
	violated(t, s, "chat.shout: unknown_method")
}

func TestJSONWithoutCharsetIsWarnedOf(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	_, out, _ := api(t, s, "chat.postMessage", "application/json", slackfake.BotToken, `{"channel":"C0OPS","text":"x"}`)
	if out["ok"] != true || out["warning"] != "missing_charset" {
		t.Errorf("answer = %v", out)
	}
	_, out, _ = api(t, s, "chat.postMessage", "application/json; charset=utf-8", slackfake.BotToken, `{"channel":"C0OPS","text":"x"}`)
	if out["ok"] != true || out["warning"] != nil {
		t.Errorf("answer = %v", out)
	}
	_, out, _ = api(t, s, "chat.postMessage", "application/json", slackfake.BotToken, `{"channel":`)
	if out["error"] != "invalid_json" {
		t.Errorf("answer = %v", out)
	}
	violated(t, s, "invalid_json")
}

func TestRequestsAreRecordedWithoutTokens(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	b := startBot(t, s, nil)
	post(t, b.Client, slackfake.Ops, slackText("hello"))
	if _, err := b.GetUserInfoContext(t.Context(), slackfake.Operator); err != nil {
		t.Fatal(err)
	}
	calls := s.Calls("chat.postMessage")
	if len(calls) != 1 || calls[0].Channel != slackfake.Ops || calls[0].Args["text"] != "hello" || !calls[0].Done ||
		calls[0].Status != http.StatusOK || calls[0].Took <= 0 {
		t.Errorf("calls = %+v", calls)
	}
	all, err := json.Marshal([]any{s.Calls(""), s.Acks(), s.Envelopes(), s.Snapshot(), s.Violations()})
	if err != nil {
		t.Fatal(err)
	}
	for _, token := range []string{slackfake.BotToken, slackfake.AppToken} {
		if strings.Contains(string(all), token) {
			t.Errorf("%s is in the records", token)
		}
	}
}

func TestFaultsHitAsOrdered(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	c := slack.New(slackfake.BotToken, slack.OptionAPIURL(s.URL()), slack.OptionHTTPClient(&http.Client{Timeout: 300 * time.Millisecond}))
	send := func(text string) error {
		_, _, err := c.PostMessageContext(t.Context(), slackfake.Ops, slackText(text))
		return err
	}
	stored := func(text string) int {
		n := 0
		for _, m := range s.Messages(slackfake.Ops) {
			if m.Text == text {
				n++
			}
		}
		return n
	}
	var limited *slack.RateLimitedError
	var status slack.StatusCodeError
	for _, tc := range []struct {
		fault  slackfake.Fault
		check  func(error) bool
		stored int
	}{
		{
			slackfake.Fault{Kind: slackfake.Limited, RetryAfter: 30 * time.Second},
			func(err error) bool { return errors.As(err, &limited) && limited.RetryAfter == 30*time.Second }, 0,
		},
		{
			slackfake.Fault{Kind: slackfake.Limited, Bare: true},
			func(err error) bool { return errors.As(err, &status) && status.Code == http.StatusTooManyRequests }, 0,
		},
		{
			slackfake.Fault{Kind: slackfake.Broken},
			func(err error) bool { return errors.As(err, &status) && status.Code == http.StatusInternalServerError }, 0,
		},
		{
			slackfake.Fault{Kind: slackfake.Doubtful},
			func(err error) bool { return errors.As(err, &status) && status.Code == http.StatusInternalServerError }, 1,
		},
		{slackfake.Fault{Kind: slackfake.Hang}, isTimeout, 0},
		{slackfake.Fault{Kind: slackfake.Cut}, func(err error) bool { return err != nil && !isTimeout(err) }, 0},
		{slackfake.Fault{Kind: slackfake.Lost}, func(err error) bool { return err != nil && !isTimeout(err) }, 1},
		{slackfake.Fault{Kind: slackfake.Late, Delay: 500 * time.Millisecond}, isTimeout, 1},
		{slackfake.Fault{Kind: slackfake.Slow, Delay: 500 * time.Millisecond}, isTimeout, 0},
		{slackfake.Fault{Kind: slackfake.Slow, Delay: 50 * time.Millisecond}, func(err error) bool { return err == nil }, 1},
		{
			slackfake.Fault{Kind: slackfake.ErrorCode, Error: "channel_not_found"},
			func(err error) bool { return err != nil && err.Error() == "channel_not_found" }, 0,
		},
	} {
		name := string(tc.fault.Kind) + tc.fault.Delay.String() + tc.fault.RetryAfter.String()
		tc.fault.Method, tc.fault.Channel, tc.fault.Count = "chat.postMessage", slackfake.Ops, 1
		s.Fault(tc.fault)
		// Others are not hit.
		if _, _, err := c.PostMessageContext(t.Context(), slackfake.Incidents, slackText("x")); err != nil {
			t.Errorf("%s hit another channel: %v", name, err)
		}
		if _, err := c.AuthTestContext(t.Context()); err != nil {
			t.Errorf("%s hit another method: %v", name, err)
		}
		if err := send(name); !tc.check(err) {
			t.Errorf("%s: error = %v", name, err)
		}
		if tc.stored == 1 {
			eventually(t, s, func() bool { return stored(name) == 1 })
		}
		if err := send("after " + name); err != nil {
			t.Errorf("after %s: %v", name, err)
		}
		if n := stored(name); n != tc.stored {
			t.Errorf("%s: %d messages stored, want %d", name, n, tc.stored)
		}
		if got := lastFault(s); got != tc.fault.Kind {
			t.Errorf("recorded fault = %q, want %q", got, tc.fault.Kind)
		}
	}
}

func lastFault(s *slackfake.Server) slackfake.FaultKind {
	var kind slackfake.FaultKind
	for _, c := range s.Calls("chat.postMessage") {
		if c.Fault != "" {
			kind = c.Fault
		}
	}
	return kind
}

func isTimeout(err error) bool {
	var n interface{ Timeout() bool }
	return errors.As(err, &n) && n.Timeout()
}

func TestFaultsCanBeCountedSkippedTakenBackAndDiced(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	c := client(t, s)
	failures := func(n int) string {
		var b strings.Builder
		for range n {
			if _, err := c.AuthTestContext(t.Context()); err != nil {
				b.WriteByte('x')
			} else {
				b.WriteByte('.')
			}
		}
		return b.String()
	}
	s.Fault(slackfake.Fault{Kind: slackfake.ErrorCode, Error: "internal_error", Skip: 2, Count: 2})
	if got := failures(6); got != "..xx.." {
		t.Errorf("skip 2, count 2: %s", got)
	}
	takeBack := s.Fault(slackfake.Fault{Kind: slackfake.ErrorCode, Error: "internal_error"})
	if got := failures(3); got != "xxx" {
		t.Errorf("until it is taken back: %s", got)
	}
	takeBack()
	s.Fault(slackfake.Fault{Kind: slackfake.ErrorCode, Error: "internal_error", Probability: 0.5})
	if n := strings.Count(failures(40), "x"); n < 8 || n > 32 {
		t.Errorf("half the time: %d of 40", n)
	}
	s.ClearFaults()
	if got := failures(3); got != "..." {
		t.Errorf("cleared: %s", got)
	}
}

func TestRateLimitsAreThoseOfSlack(t *testing.T) {
	t.Parallel()
	now := time.Unix(1700000000, 0)
	s := workspace(t, func(c *slackfake.Config) {
		c.RateLimits = true
		c.Now = func() time.Time { return now }
	})
	c := client(t, s)
	send := func(channel string) error {
		_, _, err := c.PostMessageContext(t.Context(), channel, slackText("x"))
		return err
	}
	for range 4 {
		if err := send(slackfake.Ops); err != nil {
			t.Fatalf("within the burst: %v", err)
		}
	}
	var limited *slack.RateLimitedError
	if err := send(slackfake.Ops); !errors.As(err, &limited) || limited.RetryAfter != time.Second {
		t.Errorf("over the burst: %v", err)
	}
	if err := send(slackfake.Incidents); err != nil {
		t.Errorf("another channel: %v", err)
	}
	now = now.Add(time.Second)
	if err := send(slackfake.Ops); err != nil {
		t.Errorf("a second later: %v", err)
	}
	n := 0
	for ; n < 100; n++ {
		if _, err := c.GetUserGroupMembersContext(t.Context(), slackfake.OpsGroup); err != nil {
			if !errors.As(err, &limited) || limited.RetryAfter != 3*time.Second {
				t.Errorf("tier 2: %v", err)
			}
			break
		}
	}
	if n != 20 {
		t.Errorf("tier 2 let %d calls through, want 20", n)
	}
	s.SetRateLimits(false)
	for range 10 {
		if err := send(slackfake.Ops); err != nil {
			t.Fatalf("without limits: %v", err)
		}
	}
}
