// Package audit is the log of who asked for what, who allowed or refused it, and what came of it. Entries are only ever added,
// and each carries the hash of the one before: who changes, removes, adds or reorders one afterwards changes every hash behind
// it, and the last hash is told in Slack each day.
//
// # The export
//
// An export is JSON lines in UTF-8: one entry a line, one object an entry, in the order of `seq`. Every member is a string but
// `seq` and `revision`, which are whole numbers above zero. A member that would be empty is not there.
//
//	seq        1, 2, 3, … without gaps
//	at         when it happened: RFC 3339 in UTC, at most microseconds, no zeros at the end of a fraction
//	actor      Slack user id, or bot, clock, alertmanager, terminal, nobody
//	os_user    the operating system's user, where somebody asked from a terminal
//	team       the actor's workspace
//	channel    where it was asked
//	thread     ts of the thread's root
//	source     how: slash, mention, action, submit, shortcut, terminal
//	request    id of the request, the same when Slack delivers it again; that of a click ends in its action_ts
//	message    ts of the message that was clicked
//	action     the button's action_id or the modal's callback
//	word       the command, such as incident.ack
//	target     what it is about: INC-1, an operation, a service
//	revision   of the plan that was voted on
//	digest     hash of that plan
//	verdict    asked, done, unchanged, refused, failed, approved, rejected, started, undone, expired, void, unknown
//	rule       the rule that decided: class and list, such as "low operators"
//	reason     why it was refused or failed
//	detail     what was asked, in the words that were used: one line, shortened, secrets taken out
//	prev       hash of the entry before; of the first one: 64 times the digit 0
//	hash       this entry's hash
//
// Later versions may add members. The rule of the hash below holds for them without change.
//
// # The hash of an entry
//
// It is the SHA-256, in lower-case hexadecimal, of these bytes:
//
//  1. The line `notebookbot audit 1`, with a line feed (0x0A) at its end.
//  2. For each member of the object but `hash`, in the ascending order of their names as bytes: the name, a blank (0x20), the
//     length of the value in bytes as a decimal number, a blank, the value, a line feed. The value is the string in UTF-8
//     after JSON's escapes were resolved, or the number's decimal digits.
//
// A log is whole when `seq` begins with 1 and grows by one, each `prev` is the `hash` of the line before, and each hash is right.
// An export that begins later (--since) begins with the `prev` of its first line instead. That nothing is missing at the end,
// and that the whole log was not written anew, is shown by the heads (number and hash) that were told in Slack: the entry of
// that number must have that hash.
package audit
