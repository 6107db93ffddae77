package bot

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/ai-notebook/notebookbot/notify"
)

// When Slack says "too many" and not for how long.
const (
	limitedAfter = 5 * time.Second
	limitedMax   = 10 * time.Minute
)

// authReasons are the refusals that only a person can mend, in Slack's app settings or in the configuration.
var authReasons = []string{
	"invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "missing_scope",
	"not_allowed_token_type", "no_permission", "org_login_required", "two_factor_setup_required", "access_denied",
	"link_disabled", "missing_args", "forbidden_team", "app_missing_action_url",
}

// IsAuth tells whether that reason of a notify.SendError speaks of the tokens, and so of all messages at once.
func IsAuth(reason string) bool { return slices.Contains(authReasons, reason) }

// fateOf says what an error code of Slack's means. repeatable: doing it twice is the same as once.
func fateOf(code string, repeatable bool) notify.Fate {
	switch code {
	case "ratelimited", "rate_limited", "message_limit_exceeded":
		return notify.Limited
	case "internal_error", "fatal_error": // "some aspect of the operation may have succeeded"
		if repeatable {
			return notify.Retry
		}
		return notify.Ambiguous
	case "service_unavailable", "request_timeout", "team_added_to_org", "accesslimited", "external_channel_migrating":
		return notify.Retry
	}
	return notify.Permanent
}

// failed is the fate of a call that Slack gave no answer to, or none that can be read.
func failed(reason string, wrote, repeatable bool, err error) *notify.SendError {
	fate := notify.Ambiguous
	if !wrote || repeatable {
		fate = notify.Retry
	}
	return &notify.SendError{Fate: fate, Reason: reason, Err: err}
}

// transportError maps what the HTTP client returned. The address is taken out of the error: a response URL is a secret.
func transportError(err error, wrote, repeatable bool) *notify.SendError {
	if ue, ok := errors.AsType[*url.Error](err); ok {
		err = ue.Err
	}
	reason := "network"
	var dns *net.DNSError
	var ne net.Error
	switch {
	case errors.As(err, &dns):
		reason = "dns"
	case errors.Is(err, syscall.ECONNREFUSED):
		reason = "refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		reason = "reset"
	case errors.Is(err, context.Canceled):
		reason = "stopped"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &ne) && ne.Timeout():
		reason = "timeout"
	case strings.HasSuffix(err.Error(), "EOF"):
		reason = "closed"
	}
	return failed(reason, wrote, repeatable, err)
}

// statusError maps an HTTP status that is not 200 and came without an answer of Slack's.
func statusError(status int, repeatable bool) *notify.SendError {
	reason := "http_" + strconv.Itoa(status)
	if status >= 400 && status < 500 && status != http.StatusRequestTimeout {
		// Something before Slack refused it: a proxy, a wrong address. Nothing was done.
		return &notify.SendError{Fate: notify.Retry, After: limitedAfter, Reason: reason}
	}
	return failed(reason, true, repeatable, nil)
}

// limited is a 429. The header holds whole seconds, but proxies have been seen to write dates and nothing at all.
func limited(header string, body int64, now time.Time) *notify.SendError {
	after := time.Duration(body) * time.Second
	if s, err := strconv.ParseInt(strings.TrimSpace(header), 10, 32); err == nil && s > 0 {
		after = time.Duration(s) * time.Second
	} else if at, err := http.ParseTime(header); err == nil {
		after = at.Sub(now)
	}
	if after <= 0 {
		after = limitedAfter
	}
	return &notify.SendError{Fate: notify.Limited, After: min(after, limitedMax), Reason: "ratelimited"}
}

// outcome is the metric's word for how a call ended.
func outcome(err error) string {
	if err == nil {
		return "ok"
	}
	if se, ok := errors.AsType[*notify.SendError](err); ok {
		return string(se.Fate)
	}
	return "error"
}
