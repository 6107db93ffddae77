package templates

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// HealthView is what a look at everything found.
type HealthView struct {
	Service string // looked at alone; empty: everything
	Checks  []HealthCheck
	At      time.Time
	Took    time.Duration
	Sampled time.Time // when the figures of the containers were taken; zero: there are none
}

// HealthCheck is one thing that was looked at.
type HealthCheck struct {
	Name     string // cpu, container, …
	Subject  string // of several things of one name
	Service  string
	State    string // ok, warning, failed, unchecked
	Findings []HealthFinding
}

// HealthFinding is a code with what it speaks of.
type HealthFinding struct {
	State, Code string
	Args        Args
}

// healthStates in the order in which they are told.
var healthStates = []string{"failed", "warning", "unchecked", "ok"}

// healthNames and healthCodes have words: health.name.<name> and health.why.<code>.
var (
	healthNames = []string{
		"docker", "container", "url", "certificate", "postgres", "redis", "backup", "rehearsal", "errors", "cpu", "memory", "load", "disk", "bot",
	}
	healthCodes = []string{
		"off", "soon", "slow", "hangs", "broke", "unseen", "no_docker",
		"docker.up", "docker.down", "docker.compose",
		"container.up", "container.finished", "container.exited", "container.restarting", "container.off", "container.unhealthy",
		"container.starting", "container.failing", "container.missing", "container.oom", "container.restarts", "container.unmeasured",
		"container.memory", "container.memory_free",
		"errors.none", "errors.some", "url.up", "url.slow", "url.down", "url.status",
		"certificate.none", "certificate.over", "certificate.bad", "certificate.days",
		"postgres.up", "postgres.down", "postgres.behind", "postgres.replica", "postgres.slot", "postgres.idle", "postgres.waiting",
		"redis.up", "redis.down", "redis.password", "redis.wrong_password", "redis.loading", "redis.evicted", "redis.save", "redis.master",
		"backup", "backup.none", "rehearsal", "rehearsal.none", "rehearsal.failed", "rehearsal.slow", "rehearsal.old",
		"cpu", "memory", "load", "disk", "inodes",
		"bot.ok", "store.failed", "slack.up", "slack.some", "slack.away", "slack.token", "outbox.waiting", "outbox.failed", "outbox.refused",
	}
)

// healthParts are the bot's own parts: health.part.<name>.
var healthParts = []string{"store", "slack", "outbox"}

// healthWords lists the names that are put together from codes.
func healthWords() []string {
	var names []string
	for _, n := range healthNames {
		names = append(names, "health.name."+n)
	}
	for _, p := range healthParts {
		names = append(names, "health.part."+p)
	}
	for _, c := range healthCodes {
		names = append(names, "health.why."+c)
	}
	for _, s := range healthStates {
		names = append(names, "health.mark."+s, "health.title."+s)
	}
	return append(names, "health.headline", "health.note")
}

// Health is the answer to `health`.
func (t *Templates) Health(v HealthView) Message { return t.looked("health", v, t.healthHint(v)) }

// looked tells what a look found: what is wrong first, each with its reason, then in few lines what is well. Kind is the look's: its
// headline and its note.
func (t *Templates) looked(kind string, v HealthView, hint []Line) Message {
	counts := map[string]int{}
	for _, c := range v.Checks {
		counts[c.State]++
	}
	var parts []string
	worst := "ok"
	for _, s := range healthStates {
		if counts[s] > 0 && (s != "unchecked" || counts["ok"] == 0) { // nothing that was not seen is called well
			worst = s
			break
		}
	}
	for _, s := range healthStates[:3] {
		if n := counts[s]; n > 0 {
			parts = append(parts, t.plain("health.count", Args{Count: n, Word: t.label("health.title." + s)}))
		}
	}
	a := Args{Word: v.Service, Text: t.join(parts), Total: len(v.Checks), Class: t.label("health.mark." + worst), Yes: len(parts) == 0, At: v.At}
	var blocks []Block
	for _, s := range healthStates[:3] {
		b := Block{Kind: List, Lines: t.healthLines(v.Checks, s)}
		if len(b.Lines) > 0 {
			blocks = append(blocks, text(t.line("health.group", Args{Class: t.label("health.mark." + s), Word: t.label("health.title." + s)})), b)
		}
	}
	if len(hint) > 0 {
		blocks = append(blocks, text(hint...))
	}
	blocks = append(blocks, t.healthWell(v)...)
	note := Args{After: v.Took, Age: v.At.Sub(v.Sampled), Yes: !v.Sampled.IsZero()}
	blocks = append(blocks, Block{Kind: Context, Lines: t.lines(kind+".note", note)})
	return t.message([]Line{t.line(kind+".headline", a)}, blocks...)
}

// Running says that the answer to these words takes a moment.
func (t *Templates) Running(words string) Message {
	return t.message(t.lines("health.running", Args{Word: cut(words, 200)}))
}

