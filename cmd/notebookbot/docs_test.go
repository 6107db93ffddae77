package main

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ai-notebook/notebookbot/commands"
)

func document(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(top, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestBothHandbooksListTheMetricsThatThereAre(t *testing.T) {
	t.Parallel()
	metric := regexp.MustCompile(`"(notebookbot_[a-z_]+)"`)
	there := map[string]bool{}
	sources(t, func(dir, name string) {
		if strings.HasSuffix(name, "_test.go") {
			return
		}
		b, err := os.ReadFile(filepath.Join(top, dir, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range metric.FindAllStringSubmatch(string(b), -1) {
			there[m[1]] = true
		}
	})
	row := regexp.MustCompile("(?m)^\\| `(notebookbot_[a-z_]+)(?:\\{[a-z,]+\\})?` \\|")
	for _, name := range []string{"docs/handbook.en.md", "docs/handbook.zh-CN.md"} {
		told := map[string]bool{}
		for _, m := range row.FindAllStringSubmatch(document(t, name), -1) {
			told[m[1]] = true
			if !there[m[1]] {
				t.Errorf("%s tells of %s, which is not there", name, m[1])
			}
		}
		for m := range there {
			if !told[m] {
				t.Errorf("%s does not tell of %s", name, m)
			}
		}
	}
}

func TestBothHandbooksHaveASectionForEachCommand(t *testing.T) {
	t.Parallel()
	section := regexp.MustCompile(`(?m)^### (.+)$`)
	for _, name := range []string{"docs/handbook.en.md", "docs/handbook.zh-CN.md"} {
		var told []string
		for _, m := range section.FindAllStringSubmatch(document(t, name), -1) {
			told = append(told, m[1])
		}
		for _, words := range commands.Words() {
			if !slices.Contains(told, words) {
				t.Errorf("%s has no section %q", name, words)
			}
		}
	}
}

func TestBothReadmesShowEachCommandOfTheProgramWithItsFlags(t *testing.T) {
	t.Parallel()
	for name, translate := range map[string]*strings.Replacer{
		"README.md":       strings.NewReplacer("|", `\|`),
		"README.zh-CN.md": strings.NewReplacer("|", `\|`, "FILE", "文件", "ADDR", "地址", "WHY", "原因", "TEXT", "命令"),
	} {
		text := document(t, name)
		for _, c := range subcommands() {
			line := "| `" + strings.TrimSpace("notebookbot "+c.name+" "+translate.Replace(c.args)) + "` |"
			if !strings.Contains(text, line) {
				t.Errorf("%s lacks %s", name, line)
			}
		}
	}
}

// anchor is what a heading becomes in a link, as GitHub does it.
func anchor(heading string) string {
	drop := regexp.MustCompile(`[^\p{L}\p{N}\p{M} _-]`)
	return strings.ReplaceAll(drop.ReplaceAllString(strings.ToLower(heading), ""), " ", "-")
}

func TestLinksInTheDocumentsLeadSomewhere(t *testing.T) {
	t.Parallel()
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading := regexp.MustCompile(`(?m)^#+ (.+)$`)
	for _, name := range []string{"README.md", "README.zh-CN.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs/handbook.en.md", "docs/handbook.zh-CN.md"} {
		for _, m := range link.FindAllStringSubmatch(document(t, name), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			file, part, _ := strings.Cut(m[1], "#")
			target := name
			if file != "" {
				target = path.Join(path.Dir(name), file)
			}
			if _, err := os.Stat(filepath.Join(top, target)); err != nil {
				t.Errorf("%s links to %s: %v", name, m[1], err)
				continue
			}
			if part == "" {
				continue
			}
			var anchors []string
			for _, h := range heading.FindAllStringSubmatch(document(t, target), -1) {
				anchors = append(anchors, anchor(h[1]))
			}
			if !slices.Contains(anchors, part) {
				t.Errorf("%s links to %s: there is no such heading, but %v", name, m[1], anchors)
			}
		}
	}
}
