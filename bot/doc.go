// Package bot is the edge to Slack, and nothing but Slack: sockets, envelopes in, messages out.
//
// The promise it keeps: an envelope is acknowledged only after what it asks is committed, within a second, and what could not
// be committed is told to the person who asked. A message that is sent fits Slack's limits, and nothing that a person or an
// alert wrote pings, links or formats in it. An error says whether the thing may have been done.
//
// slack-go gives the forms of Block Kit. Its clients are not used, for what its source and measurements showed (v0.35.0):
//
//   - socketmode drops the connection on a disconnect frame, with the envelopes that still come on it, and does not tell the
//     reason; a link that is switched off and a routine refresh look alike. It reconnects without any wait when Slack closes
//     at once (thousands of openings a second), retries some refusals for ever and returns on others. It stops reading, and so
//     answering pings, while nobody reads its events, and sends acknowledgements of a dead socket on the next one.
//   - Its decoders insist on types. One field in an unexpected form makes a click, or a whole page of history, unreadable; and
//     a lookup that fails over a stranger's message means that our own is posted twice.
//   - Its errors do not tell whether a request was written, answers with ok:false and no error pass for success, and
//     a Retry-After that is no whole number comes as a bare parsing error.
//
// So a socket here is a WebSocket with a supervisor of its own (conn.go, socket.go), an envelope is read field by field (node.go,
// envelope.go), and one function calls the Web API and knows what its failures mean (web.go, fate.go).
package bot
