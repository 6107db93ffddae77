package store

// step is one migration. Steps are never changed once released; a new one is added below.
type step struct {
	version int
	sql     []query
}

// steps brings a database to the newest schema. Times are microseconds since 1970 in UTC; zero is none. Flags are 0 or 1.
var steps = []step{{version: 1, sql: []query{
	both(`CREATE TABLE counters (name TEXT PRIMARY KEY, value BIGINT NOT NULL) {clustered}`),
	both(`INSERT INTO counters (name, value) VALUES ('incident', 0), ('heartbeat', 0),
		('breach/respond', 0), ('breach/resolve', 0)`),
	both(`CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) {clustered}`),

	// The documents stand last, so that SQLite reads past them only when they are asked for.
	both(`CREATE TABLE incidents (
		number   {number},
		group_id TEXT NOT NULL,
		state    TEXT NOT NULL,
		open     INTEGER NOT NULL,
		level    INTEGER NOT NULL,
		next_due BIGINT NOT NULL,
		opened   BIGINT NOT NULL,
		updated  BIGINT NOT NULL,
		title    TEXT NOT NULL,
		search   TEXT NOT NULL,
		doc      TEXT NOT NULL
	)`),
	both(`CREATE INDEX incidents_open ON incidents (level, number) WHERE open = 1`),
	both(`CREATE INDEX incidents_due ON incidents (next_due) WHERE next_due > 0`),

	both(`CREATE TABLE alert_groups (
		id      TEXT PRIMARY KEY,
		latest  BIGINT NOT NULL,
		updated BIGINT NOT NULL,
		ended   TEXT NOT NULL
	) {clustered}`),
	both(`CREATE INDEX alert_groups_ended ON alert_groups (updated) WHERE ended <> '' OR latest = 0`),

	both(`CREATE TABLE timeline (
		incident BIGINT NOT NULL,
		seq      BIGINT NOT NULL,
		at       BIGINT NOT NULL,
		kind     TEXT NOT NULL,
		note     TEXT NOT NULL,
		doc      TEXT NOT NULL,
		PRIMARY KEY (incident, seq)
	) {clustered}`),
	both(`CREATE INDEX timeline_notes ON timeline (incident) WHERE note <> ''`),

	// state: see the constants waiting, sent, failed and skipped. next_at is when the row may be taken: after a refused try, or
	// when a claim runs out. head marks the one row of a lane that may be taken; the lane index keeps it to one.
	both(`CREATE TABLE outbox (
		id             {id},
		key            TEXT NOT NULL UNIQUE,
		edit           INTEGER NOT NULL,
		kind           TEXT NOT NULL,
		lane           TEXT NOT NULL,
		priority       INTEGER NOT NULL,
		channel        TEXT NOT NULL,
		state          INTEGER NOT NULL,
		head           INTEGER NOT NULL,
		revision       BIGINT NOT NULL,
		attempts       INTEGER NOT NULL,
		first_try      BIGINT NOT NULL,
		next_at        BIGINT NOT NULL,
		claimed_by     TEXT NOT NULL,
		unknown        INTEGER NOT NULL,
		posted_channel TEXT NOT NULL,
		posted_ts      TEXT NOT NULL,
		reason         TEXT NOT NULL,
		created        BIGINT NOT NULL,
		done           BIGINT NOT NULL,
		doc            TEXT NOT NULL
	)`),
	both(`CREATE UNIQUE INDEX outbox_heads ON outbox (lane) WHERE head = 1`),
	both(`CREATE INDEX outbox_claim ON outbox (channel, priority, id, next_at) WHERE head = 1`),
	both(`CREATE INDEX outbox_lanes ON outbox (lane, id, created) WHERE state = 0`),
	both(`CREATE INDEX outbox_failed ON outbox (id) WHERE state = 2`),
	both(`CREATE INDEX outbox_posted ON outbox (posted_channel, posted_ts) WHERE posted_ts <> ''`),
	both(`CREATE INDEX outbox_done ON outbox (done) WHERE state <> 0 AND kind <> 'card'`),

	both(`CREATE TABLE inbox (
		id            TEXT PRIMARY KEY,
		received      BIGINT NOT NULL,
		state         INTEGER NOT NULL,
		claimed_until BIGINT NOT NULL,
		done          BIGINT NOT NULL,
		doc           TEXT NOT NULL
	) {clustered}`),
	both(`CREATE INDEX inbox_waiting ON inbox (received, id) WHERE state = 0`),
	both(`CREATE INDEX inbox_done ON inbox (done) WHERE state = 1`),
}}, operationsStep, auditStep}
