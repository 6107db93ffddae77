package commands

import (
	"context"
	"errors"

	"github.com/ai-notebook/notebookbot/templates"
)

var capacity = &command{words: "capacity", read: true, run: runCapacity}

// What the numbers may be, in a form that needs no language.
const (
	allowedUsers  = "0 … 10,000,000,000"
	allowedGrowth = "-1 … 10 (0.15 = 15%)"
	allowedMonths = "0 … 120"
	allowedResult = "≤ 1,000,000,000,000"
)

// runCapacity is the guide's forecast.
func runCapacity(_ context.Context, r *Runner, c *call) (outcome, error) {
	if len(c.args.tokens) != 3 {
		return outcome{}, wrongUsage(c.cmd)
	}
	wrong := func(n int, allowed string) error {
		return refuse(templates.NotANumber, templates.Args{Word: c.args.tokens[n].text, Text: allowed})
	}
	users, err := parseUsers(c.args.word(0))
	if err != nil {
		return outcome{}, wrong(0, allowedUsers)
	}
	growth, err := parseGrowth(c.args.word(1))
	if err != nil {
		return outcome{}, wrong(1, allowedGrowth)
	}
	months, err := parseMonths(c.args.word(2))
	if err != nil {
		return outcome{}, wrong(2, allowedMonths)
	}
	f, err := forecast(users, growth, months)
	if errors.Is(err, errTooBig) {
		return outcome{}, refuse(templates.NotANumber, templates.Args{Word: c.args.from(0), Text: allowedResult})
	}
	if err != nil {
		return outcome{}, err
	}
	v := templates.CapacityView{
		Users: int(users), Growth: growth, Months: months,
		FutureUsers: int(f.Users), StorageGB: int(f.StorageGB), MaxConnections: int(f.MaxConnections), BandwidthGB: int(f.MonthlyBandwidthGB),
	}
	for m := 1; m <= months; m++ {
		by, err := forecast(users, growth, m)
		if err != nil {
			return outcome{}, err // The last month is the greatest, or the first of a falling row: it was taken above.
		}
		v.ByMonth = append(v.ByMonth, int(by.Users))
	}
	return outcome{say: r.Words.Capacity(v), share: c.text}, nil
}
