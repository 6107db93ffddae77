package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/ai-notebook/notebookbot/internal/alertmanager"
)

// alertmanagers asks each for its silences, which needs what silencing needs, and looks at how it may send.
func (c *checkup) alertmanagers(ctx context.Context) {
	silencer, err := c.cfg.silencer(nil)
	if err != nil {
		c.fail("target.alerts", both(err.Error()), words{"修正这一行", "correct that line"})
		return
	}
	reached := map[string]error{}
	if silencer != nil {
		limited, cancel := c.limited(ctx)
		defer cancel()
		reached = silencer.Reach(limited)
	}
	for i, a := range c.cfg.Alertmanager {
		name := "alertmanager"
		if a.Name != "" {
			name += " " + a.Name
		} else if len(c.cfg.Alertmanager) > 1 {
			name = fmt.Sprintf("alertmanager[%d]", i)
		}
		const short = 16
		switch {
		case !a.Token.Set():
			c.warn(name, words{"没有令牌：只接受本机发来的 Webhook，且不能经过代理", "no token: webhooks are taken from this machine alone, and not through a proxy"},
				words{"设置 token，并写入 Alertmanager 的 http_config.authorization", "set `token`, and the same in Alertmanager's http_config.authorization"})
		case len(a.Token.Reveal()) < short:
			c.warn(name, words{"令牌不足 16 个字符", "the token has less than 16 characters"}, both("openssl rand -hex 32"))
		}
		if len(a.URLs) == 0 {
			c.warn(name, words{"没有 url：不能静默，也不能与 Alertmanager 对照", "no url: no silences, and nothing is compared with Alertmanager"},
				words{"设为 Alertmanager 的地址", "set it to Alertmanager's address"})
		}
		for _, u := range a.URLs {
			switch err := reached[strings.TrimSuffix(u, "/")]; {
			case err == nil:
				c.ok(name, format("%s 正常，可以静默", "%s answers and takes silences", u))
			case alertmanager.Refused(err):
				c.fail(name, both(err.Error()), words{"设置 alertmanager.username 和 password，或者 api_token", "set alertmanager.username and password, or api_token"})
			default:
				c.fail(name, both(err.Error()), words{"检查 url 以及 Alertmanager 是否在运行（0.16 或更新）", "check `url`, and that Alertmanager (0.16 or newer) runs"})
			}
		}
	}
	if silencer != nil && len(c.cfg.Target.Alerts) == 0 {
		c.warn("target.alerts", words{"没有设置：操作引起的告警不会静默", "not set: what operations cause is not silenced"},
			words{`每个服务一行，例如 backend: ['instance=~"backend.*"']`, `a line for each service, such as backend: ['instance=~"backend.*"']`})
	}
}
