package templates

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestATerminalShowsAMessageAsTextAndNothingThatControlsIt(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("east", 8*3600)
	w, err := New(English, zone, Options{Name: func(id string) string {
		if id == "U1" {
			return "Kim\x1b[2J"
		}
		return ""
	}})
	if err != nil {
		t.Fatal(err)
	}
	hostile := "a\x1b]0;owned\x07b\u202ec\u009bd\x7f"
	m := Message{Summary: "s", Blocks: []Block{
		{Kind: Header, Lines: []Line{{{Text: "Title " + hostile}}}},
		{Kind: Text, Lines: []Line{{{Text: "by ", Bold: true}, {User: "U1"}, {Text: " "}, {UserGroup: "S1"}, {Text: " at "}, {Time: time.Date(2026, 1, 5, 6, 30, 0, 0, time.UTC)}}}},
		{Kind: Quote, Lines: []Line{{{Text: "one\ntwo\r\nthree"}}}},
		{Kind: Pre, Lines: []Line{{{Text: "x\ty" + hostile, Code: true}}}},
		{Kind: List, Lines: []Line{{{Text: "first\nmore"}}, {{Text: "page", URL: "https://example.com/"}}}},
		{Kind: Fields, Pairs: []Pair{{Name: "Name", Value: Line{{Text: "value"}}}}},
		{Kind: Divider},
		{Kind: Actions, Buttons: []Button{
			{Action: "incident.ack", Value: "INC-3", Label: "Acknowledge" + hostile},
			{Action: "answer.share", Value: "help", Label: "Share"},
			{Action: ActionCancel, Value: "OP-7/abc", Label: "Cancel"},
			{Action: ActionApprove, Value: "OP-7/abc", Label: "Approve"},
			{Label: "Runbook", URL: "https://example.com/run"},
			{Action: "incident.page", Value: "incident list <INC-3", Label: "Next"},
		}},
		{Kind: Context, Lines: []Line{{{Text: "small"}}}},
	}}
	want := `Title a]0;ownedbcd

by @Kim[2J @S1 at 14:30

> one
> two
> three

    x    ya]0;ownedbcd
• first
  more
• page (https://example.com/)

Name: value

----

[Acknowledgea]0;ownedbcd] incident ack INC-3
[Cancel] operation cancel OP-7
[Runbook] https://example.com/run
[Next] incident list <INC-3
small
`
	if d := cmp.Diff(want, w.TerminalText(m)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if got := w.TerminalText(Message{}); got != "" {
		t.Errorf("nothing is shown as %q", got)
	}
}
