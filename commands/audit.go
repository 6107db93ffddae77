package commands

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/access"
	"github.com/ai-notebook/notebookbot/internal/audit"
)

// AuditLog is the part of the store that lists what was asked and what came of it.
type AuditLog interface {
	// List gives entries, the newest first.
	List(ctx context.Context, f audit.Filter) ([]audit.Entry, error)
}

// errNoAudit says that a store keeps no audit log. Nothing is carried out without one.
var errNoAudit = errors.New("the store keeps no audit log")

// record puts one entry for a request into the audit log, in the transaction that ends the request: a request that was carried out
// has one entry, whatever came of it and however often it was tried. C is nil where no command was found.
func (r *Runner) record(tx incidents.Tx, req Request, c *call, out outcome) error {
	log, ok := tx.(audit.Tx)
	if !ok {
		return errNoAudit
	}
	e := audit.Entry{
		At: r.Now(), Actor: req.User, OSUser: req.OSUser, Team: req.Team, Channel: req.Channel, Thread: req.Thread,
		Source: string(req.Source), Request: req.ID, Message: req.Message, Action: cmp.Or(req.Action, req.Callback),
		Target: out.target, Verdict: cmp.Or(out.verdict, audit.Done), Reason: out.reason, Detail: asked(req),
	}
	if c != nil {
		e.Word = c.cmd.access()
		if c.number != 0 && e.Target == "" {
			e.Target = incidents.Key(c.number)
		}
		if rule, ok := r.Access.Rule(e.Word); ok {
			e.Rule = ruleText(rule)
		}
	}
	return log.Audit(e)
}

// guess finds the command of a request that could not be carried out, for the log alone. Nil: even that breaks.
func (r *Runner) guess(ctx context.Context, req Request) (c *call) {
	defer func() {
		if recover() != nil {
			c = nil
		}
	}()
	c, err := r.understand(ctx, req)
	if err != nil {
		return nil
	}
	return c
}

// ruleText is a rule as the log keeps it: "low operators".
func ruleText(rule access.Rule) string { return string(rule.Class) + " " + rule.Run }

// asked is what was asked, in the words or answers that were given. The log cleans and shortens it.
func asked(req Request) string {
	var parts []string
	for _, s := range []string{req.Text, req.Value, req.Metadata} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	if req.Source == Submit {
		for _, id := range slices.Sorted(maps.Keys(req.Values)) {
			if v := req.Values[id]; v != "" {
				parts = append(parts, id+"="+v)
			}
		}
	}
	return strings.Join(parts, " ")
}
