package bot

import (
	"net/url"
	"strings"

	"github.com/ai-notebook/notebookbot/notify"
)

// Permalink is the address of a message in the workspace, for buttons that lead to it; empty as long as Slack has not told the
// workspace's address. It asks nobody: the form is the one that chat.getPermalink answers.
func (b *Bot) Permalink(at notify.Posted) string {
	s, _ := b.self.get()
	u, err := url.Parse(s.url)
	if err != nil || u.Host == "" || u.Scheme != "https" || at.Channel == "" || at.TS == "" {
		return ""
	}
	return u.JoinPath("archives", at.Channel, "p"+strings.ReplaceAll(at.TS, ".", "")).String()
}
