package commands

import (
	"context"
	"regexp"
	"strings"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/templates"
)

var incidentResolve = &command{
	words: "incident resolve", key: true, free: true, run: runResolve,
	form: texts(
		field{templates.InputCause, maxText, true}, field{templates.InputSolution, maxText, true},
		field{templates.InputPrevention, maxText, false},
	),
}

// runResolve says that it is over, and what was learned: in a modal, or in words behind the command.
func runResolve(ctx context.Context, r *Runner, c *call) (outcome, error) {
	if c.wantsModal() {
		return c.open(ctx, r, r.Words.ModalResolve)
	}
	report := reportOf(c.args)
	if c.values != nil {
		report = incidents.Report{
			Cause: c.values[templates.InputCause], Solution: c.values[templates.InputSolution], Prevention: c.values[templates.InputPrevention],
		}
	}
	for _, s := range []string{report.Cause, report.Solution, report.Prevention} {
		if err := tooLong(s, maxText); err != nil {
			return outcome{}, err
		}
	}
	return c.change(r, incidents.ResolveBy{By: c.by(), Report: report}, func(before, after incidents.Incident) templates.Message {
		if before.State == incidents.Resolved && before.Entries == after.Entries {
			if c.here && before.ResolvedBy == c.by() {
				return templates.Message{} // A double click.
			}
			return r.Words.Sentence(templates.AlreadyOver, templates.Args{Key: after.Key(), State: before.State})
		}
		return r.Words.Done(templates.DoneResolve, templates.Args{Key: after.Key()})
	}), nil
}

// labels are the words before each part of a report.
var labels = regexp.MustCompile(`(?i)(?:^|[\s,.;，。；、])(?:(cause|故障原因|根本原因|原因|根因)|(solution|fix|解决方案|解决措施|解决|方案|措施|处理)|(prevention|预防措施|预防|改进))\s*[:：]`)

// reportOf reads what follows `incident resolve`: parts with their labels, or up to three parts in quotes in the order of the
// guide, or simply the cause.
func reportOf(l line) incidents.Report {
	var r incidents.Report
	parts := []*string{&r.Cause, &r.Solution, &r.Prevention}
	raw := l.from(0)
	found := labels.FindAllStringSubmatchIndex(raw, -1)
	if len(found) == 0 {
		quoted := len(l.tokens) <= len(parts)
		for _, t := range l.tokens {
			quoted = quoted && t.quoted
		}
		if !quoted {
			r.Cause = raw
			return r
		}
		for i, t := range l.tokens {
			*parts[i] = strings.TrimSpace(t.text)
		}
		return r
	}
	r.Cause = trimPart(raw[:found[0][0]])
	for i, m := range found {
		end := len(raw)
		if i+1 < len(found) {
			end = found[i+1][0]
		}
		for n, part := range parts {
			if m[2+2*n] >= 0 {
				*part = strings.TrimSpace(*part + " " + trimPart(raw[m[1]:end]))
			}
		}
	}
	return r
}

// trimPart takes off the blanks, separators and quotes around a part.
func trimPart(s string) string {
	return strings.TrimFunc(strings.TrimSpace(s), func(r rune) bool {
		return isQuote(r) || strings.ContainsRune(" ,;，；、\n\t", r)
	})
}
