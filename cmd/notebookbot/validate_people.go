package main

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/access"
)

func (d *decoder) validateLevels(c *Config) {
	for i, s := range c.Severity {
		d.validateMatchers(fmt.Sprintf("severity[%d].match", i), s.Match)
		at := fmt.Sprintf("severity[%d].level", i)
		if _, given := d.lines[fmt.Sprintf("severity[%d]", i)]; given {
			if _, given := d.lines[at]; !given {
				d.wrong(at, "missing", "P0, P1 or P2")
			}
		}
	}
	for _, level := range incidents.Levels {
		p, at := c.Levels.Of(level), "levels."+level.String()
		if p.Respond <= 0 {
			d.wrong(at+".respond", "found "+shown(p.Respond.String()), "a duration above zero, such as 15m")
		}
		if p.Resolve < p.Respond {
			d.wrong(at+".resolve", "found "+shown(p.Resolve.String()), "a duration that is not shorter than respond ("+p.Respond.String()+")")
		}
		for i, name := range p.Escalate {
			if !plainName.MatchString(name) {
				d.wrong(fmt.Sprintf("%s.escalate[%d]", at, i), "found "+shown(name), "oncall or a name of contacts")
			}
		}
	}
	if c.Incidents.Hold <= 0 {
		d.wrong("incidents.hold", "found "+shown(c.Incidents.Hold.String()), "a duration above zero, such as 5m")
	}
	const mostCards = 60 // Slack takes one message a second in a channel
	if c.Incidents.Storm < 1 || c.Incidents.Storm > mostCards {
		d.wrong("incidents.storm", fmt.Sprintf("found %d", c.Incidents.Storm), "1 to 60 cards a minute")
	}
}

func (d *decoder) validatePeople(c *Config) {
	if _, given := d.lines["people"]; !given {
		d.wrong("people", "missing: nobody could do anything", "operators and commanders, each a list of user ids and user groups")
	}
	d.validateIDs("people.operators", c.People.Operators, personID, "a user id (U…) or a user group (S…)")
	d.validateIDs("people.commanders", c.People.Commanders, personID, "a user id (U…) or a user group (S…)")
	d.validateIDs("break_glass", c.BreakGlass, userID, "a user id (U…)")
	d.validateIDs("oncall.rotation", c.OnCall.Rotation, userID, "a user id (U…)")
	if c.OnCall.Shift < time.Minute {
		d.wrong("oncall.shift", "found "+shown(c.OnCall.Shift.String()), "a minute or longer, such as 168h for a week")
	}
	for _, contact := range c.Contacts {
		at := "contacts." + contact.Name
		if !plainName.MatchString(contact.Name) || contact.Name == "oncall" {
			d.wrong(at, "the name "+shown(contact.Name), "letters, digits, - _ . and not oncall, which is the rotation")
		}
		if contact.Mail != "" && !isMail(contact.Mail) {
			d.wrong(at+".mail", "found "+shown(contact.Mail), "an address such as ops@example.com")
		}
		if contact.Slack != "" && !personID.MatchString(contact.Slack) {
			d.wrong(at+".slack", "found "+shown(contact.Slack), "a user id (U…) or a user group (S…)")
		}
	}
}

func (d *decoder) validateIDs(path string, ids []string, form *regexp.Regexp, allowed string) {
	for i, id := range ids {
		at := fmt.Sprintf("%s[%d]", path, i)
		switch {
		case !form.MatchString(id):
			d.wrong(at, "found "+shown(id), allowed)
		case slices.Index(ids, id) < i:
			d.wrong(at, "found "+shown(id)+" again", "each once")
		}
	}
}

// subWords are the second words that can have a policy of their own, beside those of access.Words.
var subWords = map[string][]string{
	"incident": {"open", "ack", "note", "level", "commander", "escalate", "resolve", "reopen"},
	"silence":  {"end", "list"},
	"db":       {"size", "slow", "indexes", "connections", "locks", "explain", "tune", "verify"},
	"backup":   {"full", "incremental", "verify"},
	"announce": {"outage", "update", "recovery"},
	"restore":  {"database", "files", "secrets"},
}

// policyWords gives the first words that `policies` may name, each with its second words.
func policyWords() map[string][]string {
	out := map[string][]string{}
	for _, word := range access.Words() {
		first, second, two := strings.Cut(word, ".")
		out[first] = append(out[first], subWords[first]...)
		if two {
			out[first] = append(out[first], second)
		}
	}
	for first, seconds := range out {
		slices.Sort(seconds)
		out[first] = slices.Compact(seconds)
	}
	return out
}

func (d *decoder) validatePolicies(policies map[string]Policy) {
	words := policyWords()
	approvers := slices.DeleteFunc(slices.Clone(access.Lists), func(l string) bool { return l == access.Everybody })
	for _, name := range slices.Sorted(maps.Keys(policies)) {
		p, at := policies[name], "policies."+name
		first, second, two := strings.Cut(name, ".")
		seconds, known := words[first]
		switch {
		case !known:
			d.wrong(at, "no command begins with "+shown(first), allowedKeys(first, slices.Sorted(maps.Keys(words))))
			continue
		case two && !slices.Contains(seconds, second):
			d.wrong(at, first+" has no "+shown(second), allowedKeys(second, seconds))
			continue
		}
		if p.Run != "" {
			d.oneOf(at+".run", p.Run, access.Lists...)
		}
		if p.Approve != "" {
			d.oneOf(at+".approve", p.Approve, approvers...)
		}
		const most = 10
		if n := p.Approvals; n != nil && (*n < 0 || *n > most) {
			d.wrong(at+".approvals", fmt.Sprintf("found %d", *n), "0 to 10 people")
		}
	}
}
