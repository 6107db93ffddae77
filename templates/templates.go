package templates

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"text/template"
	"text/template/parse"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
)

//go:embed zh-CN/*.tmpl en/*.tmpl
var files embed.FS

// The locales that have words. The first is the default.
const (
	Chinese = "zh-CN"
	English = "en"
)

var locales = []string{Chinese, English}

// ErrLocale says that there are no words in a language.
var ErrLocale = errors.New("no such locale: use zh-CN or en")

// Options is what the words need to know of the house.
type Options struct {
	App     string // the application's name, for example "AI智能记事本"
	Command string // the slash command; empty: /notebook
	// Name gives the name of a Slack user for places where a mention would ping for no reason; empty: not known. It is called
	// while a message is built, from several goroutines, and must not wait. Nil: no names are known.
	Name func(user string) string
	// Topics are the commands that help explains; New refuses one without words.
	Topics []string
}

// Templates turns facts into messages in one language. It is safe for concurrent use.
type Templates struct {
	locale string
	zone   *time.Location
	opts   Options
	set    *template.Template
}

// New loads the words of a locale. Every define of one locale must be there in the other and fit what the code gives to it;
// one that is missing or does not fit is an error which names it. An empty locale means zh-CN, a nil zone UTC.
func New(locale string, zone *time.Location, opts Options) (*Templates, error) {
	if locale == "" {
		locale = Chinese
	}
	if !slices.Contains(locales, locale) {
		return nil, fmt.Errorf("locale %q: %w", locale, ErrLocale)
	}
	if zone == nil {
		zone = time.UTC
	}
	if opts.Command == "" {
		opts.Command = "/notebook"
	}
	all := map[string]*Templates{}
	for _, l := range locales {
		base, err := parsed[l]()
		if err != nil {
			return nil, err
		}
		if all[l], err = bind(base, l, zone, opts); err != nil {
			return nil, err
		}
	}
	topics := strings.Join(opts.Topics, " ")
	if _, well := checked.Load(topics); !well {
		if err := check(all, opts.Topics); err != nil {
			return nil, err
		}
		checked.Store(topics, nil)
	}
	return all[locale], nil
}

// checked has the topics for which the words were held against the code: neither changes while the program runs.
var checked sync.Map

// parsed gives the words of each locale, which are read once: their functions are bound for each Templates.
var parsed = func() map[string]func() (*template.Template, error) {
	out := map[string]func() (*template.Template, error){}
	for _, l := range locales {
		out[l] = sync.OnceValues(func() (*template.Template, error) {
			text, err := wordsOf(l)
			if err != nil {
				return nil, err
			}
			return parseWords(l, text)
		})
	}
	return out
}()

// Locale is the language of the words, "zh-CN" or "en".
func (t *Templates) Locale() string { return t.locale }

// wordsOf puts the files of a locale in a row. No two of them may define the same name: the later one would win unseen.
func wordsOf(locale string) (string, error) {
	names, err := fs.Glob(files, locale+"/*.tmpl")
	if err != nil {
		return "", fmt.Errorf("words of %s: %w", locale, err)
	}
	var b strings.Builder
	seen := map[string]string{}
	for _, name := range names {
		text, err := files.ReadFile(name)
		if err != nil {
			return "", fmt.Errorf("words of %s: %w", locale, err)
		}
		for _, m := range defined.FindAllSubmatch(text, -1) {
			if other, ok := seen[string(m[1])]; ok {
				return "", fmt.Errorf("words of %s: %q stands in %s and in %s", locale, m[1], other, name)
			}
			seen[string(m[1])] = name
		}
		b.Write(text)
	}
	return b.String(), nil
}

var defined = regexp.MustCompile(`\{\{-? *define "([^"]+)"`)

// parseWords parses the words of one locale.
func parseWords(locale, text string) (*template.Template, error) {
	set, err := template.New(locale).Option("missingkey=error").Funcs((&Templates{}).funcs()).Parse(text)
	if err != nil {
		return nil, fmt.Errorf("words of %s: %w", locale, err)
	}
	for _, d := range set.Templates() {
		if d.Tree != nil {
			trim(d.Root)
			breakLines(d.Root)
		}
	}
	return set, nil
}

// bind gives words their functions.
func bind(base *template.Template, locale string, zone *time.Location, opts Options) (*Templates, error) {
	set, err := base.Clone()
	if err != nil {
		return nil, fmt.Errorf("words of %s: %w", locale, err)
	}
	t := &Templates{locale: locale, zone: zone, opts: opts, set: set}
	set.Funcs(t.funcs())
	return t, nil
}

