//go:build !linux

package restore

func swapNames(a, b string) error { return swapInSteps(a, b) }
