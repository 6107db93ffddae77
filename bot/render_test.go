package bot

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-notebook/notebookbot/templates"
)

func testRenderer(t *testing.T) renderer {
	t.Helper()
	return renderer{loc: time.FixedZone("CST", 8*3600), prefix: func() string { return "r" }}
}

func line(spans ...templates.Span) templates.Line { return spans }
func say(s string) templates.Line                 { return line(templates.Span{Text: s}) }

var due = time.Date(2026, 1, 5, 6, 30, 0, 0, time.UTC)

func card() templates.Message {
	return templates.Message{
		Summary: "INC-1 P0 api <down> & out",
		Blocks: []templates.Block{
			{Kind: templates.Header, Lines: []templates.Line{line(templates.Span{Emoji: "rotating_light"}, templates.Span{Text: " INC-1 api *down*"})}},
			{Kind: templates.Text, Lines: []templates.Line{
				line(templates.Span{Text: "P0", Bold: true}, templates.Span{Text: " told to "}, templates.Span{User: "U01AAAA"},
					templates.Span{Text: " and "}, templates.Span{UserGroup: "S0OPS"}),
				line(templates.Span{Text: "due "}, templates.Span{Time: due}, templates.Span{Emoji: "hourglass"}),
			}},
			{Kind: templates.Fields, Pairs: []templates.Pair{
				{Name: "Since", Value: line(templates.Span{Time: due, TimeStyle: templates.DateTime})},
				{Name: "Link", Value: line(templates.Span{Text: "graph", URL: "https://example.com/g?a=1&b=2"})},
			}},
			{Kind: templates.Quote, Lines: []templates.Line{say("<!channel> *bold* _x_"), say("<http://evil.example|ok>")}},
			{Kind: templates.Pre, Lines: []templates.Line{say("a  b"), line(templates.Span{Time: due})}},
			{Kind: templates.List, Lines: []templates.Line{say("one"), line(templates.Span{Text: "two", Code: true})}},
			{Kind: templates.Divider},
			{Kind: templates.Context, Lines: []templates.Line{
				line(templates.Span{Text: "opened "}, templates.Span{Time: due}, templates.Span{Text: " by *me*"}), say("second"),
			}},
			{Kind: templates.Actions, Buttons: []templates.Button{
				{Action: "incident.ack", Value: "1", Label: "Acknowledge", Style: templates.Primary},
				{Action: "incident.resolve", Value: "1", Label: "Resolve", Style: templates.Danger, Confirm: &templates.Confirm{
					Title: "Resolve?", Text: "Alerts still fire.", Yes: "Resolve", No: "Keep",
				}},
				{Label: "example.com", URL: "https://example.com/x"},
				{Label: "bad", URL: "javascript:alert(1)"},
			}},
		},
	}
}

