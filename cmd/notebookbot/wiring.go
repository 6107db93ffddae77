package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/access"
)

// AccessConfig is who the people are, in the words of the package that decides by it.
func (c *Config) AccessConfig() access.Config {
	out := access.Config{
		Operators: c.People.Operators, Commanders: c.People.Commanders, BreakGlass: c.BreakGlass,
		Rotation: c.OnCall.Rotation, Start: c.OnCall.Start, Shift: c.OnCall.Shift,
		Policies: map[string]access.Policy{},
	}
	for _, contact := range c.Contacts {
		out.Contacts = append(out.Contacts, access.Contact{Name: contact.Name, Mail: contact.Mail, Slack: contact.Slack})
	}
	for word, p := range c.Policies {
		out.Policies[word] = access.Policy{
			Run: p.Run, Approve: p.Approve, Approvals: p.Approvals, Expires: p.Expires, SelfApproval: p.SelfApproval,
		}
	}
	return out
}

// LevelPolicies is what the levels promise. Of each ladder it keeps the names that filled says somebody fills. The version is
// made from the content, so that the same promises have the same version on every replica.
func (c *Config) LevelPolicies(filled func(name string) bool) incidents.Policies {
	var out incidents.Policies
	for _, level := range incidents.Levels {
		p := c.Levels.Of(level)
		to := incidents.Policy{Respond: p.Respond, Resolve: p.Resolve}
		for _, name := range p.Escalate {
			if filled(name) {
				to.Escalate = append(to.Escalate, name)
			}
		}
		out.Levels[level] = to
	}
	b, err := json.Marshal(out.Levels)
	if err != nil {
		panic("configuration: " + err.Error()) // numbers and names alone: cannot happen
	}
	sum := sha256.Sum256(b)
	const enough = 6 // bytes: tells one set from the next, and can be read aloud
	out.Version = hex.EncodeToString(sum[:enough])
	return out
}
