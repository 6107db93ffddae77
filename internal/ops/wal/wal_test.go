package wal

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops/docker"
	"github.com/ai-notebook/notebookbot/internal/ops/durable"
)

func TestADatabaseComesBackToAMomentBetweenTwoChanges(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	s.sql("create table ledger (text text)")
	if _, err := s.archive.Choose(s.moment()); code(err) != "wal_empty" {
		t.Errorf("without a copy: %v", err)
	}
	s.archived()
	base := s.base()
	s.sql("insert into ledger values ('a')")
	first := s.moment()
	s.sql("insert into ledger values ('b')")
	second := s.moment()
	s.sql("drop table ledger")
	s.archived()
	if got := s.at(first); got != "a" {
		t.Errorf("at the first moment there is %q", got)
	}
	if got := s.at(second); got != "a b" {
		t.Errorf("at the second moment there is %q", got)
	}
	for what, try := range map[string]struct {
		at   time.Time
		want string
	}{
		"before": {base.At.Add(-time.Minute), "wal_before"}, "future": {time.Now().Add(time.Hour), "wal_future"}, "not archived yet": {s.moment(), "wal_after"},
	} {
		if _, err := s.archive.Choose(try.at); code(err) != try.want {
			t.Errorf("%s: %v", what, err)
		}
	}
	s.goesOn()
	s.gaps()
}

