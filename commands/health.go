package commands

import (
	"context"

	"github.com/ai-notebook/notebookbot/internal/ops/health"
	"github.com/ai-notebook/notebookbot/templates"
)

// Health looks at the application and at all that it stands on.
type Health interface {
	// Look looks at everything, or at one service. A *ops.Problem says that there is no such service.
	Look(ctx context.Context, service string) (*health.Report, error)
	// Usage lists the containers with what they use.
	Usage(ctx context.Context) ([]health.Usage, error)
}

var _ Health = (*health.Checker)(nil)

var healthCheck = &command{words: "health", read: true, run: runHealth}

// runHealth is the guide's daily check: `health [service]`.
func runHealth(ctx context.Context, r *Runner, c *call) (outcome, error) {
	if len(c.args.tokens) > 1 {
		return outcome{}, wrongUsage(c.cmd)
	}
	if r.Health == nil {
		return outcome{}, refuse(templates.NotConfigured, templates.Args{Word: "target"})
	}
	var found *health.Report
	err := r.slowly(ctx, c, func(ctx context.Context) (err error) {
		found, err = r.Health.Look(ctx, c.args.word(0))
		return err
	})
	if err != nil {
		return outcome{}, fromOperations(err, 0, nil)
	}
	out := outcome{say: r.Words.Health(HealthView(found)), share: c.text, target: found.Service}
	if c.req.Source == Terminal {
		out.data, err = r.Words.HealthJSON(HealthView(found))
	}
	return out, err
}

// HealthView is what was found, as templates know it.
func HealthView(r *health.Report) templates.HealthView {
	v := templates.HealthView{Service: r.Service, At: r.At, Took: r.Took, Sampled: r.Sampled}
	for _, c := range r.Checks {
		out := templates.HealthCheck{Name: c.Name, Subject: c.Subject, Service: c.Service, State: string(c.State)}
		out.Findings = HealthFindings(c.Findings)
		v.Checks = append(v.Checks, out)
	}
	return v
}

// HealthFindings are findings, as templates know them.
func HealthFindings(found []health.Finding) []templates.HealthFinding {
	var out []templates.HealthFinding
	for _, f := range found {
		x := f.Facts
		out = append(out, templates.HealthFinding{State: string(f.State), Code: f.Code, Args: templates.Args{
			Percent: x.Percent, Limit: x.Limit, Count: x.Count, Total: x.Total, Most: x.Most, Bytes: x.Bytes, Of: x.Of,
			Value: x.Value, After: x.Took, Age: x.Age, At: x.At, Word: x.Word, Text: x.Text, Late: x.Promise,
			Account: x.Account, Where: x.Where, Names: x.Names,
		}})
	}
	return out
}
