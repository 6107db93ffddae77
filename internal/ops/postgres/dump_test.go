package postgres

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

func TestADumpIsWholeAndKnowsItsRows(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	var last, guess int64
	var b bytes.Buffer
	d, err := s.Dump(t.Context(), &b, func(done, total int64) { last, guess = done, total })
	if err != nil {
		t.Fatal(err)
	}
	want := Counts{"public.users": 1000, `public."odd ""name"""`: 20000}
	if diff := cmp.Diff(want, d.Counts); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	if d.Bytes != int64(b.Len()) || last != d.Bytes || guess < last || guess > 3*last || !strings.HasPrefix(d.Version, "15.") || d.Size < last {
		t.Errorf("%d bytes came, %d were told of %d; the dump says %+v", b.Len(), last, guess, d)
	}
	if !strings.HasPrefix(b.String(), "PGDMP") {
		t.Errorf("it begins with %q", b.String()[:min(b.Len(), 20)])
	}
	if err := s.Prove(t.Context(), &b); err != nil {
		t.Errorf("its own pg_restore says: %v", err)
	}
}

func TestADumpThatIsCutOrBentIsNotProven(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	_, whole := s.dump()
	for name, dump := range map[string][]byte{
		"nothing":              nil,
		"not a dump":           []byte("-- PostgreSQL database dump"),
		"cut within its head":  whole[:300],
		"cut to a fifth":       whole[:len(whole)/5],
		"cut by its last byte": whole[:len(whole)-1],
		"a bit of its structure": func() []byte {
			bent := bytes.Clone(whole)
			bent[9] ^= 0x40 // the size of a number
			return bent
		}(),
	} {
		t.Run(name, func(t *testing.T) { is(t, s.Prove(t.Context(), bytes.NewReader(dump)), ErrBroken) })
	}
	t.Run("a reader that fails", func(t *testing.T) {
		broken := errors.New("the checksum is wrong")
		is(t, s.Prove(t.Context(), io.MultiReader(bytes.NewReader(whole[:len(whole)/2]), iotest.ErrReader(broken))), broken)
	})
}

// What is written while the dump runs is neither in it nor in its counts.
func TestTheRowsAreThoseOfTheDumpsOwnMoment(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	wrote := false
	var b bytes.Buffer
	d, err := s.Dump(t.Context(), writerFunc(func(p []byte) (int, error) {
		if !wrote {
			wrote = true
			s.sql("ai_notebook", `insert into users select n, 'late' from generate_series(2001, 3000) n`)
		}
		return b.Write(p)
	}), nil)
	if err != nil {
		t.Fatal(err)
	}
	if !wrote || d.Counts["public.users"] != 1000 {
		t.Errorf("wrote: %v, counted %v", wrote, d.Counts)
	}
	if err := s.Fill(t.Context(), "ai_notebook_scratch_1", &b, nil); err != nil {
		t.Fatal(err)
	}
	got, err := s.Counts(t.Context(), "ai_notebook_scratch_1")
	if err != nil || len(d.Counts.Differences(got)) > 0 {
		t.Errorf("%v, restored %v, dumped %v", err, got, d.Counts)
	}
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestADumpThatFailsLeavesNoProgramBehind(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	clients := func() string {
		return s.sql("postgres", "select count(*) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()")
	}
	full := errors.New("the disk is full")
	_, err := s.Dump(t.Context(), writerFunc(func([]byte) (int, error) { return 0, full }), nil)
	is(t, err, full)
	until(t, "its sessions are gone", func() bool { return clients() == "0" })
	ctx, cancel := context.WithCancel(t.Context())
	_, err = s.Dump(ctx, writerFunc(func(p []byte) (int, error) { cancel(); return len(p), nil }), nil)
	is(t, err, context.Canceled)
	until(t, "its sessions are gone", func() bool { return clients() == "0" })
	s.sql("ai_notebook", "alter table users rename to people; create function f(text) returns bool language sql as 'select 1/0 = 1'; alter table people add check (f(name)) not valid")
	if d, _ := s.dump(); d.Counts["public.people"] != 1000 {
		t.Errorf("counted %v", d.Counts)
	}
}

func TestADatabaseThatDoesNotAnswerIsToldApart(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	other := func(change func(c *Config)) *Database {
		cfg := s.cfg
		change(&cfg)
		d, err := Open(s.engine, cfg)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	is(t, other(func(c *Config) { c.Name = "nowhere" }).Ready(t.Context()), ErrNoDatabase)
	is(t, other(func(c *Config) { c.User = "nobody" }).Ready(t.Context()), ErrRefused)
	is(t, other(func(c *Config) { c.Service = "mysql" }).Ready(t.Context()), ErrAway)
	_, err := other(func(c *Config) { c.Name = "nowhere" }).Dump(t.Context(), io.Discard, nil)
	is(t, err, ErrNoDatabase)
	for _, name := range []string{"", "a b", "a'b", `a"b`, "-x", "a=b", "ä", strings.Repeat("x", 64), "a\nb", "postgres://x"} {
		if _, err := Open(s.engine, Config{Service: "postgres", Name: name, User: "postgres"}); !errors.Is(err, ErrName) {
			t.Errorf("%q: %v", name, err)
		}
	}
	s.app.Compose(t, "stop", "postgres")
	is(t, s.Ready(t.Context()), ErrAway)
	_, err = s.Dump(t.Context(), io.Discard, nil)
	is(t, err, ErrAway)
	s.app.Compose(t, "start", "postgres")
	until(t, "it answers again", func() bool { return s.Ready(t.Context()) == nil })
}
