package commands

import (
	"errors"
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
)

// Forecast is what the operations guide's formula says of the months to come.
type Forecast struct {
	Users              int64 // in the end
	StorageGB          int64
	MaxConnections     int64
	MonthlyBandwidthGB int64
}

// What the forecast takes. Beyond a trillion users the guide's floating-point numbers no longer count single users.
const (
	maxUsers     = 10_000_000_000 // more than there are people
	maxGrowth    = 10             // 1000 % a month
	maxMonths    = 120
	maxForecast  = 1e12
	perUserMB    = 100
	bandwidthMB  = 1
	concurrently = 0.1
)

var (
	errUsers  = errors.New("users")
	errGrowth = errors.New("growth")
	errMonths = errors.New("months")
	errTooBig = errors.New("forecast")
)

// forecast is the guide's calculate_capacity_requirements, to the digit.
func forecast(users int64, growth float64, months int) (Forecast, error) {
	future := float64(users) * power(1+growth, months)
	if future > maxForecast {
		return Forecast{}, errTooBig
	}
	return Forecast{
		Users:              int64(future),
		StorageGB:          int64(future * perUserMB / 1024),
		MaxConnections:     int64(math.Ceil(future * concurrently)),
		MonthlyBandwidthGB: int64(future * bandwidthMB / 1024),
	}, nil
}

// power is base to the n, rounded once, as C's pow does it that Python uses. math.Pow rounds at each step and is off in the last
// digit for one growth rate in a few.
func power(base float64, n int) float64 {
	// The exact product of n numbers of 53 bits.
	exact := new(big.Float).SetPrec(uint(53 * max(n, 1))).SetInt64(1)
	b := new(big.Float).SetFloat64(base)
	for range n {
		exact.Mul(exact, b)
	}
	out, _ := exact.Float64()
	return out
}

var (
	wholeNumber   = regexp.MustCompile(`^[0-9]{1,3}([,_][0-9]{3})+$|^[0-9]+$`)
	decimalNumber = regexp.MustCompile(`^([+-]?[0-9]{0,9}(\.[0-9]{1,30})?)(%?)$`)
)

// parseUsers reads 1000, 1,000 or 1_000.
func parseUsers(s string) (int64, error) {
	if !wholeNumber.MatchString(s) {
		return 0, errUsers
	}
	n, err := strconv.ParseInt(strings.NewReplacer(",", "", "_", "").Replace(s), 10, 64)
	if err != nil || n < 0 || n > maxUsers {
		return 0, errUsers
	}
	return n, nil
}

// parseGrowth reads 0.15 or 15%.
func parseGrowth(s string) (float64, error) {
	m := decimalNumber.FindStringSubmatch(s)
	if m == nil || !strings.ContainsAny(m[1], "0123456789") {
		return 0, errGrowth
	}
	number := m[1]
	if m[3] != "" {
		number += "e-2" // One rounding, so that 15% is the same number as 0.15.
	}
	g, err := strconv.ParseFloat(number, 64)
	if err != nil || g < -1 || g > maxGrowth {
		return 0, errGrowth
	}
	return g, nil
}

// parseMonths reads 0 to 120.
func parseMonths(s string) (int, error) {
	if !wholeNumber.MatchString(s) || len(s) > 3 {
		return 0, errMonths
	}
	n, err := strconv.Atoi(s)
	if err != nil || n > maxMonths {
		return 0, errMonths
	}
	return n, nil
}
