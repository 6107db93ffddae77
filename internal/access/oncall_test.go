package access_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-notebook/notebookbot/internal/access"
)

func TestTheRotationGoesByAbsoluteTime(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 1, 5, 9, 0, 0, 0, time.FixedZone("", 8*3600))
	week := 168 * time.Hour
	cfg := config()
	cfg.Operators = []string{"Uop"}
	cfg.Rotation, cfg.Start, cfg.Shift = []string{"Ua", "Ub", "Sc"}, start, week
	a := access.New(cfg, workspace(), nil)
	for name, tc := range map[string]struct {
		at   time.Time
		want access.Duty
	}{
		"before the start: the operators": {start.Add(-1), access.Duty{Now: []string{"Uop"}, Until: start, Next: []string{"Ua"}}},
		"the first moment":                {start, access.Duty{Now: []string{"Ua"}, Since: start, Until: start.Add(week), Next: []string{"Ub"}, Rotating: true}},
		"the last moment of a shift":      {start.Add(week - 1), access.Duty{Now: []string{"Ua"}, Since: start, Until: start.Add(week), Next: []string{"Ub"}, Rotating: true}},
		"the hand-over":                   {start.Add(week), access.Duty{Now: []string{"Ub"}, Since: start.Add(week), Until: start.Add(2 * week), Next: []string{"Sc"}, Rotating: true}},
		"the last one is followed by the first": {
			start.Add(2 * week), access.Duty{Now: []string{"Sc"}, Since: start.Add(2 * week), Until: start.Add(3 * week), Next: []string{"Ua"}, Rotating: true},
		},
		"years later": {
			start.Add(3001 * week), access.Duty{Now: []string{"Ub"}, Since: start.Add(3001 * week), Until: start.Add(3002 * week), Next: []string{"Sc"}, Rotating: true},
		},
	} {
		if d := cmp.Diff(tc.want, a.OnCall(tc.at)); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

func TestShiftsKeepTheirLengthWhenClocksAreChanged(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip("no time zone data:", err)
	}
	start := time.Date(2026, 3, 28, 9, 0, 0, 0, berlin) // The day before the clocks go forward.
	cfg := config()
	cfg.Rotation, cfg.Start, cfg.Shift = []string{"Ua", "Ub"}, start, 24*time.Hour
	a := access.New(cfg, workspace(), nil)
	if duty := a.OnCall(time.Date(2026, 3, 29, 9, 59, 59, 0, berlin)); duty.Now[0] != "Ua" {
		t.Errorf("on call = %v, want Ua until 10:00 of the summer time", duty.Now)
	}
	duty := a.OnCall(time.Date(2026, 3, 29, 10, 0, 0, 0, berlin))
	if duty.Now[0] != "Ub" || duty.Until.Sub(start) != 48*time.Hour {
		t.Errorf("on call = %v until %s", duty.Now, duty.Until)
	}
}

