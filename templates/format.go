package templates

import (
	"fmt"
	"strconv"
	"strings"
	"text/template"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
)

// funcs are the functions of the templates.
func (t *Templates) funcs() template.FuncMap {
	return template.FuncMap{
		// Spans.
		"b":        styled(func(s *Span) { s.Bold = true }),
		"i":        styled(func(s *Span) { s.Italic = true }),
		"code":     styled(func(s *Span) { s.Code = true }),
		"user":     mention,
		"group":    mentionGroup,
		"channel":  channel,
		"date":     func(at time.Time) string { return instant(at, TimeOnly) },
		"datetime": func(at time.Time) string { return instant(at, DateTime) },
		"due":      near,
		"link":     link,
		"emoji":    emoji,
		// Text.
		"app":    func() string { return t.opts.App },
		"cmd":    func() string { return t.opts.Command },
		"word":   t.word,
		"words":  t.words,
		"who":    t.who,
		"name":   t.name,
		"told":   t.told,
		"join":   t.join,
		"names":  t.names,
		"mark":   levelMark,
		"dur":    t.duration,
		"cut":    cut,
		"num":    number,
		"plural": plural,
		"pct":    percent,
		"size":   size,
		"dec":    decimal,
		"sec":    seconds,
		"took":   t.took,
		"lower":  strings.ToLower,
	}
}

// levelMark is the sign of a level in titles and lists.
func levelMark(l incidents.Level) string {
	switch l {
	case incidents.P0:
		return "🔴"
	case incidents.P1:
		return "🟠"
	}
	return "🟡"
}

// word looks a value up under a heading: word "state" .State.
func (t *Templates) word(heading string, value any) string {
	v := fmt.Sprint(value)
	if v == "" {
		return ""
	}
	name := heading + "." + v
	if t.set.Lookup(name) == nil {
		return fold(v)
	}
	return t.label(name)
}

// words looks values up under a heading.
func (t *Templates) words(heading string, values []string) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = t.word(heading, v)
	}
	return out
}

// who names an actor. A person is shown by name where the name is known, so that nobody is pinged for what he did himself.
func (t *Templates) who(a incidents.Actor) string {
	switch a.Kind {
	case incidents.ByPerson:
		return t.name(a.ID)
	case incidents.ByAlertmanager:
		return "Alertmanager"
	}
	return t.label("actor.clock")
}

// name shows a person without pinging where the name is known.
func (t *Templates) name(id string) string {
	if n := t.knownName(id); n != "" {
		return mark(Span{Text: n, Bold: true})
	}
	return mention(id)
}

// quiet shows a person and never pings: by name, or by id where the name is not known.
func (t *Templates) quiet(id string) Span {
	if n := t.knownName(id); n != "" {
		return Span{Text: n}
	}
	return Span{Text: cut(id, 40), Code: true}
}

func (t *Templates) knownName(id string) string {
	if t.opts.Name == nil || id == "" {
		return ""
	}
	return cut(t.opts.Name(id), 60)
}

// join puts texts in a row as the language does.
func (t *Templates) join(texts []string) string {
	return strings.Join(texts, t.separator())
}

func (t *Templates) separator() string { return t.marked("list.separator", Args{}) }

// duration says a length of time as people do: 1小时20分, 1 h 20 min. Two units at most.
func (t *Templates) duration(d time.Duration) string {
	d = d.Abs()
	var n [2]int
	var unit [2]string
	switch {
	case d < time.Second:
		return t.label("unit.moment")
	case d < time.Minute:
		n[0], unit[0] = int(d/time.Second), "second"
	case d < time.Hour:
		n[0], unit[0] = int(d/time.Minute), "minute"
	case d < 48*time.Hour:
		n, unit = [2]int{int(d / time.Hour), int(d % time.Hour / time.Minute)}, [2]string{"hour", "minute_after"}
	default:
		n, unit = [2]int{int(d / (24 * time.Hour)), int(d % (24 * time.Hour) / time.Hour)}, [2]string{"day", "hour"}
	}
	s := t.plain("unit."+unit[0], Args{Count: n[0]})
	if n[1] > 0 {
		s += t.marked("unit.between", Args{}) + t.plain("unit."+unit[1], Args{Count: n[1]})
	}
	return s
}

// number writes an integer with separators: 12,345.
func number(n int) string {
	s := strconv.Itoa(n)
	sign := ""
	if n < 0 {
		sign, s = "-", s[1:]
	}
	var b strings.Builder
	for i, r := range s {
		if i > 0 && (len(s)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(r)
	}
	return sign + b.String()
}

// plural writes a count with its noun: 1 alert, 2 alerts.
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return number(n) + " " + many
}

// percent writes a share: 0.15 is 15%.
func percent(share float64) string {
	s := strconv.FormatFloat(share*100, 'f', 4, 64) // 0.07 times 100 is not quite 7
	return strings.TrimRight(strings.TrimRight(s, "0"), ".") + "%"
}

// decimal writes a measured number with one digit after the point: 1.5.
func decimal(f float64) string { return strconv.FormatFloat(f, 'f', 1, 64) }

// seconds writes a measured length of time in seconds: 0.04, 1.2.
func seconds(d time.Duration) string {
	if d < time.Second {
		return strconv.FormatFloat(d.Seconds(), 'f', 2, 64)
	}
	return decimal(d.Seconds())
}

// took writes a measured length of time of any size: 0.3 ms, 12 ms, 1.5 s, 3 min.
func (t *Templates) took(d time.Duration) string {
	switch ms := float64(d) / float64(time.Millisecond); {
	case d < 0, d >= time.Minute:
		return t.duration(d)
	case ms < 0.05:
		return "<0.1 ms"
	case ms < 10:
		return decimal(ms) + " ms"
	case ms < 1000:
		return strconv.Itoa(int(ms+0.5)) + " ms"
	}
	return decimal(d.Seconds()) + " s"
}

// flat is what lines are without styles, for notifications, titles and screen readers. Nothing in it pings.
func (t *Templates) flat(lines []Line) string {
	var b strings.Builder
	for i, l := range lines {
		if i > 0 && !strings.HasSuffix(b.String(), "。") {
			b.WriteByte(' ')
		}
		for _, s := range l {
			switch {
			case s.User != "":
				if n := t.knownName(s.User); n != "" {
					b.WriteString("@" + n)
				} else {
					b.WriteString("@" + s.User)
				}
			case s.UserGroup != "":
				b.WriteString("@" + s.UserGroup)
			case s.Channel != "":
				b.WriteString("#" + s.Channel)
			case !s.Time.IsZero():
				b.WriteString(t.clockFace(s.Time, s.TimeStyle))
			case s.Emoji != "":
			default:
				b.WriteString(s.Text)
			}
		}
	}
	return strings.TrimSpace(b.String())
}

// clockFace is a time in the house's zone, for places where the reader's own is not to be had.
func (t *Templates) clockFace(at time.Time, style TimeStyle) string {
	at = at.In(t.zone)
	switch {
	case style == TimeOnly:
		return at.Format("15:04")
	case t.locale == Chinese:
		return at.Format("1月2日 15:04")
	}
	return at.Format("Jan 2, 15:04")
}
