package slackfake_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/ai-notebook/notebookbot/internal/slackfake"
)

// text builds a text object.
func text(kind string, n int) string {
	return fmt.Sprintf(`{"type":%q,"text":%q}`, kind, strings.Repeat("字", n))
}

func section(n int) string { return `{"type":"section","text":` + text("mrkdwn", n) + `}` }

func buttons(list ...string) string {
	return `{"type":"actions","elements":[` + strings.Join(list, ",") + `]}`
}

func button(more string) string {
	return `{"type":"button","text":{"type":"plain_text","text":"x"}` + more + `}`
}

func rich(elements string) string { return `{"type":"rich_text","elements":[` + elements + `]}` }

func line(elements string) string {
	return rich(`{"type":"rich_text_section","elements":[` + elements + `]}`)
}

func repeat(s string, n int) string { return strings.TrimSuffix(strings.Repeat(s+",", n), ",") }

func TestBlocksAreHeldToSlacksLimits(t *testing.T) {
	t.Parallel()
	s := workspace(t, func(c *slackfake.Config) { c.Limits.Blocks = 1 << 20 })
	confirm := func(title, body, yes int) string {
		return fmt.Sprintf(`,"confirm":{"title":%s,"text":%s,"confirm":%s,"deny":%s}`, text("plain_text", title),
			text("plain_text", body), text("plain_text", yes), text("plain_text", 1))
	}
	option := func(label, value int) string {
		return fmt.Sprintf(`{"text":%s,"value":%q}`, text("plain_text", label), strings.Repeat("v", value))
	}
	numbered := func(n int) string {
		var out []string
		for i := range n {
			out = append(out, fmt.Sprintf(`{"text":%s,"value":"%d"}`, text("plain_text", 1), i))
		}
		return strings.Join(out, ",")
	}
	selects := func(options string) string {
		return buttons(`{"type":"static_select","action_id":"s","options":[` + options + `]}`)
	}
	row := func(n int) string { return `[` + repeat(`{"type":"raw_text","text":"x"}`, n) + `]` }
	table := func(rows string) string { return `{"type":"table","rows":[` + rows + `]}` }
	divider := `{"type":"divider"}`
	for _, tc := range []struct{ name, blocks, want string }{
		{"50 blocks", repeat(divider, 50), ""},
		{"51 blocks", repeat(divider, 51), "no more than 50 items allowed [json-pointer:/blocks]"},
		{"a header of 150", `{"type":"header","text":` + text("plain_text", 150) + `}`, ""},
		{"a header of 151", `{"type":"header","text":` + text("plain_text", 151) + `}`, "must be less than 151 characters [json-pointer:/blocks/0/text/text]"},
		{"a header in mrkdwn", `{"type":"header","text":` + text("mrkdwn", 1) + `}`, "must be one of: plain_text [json-pointer:/blocks/0/text/type]"},
		{"a section of 3000", section(3000), ""},
		{"a section of 3001", divider + `,` + section(3001), "must be less than 3001 characters [json-pointer:/blocks/1/text/text]"},
		{"an empty section", section(0), "must be more than 0 characters [json-pointer:/blocks/0/text/text]"},
		{"a section without text", `{"type":"section"}`, "missing required field: text [json-pointer:/blocks/0]"},
		{"10 fields of 2000", `{"type":"section","fields":[` + repeat(text("mrkdwn", 2000), 10) + `]}`, ""},
		{"11 fields", `{"type":"section","fields":[` + repeat(text("mrkdwn", 1), 11) + `]}`, "no more than 10 items allowed [json-pointer:/blocks/0/fields]"},
		{"a field of 2001", `{"type":"section","fields":[` + text("mrkdwn", 2001) + `]}`, "must be less than 2001 characters [json-pointer:/blocks/0/fields/0/text]"},
		{"10 context elements", `{"type":"context","elements":[` + repeat(text("mrkdwn", 3), 10) + `]}`, ""},
		{"11 context elements", `{"type":"context","elements":[` + repeat(text("mrkdwn", 3), 11) + `]}`, "no more than 10 items"},
		{"an empty context", `{"type":"context","elements":[]}`, "no less than 1 items"},
		{"25 buttons", buttons(repeat(button(""), 25)), ""},
		{"26 buttons", buttons(repeat(button(""), 26)), "no more than 25 items"},
		{"a button of 76", buttons(`{"type":"button","text":` + text("plain_text", 76) + `}`), "must be less than 76 characters"},
		{"a button value of 2001", buttons(button(`,"value":"` + strings.Repeat("v", 2001) + `"`)), "must be less than 2001 characters [json-pointer:/blocks/0/elements/0/value]"},
		{"a button's odd style", buttons(button(`,"style":"loud"`)), "must be one of: primary, danger"},
		{"a button's script", buttons(button(`,"url":"javascript:alert(1)"`)), "invalid url"},
		{"a button's address", buttons(button(`,"url":"https://example.com/?a=1"`)), ""},
		{"a good confirmation", buttons(button(confirm(100, 300, 30))), ""},
		{"a long title to confirm", buttons(button(confirm(101, 300, 30))), "must be less than 101 characters"},
		{"a long text to confirm", buttons(button(confirm(100, 301, 30))), "must be less than 301 characters"},
		{"a long yes", buttons(button(confirm(100, 300, 31))), "must be less than 31 characters"},
		{"the same action twice in a block", buttons(button(`,"action_id":"a"`), button(`,"action_id":"a"`)), `action_id "a" already exists`},
		{"the same action in two blocks", buttons(button(`,"action_id":"a"`)) + `,` + buttons(button(`,"action_id":"a"`)), ""},
		{"the same block twice", `{"type":"divider","block_id":"b"},{"type":"divider","block_id":"b"}`, `block_id "b" already exists`},
		{"a long block id", `{"type":"divider","block_id":"` + strings.Repeat("b", 256) + `"}`, "must be less than 256 characters"},
		{"100 options", selects(numbered(100)), ""},
		{"101 options", selects(numbered(101)), "no more than 100 items"},
		{"an option of 76", selects(option(76, 1)), "must be less than 76 characters"},
		{"an option value of 76", selects(option(1, 76)), "must be less than 76 characters"},
		{"a multi select among actions", buttons(`{"type":"multi_static_select","options":[` + option(1, 1) + `]}`), "unsupported type: multi_static_select"},
		{"six in an overflow", buttons(`{"type":"overflow","options":[` + numbered(6) + `]}`), "no more than 5 items"},
		{"eleven checkboxes", buttons(`{"type":"checkboxes","options":[` + numbered(11) + `]}`), "no more than 10 items"},
		{"a select that begins elsewhere", buttons(`{"type":"static_select","options":[` + option(1, 1) + `],"initial_option":` + option(1, 2) + `}`), "must be one of the provided options"},
		{"an unknown block", `{"type":"carousel"}`, "unsupported type: carousel"},
		{"an unknown field", `{"type":"divider","colour":"red"}`, "invalid additional property: colour [json-pointer:/blocks/0]"},
		{"emoji in mrkdwn", `{"type":"section","text":{"type":"mrkdwn","text":"x","emoji":true}}`, "invalid additional property: emoji"},
		{"an image", `{"type":"image","image_url":"https://example.com/x.png","alt_text":"x"}`, ""},
		{"an image without words", `{"type":"image","image_url":"https://example.com/x.png"}`, "missing required field: alt_text"},
		{"markdown of 12000", `{"type":"markdown","text":"` + strings.Repeat("m", 12000) + `"}`, ""},
		{"markdown of 12002 together", repeat(`{"type":"markdown","text":"`+strings.Repeat("m", 6001)+`"}`, 2), "12001 characters together"},
		{"a table of 100 by 20", table(repeat(row(20), 100)), ""},
		{"a table of 101 rows", table(repeat(row(1), 101)), "no more than 100 items"},
		{"a table of 21 columns", table(row(21)), "no more than 20 items"},
		{"a table with an odd cell", table(`[{"type":"image"}]`), "must be one of: raw_text"},
		{"rich text", line(`{"type":"text","text":"x","style":{"bold":true}},{"type":"user","user_id":"U1"},{"type":"usergroup","usergroup_id":"S1"},` +
			`{"type":"broadcast","range":"here"},{"type":"emoji","name":"rotating_light"},{"type":"link","url":"https://example.com","text":"x"},` +
			`{"type":"date","timestamp":1700000000,"format":"{date_short} {time}","fallback":"then"}`), ""},
		{"all kinds of rich text", rich(`{"type":"rich_text_list","style":"bullet","indent":0,"border":0,"offset":0,"elements":[{"type":"rich_text_section","elements":[{"type":"text","text":"x"}]}]},` +
			`{"type":"rich_text_quote","elements":[{"type":"text","text":"x"}]},{"type":"rich_text_preformatted","elements":[{"type":"text","text":"x"}]}`), ""},
		{"an empty text in rich text", line(`{"type":"text","text":""}`), "must be more than 0 characters [json-pointer:/blocks/0/elements/0/elements/0/text]"},
		{"no user", line(`{"type":"user","user_id":"ana"}`), "invalid user_id"},
		{"no range", line(`{"type":"broadcast","range":"all"}`), "must be one of: here, channel, everyone"},
		{"a date without a token", line(`{"type":"date","timestamp":1700000000,"format":"soon"}`), "must hold a token"},
		{"a date with an odd token", line(`{"type":"date","timestamp":1700000000,"format":"{moon}"}`), "unknown token {moon}"},
		{"a link to a script", line(`{"type":"link","url":"javascript:x"}`), "invalid url"},
		{"an emoji with colons", line(`{"type":"emoji","name":":x:"}`), "invalid name"},
		{"a mention in preformatted text", rich(`{"type":"rich_text_preformatted","elements":[{"type":"user","user_id":"U1"}]}`), "unsupported type: user"},
		{"an odd style", line(`{"type":"text","text":"x","style":{"blink":true}}`), "invalid additional property: blink"},
		{"text in a list without a section", rich(`{"type":"rich_text_list","style":"bullet","elements":[{"type":"text","text":"x"}]}`), "must be one of: rich_text_section"},
		{"a divider with a null field", `{"type":"section","text":` + text("plain_text", 3) + `,"accessory":null}`, ""},
	} {
		body := url.Values{"channel": {slackfake.Ops}, "text": {"x"}, "blocks": {`[` + tc.blocks + `]`}}.Encode()
		_, out, _ := api(t, s, "chat.postMessage", form, slackfake.BotToken, body)
		if tc.want == "" {
			if out["ok"] != true {
				t.Errorf("%s: %v", tc.name, out)
			}
			continue
		}
		meta, _ := json.Marshal(out["response_metadata"])
		if out["error"] != "invalid_blocks" || !strings.Contains(fmt.Sprint(out["errors"]), tc.want) || !strings.Contains(string(meta), "[ERROR] ") {
			t.Errorf("%s: %v, want %s", tc.name, out, tc.want)
		}
		violated(t, s, "chat.postMessage: invalid_blocks: ")
	}
}

