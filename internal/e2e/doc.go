// Package e2e holds the tests that run the real program between real neighbours: a Prometheus with the shipped rules, two
// Alertmanagers with the shipped configuration, a Slack workspace in memory, and an application that breaks on demand. It has no
// code of its own.
package e2e
