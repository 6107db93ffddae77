package backup

import (
	"log/slog"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops"
)

func (b *bot) clockwork() *Clock {
	return &Clock{Sets: b.sets, Asker: b.svc, Store: b.store, Ops: "C0OPS", Log: slog.New(slog.DiscardHandler)}
}

// operations gives all that were asked for, the oldest first.
func (b *bot) operations() []*ops.Operation {
	b.Helper()
	found, err := b.store.ListOperations(b.Context(), ops.Filter{Limit: 100})
	if err != nil {
		b.Fatal(err)
	}
	slices.Reverse(found)
	return found
}

func TestBackupsAreTakenByTimeAndMissedOnesMadeUpOnce(t *testing.T) {
	t.Parallel()
	s := newStory(t, nil)
	b := s.newBot(newBotStore(t), "")
	c := b.clockwork()
	tick := func(want int) {
		t.Helper()
		for range 3 {
			if err := c.Once(t.Context()); err != nil {
				t.Fatal(err)
			}
			b.carry()
		}
		if got := b.operations(); len(got) != want {
			t.Fatalf("%d backups were asked for, want %d", len(got), want)
		}
	}
	tick(1) // there is none: at once
	s.pass(29 * time.Minute)
	tick(1)
	s.pass(time.Minute)
	tick(2)
	s.pass(26 * time.Hour) // the bot was away
	tick(3)
	kinds := []string{}
	for _, op := range b.operations() {
		b.want(op, ops.Done)
		kinds = append(kinds, op.Plan.Args[0])
	}
	if !slices.Equal(kinds, []string{"full", "incremental", "full"}) {
		t.Errorf("kinds = %v", kinds)
	}
}

func TestOfSeveralBotsOneAsks(t *testing.T) {
	t.Parallel()
	s := newStory(t, nil)
	b := s.newBot(newBotStore(t), "")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := b.clockwork().Once(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := b.operations(); len(got) != 1 {
		t.Errorf("%d backups were asked for", len(got))
	}
}

func TestAFailedBackupIsTriedAgainInTimeAndNotEachMinute(t *testing.T) {
	t.Parallel()
	s := newStory(t, nil)
	b := s.newBot(newBotStore(t), "")
	c := b.clockwork()
	s.then = func(int64) error { return errDead }
	for range 30 { // half an hour
		if err := c.Once(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.carry()
		s.pass(time.Minute)
	}
	if got := len(b.operations()); got != 2 {
		t.Errorf("%d backups were asked for, want 2", got)
	}
}

func TestPeopleHearOnceThatTheNewestBackupIsOld(t *testing.T) {
	t.Parallel()
	s := newStory(t, nil)
	b := s.newBot(newBotStore(t), "")
	c := b.clockwork()
	tick := func(want ...string) {
		t.Helper()
		for range 3 {
			if err := c.Once(t.Context()); err != nil && !s.away {
				t.Fatal(err)
			}
		}
		b.carry()
		if got := b.told(); !slices.Equal(got, want) {
			t.Errorf("at %s told %v, want %v", s.clock().Format(time.TimeOnly), got, want)
		}
	}
	tick()
	s.away = true
	s.pass(44 * time.Minute)
	tick()
	s.pass(2 * time.Minute)
	tick("trouble backup.late")
	s.pass(15 * time.Minute)
	tick("trouble backup.breach")
	s.pass(5 * time.Hour)
	c = b.clockwork() // a new start
	tick()
	s.pass(20 * time.Hour)
	tick("trouble backup.breach") // once a day
	s.away = false
	tick() // the backup that is taken now
	tick("trouble backup.back")
	c = b.clockwork()
	tick()
}

func TestPeopleHearThatThereIsNoBackupAtAll(t *testing.T) {
	t.Parallel()
	s := newStory(t, nil)
	b := s.newBot(newBotStore(t), "")
	c := b.clockwork()
	s.away = true
	_ = c.Once(t.Context())
	s.pass(61 * time.Minute)
	_ = c.Once(t.Context())
	if got := b.told(); !slices.Equal(got, []string{"trouble backup.none"}) {
		t.Errorf("told %v", got)
	}
}

func TestTheStatusTellsWhatWouldBeLost(t *testing.T) {
	t.Parallel()
	s := newStory(t, nil)
	look := func() Status {
		t.Helper()
		st, err := s.sets.Status()
		if err != nil {
			t.Fatal(err)
		}
		return st
	}
	if st := look(); st.Loss != LossNone || st.Newest != nil || !st.Next.Equal(s.clock()) {
		t.Errorf("status = %+v", st)
	}
	set := s.take(Full)
	for _, c := range []struct {
		pass time.Duration
		want Loss
	}{{44 * time.Minute, LossOK}, {time.Minute, LossLate}, {15 * time.Minute, LossBreak}} {
		s.pass(c.pass)
		if st := look(); st.Loss != c.want || st.Newest.ID != set.ID || st.Age != s.clock().Sub(set.At) || !st.Next.Equal(set.At.Add(30*time.Minute)) {
			t.Errorf("status = %+v, want %s", st, c.want)
		}
	}
	if err := os.Truncate(s.sets.path(set.ID, "database.dump.zst"), 1); err != nil {
		t.Fatal(err)
	}
	s.prove(set.ID)
	if st := look(); st.Loss != LossNone || st.Sets != 1 || st.Proven != 0 {
		t.Errorf("status = %+v", st)
	}
}