// trim takes the blanks off both ends of a define, so that the file may be laid out for reading.
func trim(root *parse.ListNode) {
	if len(root.Nodes) == 0 {
		return
	}
	if n, ok := root.Nodes[0].(*parse.TextNode); ok {
		n.Text = []byte(strings.TrimLeft(string(n.Text), " \n\t"))
	}
	if n, ok := root.Nodes[len(root.Nodes)-1].(*parse.TextNode); ok {
		n.Text = []byte(strings.TrimRight(string(n.Text), " \n\t"))
	}
}

// breakLines makes line breaks of the file's own different from those that a value brings along: only ours begin a line.
func breakLines(n parse.Node) {
	switch n := n.(type) {
	case *parse.TextNode:
		n.Text = []byte(strings.ReplaceAll(string(n.Text), "\n", lineBreak))
	case *parse.ListNode:
		if n == nil {
			return
		}
		for _, c := range n.Nodes {
			breakLines(c)
		}
	case *parse.IfNode:
		breakLines(n.List)
		breakLines(n.ElseList)
	case *parse.WithNode:
		breakLines(n.List)
		breakLines(n.ElseList)
	case *parse.RangeNode:
		breakLines(n.List)
		breakLines(n.ElseList)
	}
}

// defines lists what a locale has words for.
func (t *Templates) defines() []string {
	var names []string
	for _, d := range t.set.Templates() {
		if d.Name() != t.locale {
			names = append(names, d.Name())
		}
	}
	slices.Sort(names)
	return names
}

// check holds the locales against each other and against what the code asks for.
func check(all map[string]*Templates, topics []string) error {
	want := map[string]bool{}
	for _, t := range all {
		for _, name := range t.defines() {
			want[name] = true
		}
	}
	for _, name := range required(topics) {
		want[name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		for _, l := range locales {
			t, ok := all[l]
			if !ok {
				continue
			}
			if t.set.Lookup(name) == nil {
				return fmt.Errorf("words of %s: %q is missing", l, name)
			}
			if _, err := t.execute(name, Args{}); err != nil {
				return fmt.Errorf("words of %s: %q: %w", l, name, err)
			}
		}
	}
	return nil
}

// required lists the names that the code puts together, and that no reader of the file would miss otherwise.
func required(topics []string) []string {
	names := slices.Clone(spoken)
	for _, l := range incidents.Levels {
		names = append(names, "level."+l.String(), "level."+l.String()+".criteria")
	}
	for _, s := range []incidents.State{
		incidents.Received, incidents.Acknowledged, incidents.Working, incidents.Verifying, incidents.Recovered, incidents.Resolved,
	} {
		names = append(names, "state."+string(s), "card.next."+string(s))
	}
	for _, k := range replies {
		names = append(names, "reply."+string(k), "timeline."+string(k))
	}
	for _, k := range []incidents.NoticeKind{incidents.AlertFired, incidents.AlertEnded, incidents.ClockStop} {
		names = append(names, "timeline."+string(k))
	}
	for _, k := range Troubles {
		names = append(names, "trouble."+k)
	}
	names = slices.Concat(names, operationWords(), healthWords(), securityWords(), backupWords(), walWords(), dbWords())
	for _, w := range append(slices.Clone(Words), topics...) {
		k := topicKey(w)
		names = append(names, k+".short", k+".usage", k+".examples")
	}
	return names
}

// execute fills in one define.
func (t *Templates) execute(name string, a Args) (string, error) {
	var b strings.Builder
	if err := t.set.ExecuteTemplate(&b, name, a); err != nil {
		return "", err
	}
	return b.String(), nil
}

// lines are the lines of a define. New has executed every one, so an error here is a mistake of ours; people still get a word.
func (t *Templates) lines(name string, a Args) []Line {
	s, err := t.execute(name, a)
	if err != nil {
		return []Line{{{Text: name}}}
	}
	return parseLines(s)
}

// line is the one line of a define.
func (t *Templates) line(name string, a Args) Line {
	ls := t.lines(name, a)
	if len(ls) == 0 {
		return nil
	}
	return ls[0]
}

// plain is a define as text without styles, for titles, labels and summaries.
func (t *Templates) plain(name string, a Args) string { return t.flat(t.lines(name, a)) }

// label is a define that needs nothing.
func (t *Templates) label(name string) string { return t.plain(name, Args{}) }
