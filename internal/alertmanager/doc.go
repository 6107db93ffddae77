// Package alertmanager takes Alertmanager's webhooks (version 4): it checks who sends, decodes, finds level and channel by
// matchers, and hands the group on.
//
// What it promises outside: 200 is said only after everything in the body is committed. What can never succeed is refused with
// 4xx and one plain sentence, so that Alertmanager does not send it for ever; what could succeed later is 503, so that it does.
// It never answers 429, which Alertmanager takes for the end of the matter.
//
// What it promises inside: an incidents.Webhook holds only text without NUL, of bounded length, times that are plausible or
// zero, and each fingerprint once. Nothing that a real Alertmanager sends is refused for its size below 4 MiB.
package alertmanager
