package incidents_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ai-notebook/notebookbot/incidents"
)

// spoken is what INC-1 said and when.
type spoken struct {
	After time.Duration
	Line  string
}

func TestRunFiresClocksAtTheirMoment(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newMemStore()
		svc := incidents.NewService(store, incidents.Config{Policies: guide, Hold: hold}, slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(t.Context())
		var loop sync.WaitGroup
		loop.Go(func() {
			if err := svc.Run(ctx); err != nil {
				t.Errorf("run: %v", err)
			}
		})
		start := time.Now()
		down := firing("a", p0, start.UTC())
		receive := func(a incidents.Alert) {
			t.Helper()
			if err := svc.Receive(ctx, incidents.Webhook{Group: group, Title: "down", Alerts: []incidents.Alert{a}}); err != nil {
				t.Fatal(err)
			}
		}
		receive(down)
		time.Sleep(130 * time.Minute)
		receive(ended(down, time.Now().UTC()))
		time.Sleep(time.Hour)
		cancel()
		loop.Wait()

		var got []spoken
		for _, n := range store.read().notices {
			if n.Kind != incidents.CardPost && n.Kind != incidents.CardEdit && n.Kind != incidents.Paged {
				got = append(got, spoken{n.At.Sub(start).Truncate(time.Second), line(n)})
			}
		}
		want := []spoken{
			{0, "INC-1 opened → oncall"},
			{7*time.Minute + 30*time.Second, "INC-1 clock.nudge respond 50"},
			{12 * time.Minute, "INC-1 clock.nudge respond 80"},
			{15 * time.Minute, "INC-1 clock.breach respond → ops"},
			{30 * time.Minute, "INC-1 escalated → management"},
			{60 * time.Minute, "INC-1 clock.nudge resolve 50"},
			{96 * time.Minute, "INC-1 clock.nudge resolve 80"},
			{120 * time.Minute, "INC-1 clock.breach resolve → management"},
			{130 * time.Minute, "INC-1 recovering"},
			{135 * time.Minute, "INC-1 recovered"},
		}
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// sick is a store that fails for a while.
type sick struct {
	*memStore
	until time.Time
}

var errSick = errors.New("disk full")

func (s sick) Due(ctx context.Context, now time.Time, limit int) ([]int64, time.Time, error) {
	if time.Now().Before(s.until) {
		return nil, time.Time{}, errSick
	}
	return s.memStore.Due(ctx, now, limit)
}

func (s sick) Write(ctx context.Context, want incidents.Want, fn func(incidents.Tx) error) error {
	if time.Now().Before(s.until) {
		return errSick
	}
	return s.memStore.Write(ctx, want, fn)
}

func TestRunOutlivesAStoreThatFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := sick{newMemStore(), time.Now()}
		cfg := incidents.Config{Policies: guide, Hold: hold}
		if err := incidents.NewService(store, cfg, slog.New(slog.DiscardHandler)).Receive(t.Context(),
			incidents.Webhook{Group: group, Alerts: []incidents.Alert{firing("a", p0, time.Now())}}); err != nil {
			t.Fatal(err)
		}
		store.until = time.Now().Add(20 * time.Minute)
		var log strings.Builder
		svc := incidents.NewService(store, cfg, slog.New(slog.NewTextHandler(&log, nil)))
		ctx, cancel := context.WithTimeout(t.Context(), 21*time.Minute)
		defer cancel()
		if err := svc.Run(ctx); err != nil {
			t.Errorf("run: %v", err)
		}
		if !strings.Contains(log.String(), errSick.Error()) {
			t.Error("the log does not name the trouble")
		}
		var said []string
		for _, n := range store.read().notices {
			if n.Kind == incidents.ClockBreach {
				said = append(said, line(n))
			}
		}
		if diff := gocmp.Diff([]string{"INC-1 clock.breach respond → ops, late 5m0s"}, said); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestFireDueTakesMoreThanItCanAtOnce(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	s.store.Twice = false
	for range 300 {
		s.open(p0)
	}
	s.said()
	s.sleep(15 * minute)
	more, err := s.svc.FireDue(t.Context())
	if err != nil || !more {
		t.Fatalf("more %v, %v", more, err)
	}
	if more, err = s.svc.FireDue(t.Context()); err != nil || more {
		t.Fatalf("more %v, %v", more, err)
	}
	if n := len(s.said()); n != 300 {
		t.Errorf("%d breaches", n)
	}
}

func TestReceiveGivesBackWhatTheStoreSays(t *testing.T) {
	t.Parallel()
	svc := incidents.NewService(sick{newMemStore(), time.Now().Add(time.Hour)}, incidents.Config{Policies: guide}, slog.New(slog.DiscardHandler))
	err := svc.Receive(t.Context(), incidents.Webhook{Group: group})
	if !errors.Is(err, errSick) {
		t.Errorf("got %v", err)
	}
}

func TestANewIncidentIsToldByItsCardFirst(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	s.receiveOf(incidents.Webhook{
		Group: group, Title: "down", Channel: "C0DATA", ExternalURL: "http://am", Alerts: []incidents.Alert{firing("a", p0, s.now)},
	})
	all := s.store.read().notices
	var kinds []incidents.NoticeKind
	for _, n := range all {
		kinds = append(kinds, n.Kind)
		if n.Kind != incidents.Paged && n.Channel != "C0DATA" {
			t.Errorf("%s goes to %q", n.Key, n.Channel)
		}
	}
	if diff := gocmp.Diff([]incidents.NoticeKind{incidents.CardPost, incidents.Opened, incidents.Paged}, kinds); diff != "" {
		t.Error(diff)
	}
	card, opened, page := all[0], all[1], all[2]
	if card.Key != "INC-1/card" || opened.Root != card.Key || opened.Lane != card.Lane || page.Lane == card.Lane {
		t.Errorf("card %+v\nopened %+v\npage %+v", card, opened, page)
	}
	f := opened.Fact
	if f.Count != 1 || f.Total != 1 || *f.To != p0 || len(f.Titles) != 1 || !f.Due.Equal(nine.Add(15*minute)) || !f.Due2.Equal(nine.Add(2*time.Hour)) {
		t.Errorf("opened says %+v", f)
	}
	if in := s.incident(1); in.Title != "down" || in.ExternalURL != "http://am" {
		t.Errorf("%+v", in)
	}
}

func TestWorseLevelsGoFirst(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	for _, l := range incidents.Levels {
		s.open(l)
	}
	s.sleep(2 * time.Hour)
	s.fire()
	worst := map[incidents.Level]int{}
	best := map[incidents.Level]int{p0: 1 << 30, p1: 1 << 30, p2: 1 << 30}
	for _, n := range s.store.read().notices {
		worst[n.Level], best[n.Level] = max(worst[n.Level], n.Priority), min(best[n.Level], n.Priority)
	}
	if worst[p0] >= best[p1] || worst[p1] >= best[p2] {
		t.Errorf("priorities from %v to %v", best, worst)
	}
}
