// Package store keeps incidents, the outbox and the inbox in one SQLite file or one PostgreSQL database.
//
// Everything that writes goes through one committer: it takes all work that waits, reads what that work wants with one query a
// table, runs it piece by piece against what it has read, and commits all of it at once. A piece that fails leaves nothing
// behind and harms no other piece.
//
// The promise it keeps: a nil answer means that the work is on disk. An error means that it was not kept or, when the
// connection broke in the very moment of the commit, that nobody knows; callers therefore make their work safe to repeat. What
// cannot be written now (full, read-only, locked, gone) is ErrUnavailable within seconds, and ends by itself when its cause does.
package store
