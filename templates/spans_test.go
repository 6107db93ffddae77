package templates

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/ai-notebook/notebookbot/incidents"
)

// everything builds one message of each kind with s in every field that a person or an alert fills.
func everything(t *testing.T, w *Templates, s string) []Message {
	t.Helper()
	in := opened(incidents.P1, s, incidents.Alert{
		Fingerprint: "f", Firing: true, StartsAt: at.Add(time.Hour), Level: incidents.P1, GeneratorURL: s,
		Labels: map[string]string{"alertname": s, "instance": s, "l" + s: s}, Annotations: map[string]string{"summary": s + "!", "description": s, "runbook_url": s},
	}, incidents.Alert{Fingerprint: "g", Firing: true, StartsAt: at, Level: incidents.P1})
	in.ExternalURL, in.Told = s, []string{s}
	in.Policies.Levels[incidents.P1].Escalate = []string{s, s + "2"}
	in.Report = incidents.Report{Cause: s, Solution: s, Prevention: s}
	var ms []Message
	for _, st := range []incidents.State{incidents.Received, incidents.Acknowledged, incidents.Working, incidents.Verifying, incidents.Recovered, incidents.Resolved} {
		in.State = st
		ms = append(ms, w.Card(CardView{Incident: in, Now: at, Report: s}))
	}
	in.State = incidents.Received
	fact := incidents.Fact{
		Names: []string{s}, Person: "U01AAAA", Count: 3, Total: 4, Clock: incidents.Respond, Due: at, Due2: at, After: time.Hour, Late: time.Hour,
		Text: s, Titles: []string{s, s}, Report: in.Report, StillFiring: true, Listed: true,
	}
	var log []incidents.Entry
	kinds := append(slices.Clone(replies), incidents.Paged, incidents.Trouble)
	for _, k := range kinds {
		m, err := w.Reply(ReplyView{
			Notice:   incidents.Notice{Kind: k, At: at, By: incidents.Person("U01AAAA"), Fact: fact},
			Incident: in, Told: []Target{{Name: s, Users: []string{"U01AAAA"}}, {Name: s, Mail: s}, {Name: s}}, Link: s,
		})
		if err != nil {
			t.Fatal(err)
		}
		ms = append(ms, m)
		log = append(log, incidents.Entry{At: at, By: incidents.Actor{Kind: incidents.ByAlertmanager, ID: s}, Kind: k, Fact: fact})
	}
	for _, k := range Troubles {
		m, err := w.Reply(ReplyView{Notice: incidents.Notice{Kind: incidents.Trouble, Fact: incidents.Fact{Text: k, Titles: []string{s, s}}}})
		if err != nil {
			t.Fatal(err)
		}
		ms = append(ms, m)
	}
	a := Args{Key: s, Title: s, Text: s, Word: s, Nearest: s, Class: s, Ref: s, Where: s, Names: []string{s}, State: incidents.State(s), Told: []Target{{Name: s, Mail: s}}}
	for _, name := range sentences {
		ms = append(ms, w.Sentence(name, a))
	}
	for _, name := range dones {
		ms = append(ms, w.Done(name, a))
	}
	ms = append(ms,
		w.Show(ShowView{CardView: CardView{Incident: in, Now: at}, Timeline: log, Link: s}),
		w.List(ListView{Incidents: []*incidents.Incident{in}, Filter: incidents.Filter{Text: s}, Next: "n", Now: at}),
		w.List(ListView{Filter: incidents.Filter{Text: s}}),
		w.OnCall(OnCallView{Operators: []string{s}}),
		w.Contacts(ContactsView{Contacts: []Contact{{Name: s, Mail: s, Slack: s}}}),
		w.Help(HelpView{Topics: []Topic{{Word: s, Class: s}}}), w.HelpTopic(Topic{Word: s}), w.HelpTopic(Topic{Word: "oncall", Class: s}),
	)
	v := ModalView{Incident: in, Now: at, Link: s, Report: s}
	for _, m := range []View{w.ModalResolve(v), w.ModalLevel(v), w.ModalCommander(v), w.ModalNote(v), w.ModalReopen(v), w.ModalMore(v), w.ModalOpen(ModalView{}, s)} {
		ms = append(ms, Message{Summary: m.Title, Blocks: append(m.Blocks, m.After...)})
	}
	return ms
}

// special lists the spans of a message that are more than text.
func special(m Message) []string {
	var out []string
	each(m, func(_ BlockKind, s Span) {
		if s.User+s.UserGroup+s.URL+s.Emoji != "" || !s.Time.IsZero() {
			out = append(out, fmt.Sprint(s.User, s.UserGroup, s.URL, s.Emoji, s.Time, s.TimeStyle))
		}
	})
	slices.Sort(out)
	return out
}

func each(m Message, fn func(BlockKind, Span)) {
	for _, b := range m.Blocks {
		for _, l := range b.Lines {
			for _, s := range l {
				fn(b.Kind, s)
			}
		}
		for _, p := range b.Pairs {
			for _, s := range p.Value {
				fn(b.Kind, s)
			}
		}
	}
}

// lineCounts is how many lines the blocks have which are not a person's own words.
func lineCounts(m Message) int {
	n := 0
	for _, b := range m.Blocks {
		if b.Kind != Quote {
			n += len(b.Lines)
		}
	}
	return n
}

