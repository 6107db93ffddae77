package commands

import (
	"context"

	"github.com/ai-notebook/notebookbot/internal/ops/health"
	"github.com/ai-notebook/notebookbot/internal/ops/security"
	"github.com/ai-notebook/notebookbot/templates"
)

// Security looks at how the machine and the containers are guarded.
type Security interface {
	Look(ctx context.Context) (*health.Report, error)
}

var _ Security = (*security.Checker)(nil)

var securityAudit = &command{words: "audit", read: true, private: true, run: runSecurityAudit}

// runSecurityAudit is the guide's security audit, for the caller alone: it tells where the machine is weak, and who logged in. Words after it
// are meant for the audit log, which is another command.
func runSecurityAudit(ctx context.Context, r *Runner, c *call) (outcome, error) {
	if len(c.args.tokens) > 0 {
		return outcome{}, refuse(templates.UnknownWord, templates.Args{Word: oneLine(c.cmd.words + " " + c.args.from(0)), Nearest: afterAudit(c)})
	}
	if r.Security == nil {
		return outcome{}, refuse(templates.NotConfigured, templates.Args{Word: "target"})
	}
	var found *health.Report
	err := r.slowly(ctx, c, func(ctx context.Context) (err error) {
		found, err = r.Security.Look(ctx)
		return err
	})
	if err != nil {
		return outcome{}, fromOperations(err, 0, nil)
	}
	out := outcome{say: r.Words.Security(HealthView(found)), alone: true}
	if c.req.Source == Terminal {
		out.data, err = r.Words.HealthJSON(HealthView(found))
	}
	return out, err
}

// afterAudit is what was meant by `audit` with words behind it: the audit log where they say so or filter it, else the audit alone.
func afterAudit(c *call) string {
	switch first := c.args.word(0); {
	case first == "log" || first == "logs" || first == "日志":
		return auditLog.words
	case first == "since" || first == "me" || c.number != 0:
		return auditLog.words
	}
	if _, is := personOf(c.args.tokens[0].text); is {
		return auditLog.words
	}
	if known, _ := auditWord(c.args.word(0), c.args.word(1)); known != "" {
		return auditLog.words
	}
	return c.cmd.words
}
