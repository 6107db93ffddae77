package store

import (
	"context"
	"fmt"
)

var (
	createVersions = both(`CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY, applied BIGINT NOT NULL)`)
	readVersion    = both(`SELECT COALESCE(MAX(version), 0) FROM schema_version`)
	addVersion     = both(`INSERT INTO schema_version (version, applied) VALUES ($1, $2)`)
)

// migrate brings the schema up to the last of steps, in the session's one transaction. Whoever calls it holds a lock that keeps
// a second migration away.
func migrate(ctx context.Context, ses session, steps []step) (from, to int, err error) {
	if _, err := ses.exec(ctx, createVersions); err != nil {
		return 0, 0, fmt.Errorf("read the schema's version: %w", err)
	}
	err = ses.rows(ctx, readVersion, func(scan scanner) error { return scan(&from) })
	if err != nil {
		return 0, 0, fmt.Errorf("read the schema's version: %w", err)
	}
	to = steps[len(steps)-1].version
	if from > to {
		return from, to, &NewerError{Schema: from, Known: to}
	}
	for _, st := range steps {
		if st.version <= from {
			continue
		}
		for _, q := range st.sql {
			if _, err := ses.exec(ctx, q); err != nil {
				return from, to, fmt.Errorf("schema %d: %w", st.version, err)
			}
		}
		if _, err := ses.exec(ctx, addVersion, st.version, micros(now())); err != nil {
			return from, to, fmt.Errorf("schema %d: %w", st.version, err)
		}
	}
	return from, to, nil
}

// NewerError says that a newer program wrote the store.
type NewerError struct{ Schema, Known int }

func (e *NewerError) Error() string {
	return fmt.Sprintf("the store was written by a newer notebookbot (schema %d, this one knows %d): run that version",
		e.Schema, e.Known)
}
