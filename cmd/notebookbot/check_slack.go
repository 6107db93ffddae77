package main

import (
	"context"
	"strings"

	"github.com/ai-notebook/notebookbot/bot"
)

// slack tries the tokens, their scopes and the channels. It posts nothing.
func (c *checkup) slack(ctx context.Context) {
	b, err := newCheckBot(c.cfg)
	if err != nil {
		c.fail("slack", both(err.Error()), words{"检查 slack 下的键", "check the keys below slack"})
		return
	}
	ctx, cancel := c.limited(ctx)
	defer cancel()
	away := ""
	for _, f := range b.Check(ctx, c.cfg.channelIDs()...) {
		if f.Name == "bot_token" && f.Verdict == bot.Wrong {
			away = f.Reason
		}
		if strings.HasPrefix(f.Name, "channel ") && away != "" && f.Reason == away {
			c.unchecked("slack "+f.Name, words{"要先有可用的 bot_token", "not without a bot_token that works"})
			continue
		}
		reason, mend := slackWords(f)
		c.add(string(f.Verdict), "slack "+f.Name, reason, mend)
		if f.Name == "bot_token" && f.Verdict == bot.OK {
			c.people = b
			c.team, _, _ = strings.Cut(f.Detail, " ")
		}
	}
}

// slackReason is what one of Slack's error codes means for whoever sets the bot up.
type slackReason struct{ why, mend words }

var (
	badToken = words{"Slack 不接受这个令牌", "Slack does not take this token"}
	newToken = words{"在 api.slack.com/apps 里复制新的令牌", "copy the token anew from api.slack.com/apps"}
	invite   = words{"在频道里输入 /invite @notebookbot", "type /invite @notebookbot in the channel"}
)

// slackReasons are what people meet when they set a bot up; everything else is shown as Slack says it.
var slackReasons = map[string]slackReason{
	"invalid_auth":     {badToken, newToken},
	"not_authed":       {badToken, newToken},
	"account_inactive": {badToken, newToken},
	"token_revoked":    {badToken, newToken},
	"token_expired":    {badToken, newToken},
	"not_allowed_token_type": {
		words{"令牌的种类不对", "another kind of token"},
		words{"app_token 以 xapp- 开头，bot_token 以 xoxb- 开头", "app_token begins with xapp-, bot_token with xoxb-"},
	},
	"missing_scope": {
		words{"缺少权限", "scopes are missing"},
		words{"用 `notebookbot manifest` 更新应用，再重新安装", "update the app with `notebookbot manifest`, then install it again"},
	},
	"channel_not_found": {words{"没有这个频道，或机器人不在这个私有频道里", "no such channel, or a private one without the bot"}, invite},
	"not_in_channel":    {words{"机器人不在频道里", "the bot is not in the channel"}, invite},
	"is_archived": {
		words{"频道已归档", "the channel is archived"},
		words{"换一个频道，或取消归档", "choose another channel, or unarchive it"},
	},
	"shared_with_strangers": {
		words{"频道与其他组织共享，对方也能看到告警", "the channel is shared with another organisation, which sees the alerts"},
		words{"换成内部频道", "use a channel of your own"},
	},
	"only_a_click_shows": {words{"按钮是否启用，只有点一次才知道", "only a click shows whether buttons are switched on"}, words{}},
	"not_told":           {words{"Slack 没有说明有哪些权限", "Slack does not tell the scopes"}, words{}},
	"ratelimited":        {words{"Slack 限流", "Slack limits the calls"}, words{"过一分钟再试", "try again in a minute"}},
}

// slackWords says what a finding means and what mends it.
func slackWords(f bot.Finding) (why, mend words) {
	if f.Verdict == bot.OK {
		if f.Detail == "" {
			return words{"正常", "works"}, words{}
		}
		return both(f.Detail), words{}
	}
	known, ok := slackReasons[f.Reason]
	if !ok {
		known = slackReason{
			format("Slack 没有正常回答：%s", "no good answer of Slack: %s", f.Reason),
			words{"检查网络、代理和 slack.api_url", "check the network, the proxy and slack.api_url"},
		}
	}
	if f.Detail != "" {
		known.why.zh += "：" + f.Detail
		known.why.en += ": " + f.Detail
	}
	return known.why, known.mend
}