// healthLines are the checks of a state, a line each: what, and everything that is wrong with it. Those with which the very same is wrong
// share a line.
func (t *Templates) healthLines(checks []HealthCheck, state string) []Line {
	type group struct {
		names []HealthCheck
		why   Line
	}
	var groups []group
	for _, c := range checks {
		if c.State != state {
			continue
		}
		why := t.healthWhys(c)
		i := slices.IndexFunc(groups, func(g group) bool { return t.flat([]Line{g.why}) == t.flat([]Line{why}) })
		if i < 0 {
			groups = append(groups, group{why: why})
			i = len(groups) - 1
		}
		groups[i].names = append(groups[i].names, c)
	}
	var out []Line
	for _, g := range groups {
		out = append(out, append(t.line("health.item", Args{Word: t.healthTogether(g.names)}), g.why...))
	}
	return out
}

// healthTogether names several checks; of one name it is said once.
func (t *Templates) healthTogether(checks []HealthCheck) string {
	const most = 20
	var names []string
	for i, c := range checks[:min(len(checks), most)] {
		if i > 0 && c.Name == checks[i-1].Name && c.Subject != "" {
			names = append(names, t.healthSubject(c))
		} else {
			names = append(names, t.healthName(c))
		}
	}
	text := t.join(names)
	if n := len(checks) - most; n > 0 {
		text += t.plain("health.others", Args{Count: n, Total: len(checks)})
	}
	return text
}

// healthWhys is everything that is wrong with one check.
func (t *Templates) healthWhys(c HealthCheck) Line {
	var line Line
	n := 0
	for _, f := range c.Findings {
		if f.State == "ok" && n > 0 {
			continue
		}
		if n > 0 {
			line = append(line, Span{Text: t.marked("health.between", Args{})})
		}
		line = append(line, t.healthWhy(f)...)
		n++
	}
	return line
}

func (t *Templates) healthName(c HealthCheck) string {
	name := cut(c.Name, 40)
	if t.set.Lookup("health.name."+c.Name) != nil {
		name = t.label("health.name." + c.Name)
	}
	if c.Subject == "" {
		return name
	}
	return name + " " + t.healthSubject(c)
}

// healthSubject is which of several things it is. Those of the bot have names in the language of the house.
func (t *Templates) healthSubject(c HealthCheck) string {
	if c.Name == "bot" {
		return t.word("health.part", c.Subject)
	}
	return cut(c.Subject, 80)
}

// healthWhy is the sentence of a finding; a code without words is shown as it is.
func (t *Templates) healthWhy(f HealthFinding) Line {
	if t.set.Lookup("health.why."+f.Code) == nil {
		return Line{{Text: cut(f.Code+" "+f.Args.Text, 300)}}
	}
	var out Line
	for i, l := range t.lines("health.why."+f.Code, f.Args) {
		if i > 0 {
			out = append(out, Span{Text: " "})
		}
		out = append(out, l...)
	}
	return out
}

// HealthReason is the sentence of a finding as text.
func (t *Templates) HealthReason(f HealthFinding) string { return t.flat([]Line{t.healthWhy(f)}) }

// healthHint says what to do next about the first service that is not well.
func (t *Templates) healthHint(v HealthView) []Line {
	for _, s := range healthStates[:2] {
		i := slices.IndexFunc(v.Checks, func(c HealthCheck) bool { return c.State == s && c.Service != "" })
		if i >= 0 {
			return t.lines("health.hint", Args{Word: v.Checks[i].Service})
		}
	}
	return nil
}

// healthWell puts what is well into a line for each sort of thing.
func (t *Templates) healthWell(v HealthView) []Block {
	b := Block{Kind: List}
	for _, name := range slices.Concat(healthNames, securityNames) {
		var line Line
		for _, c := range v.Checks {
			if c.Name != name || c.State != "ok" {
				continue
			}
			if len(line) == 0 {
				line = t.line("health.item", Args{Word: t.label("health.name." + name)})
			} else {
				line = append(line, Span{Text: t.marked("health.between", Args{})})
			}
			if c.Subject != "" {
				line = append(line, Span{Text: t.healthSubject(c) + " "})
			}
			for i, f := range c.Findings {
				if i > 0 {
					line = append(line, Span{Text: t.marked("health.comma", Args{})})
				}
				line = append(line, t.healthWhy(f)...)
			}
		}
		if len(line) > 0 {
			b.Lines = append(b.Lines, line)
		}
	}
	if len(b.Lines) == 0 {
		return nil
	}
	return []Block{text(t.line("health.group", Args{Class: t.label("health.mark.ok"), Word: t.label("health.title.ok")})), b}
}

// HealthJSON is the same for programs: {"checks":[{"name":…,"state":…,"reason":…}]}.
func (t *Templates) HealthJSON(v HealthView) ([]byte, error) {
	type check struct {
		Name   string `json:"name"`
		State  string `json:"state"`
		Reason string `json:"reason"`
	}
	out := struct {
		Checks []check `json:"checks"`
	}{Checks: []check{}}
	for _, c := range v.Checks {
		var whys []string
		for _, f := range c.Findings {
			whys = append(whys, t.HealthReason(f))
		}
		out.Checks = append(out.Checks, check{
			Name: strings.TrimSpace(c.Name + " " + fold(c.Subject)), State: c.State, Reason: strings.Join(whys, strings.TrimRight(t.label("health.between"), " ")+" "),
		})
	}
	return json.MarshalIndent(out, "", "  ")
}
