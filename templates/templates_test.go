package templates

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestEveryWordIsThereInBothLocales(t *testing.T) {
	t.Parallel()
	for _, l := range locales {
		if _, err := New(l, nil, Options{Topics: Words}); err != nil {
			t.Error(err)
		}
	}
	if w, err := New("", nil, Options{}); err != nil || w.Locale() != Chinese {
		t.Errorf("default: %v, %v; want Chinese", w, err)
	}
	if _, err := New("fr", nil, Options{}); !errors.Is(err, ErrLocale) {
		t.Errorf("fr: %v, want ErrLocale", err)
	}
	if _, err := New(Chinese, nil, Options{Topics: []string{"incident dance"}}); err == nil || !strings.Contains(err.Error(), "help.incident.dance.examples") {
		t.Errorf("a command without words: %v", err)
	}
}

func TestAMissingOrWrongWordIsNamed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, old, text, want string }{
		{"missing in one locale", `{{define "button.ack"}}确认{{end}}`, "", `words of zh-CN: "button.ack" is missing`},
		{"missing in the other locale", `{{define "button.ack"}}`, `{{define "x.y"}}z{{end}}{{define "button.ack"}}`, `words of en: "x.y" is missing`},
		{"a field that is not there", `{{define "button.ack"}}确认{{end}}`, `{{define "button.ack"}}{{.Nothing}}{{end}}`, `words of zh-CN: "button.ack"`},
		{"a function that is not there", `{{define "button.ack"}}确认{{end}}`, `{{define "button.ack"}}{{nothing}}{{end}}`, `words of zh-CN`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			zh, err := wordsOf(Chinese)
			if err != nil {
				t.Fatal(err)
			}
			text := strings.Replace(zh, c.old, c.text, 1)
			if text == zh {
				t.Fatal("nothing was changed")
			}
			all := map[string]*Templates{English: words(t, English)}
			w, err := loadText(text)
			if err == nil {
				all[Chinese] = w
				err = check(all, nil)
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

// What no code asks for is a word that nobody will read, and a word that code asks for must be there.
func TestWordsAndCodeFitTogether(t *testing.T) {
	t.Parallel()
	w := words(t, English)
	var code strings.Builder
	paths, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range paths {
		if strings.HasSuffix(p, "_test.go") {
			continue
		}
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		code.Write(b)
	}
	asked := map[string]bool{}
	for _, m := range regexp.MustCompile(`"([a-z_]+(?:\.[A-Za-z0-9_]+)+)"`).FindAllStringSubmatch(code.String(), -1) {
		asked[m[1]] = true
	}
	for _, name := range slices.Concat(required(nil), []string{"input.empty"}) { // commands asks for the last one
		asked[name] = true
	}
	// Put together from a part and a value.
	prefixes := regexp.MustCompile(`^(contact|clock|unit|modal|input|button\.incident|op\.unit|card\.clock|help\.group|help\.who)\.`)
	for _, name := range w.defines() {
		if !asked[name] && !prefixes.MatchString(name) {
			t.Errorf("no code asks for %q", name)
		}
	}
	ours := regexp.MustCompile(`^(actor|state|clock|level|told|card|report|reply|paged|trouble|timeline|list|filter|oncall|contacts|capacity|done|help|modal|input|error|confirm|unit)\.`)
	for _, name := range slices.Sorted(maps.Keys(asked)) {
		if ours.MatchString(name) && w.set.Lookup(name) == nil && !slices.Contains(notWords, name) {
			t.Errorf("code asks for %q, which is not there", name)
		}
	}
}

// notWords are strings of the code that look like names of words.
var notWords = []string{"clock.nudge", "clock.breach"}

var (
	hanLatin = regexp.MustCompile(`\p{Han}[A-Za-z]|[A-Za-z]\p{Han}`)
	action   = regexp.MustCompile(`\{\{(?:[^{}"]|"[^"]*")*\}\}`)
	comment  = regexp.MustCompile(`(?s)\{\{/\*.*?\*/\}\}`)
)

func TestChineseIsSetConsistently(t *testing.T) {
	t.Parallel()
	b, err := wordsOf(Chinese)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(comment.ReplaceAllString(b, "")) {
		said := action.ReplaceAllString(line, "\x00")
		if strings.Contains(line, `.usage"`) || strings.Contains(line, `.examples"`) || strings.HasPrefix(said, "\x00 ") {
			continue // commands are typed as they are
		}
		if m := hanLatin.FindString(said); m != "" {
			t.Errorf("no blank between Chinese and Latin at %q: %s", m, line)
		}
		for _, half := range []string{",", ";", "!", "?", "("} {
			if i := strings.Index(said, half); i > 0 && regexp.MustCompile(`\p{Han}$`).MatchString(said[:i]) {
				t.Errorf("half-width %q after Chinese: %s", half, line)
			}
		}
	}
}

func TestDurationsAreSaidAsPeopleDo(t *testing.T) {
	t.Parallel()
	zh, en := words(t, Chinese), words(t, English)
	for _, c := range []struct {
		d      time.Duration
		zh, en string
	}{
		{0, "不到1秒", "less than 1 s"},
		{45 * time.Second, "45秒", "45 s"},
		{3*time.Minute + 59*time.Second, "3分钟", "3 min"},
		{80 * time.Minute, "1小时20分", "1 h 20 min"},
		{2 * time.Hour, "2小时", "2 h"},
		{24 * time.Hour, "24小时", "24 h"},
		{26*time.Hour + 5*time.Minute, "26小时5分", "26 h 5 min"},
		{51 * time.Hour, "2天3小时", "2 d 3 h"},
		{-5 * time.Minute, "5分钟", "5 min"},
	} {
		if got := zh.duration(c.d); got != c.zh {
			t.Errorf("%v = %q, want %q", c.d, got, c.zh)
		}
		if got := en.duration(c.d); got != c.en {
			t.Errorf("%v = %q, want %q", c.d, got, c.en)
		}
	}
}

func TestNumbersArePutForReading(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", -1234567: "-1,234,567"} {
		if got := number(n); got != want {
			t.Errorf("number(%d) = %q, want %q", n, got, want)
		}
	}
	for share, want := range map[float64]string{0.15: "15%", 0.07: "7%", 0.125: "12.5%", 1: "100%", 0: "0%"} {
		if got := percent(share); got != want {
			t.Errorf("percent(%v) = %q, want %q", share, got, want)
		}
	}
}

func loadText(text string) (*Templates, error) {
	base, err := parseWords(Chinese, text)
	if err != nil {
		return nil, err
	}
	return bind(base, Chinese, time.UTC, Options{})
}
