package bot

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/ai-notebook/notebookbot/templates"
)

func resolveView() templates.View {
	return templates.View{
		Callback: "incident.resolve", Metadata: "1", Title: "Resolve INC-1 and say why it is over", Submit: "Resolve", Close: "Cancel",
		Blocks: []templates.Block{{Kind: templates.Text, Lines: []templates.Line{say("Alerts <!here> still fire")}}},
		Inputs: []templates.Input{
			{ID: "cause", Kind: templates.InputLong, Label: "Cause", Initial: strings.Repeat("长", 5000), Hint: "h", Placeholder: strings.Repeat("p", 500)},
			{ID: "level", Kind: templates.InputSelect, Label: "Level", Initial: "P1", Options: []templates.Option{
				{Value: "P0", Label: "P0", Description: strings.Repeat("d", 200)}, {Value: "P1", Label: "P1"},
			}},
			{ID: "who", Kind: templates.InputUser, Label: "", Initial: "U01AAAA", Optional: true},
			{ID: "short", Kind: templates.InputText, Label: "One line", MaxLength: 10, Initial: "a\nb"},
		},
		After: []templates.Block{{Kind: templates.Context, Lines: []templates.Line{say("below")}}},
	}
}

func TestAViewFitsAndKeepsItsAnswersApart(t *testing.T) {
	t.Parallel()
	v, err := testRenderer(t).view(resolveView())
	if err != nil {
		t.Fatal(err)
	}
	checkBlocks(t, encodeView(v), maxViewBlocks)
	if n := utf8.RuneCountInString(v.Title.Text); n != maxTitle || !strings.HasSuffix(v.Title.Text, ellipsis) {
		t.Errorf("title %q of %d characters", v.Title.Text, n)
	}
	var blocks []struct {
		Type    string `json:"type"`
		BlockID string `json:"block_id"`
		Element struct {
			Type          string `json:"type"`
			ActionID      string `json:"action_id"`
			InitialValue  string `json:"initial_value"`
			MaxLength     int    `json:"max_length"`
			InitialUser   string `json:"initial_user"`
			InitialOption struct {
				Value string `json:"value"`
			} `json:"initial_option"`
		} `json:"element"`
	}
	if err := json.Unmarshal([]byte(encodeView(v)), &blocks); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, b := range blocks {
		if b.Type != "input" {
			continue
		}
		ids = append(ids, b.BlockID)
		if b.Element.ActionID != inputAction {
			t.Errorf("input %s has action_id %q", b.BlockID, b.Element.ActionID)
		}
		if n := utf8.RuneCountInString(b.Element.InitialValue); n > max(b.Element.MaxLength, 0) {
			t.Errorf("input %s begins with %d of %d characters", b.BlockID, n, b.Element.MaxLength)
		}
	}
	if got := strings.Join(ids, " "); got != "cause level who short" {
		t.Errorf("inputs = %s", got)
	}
	if got := blocks[2].Element.InitialOption.Value; got != "P1" {
		t.Errorf("initial option = %q", got)
	}
	if got := blocks[3].Element.InitialUser; got != "U01AAAA" {
		t.Errorf("initial user = %q", got)
	}
	if last := blocks[len(blocks)-1]; last.Type != "context" {
		t.Errorf("last block = %s, want the words below the questions", last.Type)
	}
}

func TestAViewThatCannotBeShortenedIsRefused(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*templates.View){
		"metadata too long":     func(v *templates.View) { v.Metadata = strings.Repeat("长", 3001) },
		"no title":              func(v *templates.View) { v.Title = "\u202e" },
		"nothing to send with":  func(v *templates.View) { v.Submit = "" },
		"the same id twice":     func(v *templates.View) { v.Inputs[1].ID = "cause" },
		"a select of nothing":   func(v *templates.View) { v.Inputs[1].Options = nil },
		"an option of nothing":  func(v *templates.View) { v.Inputs[1].Options[0].Value = "" },
		"an unheard-of kind":    func(v *templates.View) { v.Inputs[1].Kind = "colour" },
		"too many questions":    func(v *templates.View) { v.Inputs = make([]templates.Input, 101) },
		"nothing in it":         func(v *templates.View) { *v = templates.View{Title: "t"} },
		"a callback over limit": func(v *templates.View) { v.Callback = strings.Repeat("c", 256) },
	} {
		v := resolveView()
		spoil(&v)
		if _, err := testRenderer(t).view(v); !errors.Is(err, errView) {
			t.Errorf("%s: err = %v, want errView", name, err)
		}
	}
}

func TestAViewOfAnySizeFits(t *testing.T) {
	t.Parallel()
	for _, s := range hostile {
		v := resolveView()
		v.Title, v.Submit, v.Close = "t"+s, "s"+s, s
		m := everywhere(s)
		for range 30 {
			v.Blocks = append(v.Blocks, m.Blocks...)
			v.After = append(v.After, m.Blocks...)
		}
		for i := range v.Inputs {
			in := &v.Inputs[i]
			in.Label, in.Hint, in.Placeholder, in.Initial = s, s, s, s
		}
		out, err := testRenderer(t).view(v)
		if err != nil {
			t.Fatal(err)
		}
		if pins := checkBlocks(t, encodeView(out), maxViewBlocks); len(pins) > 0 {
			t.Errorf("%.40q is effective: %v", s, pins)
		}
		if n := len(encode(out)); n > 250_000 {
			t.Errorf("a view of %d bytes", n)
		}
	}
}
