package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"
)

const large = `set client_min_messages = warning;
create table plain (id bigint generated always as identity primary key, at timestamptz, body text);
insert into plain (at, body) select timestamptz '2026-01-01' + n * interval '1 second', repeat('x', 60) from generate_series(1, 50000) n;
create table sorted (id bigint, at timestamp); create index on sorted (at);
insert into sorted select n, timestamp '2026-01-01' + (n * 7919 % 50000) * interval '1 second' from generate_series(1, 50000) n;
create table days ("a ""day""" date, text text); insert into days select date '2026-01-01' + n % 100, repeat('y', 40) from generate_series(1, 50000) n;
create table child (plain_id bigint references plain on delete cascade);
create table heir () inherits (plain); insert into heir (id, at) select n, timestamptz '2026-01-01' from generate_series(1, 100) n;
analyze;
`

func TestUpkeep(t *testing.T) {
	t.Parallel()
	s := newStoryOf(t)
	s.sql("ai_notebook", large)
	t.Run("old rows go in batches, however they are found", s.oldRowsGoInBatches)
	t.Run("a pruning ends when it is told to", s.aPruningEnds)
	t.Run("a table that was made anew is not the one that was looked at", s.anotherTable)
	t.Run("the estimate of waste is near what a rebuild saves", s.theEstimateIsNear)
}

func (s *story) oldRowsGoInBatches(t *testing.T) {
	cut := time.Date(2026, 1, 1, 8, 0, 0, 0, time.UTC) // 28,799 seconds of each table are older, or one day in a hundred
	for _, of := range []struct {
		table, column string
		major         int
		rows          int64
	}{{"plain", "at", 15, 28799}, {"sorted", "at", 15, 28800}, {"days", `a "day"`, 13, 500}} {
		before := cut
		if of.table == "days" {
			before = time.Date(2026, 1, 2, 23, 0, 0, 0, time.UTC)
		}
		p, err := s.Prunable(t.Context(), of.table, of.column)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := s.Older(t.Context(), p, before, time.Minute); err != nil || n != of.rows {
			t.Errorf("%s: %d rows are old, %v, want %d", of.table, n, err, of.rows)
		}
		var batches []int64
		var sum int64
		began := time.Now()
		err = s.Prune(t.Context(), p, before, 5000, of.major, func(rows int64) error {
			batches, sum = append(batches, rows), sum+rows
			return nil
		})
		t.Logf("%s: %v in %s", of.table, batches, time.Since(began))
		if err != nil || sum != of.rows {
			t.Errorf("%s: %d rows went, %v, want %d", of.table, sum, err, of.rows)
		}
		if left, err := s.AnyOlder(t.Context(), p, before); err != nil || left {
			t.Errorf("%s: some are left: %t, %v", of.table, left, err)
		}
		if n := int64(len(batches)); n < sum/5000 || n > sum/5000+2 {
			t.Errorf("%s: %d batches for %d rows", of.table, n, sum)
		}
		if got := s.sql("ai_notebook", "select count(*) from only "+p.Shown); got != strconv.FormatInt(50000-of.rows, 10) {
			t.Errorf("%s: %s rows are left", of.table, got)
		}
	}
	if got := s.sql("ai_notebook", "select count(*) from heir"); got != "100" {
		t.Errorf("%s of 100 rows are left in a table that inherits", got)
	}
}

func (s *story) aPruningEnds(t *testing.T) {
	p, err := s.Prunable(t.Context(), "public.plain", "at")
	if err != nil || strings.Join(p.Cascades, " ") != "child" || p.Indexed {
		t.Fatalf("%+v, %v", p, err)
	}
	later := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	count := func() string { return s.sql("ai_notebook", "select count(*) from only plain") }
	before := count()
	if err := s.Prune(t.Context(), p, later, 1000, 15, func(int64) error { return ErrEnough }); err != nil {
		t.Error(err)
	}
	n, _ := strconv.Atoi(before)
	if got := count(); got != fmt.Sprint(n-1000) {
		t.Errorf("%s rows, then %s: one batch of a thousand goes", before, got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err = s.Prune(ctx, p, later, 1000, 15, func(int64) error { cancel(); return ctx.Err() })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cut off: %v", err)
	}
	if got := count(); got != fmt.Sprint(n-2000) {
		t.Errorf("%s rows, want %d: the batch before the end is committed", got, n-2000)
	}
	until(t, "nothing is at work", func() bool { busy, err := s.Work(t.Context()); return err == nil && !busy })
}

func (s *story) anotherTable(t *testing.T) {
	p, err := s.Prunable(t.Context(), "days", `a "day"`)
	if err != nil {
		t.Fatal(err)
	}
	s.sql("ai_notebook", `alter table days rename to gone; create table days ("a ""day""" date); insert into days values ('2020-01-01');`)
	later := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	err = s.Prune(t.Context(), p, later, 1000, 15, func(int64) error { return nil })
	is(t, err, ErrMoved)
	if got := s.sql("ai_notebook", "select count(*) from days"); got != "1" {
		t.Errorf("%s rows are left", got)
	}
	is(t, s.Vacuum(t.Context(), p.Relation, Patience{Lock: time.Second, Statement: time.Minute}), ErrMoved)
}

func (s *story) theEstimateIsNear(t *testing.T) {
	s.sql("ai_notebook", `create table grown (id bigint primary key, name text not null);
insert into grown select n, md5(n::text) from generate_series(1, 100000) n; create index grown_name on grown (name);
delete from grown where id % 4 > 0;`)
	s.sql("ai_notebook", "vacuum (analyze) grown;")
	find := func(name string) Index {
		t.Helper()
		u, err := s.Upkeep(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range u.Indexes {
			if i.Name == name {
				return i
			}
		}
		t.Fatalf("there is no %s", name)
		return Index{}
	}
	for _, name := range []string{"grown_pkey", "grown_name"} {
		i := find(name)
		waste, known := i.Waste(0)
		if err := s.Reindex(t.Context(), i.Relation, Patience{Lock: 10 * time.Second, Statement: time.Minute}); err != nil {
			t.Fatal(err)
		}
		after := find(name)
		saved := i.Size - after.Size
		t.Logf("%s: %d bytes, of which %d are waste; %d were saved", name, i.Size, waste, saved)
		if !known || waste < saved*8/10 || waste > saved*12/10 {
			t.Errorf("%s: %d are said to be waste (%t), %d were", name, waste, known, saved)
		}
		if left, _ := after.Waste(0); left > after.Size/10 {
			t.Errorf("%s: of a new one %d of %d bytes are said to be waste", name, left, after.Size)
		}
		if now, err := s.Rebuilt(t.Context(), i.Relation, i.Table); err != nil || now.OID == i.OID || !now.Valid || now.Size != after.Size {
			t.Errorf("%s: %+v, %v", name, now, err)
		}
	}
}

func TestOnAServerWhoseConcurrentIndexesMissRowsNoneIsRebuilt(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]bool{
		"12.9": false, "13.22": false, "14beta2": false, "14.0": true, "14.3": true, "14.4": false, "14.19": false, "15.0": false, "17.2": false,
	} {
		if got := (&Upkeep{Version: version}).ConcurrentBroken(); got != want {
			t.Errorf("%s: %v", version, got)
		}
	}
}