// seen fails when a text holds what nobody sees but what changes what is seen.
func seen(t *testing.T, where, s string) {
	t.Helper()
	if !utf8.ValidString(s) {
		t.Fatalf("%s: %q is no UTF-8", where, s)
	}
	if strings.Contains(s, nonce) {
		t.Fatalf("%s: %q tells the nonce", where, s)
	}
	for _, r := range s {
		if unicode.Is(unicode.Cc, r) || unicode.Is(unicode.Bidi_Control, r) {
			t.Fatalf("%s: %q holds %U", where, s, r)
		}
	}
}

func FuzzWhatStrangersWriteIsOnlyText(f *testing.F) {
	for _, s := range []string{
		"plain", "<!channel> <@U01AAAA> <!subteam^S0OPS> @here", "*b* _i_ ~s~ `c` ```x```", "{{b .Key}} {{define \"x\"}}", "\x02AAAA:bm\x03", "\x02", "\x03",
		opening[:5], closing, "a\nb\r\nc\u2028d", "\u202eevil\u202c\u2066x\u2069\u200f", "\xff\xfe\xed\xa0\x80", "😀👩‍👩‍👧", "<https://evil.example|click>", "javascript:alert(1)",
		"https://evil.example/\"onclick", "https://u:p@evil.example/", ":smile:", "U01AAAA", "S0OPS", strings.Repeat("长", 4000), " ", "", "\x00\x1b[31m",
		"&lt;!channel&gt;", "INC-1", "constructor", "oncall", "resolved", "P0",
	} {
		f.Add(s)
	}
	w := words(f, Chinese)
	f.Fuzz(func(t *testing.T, s string) {
		plain, hostile := everything(t, w, "plain"), everything(t, w, s)
		for i, m := range hostile {
			if got, want := special(m), special(plain[i]); !slices.Equal(got, want) && !means(s) {
				t.Fatalf("message %d: spans %v, want %v", i, got, want)
			}
			if got, want := lineCounts(m), lineCounts(plain[i]); got > want && !means(s) && !isAddress(s) {
				t.Fatalf("message %d has %d lines, want %d", i, got, want)
			}
			seen(t, "summary", m.Summary)
			each(m, func(k BlockKind, sp Span) { seen(t, string(k), sp.Text) })
			for _, b := range m.Blocks {
				for _, bt := range b.Buttons {
					seen(t, "label", bt.Label)
					seen(t, "address", bt.URL)
					if bt.URL != "" && !strings.HasPrefix(bt.URL, "http://") && !strings.HasPrefix(bt.URL, "https://") {
						t.Fatalf("button to %q", bt.URL)
					}
				}
			}
		}
	})
}

// isAddress tells whether a text is an address that gets a button where a link of ours goes, and with it a heading of ours.
func isAddress(s string) bool {
	_, _, ok := webAddress(s)
	return ok
}

// means tells of texts that are a word of ours, for which there is more to say or less.
func means(s string) bool {
	s = cut(s, 100)
	return s == "" || slices.Contains(Words, s) || slices.Contains(Troubles, s)
}

func TestOnlyIDsBecomeMentions(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]Span{
		"U01AAAA": {User: "U01AAAA"}, "W01AAAA": {User: "W01AAAA"}, "!channel": {Text: "!channel"}, "U1> <!here": {Text: "U1> <!here"},
		"u01aaaa": {Text: "u01aaaa"}, "S0OPS": {Text: "S0OPS"},
	} {
		if got := parseLines(mention(in))[0][0]; got != want {
			t.Errorf("mention(%q) = %+v, want %+v", in, got, want)
		}
	}
	if got := parseLines(mentionGroup("S0OPS"))[0][0]; got.UserGroup != "S0OPS" {
		t.Errorf("group = %+v", got)
	}
	if got := parseLines(mentionGroup("U01AAAA"))[0][0]; got.UserGroup != "" {
		t.Errorf("a user became a group: %+v", got)
	}
}

func TestAddressesArePlainWebAddresses(t *testing.T) {
	t.Parallel()
	for in, host := range map[string]string{
		"https://wiki.example/x?y=1#z": "wiki.example", "http://127.0.0.1:9090/graph?g0.expr=up+%3D%3D+0": "127.0.0.1:9090",
		"http://[::1]:9090/": "[::1]:9090", "HTTPS://Wiki.Example/": "wiki.example",
		"javascript:alert(1)": "", "ftp://x/": "", "//x/": "", "https://user@x/": "", "https://аpple.com/": "", "https://x/ y": "", "https://x/\u202e": "",
		"https://x/|y": "", "https://x/>": "", "http://": "", "https:x": "", "https://x/" + strings.Repeat("a", 3000): "", "": "",
	} {
		if _, got, ok := webAddress(in); got != host || ok != (host != "") {
			t.Errorf("webAddress(%q) = %q, %v; want %q", in, got, ok, host)
		}
	}
}

func TestASilenceIsFilledInWithWhatAllAlertsShare(t *testing.T) {
	t.Parallel()
	in := opened(incidents.P1, "t",
		incidents.Alert{Fingerprint: "1", Labels: map[string]string{"a": `q"\ +&#中`, "b": "1"}}, incidents.Alert{Fingerprint: "2", Labels: map[string]string{"a": `q"\ +&#中`, "b": "2"}})
	in.ExternalURL = "https://am.example/prefix/"
	const want = "https://am.example/prefix/#/silences/new?filter=%7Ba%3D%22q%5C%22%5C%5C%20%2B%26%23%E4%B8%AD%22%7D"
	if got, _, ok := webAddress(silenceAddress(in)); got != want || !ok {
		t.Errorf("address = %q, %v; want %q", got, ok, want)
	}
	in.Members["2"].Labels = nil
	if got := silenceAddress(in); got != "" {
		t.Errorf("nothing in common, but %q", got)
	}
}
