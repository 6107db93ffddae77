package templates

import (
	"strings"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops"
)

// What is said at a terminal besides answers. New makes sure that both locales have the words.
const (
	AtConfirm     = "confirm"     // Key, Title: what is to be typed
	AtReason      = "reason"      // Text: the reason that was given with the request; empty: none
	AtNotYes      = "not_yes"     // Key: what was typed is not the key
	AtNoReason    = "no_reason"   // Key
	AtLooking     = "looking"     // it takes a moment
	AtBot         = "bot"         // Key: a running bot carries it out
	AtOwn         = "own"         // Key: this process carries it out
	AtLeft        = "left"        // Key: it is watched no longer and goes on
	AtStopped     = "stopped"     // Key: this process carried it out and has stopped
	AtOutbox      = "outbox"      // what is told in Slack waits
	AtNeeds       = "needs"       // Key: --json asks nothing
	AtNobody      = "nobody"      // break_glass has no user
	AtSeveral     = "several"     // Names: who can be --as
	AtMoment      = "moment"      // the store does not answer; it is tried again
	AtUnanswered  = "unanswered"  // the bot has gone away in the middle; Key
	AtUnset       = "unset"       // Names: variables that are not set
	AtInterrupted = "interrupted" // Key: before it was confirmed
)

var atTerminal = []string{
	AtConfirm, AtReason, AtNotYes, AtNoReason, AtLooking, AtBot, AtOwn, AtLeft, AtStopped, AtOutbox, AtNeeds, AtNobody, AtSeveral, AtMoment,
	AtUnanswered, AtUnset, AtInterrupted,
}

// AtTerminal is a sentence for a terminal, in one line of plain text.
func (t *Templates) AtTerminal(name string, a Args) string { return fold(t.plain("terminal."+name, a)) }

// TerminalText is a message as a terminal shows it: text alone, without a single control sequence, whoever wrote it. Buttons become
// the command that does the same. It ends with a newline unless it is empty.
func (t *Templates) TerminalText(m Message) string {
	var b strings.Builder
	write := func(before string, lines []Line) {
		for _, l := range lines {
			for i, s := range strings.Split(clean(t.spanned(l)), "\n") {
				if i > 0 && strings.TrimSpace(before) == "•" {
					before = strings.Repeat(" ", 2)
				}
				b.WriteString(strings.TrimRight(before+strings.ReplaceAll(s, "\t", "    "), " ") + "\n")
			}
		}
	}
	blocks := m.Blocks
	if len(blocks) == 0 && m.Summary != "" {
		blocks = []Block{text(Line{{Text: m.Summary}})}
	}
	for i, bl := range blocks {
		if i > 0 && bl.Kind != List && bl.Kind != Context {
			b.WriteByte('\n')
		}
		switch bl.Kind {
		case Header, Text, Context:
			write("", bl.Lines)
		case Quote:
			write("> ", bl.Lines)
		case Pre:
			write("    ", bl.Lines)
		case List:
			for _, l := range bl.Lines {
				write("• ", []Line{l})
			}
		case Fields:
			for _, p := range bl.Pairs {
				write("", []Line{append(Line{{Text: p.Name + ": "}}, p.Value...)})
			}
		case Divider:
			b.WriteString("----\n")
		case Actions:
			for _, button := range bl.Buttons {
				if does := t.commandOf(button); does != "" {
					write("", []Line{{{Text: "[" + fold(button.Label) + "] " + fold(does)}}})
				}
			}
		}
	}
	if text := strings.Trim(b.String(), "\n"); text != "" {
		return text + "\n"
	}
	return ""
}

// spanned is a line as text. Times are in the house's zone.
func (t *Templates) spanned(l Line) string {
	var b strings.Builder
	for _, s := range l {
		switch {
		case s.User != "", s.UserGroup != "", s.Channel != "", !s.Time.IsZero(), s.Emoji != "":
			b.WriteString(t.flat([]Line{{s}}))
		case s.URL != "" && s.Text != "" && s.Text != s.URL:
			b.WriteString(s.Text + " (" + s.URL + ")")
		case s.URL != "":
			b.WriteString(s.URL)
		default:
			b.WriteString(s.Text)
		}
	}
	return b.String()
}

// commandOf is the command that does what a button does; empty: none does at a terminal, where nobody shares an answer, opens a form
// or is a second person.
func (t *Templates) commandOf(b Button) string {
	if b.URL != "" {
		return b.URL
	}
	key, _, _ := strings.Cut(b.Value, "/")
	switch b.Action {
	case "answer.share", "incident.more", ActionApprove, ActionReject, CallbackReview, "":
		return ""
	case "incident.page":
		return b.Value
	}
	return strings.Replace(b.Action, ".", " ", 1) + " " + key
}

// OperationProgress tells at a terminal, a line each, what has happened to an operation between two looks at it. Was is nil at the
// first. Shares tells the progress of a step that runs as well.
func (t *Templates) OperationProgress(was, is *ops.Operation, now time.Time, shares bool) []string {
	var out []string
	say := func(l Line) { out = append(out, fold(t.spanned(l))) }
	waits := is.WaitsFor != 0 && (was == nil || was.WaitsFor != is.WaitsFor) ||
		!is.Waits.For.IsZero() && (was == nil || was.Waits.For.Code != is.Waits.For.Code)
	if is.State == ops.Approved && waits {
		for _, l := range t.lines("op.next.approved", t.operationArgs(OperationView{Operation: is, Now: now})) {
			say(l)
		}
	}
	if is.Started.IsZero() {
		return out
	}
	for i, st := range is.Steps {
		known := was != nil && i < len(was.Steps) && was.Steps[i].State == st.State
		runs := st.State == ops.StepRunning || st.State == ops.StepUndoing
		switch {
		case known && (!shares || !runs), st.State == ops.Pending, st.State == ops.StepSkipped:
		default:
			say(t.operationStep(is, st, now))
		}
	}
	return out
}
