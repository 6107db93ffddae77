package store

// auditStep makes the audit log. Its rows are only ever added and the databases hold themselves to that, so that no mistake of
// ours and no hasty hand changes one. Whoever owns the database can take that guard away; the hashes are there for that.
//
// audit_head is the end of the log, and on PostgreSQL the lock that lets one replica at a time add to it.
var auditStep = step{version: 3, sql: []query{
	both(`CREATE TABLE audit_log (
		seq     {number},
		at      BIGINT NOT NULL,
		actor   TEXT NOT NULL,
		target  TEXT NOT NULL,
		word    TEXT NOT NULL,
		verdict TEXT NOT NULL,
		doc     TEXT NOT NULL
	)`),
	both(`CREATE INDEX audit_log_actor ON audit_log (actor, seq)`),
	both(`CREATE INDEX audit_log_target ON audit_log (target, seq) WHERE target <> ''`),
	both(`CREATE TABLE audit_head (one INTEGER PRIMARY KEY CHECK (one = 1), seq BIGINT NOT NULL, hash TEXT NOT NULL)`),
	both(`INSERT INTO audit_head (one, seq, hash) VALUES (1, 0, '')`),
	{
		lite: `CREATE TRIGGER audit_log_update BEFORE UPDATE ON audit_log BEGIN
			SELECT RAISE(ABORT, 'the audit log is append-only'); END`,
		postgres: `CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
			BEGIN RAISE EXCEPTION 'the audit log is append-only'; END $$`,
	},
	{
		lite: `CREATE TRIGGER audit_log_delete BEFORE DELETE ON audit_log BEGIN
			SELECT RAISE(ABORT, 'the audit log is append-only'); END`,
		postgres: `CREATE TRIGGER audit_log_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
			FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()`,
	},
	{
		// REPLACE takes the old row away without asking the trigger above.
		lite: `CREATE TRIGGER audit_log_replace BEFORE INSERT ON audit_log WHEN EXISTS (SELECT 1 FROM audit_log WHERE seq = NEW.seq) BEGIN
			SELECT RAISE(ABORT, 'the audit log is append-only'); END`,
		postgres: `CREATE TRIGGER audit_head_kept BEFORE DELETE OR TRUNCATE ON audit_head
			FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()`,
	},
	{
		lite: `CREATE TRIGGER audit_head_update BEFORE UPDATE ON audit_head WHEN NEW.seq <= OLD.seq BEGIN
			SELECT RAISE(ABORT, 'the audit log is append-only'); END`,
		postgres: `CREATE TRIGGER audit_head_grows BEFORE UPDATE ON audit_head FOR EACH ROW WHEN (NEW.seq <= OLD.seq)
			EXECUTE FUNCTION audit_refuse()`,
	},
	{
		lite: `CREATE TRIGGER audit_head_delete BEFORE DELETE ON audit_head BEGIN
			SELECT RAISE(ABORT, 'the audit log is append-only'); END`,
		postgres: `CREATE TRIGGER audit_head_one BEFORE INSERT ON audit_head
			FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()`,
	},
	{
		lite: `CREATE TRIGGER audit_head_insert BEFORE INSERT ON audit_head BEGIN
			SELECT RAISE(ABORT, 'the audit log is append-only'); END`,
		postgres: `COMMENT ON TABLE audit_log IS 'append-only: each row carries the hash of the one before'`,
	},
}}
