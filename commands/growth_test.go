package commands

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// guide is the operations guide's formula, word for word, over lines of USERS GROWTH MONTHS.
const guide = `
import math, sys

def calculate_capacity_requirements(users, growth_rate, period_months):
    future_users = users * (1 + growth_rate) ** period_months
    storage_per_user = 100  # MB
    total_storage_gb = (future_users * storage_per_user) / 1024
    concurrent_ratio = 0.1
    max_connections = math.ceil(future_users * concurrent_ratio)
    bandwidth_per_user = 1  # MB
    monthly_bandwidth_gb = (future_users * bandwidth_per_user) / 1024
    return {
        'future_users': int(future_users),
        'storage_gb': int(total_storage_gb),
        'max_connections': max_connections,
        'monthly_bandwidth_gb': int(monthly_bandwidth_gb)
    }

for line in sys.stdin:
    u, g, m = line.split()
    r = calculate_capacity_requirements(int(u), float(g), int(m))
    print(r['future_users'], r['storage_gb'], r['max_connections'], r['monthly_bandwidth_gb'])
`

func TestTheForecastIsTheGuidesToTheDigit(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		users  int64
		growth float64
		months int
		want   Forecast
	}{
		{1000, 0.15, 6, Forecast{2313, 225, 232, 2}}, // the guide's own example
		{1000, 0, 6, Forecast{1000, 97, 100, 0}},
		{0, 0.15, 6, Forecast{}},
		{1000, 0.15, 0, Forecast{1000, 97, 100, 0}},
		{1000, -1, 3, Forecast{}},
		{1000, -0.5, 1, Forecast{500, 48, 50, 0}},
		{10, 0.1, 1, Forecast{11, 1, 2, 0}}, // 10 * 1.1 is 11.000000000000002
		{1, 1, 10, Forecast{1024, 100, 103, 1}},
		{30, 0, 1, Forecast{30, 2, 3, 0}}, // 30 * 0.1 is 3
		{maxUsers, 0, 1, Forecast{10_000_000_000, 976_562_500, 1_000_000_000, 9_765_625}},
	} {
		got, err := forecast(tc.users, tc.growth, tc.months)
		if err != nil || got != tc.want {
			t.Errorf("forecast(%d, %v, %d) = %+v, %v; want %+v", tc.users, tc.growth, tc.months, got, err, tc.want)
		}
	}
	if _, err := forecast(maxUsers, 1, 12); err == nil {
		t.Error("a forecast of more users than can be counted is given")
	}
}

func TestTheForecastIsWhatPythonSays(t *testing.T) {
	t.Parallel()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is missing:", err)
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	var in bytes.Buffer
	var want []string
	for len(want) < 5_000 {
		users := r.Int64N([]int64{100, 10_000, 1_000_000, maxUsers}[r.IntN(4)])
		growth := []string{
			fmt.Sprintf("%.2f", r.Float64()),
			fmt.Sprintf("%.4f", r.Float64()*2-1),
			strconv.FormatFloat(r.Float64()*10, 'f', -1, 64),
		}[r.IntN(3)]
		months := r.IntN(maxMonths + 1)
		g, err := parseGrowth(growth)
		if err != nil {
			t.Fatalf("growth %s: %v", growth, err)
		}
		f, err := forecast(users, g, months)
		if err != nil {
			continue
		}
		fmt.Fprintln(&in, users, growth, months)
		want = append(want, fmt.Sprintf("%d %d %d %d", f.Users, f.StorageGB, f.MaxConnections, f.MonthlyBandwidthGB))
	}
	lines := strings.Split(in.String(), "\n")
	cmd := exec.CommandContext(t.Context(), python, "-c", guide)
	cmd.Stdin = &in
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("python3: %v", err)
	}
	wrong := 0
	for i, got := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		if got != want[i] {
			if wrong++; wrong <= 5 {
				t.Errorf("%s: we say %s, Python says %s", lines[i], want[i], got)
			}
		}
	}
	if wrong > 0 {
		t.Errorf("%d of %d differ", wrong, len(want))
	}
}

func TestNumbersOfTheForecastAreReadStrictly(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]float64{"0.15": 0.15, "15%": 0.15, "0": 0, "-5%": -0.05, "+.5": 0.5, "12.5%": 0.125, "7%": 0.07, "1000%": 10} {
		if got, err := parseGrowth(s); err != nil || got != want {
			t.Errorf("parseGrowth(%q) = %v, %v; want %v", s, got, err, want)
		}
	}
	for _, s := range []string{"", "%", "-", ".", "nan", "inf", "0x1p-2", "1e3", "15", "10.1", "-1.01", "1_0", "0.1.2", "1,5"} {
		if got, err := parseGrowth(s); err == nil {
			t.Errorf("parseGrowth(%q) = %v, want an error", s, got)
		}
	}
	for s, want := range map[string]int64{"1000": 1000, "1,000": 1000, "1_000_000": 1_000_000, "0": 0, "007": 7} {
		if got, err := parseUsers(s); err != nil || got != want {
			t.Errorf("parseUsers(%q) = %v, %v; want %v", s, got, err, want)
		}
	}
	for _, s := range []string{"", "-1", "1.5", "1,00", ",1", "1e9", "10000000001", "99999999999999999999", "一千"} {
		if got, err := parseUsers(s); err == nil {
			t.Errorf("parseUsers(%q) = %v, want an error", s, got)
		}
	}
	for _, s := range []string{"", "121", "-1", "1.5", "0006", "1,000"} {
		if got, err := parseMonths(s); err == nil {
			t.Errorf("parseMonths(%q) = %v, want an error", s, got)
		}
	}
}