func TestWithoutARotationTheOperatorsAreOnCall(t *testing.T) {
	t.Parallel()
	cfg := config()
	cfg.Operators = []string{"Uop", "Sops"}
	a := access.New(cfg, workspace(), nil)
	if d := cmp.Diff(access.Duty{Now: []string{"Uop", "Sops"}}, a.OnCall(time.Now())); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if d := cmp.Diff(access.Target{Name: "oncall", Users: []string{"Uop"}, Groups: []string{"Sops"}}, a.Target("oncall")); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestNamesOfTheLadderResolveToPeopleAndAddresses(t *testing.T) {
	t.Parallel()
	cfg := config()
	cfg.Rotation, cfg.Start, cfg.Shift = []string{"Uop"}, time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC), time.Hour
	cfg.Contacts = []access.Contact{
		{Name: "ops", Mail: "ops@example.com", Slack: "Sops"},
		{Name: "management", Mail: "management@example.com"},
		{Name: "dev", Slack: "Ucom"},
		{Name: "nobody"},
		{Name: "gone", Slack: "Sgone"},
	}
	now := cfg.Start
	a := access.New(cfg, workspace(), func() time.Time { return now })
	for name, want := range map[string]access.Target{
		"oncall":     {Users: []string{"Uop"}},
		"ops":        {Groups: []string{"Sops"}, Mail: "ops@example.com"},
		"management": {Mail: "management@example.com"},
		"dev":        {Users: []string{"Ucom"}},
		"nobody":     {},
		"unknown":    {},
	} {
		want.Name = name
		if d := cmp.Diff(want, a.Target(name)); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
		filled := name != "nobody" && name != "unknown"
		if a.Filled(name) != filled {
			t.Errorf("Filled(%s) = %v", name, !filled)
		}
	}
	got, err := a.Members(t.Context(), "oncall", "ops", "dev", "gone", "oncall")
	if d := cmp.Diff([]string{"Uop", "Ugrouped", "Uguest", "Udeleted", "Ubot", "Ustranger", "Ucom"}, got); d != "" {
		t.Errorf("members (-want +got):\n%s", d)
	}
	if err == nil || !strings.Contains(err.Error(), "Sgone of gone") {
		t.Errorf("err = %v, want one that names the group", err)
	}
}

func TestProblemsFindsWhatNobodyCanSatisfy(t *testing.T) {
	t.Parallel()
	one, three := 1, 3
	yes := true
	d := workspace()
	good := access.Config{Team: team, Operators: []string{"Uop", "Ucom", "Uboth"}, Commanders: []string{"Ucom", "Uboth"}}
	for name, tc := range map[string]struct {
		change func(c *access.Config)
		want   []string
	}{
		"the contract's example": {func(*access.Config) {}, nil},
		"no operators":           {func(c *access.Config) { c.Operators = nil }, []string{"restore", "nobody may run it: operators is empty"}},
		"no commanders":          {func(c *access.Config) { c.Commanders = nil }, []string{"restart", "needs 1 approvals of commanders", "only 0"}},
		"two commanders who alone may run": {
			func(c *access.Config) { c.Operators = c.Commanders },
			[]string{"restore: needs 2 approvals of commanders besides the requester, and only 1 can give one"},
		},
		"three approvals of two": {
			func(c *access.Config) { c.Policies = map[string]access.Policy{"deploy": {Approvals: &three}} }, []string{"deploy: needs 3"},
		},
		"only guests and robots": {
			func(c *access.Config) { c.Commanders = []string{"Uguest", "Ubot", "Sops"} },
			[]string{"Uguest may do nothing: guest", "Ubot may do nothing: bot"},
		},
		"a group that is gone": {
			func(c *access.Config) { c.Commanders = append([]string{"Sgone"}, c.Commanders...) }, []string{"Sgone cannot be looked up: no_such_subteam"},
		},
		"a list that does not exist": {
			func(c *access.Config) { c.Policies = map[string]access.Policy{"deploy": {Run: "owners"}} }, []string{`deploy: run names the list "owners"`},
		},
		"a command that does not exist": {
			func(c *access.Config) { c.Policies = map[string]access.Policy{"restrat": {}} }, []string{"policies.restrat: no such command"},
		},
		"an empty break-glass list that a policy needs": {
			func(c *access.Config) {
				c.Policies = map[string]access.Policy{"deploy.hot": {Approve: access.BreakGlass, Approvals: &one, SelfApproval: &yes}}
			},
			[]string{"deploy.hot: needs 1 approvals of break_glass"},
		},
		"a shift of no length": {func(c *access.Config) { c.Rotation = []string{"Uop"} }, []string{"oncall.shift"}},
	} {
		cfg := good
		tc.change(&cfg)
		got := access.New(cfg, d, nil).Problems(t.Context())
		if len(tc.want) == 0 && len(got) > 0 {
			t.Errorf("%s: %q, want none", name, got)
		}
		all := strings.Join(got, "\n")
		for _, want := range tc.want {
			if !strings.Contains(all, want) {
				t.Errorf("%s: %q does not tell %q", name, got, want)
			}
		}
	}
}
