// Package alertmanager takes Alertmanager's webhooks: it checks, decodes, finds level and channel, and hands them on.
package alertmanager
