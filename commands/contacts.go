package commands

import (
	"context"
	"slices"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/templates"
)

var contacts = &command{words: "contacts", read: true, run: runContacts}

// runContacts lists the guide's teams and vendors, and which levels tell them.
func runContacts(_ context.Context, r *Runner, c *call) (outcome, error) {
	if len(c.args.tokens) > 0 {
		return outcome{}, wrongUsage(c.cmd)
	}
	var v templates.ContactsView
	for _, contact := range r.Access.Contacts() {
		shown := templates.Contact{Name: contact.Name, Mail: contact.Mail, Slack: contact.Slack}
		for _, l := range incidents.Levels {
			if slices.Contains(r.Ladders.Levels[l].Escalate, contact.Name) {
				shown.Levels = append(shown.Levels, l)
			}
		}
		v.Contacts = append(v.Contacts, shown)
	}
	return outcome{say: r.Words.Contacts(v), share: c.cmd.words}, nil
}
