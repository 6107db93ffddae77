package bot

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/ai-notebook/notebookbot/notify"
)

// Verdict is how one check ended.
type Verdict string

// The verdicts of a check.
const (
	OK        Verdict = "ok"
	Warning   Verdict = "warning"
	Wrong     Verdict = "failed"
	Unchecked Verdict = "unchecked"
)

// Finding is one line of a check. Reason is a constant that words are chosen by; Detail holds names.
type Finding struct {
	Name    string // bot_token, scopes, app_token, channel C0OPS, interactivity, …
	Verdict Verdict
	Reason  string
	Detail  string
}

// Check tries the tokens, their scopes and the channels against Slack. It posts nothing.
func (b *Bot) Check(ctx context.Context, channels ...string) []Finding {
	out := b.checkBot(ctx)
	out = append(out, b.checkApp(ctx))
	slices.Sort(channels)
	for _, c := range slices.Compact(channels) {
		out = append(out, b.checkChannel(ctx, c))
	}
	// No method of the Web API tells whether buttons and modals are switched on; only a click does.
	return append(out, Finding{Name: "interactivity", Verdict: Unchecked, Reason: "only_a_click_shows"})
}

func (b *Bot) checkBot(ctx context.Context) []Finding {
	a, err := b.web.do(ctx, call{method: "auth.test", form: url.Values{}, repeatable: true})
	if err != nil {
		return []Finding{finding("bot_token", err)}
	}
	team := cut(oneLine(a.head.at("team").text()), 80)
	out := []Finding{{Name: "bot_token", Verdict: OK, Detail: a.head.at("team_id").text() + " " + team}}
	header := a.header.Get("X-OAuth-Scopes")
	if header == "" {
		return append(out, Finding{Name: "scopes", Verdict: Unchecked, Reason: "not_told"})
	}
	var have, missing []string
	for s := range strings.SplitSeq(header, ",") {
		have = append(have, strings.TrimSpace(s))
	}
	for _, s := range scopes {
		if !slices.Contains(have, s.name) {
			missing = append(missing, s.name+" ("+s.why+")")
		}
	}
	if len(missing) > 0 {
		return append(out, Finding{Name: "scopes", Verdict: Wrong, Reason: "missing_scope", Detail: strings.Join(missing, ", ")})
	}
	return append(out, Finding{Name: "scopes", Verdict: OK})
}

// checkApp asks for a socket's address and leaves it unused; Slack counts only sockets that connect.
func (b *Bot) checkApp(ctx context.Context) Finding {
	_, err := b.web.do(ctx, call{method: "apps.connections.open", token: b.cfg.AppToken, repeatable: true})
	if err != nil {
		return finding("app_token", err)
	}
	return Finding{Name: "app_token", Verdict: OK}
}

func (b *Bot) checkChannel(ctx context.Context, id string) Finding {
	name := "channel " + id
	a, err := b.web.do(ctx, call{method: "conversations.info", form: url.Values{"channel": {id}}, repeatable: true})
	if err != nil {
		return finding(name, err)
	}
	c := a.head.at("channel")
	f := Finding{Name: name, Verdict: OK, Detail: "#" + cut(oneLine(c.at("name").text()), 80)}
	switch {
	case c.at("is_archived").yes():
		f.Verdict, f.Reason = Wrong, "is_archived"
	case !c.at("is_member").yes():
		f.Verdict, f.Reason = Wrong, "not_in_channel"
	case c.at("is_ext_shared").yes():
		f.Verdict, f.Reason = Warning, "shared_with_strangers"
	}
	return f
}

func finding(name string, err error) Finding {
	f := Finding{Name: name, Verdict: Wrong, Reason: "network"}
	if se, ok := errors.AsType[*notify.SendError](err); ok {
		f.Reason = se.Reason
		if se.Err != nil {
			f.Detail = se.Err.Error()
		}
	}
	return f
}