func TestBlocksOfAMessageHaveALimitTogether(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	for _, tc := range []struct {
		name, blocks, code string
	}{
		{"four long sections", repeat(section(3000), 4), ""},
		{"five long sections", repeat(section(3000), 5), "msg_blocks_too_long"},
		{"two tables", repeat(`{"type":"table","rows":[[{"type":"raw_text","text":"x"}]]}`, 2), "invalid_attachments"},
		{"no list", `{`, "invalid_blocks_format"},
	} {
		_, out, _ := api(t, s, "chat.postMessage", form, slackfake.BotToken,
			url.Values{"channel": {slackfake.Ops}, "text": {"x"}, "blocks": {`[` + tc.blocks + `]`}}.Encode())
		if got, _ := out["error"].(string); got != tc.code {
			t.Errorf("%s: %v, want %q", tc.name, out, tc.code)
		}
		if tc.code != "" {
			violated(t, s, tc.code)
		}
	}
}

func TestModalsAreHeldToSlacksLimits(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	modal := func(title int, more, blocks string) string {
		return `{"type":"modal","title":` + text("plain_text", title) + more + `,"blocks":[` + blocks + `]}`
	}
	submit := `,"submit":` + text("plain_text", 24)
	input := func(element string) string {
		return `{"type":"input","block_id":"i","label":` + text("plain_text", 3) + `,"element":` + element + `}`
	}
	plain := input(`{"type":"plain_text_input","action_id":"v","max_length":3000}`)
	divider := `{"type":"divider"}`
	for _, tc := range []struct{ name, view, want string }{
		{"a good one", modal(24, submit, plain), ""},
		{"100 blocks", modal(24, submit, repeat(divider, 100)), ""},
		{"101 blocks", modal(24, submit, repeat(divider, 101)), "no more than 100 items allowed [json-pointer:/view/blocks]"},
		{"a title of 25", modal(25, submit, plain), "must be less than 25 characters [json-pointer:/view/title/text]"},
		{"a long submit", modal(1, `,"submit":`+text("plain_text", 25), plain), "must be less than 25 characters"},
		{"inputs without submit", modal(1, "", plain), "needs submit"},
		{"no inputs, no submit", modal(1, "", divider), ""},
		{"metadata of 3001", modal(1, submit+`,"private_metadata":"`+strings.Repeat("x", 3001)+`"`, plain), "must be less than 3001 characters"},
		{"no blocks", `{"type":"modal","title":` + text("plain_text", 1) + `,"blocks":null}`, "missing required field: blocks"},
		{"a home", `{"type":"home","blocks":[` + divider + `]}`, "must be modal"},
		{"markdown", modal(1, submit, `{"type":"markdown","text":"x"}`), "unsupported type: markdown"},
		{"an input too long", modal(1, submit, input(`{"type":"plain_text_input","max_length":3001}`)), "must be a number from 1 to 3000"},
		{"a label of 2001", modal(1, submit, `{"type":"input","label":`+text("plain_text", 2001)+`,"element":{"type":"plain_text_input"}}`), "must be less than 2001 characters"},
		{"a button as an input", modal(1, submit, input(button(""))), "unsupported type: button"},
		{"two that take the focus", modal(1, submit, input(`{"type":"plain_text_input","focus_on_load":true}`)+`,`+
			`{"type":"input","label":`+text("plain_text", 3)+`,"element":{"type":"plain_text_input","focus_on_load":true}}`), "focus_on_load"},
		{"an unknown field", modal(1, submit+`,"colour":"red"`, plain), "invalid additional property: colour [json-pointer:/view]"},
	} {
		// Without a socket the command fails, but the person's trigger lives.
		in := s.User(slackfake.Operator).Slash(slackfake.Ops, "x")
		_, out, _ := api(t, s, "views.open", "application/json", slackfake.BotToken, `{"trigger_id":"`+in.Trigger+`","view":`+tc.view+`}`)
		if tc.want == "" {
			if out["ok"] != true || out["warning"] != "missing_charset" {
				t.Errorf("%s: %v", tc.name, out)
			}
			continue
		}
		if out["error"] != "invalid_arguments" || !strings.Contains(fmt.Sprint(out["errors"]), tc.want) {
			t.Errorf("%s: %v, want %s", tc.name, out, tc.want)
		}
		violated(t, s, "views.open: invalid_arguments")
	}
	big := modal(1, submit, repeat(`{"type":"section","text":`+text("plain_text", 2900)+`}`, 90))
	in := s.User(slackfake.Operator).Slash(slackfake.Ops, "x")
	_, out, _ := api(t, s, "views.open", "application/json", slackfake.BotToken, `{"trigger_id":"`+in.Trigger+`","view":`+big+`}`)
	if out["error"] != "view_too_large" {
		t.Errorf("a view of 780 kB: %v", out)
	}
	violated(t, s, "view_too_large")
}
