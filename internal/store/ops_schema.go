package store

// operationsStep keeps operations, their timelines, and one lock per project. A lock's row stays: its fence only ever grows.
var operationsStep = step{version: 2, sql: []query{
	both(`INSERT INTO counters (name, value) VALUES ('operation', 0)`),
	both(`CREATE TABLE operations (
		number   {number},
		state    TEXT NOT NULL,
		open     INTEGER NOT NULL,
		word     TEXT NOT NULL,
		project  TEXT NOT NULL,
		incident BIGINT NOT NULL,
		next_due BIGINT NOT NULL,
		asked    BIGINT NOT NULL,
		ended    BIGINT NOT NULL,
		took     BIGINT NOT NULL,
		doc      TEXT NOT NULL
	)`),
	both(`CREATE INDEX operations_due ON operations (next_due) WHERE next_due > 0`),
	both(`CREATE INDEX operations_open ON operations (number) WHERE open = 1`),
	both(`CREATE INDEX operations_took ON operations (word, project, number) WHERE state = 'done'`),
	both(`CREATE INDEX operations_incident ON operations (incident, number) WHERE incident <> 0`),

	both(`CREATE TABLE operation_timeline (
		operation BIGINT NOT NULL,
		seq       BIGINT NOT NULL,
		at        BIGINT NOT NULL,
		kind      TEXT NOT NULL,
		doc       TEXT NOT NULL,
		PRIMARY KEY (operation, seq)
	) {clustered}`),

	both(`CREATE TABLE project_locks (
		project   TEXT PRIMARY KEY,
		operation BIGINT NOT NULL,
		owner     TEXT NOT NULL,
		fence     BIGINT NOT NULL,
		since     BIGINT NOT NULL
	) {clustered}`),
}}
