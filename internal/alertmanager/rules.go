package alertmanager

import (
	"fmt"

	"github.com/prometheus/alertmanager/matcher/parse"
	"github.com/prometheus/alertmanager/pkg/labels"

	"github.com/ai-notebook/notebookbot/incidents"
)

// Severity gives a level to the alerts that all of its matchers match.
type Severity struct {
	Match []string // Alertmanager's matcher syntax; none: every alert
	Level incidents.Level
}

// Route sends the card of a group to a channel when all of its matchers match one of its alerts.
type Route struct {
	Match   []string
	Channel string
}

// rules are the configured lines, parsed. The first line that matches decides.
type rules struct {
	levels   []levelRule
	channels []channelRule
}

type levelRule struct {
	match labels.Matchers
	level incidents.Level
}

type channelRule struct {
	match   labels.Matchers
	channel string
}

func parseRules(severity []Severity, routes []Route) (rules, error) {
	var out rules
	for i, s := range severity {
		m, err := parseMatchers(s.Match)
		if err != nil {
			return rules{}, fmt.Errorf("severity[%d].%w", i, err)
		}
		out.levels = append(out.levels, levelRule{m, s.Level})
	}
	for i, r := range routes {
		m, err := parseMatchers(r.Match)
		if err != nil {
			return rules{}, fmt.Errorf("routes[%d].%w", i, err)
		}
		out.channels = append(out.channels, channelRule{m, r.Channel})
	}
	return out, nil
}

func parseMatchers(texts []string) (labels.Matchers, error) {
	var out labels.Matchers
	for i, text := range texts {
		m, err := parse.Matcher(text)
		if err != nil {
			return nil, fmt.Errorf(`match[%d]: %q is no matcher such as severity="critical" or team=~"a|b": %w`, i, text, err)
		}
		out = append(out, m)
	}
	return out, nil
}

// level of an alert. Without a line that matches it is the lowest: the level rises by a person or by a better line.
func (r rules) level(of map[string]string) incidents.Level {
	for _, l := range r.levels {
		if matches(l.match, of) {
			return l.level
		}
	}
	return incidents.P2
}

// channel of a group: that of the first line which matches an alert that fires, or any alert where none fires; empty without
// such a line. Lines come before alerts, so that the order of alerts in a body never decides.
func (r rules) channel(alerts []incidents.Alert) string {
	for _, firing := range []bool{true, false} {
		for _, c := range r.channels {
			for _, a := range alerts {
				if a.Firing == firing && matches(c.match, a.Labels) {
					return c.channel
				}
			}
		}
	}
	return ""
}

// matches as Alertmanager does: a label that is not there is an empty one.
func matches(ms labels.Matchers, of map[string]string) bool {
	for _, m := range ms {
		if !m.Matches(of[m.Name]) {
			return false
		}
	}
	return true
}
