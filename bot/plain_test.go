package bot

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestMarkupBecomesWhatWasTyped(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                                    "",
		"incident list":                       "incident list",
		"oncall <@U012|ana> 2h":               "oncall U012 2h",
		"oncall <@U012>":                      "oncall U012",
		"in <#C1|ops> and <#C2>":              "in C1 and C2",
		"tell <!subteam^S1|@ops>":             "tell S1",
		"<!here> <!channel|x> <!everyone>":    "@here @channel @everyone",
		"<http://example.com|example.com> x":  "example.com x",
		"<https://example.com/a?b=1&amp;c=2>": "https://example.com/a?b=1&c=2",
		"<https://evil.example|click here>":   "https://evil.example",
		"<mailto:a@b.example|a@b.example>":    "a@b.example",
		"<!date^1392734382^{date}|Feb 18>":    "Feb 18",
		"a &lt;b&gt; &amp;amp; c":             "a <b> &amp; c",
		"&lt;@U012&gt;":                       "<@U012>",
		"&amp;lt;":                            "&lt;",
		"1 < 2 > 0 & x":                       "1 < 2 > 0 & x",
		"<b> <> <@> <@u1> <!x> <unclosed":     "<b> <> <@> <@u1> <!x> <unclosed",
		"<@U1<@U2>":                           "<@U1U2",
		"\"quoted <@U1>\"":                    "\"quoted U1\"",
	} {
		if got := unmark(in); got != want {
			t.Errorf("unmark(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestTheWordsAfterAMention(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ text, user, want string }{
		{"<@U9> status 42", "U9", " status 42"},
		{"<@U9|bot> status", "U9", " status"},
		{"please <@U9> status", "U9", " status"},
		{"<@U1> <@U9> ack", "U9", " ack"},
		{"<@U99> ack", "U9", "<@U99> ack"},
		{"<@U9> ack", "", " ack"},
		{"x <@U9> ack", "", "x <@U9> ack"},
		{"status", "U9", "status"},
		{"<@U9", "U9", "<@U9"},
	} {
		if got := afterMention(tt.text, tt.user); got != tt.want {
			t.Errorf("afterMention(%q, %q) = %q, want %q", tt.text, tt.user, got, tt.want)
		}
	}
}

func FuzzUnmark(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Add("<@U012|ana> &amp;lt; <http://a|a>")
	f.Fuzz(func(t *testing.T, s string) {
		got := unmark(s)
		if len(got) > len(s) {
			t.Errorf("%q grew to %q", s, got)
		}
		if utf8.ValidString(s) && !utf8.ValidString(got) {
			t.Errorf("%q became invalid: %q", s, got)
		}
		if !strings.ContainsAny(s, "<&") && got != s {
			t.Errorf("%q changed to %q", s, got)
		}
		// What Slack escapes comes back as it was typed.
		if back := unmark(escape(s)); back != s {
			t.Errorf("unmark(escape(%q)) = %q", s, back)
		}
	})
}
