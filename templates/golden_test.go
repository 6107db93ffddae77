package templates

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// words builds the templates of a locale as a house would have them.
func words(tb testing.TB, locale string) *Templates {
	tb.Helper()
	zone := time.FixedZone("CST", 8*3600)
	names := map[string]string{"U01AAAA": "陈晨", "U02BBBB": "Kim"}
	t, err := New(locale, zone, Options{App: "AI智能记事本", Name: func(id string) string { return names[id] }})
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

// golden holds what was said against testdata/<locale>/<name>.golden.
func golden(t *testing.T, locale, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", locale, name+".golden")
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s is said otherwise (-want +got); -update writes it anew:\n%s", path, diff)
	}
}

// page lays a message out as text: *bold*, `code`, <@user>, <!group>, <time>, [label](address).
func page(m Message) string {
	var b strings.Builder
	fmt.Fprintf(&b, "summary: %s\n", m.Summary)
	writeBlocks(&b, m.Blocks)
	return b.String()
}

func writeBlocks(b *strings.Builder, blocks []Block) {
	for _, bl := range blocks {
		prefix := map[BlockKind]string{Header: "# ", Text: "", Quote: "| ", Pre: "    ", List: "• ", Context: "~ ", Divider: "---"}[bl.Kind]
		for _, l := range bl.Lines {
			fmt.Fprintf(b, "%s%s\n", prefix, shown(l))
		}
		for _, p := range bl.Pairs {
			fmt.Fprintf(b, "%s = %s\n", p.Name, shown(p.Value))
		}
		for _, bt := range bl.Buttons {
			switch {
			case bt.URL != "":
				fmt.Fprintf(b, "[%s](%s)\n", bt.Label, bt.URL)
			default:
				fmt.Fprintf(b, "[%s %s %s %s]", bt.Label, bt.Action, bt.Value, bt.Style)
				if c := bt.Confirm; c != nil {
					fmt.Fprintf(b, " (%s %s [%s] [%s])", c.Title, c.Text, c.Yes, c.No)
				}
				b.WriteByte('\n')
			}
		}
	}
}

func shown(l Line) string {
	var b strings.Builder
	for _, s := range l {
		text := s.Text
		switch {
		case s.User != "":
			text = "<@" + s.User + ">"
		case s.Channel != "":
			text = "<#" + s.Channel + ">"
		case s.UserGroup != "":
			text = "<!" + s.UserGroup + ">"
		case !s.Time.IsZero() && s.TimeStyle == DateTime:
			text = s.Time.Format("<Jan 2 15:04>")
		case !s.Time.IsZero():
			text = s.Time.Format("<15:04>")
		case s.Emoji != "":
			text = ":" + s.Emoji + ":"
		case s.URL != "":
			text = "[" + text + "](" + s.URL + ")"
		}
		if s.Bold {
			text = "*" + text + "*"
		}
		if s.Code {
			text = "`" + text + "`"
		}
		if s.Italic {
			text = "_" + text + "_"
		}
		b.WriteString(text)
	}
	return b.String()
}

// form lays a modal out as text.
func form(v View) string {
	var b strings.Builder
	fmt.Fprintf(&b, "== %s == (%s, %s) [%s] [%s]\n", v.Title, v.Callback, v.Metadata, v.Close, v.Submit)
	writeBlocks(&b, v.Blocks)
	for _, in := range v.Inputs {
		fmt.Fprintf(&b, "? %s (%s %s", in.Label, in.ID, in.Kind)
		if in.Optional {
			b.WriteString(", optional")
		}
		fmt.Fprintf(&b, ") = %q, e.g. %q; %s\n", in.Initial, in.Placeholder, in.Hint)
		for _, o := range in.Options {
			fmt.Fprintf(&b, "    %s: %s (%s)\n", o.Value, o.Label, o.Description)
		}
	}
	writeBlocks(&b, v.After)
	return b.String()
}
