// Package slackfake is a Slack workspace in memory: the Web API and Socket Mode over real HTTP and WebSocket on loopback, with
// people who type and click, and faults on demand.
//
// It is strict. What Slack would refuse it refuses with Slack's own error, and when the bot is to blame it is kept in
// Violations, so that a test that ends with a violation can fail. What the fake does not know it answers with unknown_method, or
// refuses as an unknown block: it never pretends. Tests hold it by its Server; people act through Server.User.
//
// Where Slack's behaviour is not documented, the comment at that place says what was chosen and why.
package slackfake
