package wal

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops/docker"
	"github.com/ai-notebook/notebookbot/internal/ops/postgres"
)

// full is a server whose disk the slot of the archive fills.
type full struct {
	Database
	r       postgres.Replication
	free    int64
	dropped int
}

func (f *full) Replication(context.Context, string) (*postgres.Replication, error) {
	r := f.r
	return &r, nil
}

func (f *full) Free(context.Context) (int64, bool, error) { return f.free, true, nil }

func (f *full) DropSlot(context.Context, string) error {
	f.dropped++
	return nil
}

func TestTheSlotGoesBeforeTheDisk(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		keeps, free int64
		dropped     int
	}{
		"there is room":           {2 << 30, 3 << 30, 0},
		"the disk is nearly full": {2 << 30, 2<<30 - 1, 1},
		"it keeps little":         {1 << 20, 0, 0},
	} {
		db := &full{free: c.free, r: postgres.Replication{
			System: "7", Version: 150000, Level: "replica", Senders: 1, Slots: 1, Right: true, Segment: size16, Slot: &postgres.LogSlot{Keeps: c.keeps},
		}}
		k := &Keeper{Log: slog.New(slog.DiscardHandler), Archive: &Archive{db: db}}
		s := &State{}
		given, err := k.giveUp(t.Context(), s, &db.r)
		if err != nil || given != (c.dropped == 1) || db.dropped != c.dropped || given && s.Trouble != TroubleDropped {
			t.Errorf("%s: %v, %v, %+v", what, given, err, s)
		}
	}
}

func TestAServerWhoseLogCannotBeFollowedIsToldApart(t *testing.T) {
	t.Parallel()
	good := postgres.Replication{Version: 130000, Level: "replica", Senders: 10, Slots: 10, Right: true}
	for want, bend := range map[string]func(r *postgres.Replication){
		"":             func(*postgres.Replication) {},
		TroubleVersion: func(r *postgres.Replication) { r.Version = 120020 },
		TroubleStandby: func(r *postgres.Replication) { r.Standby = true },
		TroubleLevel:   func(r *postgres.Replication) { r.Level = "minimal" },
		TroubleSenders: func(r *postgres.Replication) { r.Slots = 0 },
		TroubleRight:   func(r *postgres.Replication) { r.Right = false },
	} {
		r := good
		if bend(&r); Unfit(&r) != want {
			t.Errorf("%+v is %q, want %q", r, Unfit(&r), want)
		}
	}
}

// A folder that cannot be made is told although there is nowhere to keep that it was.
func TestAFolderThatCannotBeMadeIsToldOnce(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	a, err := Open(Config{Dir: filepath.Join(file, "wal"), Now: func() time.Time { return now }}, nil, nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]string{}
	k := &Keeper{Archive: a, Log: slog.New(slog.DiscardHandler), Tell: func(_ context.Context, late bool, key string, s State, _ time.Duration) error {
		if !late || s.Text == "" {
			return errors.New("told otherwise")
		}
		told[key] = s.Trouble
		return nil
	}}
	for range 3 {
		if err := k.Once(t.Context()); err == nil {
			t.Error("it goes on without a folder")
		}
		now = now.Add(LateAfter)
	}
	if len(told) != 1 || told["2026-11-24T10:00:00Z"] != TroubleFolder {
		t.Errorf("told is %v", told)
	}
}

// bare is an engine that runs nothing of ours.
type bare struct{ Engine }

func (bare) Helpers(context.Context, string) ([]docker.Container, error) { return nil, nil }

func TestThatNoCopyComesAboutIsToldOnceItHasBeenTriedSeveralTimes(t *testing.T) {
	t.Parallel()
	now := time.Now()
	a, err := Open(Config{Dir: t.TempDir(), Now: func() time.Time { return now }}, &full{r: postgres.Replication{System: "7"}}, bare{}, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	k := &Keeper{Archive: a, Log: slog.New(slog.DiscardHandler), TellBase: func(_ context.Context, newest *Base, why string) error {
		if newest != nil || !strings.Contains(why, "not archived yet") {
			t.Errorf("told of %v: %s", newest, why)
		}
		told++
		return nil
	}}
	if ours, err := k.hold(); !ours || err != nil {
		t.Fatal(ours, err)
	}
	k.ready = true
	for try := 1; try <= 4; try++ {
		if err := k.Bases(t.Context()); err == nil {
			t.Fatal("the copy of a log that is nowhere must fail")
		}
		if want := max(0, try-2); told != want {
			t.Errorf("after %d tries it was told %d times, want %d: what is told is told once by its key", try, told, want)
		}
		if err := k.Bases(t.Context()); err != nil {
			t.Errorf("it is tried again before its time: %v", err)
		}
		now = now.Add(time.Hour)
	}
}
