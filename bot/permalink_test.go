package bot

import (
	"testing"

	"github.com/ai-notebook/notebookbot/notify"
)

func TestTheAddressOfAMessageIsThatOfItsWorkspace(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, url, want string }{
		{"known", "https://acme.slack.com/", "https://acme.slack.com/archives/C1/p1700000000000100"},
		{"not told yet", "", ""},
		{"no address", "acme", ""},
		{"no secure address", "http://acme.slack.com/", ""},
	} {
		b := &Bot{}
		b.self.set(self{user: "U1", url: c.url})
		if got := b.Permalink(notify.Posted{Channel: "C1", TS: "1700000000.000100"}); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	b := &Bot{}
	b.self.set(self{user: "U1", url: "https://acme.slack.com/"})
	if got := b.Permalink(notify.Posted{}); got != "" {
		t.Errorf("a message that is nowhere has the address %q", got)
	}
}
