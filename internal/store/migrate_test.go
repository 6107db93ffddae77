package store

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
)

// A store of version 1 keeps what it has when the program knows more steps; a step that fails leaves the store as it was.
func TestMigrationsGoForwardOnceAndWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	log := slog.New(slog.DiscardHandler)
	open := func(path string) *liteDriver {
		t.Helper()
		d, err := openLite(t.Context(), path, log, Options{Readers: 1})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = d.close() })
		return d
	}
	d := open(filepath.Join(t.TempDir(), "x.db"))
	last := len(steps)
	more := append(append([]step(nil), steps...),
		step{version: last + 1, sql: []query{both(`ALTER TABLE settings ADD COLUMN note TEXT NOT NULL DEFAULT 'new'`)}},
		step{version: last + 2, sql: []query{both(`CREATE TABLE extra (id {id})`)}})
	wrong := append(append([]step(nil), more...), step{version: last + 3, sql: []query{
		both(`CREATE TABLE half (id {id})`), both(`CREATE TABLE nonsense (`),
	}})
	migrateTo := func(steps []step) (from, to int, err error) {
		t.Helper()
		ses, err := d.begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		from, to, err = migrate(t.Context(), ses, steps)
		if err != nil {
			ses.rollback(t.Context())
			return from, to, err
		}
		return from, to, ses.commit(t.Context())
	}
	exec := func(text string) error {
		ses, err := d.begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ses.exec(t.Context(), query{lite: text}); err != nil {
			ses.rollback(t.Context())
			return err
		}
		return ses.commit(t.Context())
	}
	if err := exec(`INSERT INTO settings (name, value) VALUES ('a', 'kept')`); err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{last, last + 2} { // forward, then nothing to do
		if from, to, err := migrateTo(more); from != want || to != last+2 || err != nil {
			t.Errorf("from %d to %d, %v; want from %d to %d", from, to, err, want, last+2)
		}
	}
	if _, _, err := migrateTo(wrong); err == nil {
		t.Error("a wrong step is no error")
	}
	if err := exec(`INSERT INTO half DEFAULT VALUES`); err == nil {
		t.Error("half a step was kept")
	}
	if err := exec(`INSERT INTO extra DEFAULT VALUES`); err != nil {
		t.Errorf("step 3: %v", err)
	}
	var row string
	err := d.read(t.Context(), both(`SELECT value || note FROM settings WHERE name = 'a'`), func(scan scanner) error { return scan(&row) })
	if err != nil || row != "keptnew" {
		t.Errorf("row = %q, %v", row, err)
	}
	var newer *NewerError
	if _, _, err := migrateTo(steps); !errors.As(err, &newer) || newer.Schema != last+2 || newer.Known != last {
		t.Errorf("an older program: %v", err)
	}
}

func TestStepsAreNumberedWithoutGaps(t *testing.T) {
	t.Parallel()
	for i, st := range steps {
		if st.version != i+1 {
			t.Errorf("step %d has version %d", i+1, st.version)
		}
		for _, q := range st.sql {
			if fmt.Sprint(q) == "" {
				t.Errorf("step %d is empty", i+1)
			}
		}
	}
}
