package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
	"unicode"

	"github.com/ai-notebook/notebookbot/internal/access"
)

// The states of a finding. They are the same words in every language, so that a script can look for them.
const (
	stateOK        = "ok"
	stateWarning   = "warning"
	stateFailed    = "failed"
	stateUnchecked = "unchecked" // it could not be looked at, and the reason says why
)

// finding is what one look found, and how to mend it.
type finding struct {
	state  string
	name   string
	reason words
	mend   words // empty: nothing to mend
}

// words are one sentence in both languages.
type words struct{ zh, en string }

func (w words) in(locale string) string {
	if locale == "en" {
		return w.en
	}
	return w.zh
}

// both makes words that are the same in each language: ids, errors of others.
func both(s string) words { return words{s, s} }

// checkup goes through everything that serve needs.
type checkup struct {
	cfg      *Config
	client   *http.Client
	running  bool // a bot of ours answers on listen
	findings []finding
	// people looks people up in Slack; nil when Slack does not answer.
	people access.Directory
	team   string
}

const (
	// checkTimeout bounds one look: nobody waits longer in front of a terminal for one line.
	checkTimeout = 10 * time.Second
	dialTimeout  = 3 * time.Second
)

func (c *checkup) add(state, name string, reason, mend words) {
	c.findings = append(c.findings, finding{state, name, reason, mend})
}

func (c *checkup) ok(name string, reason words)         { c.add(stateOK, name, reason, words{}) }
func (c *checkup) warn(name string, reason, mend words) { c.add(stateWarning, name, reason, mend) }
func (c *checkup) fail(name string, reason, mend words) { c.add(stateFailed, name, reason, mend) }
func (c *checkup) unchecked(name string, reason words)  { c.add(stateUnchecked, name, reason, words{}) }

func format(zh, en string, args ...any) words {
	return words{fmt.Sprintf(zh, args...), fmt.Sprintf(en, args...)}
}

func (c *checkup) limited(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, checkTimeout, errors.New("no answer within 10 s"))
}

func runCheck(ctx context.Context, e env, args []string) error {
	f := newFlags(e, "check")
	config := f.config(loadConfig)
	if err := f.parse(args); err != nil {
		return err
	}
	cfg, err := config()
	if err != nil {
		return err
	}
	c := &checkup{cfg: cfg, client: &http.Client{Timeout: checkTimeout}}
	c.all(ctx)
	return c.print(e.stdout)
}

// all looks at everything, in the order in which it is mended.
func (c *checkup) all(ctx context.Context) {
	c.ok("configuration", format("%s 可以读取", "%s can be read", c.cfg.File))
	c.secretModes()
	c.timezone()
	c.listen(ctx)
	c.store(ctx)
	c.audit(ctx)
	c.publicURL(ctx)
	c.slack(ctx)
	c.policies(ctx)
	c.breakGlass(ctx)
	c.escalation()
	c.target(ctx)
	c.alertmanagers(ctx)
	c.backups(ctx)
	c.later()
}

// print writes a line for each finding and fails when one failed.
func (c *checkup) print(w io.Writer) error {
	name := 0
	counts := map[string]int{}
	for _, f := range c.findings {
		name = max(name, width(f.name))
		counts[f.state]++
	}
	for _, f := range c.findings {
		line := pad(f.state, len(stateUnchecked)) + "  " + pad(f.name, name) + "  " + f.reason.in(c.cfg.App.Locale)
		if mend := f.mend.in(c.cfg.App.Locale); mend != "" {
			line += " → " + mend
		}
		if _, err := fmt.Fprintln(w, oneLine(line)); err != nil {
			return err
		}
	}
	sum := format("%d 项正常，%d 项警告，%d 项失败，%d 项未检查", "%d ok, %d warnings, %d failed, %d unchecked",
		counts[stateOK], counts[stateWarning], counts[stateFailed], counts[stateUnchecked])
	if _, err := fmt.Fprintln(w, "\n"+sum.in(c.cfg.App.Locale)); err != nil {
		return err
	}
	if counts[stateFailed] > 0 {
		return errSaid
	}
	return nil
}

// oneLine keeps what others wrote (errors of servers) from breaking the table or the terminal.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
}

// width counts the columns of a terminal: a Chinese character takes two.
func width(s string) int {
	n := 0
	for _, r := range s {
		n++
		if unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul) || r >= 0xff01 && r <= 0xff60 || r >= 0x3000 && r <= 0x303f {
			n++
		}
	}
	return n
}

func pad(s string, to int) string { return s + strings.Repeat(" ", max(0, to-width(s))) }