// goesOn has the receiver and the server die in every way, and nothing of the log is missing.
func (s *story) goesOn() {
	s.Helper()
	s.sql("create table ledger (text text)")
	before, err := s.archive.receiver(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	// Another bot that looks meanwhile keeps its hands off; when this one dies, it takes the receiver over as it is.
	other := s.newKeeper(s.keeper.Log)
	if err := other.Once(s.Context()); err != nil || len(other.beats) > 0 {
		s.Errorf("two keep one archive: %v", err)
	}
	if err := s.keeper.lock.Close(); err != nil {
		s.Fatal(err)
	}
	s.keeper = other
	s.archived()
	if after, err := s.archive.receiver(s.Context()); err != nil || after.ID != before.ID {
		s.Errorf("the receiver was not taken over: %v", err)
	}
	for what, die := range map[string]func(){
		"the receiver is killed":     func() { s.must(s.engine.Kill(s.Context(), before.ID, "SIGKILL")) },
		"the server is restarted":    func() { s.must(s.engine.Restart(s.Context(), s.server().ID, 5*time.Second)) },
		"the container is made anew": func() { s.app.Compose(s, "up", "-d", "--force-recreate", "postgres") },
		"somebody takes the slot": func() {
			s.must(s.archive.endReceiver(s.Context()))
			s.must(s.db.DropSlot(s.Context(), Slot))
		},
	} {
		before, err = s.archive.receiver(s.Context())
		if err != nil {
			s.Fatal(err)
		}
		die()
		s.until("the database answers", func() bool { return s.db.Ready(s.Context()) == nil })
		s.sql("insert into ledger values ('" + what + "'); select pg_switch_wal()")
		s.archived()
		if after, err := s.archive.receiver(s.Context()); err != nil || after.ID == before.ID {
			s.Errorf("%s: no other receiver was started: %v", what, err)
		}
		spans, err := s.archive.Window()
		if err != nil || len(spans) != 1 {
			s.Fatalf("%s: there is a gap: %v, %v", what, spans, err)
		}
	}
	st := s.look()
	if got, want := s.at(st.To.Add(-time.Microsecond)), "somebody takes the slot the container is made anew the receiver is killed the server is restarted"; got != want {
		s.Errorf("what came through all of it is %q", got)
	}
	if sealed := s.files("*.zst"); len(sealed) == 0 {
		s.Error("nothing of the log was put away")
	}

	// A server that is away is told once, and its return too.
	s.keeper.Late = time.Second
	s.must(s.engine.Stop(s.Context(), s.server().ID, 5*time.Second))
	s.until("people are told", func() bool { s.look(); return len(s.told) > 0 })
	s.look()
	s.app.Compose(s, "start", "postgres")
	s.until("the database answers", func() bool { return s.db.Ready(s.Context()) == nil })
	s.keeper.Late = time.Hour
	s.archived()
	if got := strings.Join(s.told, ", "); got != "late away, back" {
		s.Errorf("people were told %q", got)
	}
}

// gaps takes a file of the log away: what needs it is refused, and a new copy makes the rest good again.
func (s *story) gaps() {
	s.Helper()
	for range 3 {
		s.sql("insert into ledger values ('x'); select pg_switch_wal()")
		s.archived()
	}
	lost := s.moment()
	s.until("enough is put away", func() bool { s.look(); return len(s.files("*.zst")) > 3 })
	files := s.files("*.zst")
	s.must(os.Remove(files[len(files)-2]))
	s.archived()
	if _, err := s.archive.Choose(lost); code(err) != "wal_gap" {
		s.Errorf("after a gap: %v", err)
	}
	if s.until("the keeper is ready", func() bool { s.look(); return s.keeper.ready }); s.keeper.nextBase.After(time.Now()) {
		s.Error("it waits with a copy")
	}
	s.must(s.keeper.Bases(s.Context()))
	s.must(s.keeper.Bases(s.Context()))
	s.archived()
	if _, err := s.archive.Choose(lost); code(err) != "wal_gap" {
		s.Errorf("in the gap: %v", err)
	}
	now := s.moment()
	s.archived()
	if _, err := s.archive.Choose(now); err != nil {
		s.Errorf("after a new copy: %v", err)
	}
	// For a try the newest copy is brought to the newest moment.
	s.keeper.Rehearse = time.Hour
	s.must(s.keeper.Bases(s.Context()))
	if t, err := s.archive.LastTrial(); err != nil || t == nil || !t.Good || t.Rows == 0 || t.Took == 0 {
		s.Errorf("the trial is %+v, %v", t, err)
	}
	if how, err := s.archive.Recovered(s.Context(), trialKey); how != RecoveredNot || err != nil {
		s.Errorf("the copy of the trial is left: %s, %v", how, err)
	}
	if st, err := s.archive.Stand(); err != nil || st.Trouble != "" || st.Late || st.Lag > time.Minute || st.Bases != 2 || st.Bytes == 0 || !st.Unbound || st.Trial == nil {
		s.Errorf("it stands as %+v, %v", st, err)
	}
	// What a bot left that was killed in the middle of a restore goes at the start of the next.
	choice, err := s.archive.Choose(now)
	s.must(err)
	s.must(s.archive.Recover(s.Context(), "OP-77", choice.Base.ID, now, nil))
	s.must(s.keeper.Bases(s.Context()))
	if how, err := s.archive.Recovered(s.Context(), "OP-77"); how != RecoveredNot || err != nil {
		s.Errorf("a copy that nobody waits for is left: %s, %v", how, err)
	}
	// A server that begins another timeline is followed onto it, and gets a copy there.
	s.sql("copy (select 1) to '/var/lib/postgresql/data/standby.signal'")
	s.must(s.engine.Restart(s.Context(), s.server().ID, 5*time.Second))
	s.until("the database answers", func() bool { return s.db.Ready(s.Context()) == nil })
	if st := s.look(); st.Trouble != TroubleStandby {
		s.Errorf("a standby is %+v", st)
	}
	s.sql("select pg_promote()")
	s.sql("insert into ledger values ('on another timeline')")
	s.archived()
	s.until("the keeper is ready", func() bool { s.look(); return s.keeper.ready })
	s.must(s.keeper.Bases(s.Context()))
	s.must(s.keeper.Bases(s.Context()))
	later := s.moment()
	s.archived()
	if got := s.at(later); !strings.Contains(got, "on another timeline") {
		s.Errorf("on another timeline there is %q", got)
	}
	if got := s.at(now); strings.Contains(got, "on another timeline") {
		s.Errorf("on the timeline before there is %q", got)
	}
	// A server that is behind what it had written, as after a snapshot, gets an archive of its own.
	c, err := s.archive.cluster(s.look().System)
	s.must(err)
	c.Mark += 1 << 40
	s.must(durable.WriteJSON(s.archive.path(c.System, clusterName), c))
	s.archived()
	if aside, err := filepath.Glob(s.archive.path(c.System + "-until-*")); err != nil || len(aside) != 1 {
		s.Errorf("set aside is %v, %v", aside, err)
	}
	if _, err := s.archive.Choose(now); code(err) != "wal_empty" {
		s.Errorf("what was set aside is used: %v", err)
	}
	if gone, err := s.archive.Retire(s.Context()); !gone || err != nil {
		s.Errorf("it is not retired: %v", err)
	}
	if r, err := s.db.Replication(s.Context(), Slot); err != nil || r.Slot != nil {
		s.Errorf("its slot is left: %+v, %v", r, err)
	}
	s.must(s.db.MakeSlot(s.Context(), Slot)) // as where the receiver was pruned, or only the slot could not be dropped
	if gone, err := s.archive.Retire(s.Context()); !gone || err != nil {
		s.Errorf("a slot without a receiver is not retired: %v", err)
	}
	if r, err := s.db.Replication(s.Context(), Slot); err != nil || r.Slot != nil {
		s.Errorf("the slot without a receiver is left: %+v, %v", r, err)
	}
	if gone, err := s.archive.Retire(s.Context()); gone || err != nil {
		s.Errorf("there is nothing left, and it was retired: %v", err)
	}
}

func (s *story) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *story) server() *docker.Container {
	s.Helper()
	c, err := s.archive.server(s.Context())
	s.must(err)
	return c
}

// files lists the files of the log that are put away.
func (s *story) files(pattern string) []string {
	s.Helper()
	found, err := filepath.Glob(s.archive.path("*", logDir, pattern))
	s.must(err)
	return found
}