// TestACardLooksLikeItsGoldenFile: NOTEBOOKBOT_GOLDEN=1 writes the file anew.
func TestACardLooksLikeItsGoldenFile(t *testing.T) {
	t.Parallel()
	r := testRenderer(t).message(card())
	got := r.text + "\n" + strings.ReplaceAll(r.wire, `{"type":"`, "\n"+`{"type":"`) + "\n"
	name := filepath.Join("testdata", "card.golden")
	if os.Getenv("NOTEBOOKBOT_GOLDEN") != "" {
		if err := os.WriteFile(name, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("the card changed (-want +got):\n%s", d)
	}
	pins := checkBlocks(t, r.wire, maxBlocks)
	want2 := map[string]int{
		"<@U01AAAA>": 1, "<!subteam^S0OPS>": 1, "https://example.com/g?a=1&b=2": 1, "https://example.com/x": 1,
		"<!date^1767594600^{time}|14:30 +08:00>": 1,
	}
	if d := cmp.Diff(want2, pins); d != "" {
		t.Errorf("effective marks (-want +got):\n%s", d)
	}
	if len(r.problems) != 1 {
		t.Errorf("problems = %v, want one about the address", r.problems)
	}
	checkText(t, r.text)
}

var hostile = []string{
	"<!channel> <!here> <!everyone> <!subteam^S1|@x>", "<@U1> <#C1>", "*x* _y_ ~z~ `w`", "<http://evil.example|ok>",
	"@here @channel #general http://evil.example", "\u202egnp.exe\u202c \u2066x\u2069 \u200e\u200f\u061c", "a\u200bb\ufeffc\u2060d",
	strings.Repeat("长", 40000), "```\nfence\n```", "<!date^1^{date}|x>", "a\x00b\x07c\x1b[31md\x7f\u0085e", "&amp; &lt;!channel&gt;",
	"\xff\xfe broken", ":boom: :rotating_light:", strings.Repeat("&", 40000), "\u2028\u2029", "", " \t\n ", "👩‍👩‍👧‍👦 🇨🇳",
}

// everywhere puts a text into every place of a message that takes text.
func everywhere(s string) templates.Message {
	span := templates.Span{Text: s}
	lines := []templates.Line{{span, span}, {}, {span}}
	return templates.Message{Summary: s, Blocks: []templates.Block{
		{Kind: templates.Header, Lines: lines},
		{Kind: templates.Text, Lines: lines},
		{Kind: templates.Quote, Lines: lines},
		{Kind: templates.Pre, Lines: lines},
		{Kind: templates.List, Lines: lines},
		{Kind: templates.Fields, Pairs: []templates.Pair{{Name: s, Value: lines[0]}}},
		{Kind: templates.Context, Lines: lines},
		{Kind: templates.Text, Lines: []templates.Line{{
			{Text: s, Bold: true, Italic: true, Strike: true, Code: true}, {User: s}, {UserGroup: s}, {Emoji: s}, {URL: s, Text: s},
		}}},
		{Kind: templates.Context, Lines: []templates.Line{{{User: s}, {UserGroup: s}, {Emoji: s}, {URL: s, Text: s}}}},
		{Kind: templates.Actions, Buttons: []templates.Button{
			{Action: "a", Value: "1", Label: s, Confirm: &templates.Confirm{Title: s, Text: s, Yes: s, No: s}},
			{Action: "b", Label: s, URL: s},
			{Action: "a", Value: "2", Label: s, Style: templates.Style(s)},
			{Action: s, Value: s, Label: s},
		}},
	}}
}

func TestHostileTextHasNoEffect(t *testing.T) {
	t.Parallel()
	for _, s := range hostile {
		r := testRenderer(t).message(everywhere(s))
		pins := checkBlocks(t, r.wire, maxBlocks)
		if len(pins) > 0 {
			t.Errorf("%.40q is effective: %v", s, pins)
		}
		checkText(t, r.text)
	}
}

func TestAMessageOfAnySizeFits(t *testing.T) {
	t.Parallel()
	many := func(n int, kind templates.BlockKind) []templates.Block {
		var out []templates.Block
		for i := range n {
			b := templates.Block{Kind: kind, Lines: []templates.Line{say(fmt.Sprint("line ", i))}}
			b.Pairs = []templates.Pair{{Name: "n", Value: say("v")}}
			for j := range 40 {
				if kind != templates.Actions {
					break // nobody else has any
				}
				b.Buttons = append(b.Buttons, templates.Button{
					Action: fmt.Sprint("a", j), Label: strings.Repeat("按", 200), Value: strings.Repeat("v", 500),
				})
			}
			out = append(out, b)
		}
		return out
	}
	for _, kind := range []templates.BlockKind{
		templates.Header, templates.Text, templates.Quote, templates.Pre, templates.List, templates.Fields, templates.Context,
		templates.Divider, templates.Actions, "unheard-of", "",
	} {
		for _, n := range []int{0, 1, 49, 50, 51, 400} {
			r := testRenderer(t).message(templates.Message{Summary: "s", Blocks: many(n, kind)})
			checkBlocks(t, r.wire, maxBlocks)
			if n == 400 && kind != templates.Actions && !strings.Contains(r.wire, "(+") {
				t.Errorf("%s: lines were left out and not counted", kind)
			}
			if t.Failed() {
				t.Fatalf("kind %q, %d blocks", kind, n)
			}
		}
	}
}

func TestButtonsStayWhenTextDoesNotFit(t *testing.T) {
	t.Parallel()
	m := templates.Message{Summary: "s"}
	for range 100 {
		m.Blocks = append(m.Blocks, templates.Block{Kind: templates.Quote, Lines: []templates.Line{say(strings.Repeat("<>\"\\", 500))}})
	}
	m.Blocks = append(m.Blocks, templates.Block{Kind: templates.Actions, Buttons: []templates.Button{{Action: "incident.ack", Value: "1", Label: "Ack"}}})
	r := testRenderer(t).message(m)
	checkBlocks(t, r.wire, maxBlocks)
	if !strings.Contains(r.wire, `"incident.ack"`) {
		t.Error("the button is gone")
	}
	if !strings.Contains(r.wire, "… (+") {
		t.Error("nothing says that lines are missing")
	}
}

func TestTheSameActionTwiceGoesIntoTwoBlocks(t *testing.T) {
	t.Parallel()
	r := testRenderer(t).message(templates.Message{Summary: "s", Blocks: []templates.Block{{Kind: templates.Actions, Buttons: []templates.Button{
		{Action: "pick", Value: "1", Label: "one"}, {Action: "pick", Value: "2", Label: "two"},
	}}}})
	checkBlocks(t, r.wire, maxBlocks)
	if n := strings.Count(r.wire, `"action_id":"pick"`); n != 2 {
		t.Errorf("%d buttons, want 2", n)
	}
}

func TestAnAddressMustBePlainHTTP(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]bool{
		"https://example.com/a?b=c#d": true, "http://10.0.0.1:9090/graph?g0.expr=up%20%3D%3D%200": true, "https://例え.jp/": true,
		"javascript:alert(1)": false, "https://": false, "https:///x": false, "ftp://x/": false, "https://u:p@example.com/": false,
		"https://a b/": false, "https://a/|x": false, "https://a/>x": false, "//a": false, "": false, "https://a/\u202e": false,
		"https://" + strings.Repeat("a", 3000): false, "HTTPS://example.com": true,
	} {
		if _, got := webAddress(s); got != want {
			t.Errorf("webAddress(%.60q) = %v, want %v", s, got, want)
		}
	}
}

func FuzzAnyMessageFits(f *testing.F) {
	for i, s := range hostile {
		f.Add(s, s, int64(i), uint8(i))
	}
	f.Fuzz(func(t *testing.T, a, b string, when int64, n uint8) {
		m := everywhere(a)
		for i := range int(n) {
			kind := []templates.BlockKind{templates.Text, templates.List, templates.Context, templates.Pre, templates.BlockKind(b)}[i%5]
			m.Blocks = append(m.Blocks, templates.Block{Kind: kind, Lines: []templates.Line{
				say(b), {{Time: time.Unix(when, 0)}, {Text: a}, {Time: time.Unix(when, 0), TimeStyle: templates.DateTime}},
			}, Buttons: []templates.Button{{Action: b, Value: a, Label: b}}})
		}
		m.Summary = b
		r := testRenderer(t).message(m)
		checkText(t, r.text)
		for pin := range checkBlocks(t, r.wire, maxBlocks) {
			if _, ok := webAddress(pin); !ok && !strings.HasPrefix(pin, "<!date^") && !userID.MatchString(a) && !groupID.MatchString(a) && !channelID.MatchString(a) && !emojiName.MatchString(a) {
				t.Errorf("effective: %q", pin)
			}
		}
	})
}
