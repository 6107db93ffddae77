package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/commands"
	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/store"
	"github.com/ai-notebook/notebookbot/internal/store/storetest"
	"github.com/ai-notebook/notebookbot/notify"
)

func TestWorkOfEveryKindSharesOneCommit(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		t.Helper()
		put(t, s, post("a", "1", 0), post("b", "2", 0))
		d := claimOne2(t, s)
		hold := block(t, s)
		_, before := s.Stats()
		var wg sync.WaitGroup
		do := func(f func() error) {
			wg.Go(func() {
				if err := f(); err != nil {
					t.Error(err)
				}
			})
		}
		for i := range 30 {
			do(func() error { _, _, err := open(t.Context(), s, fmt.Sprint(i)); return err })
			do(func() error { return s.Accept(t.Context(), commands.Request{ID: fmt.Sprint(i), Received: noon}) })
		}
		do(func() error { return s.Settle(t.Context(), d[0], sentTo("1")) })
		do(func() error { return s.Release(t.Context(), d[1:]) })
		do(func() error { return s.Healthy(t.Context()) })
		for store.Waiting(s) < 63 {
			<-time.After(time.Millisecond)
		}
		hold()
		wg.Wait()
		if _, after := s.Stats(); after-before != 1 {
			t.Errorf("63 pieces of work took %d commits, want 1", after-before)
		}
	})
}

func claimOne2(t *testing.T, s *store.Store) []notify.Delivery {
	t.Helper()
	ds, _ := claimAt(t, s, noon, 2)
	if len(ds) != 2 {
		t.Fatalf("claimed %v, want two", keys(ds))
	}
	return ds
}

func TestWorkThatTheDatabaseRefusesHarmsNobodyElse(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		t.Helper()
		n := mustOpen(t, s, "api") // its timeline has the entry 1
		hold := block(t, s)
		var wg sync.WaitGroup
		var bad error
		wg.Go(func() {
			bad = s.Write(t.Context(), incidents.Want{}, func(tx incidents.Tx) error {
				return errors.Join(tx.Log(incidents.Entry{Incident: n, Seq: 1, At: noon}), tx.Notify(post("lost", "l", 0)))
			})
		})
		for i := range 10 {
			wg.Go(func() {
				if _, _, err := open(t.Context(), s, fmt.Sprint(i)); err != nil {
					t.Errorf("a neighbour: %v", err)
				}
			})
		}
		for store.Waiting(s) < 11 {
			<-time.After(time.Millisecond)
		}
		hold()
		wg.Wait()
		if bad == nil || errors.Is(bad, store.ErrUnavailable) {
			t.Errorf("the same entry twice: %v, want an error of its own", bad)
		}
		if _, ok, err := s.Posted(t.Context(), "lost"); ok || err != nil {
			t.Errorf("posted = %v, %v", ok, err)
		}
		if ins, err := s.List(t.Context(), incidents.Filter{Limit: 100}); err != nil || len(ins) != 11 {
			t.Errorf("%d incidents, %v; want 11", len(ins), err)
		}
	})
}

func TestAPanicIsTheErrorOfWhoPanicked(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	err := s.Write(t.Context(), incidents.Want{}, func(incidents.Tx) error { panic("oops") })
	if err == nil || !strings.Contains(err.Error(), "oops") || errors.Is(err, store.ErrUnavailable) {
		t.Errorf("error = %v", err)
	}
	mustOpen(t, s, "api")
}

func TestATransactionIsOverWhenItsFunctionHasReturned(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	var kept incidents.Tx
	err := s.Write(t.Context(), incidents.Want{}, func(tx incidents.Tx) error {
		kept = tx
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := kept.Save(sample(1, "api")); err == nil {
		t.Error("a transaction that is over takes writes")
	}
	if _, err := kept.Latest("x"); err == nil {
		t.Error("a transaction that is over reads")
	}
}

func TestACallerWhoGivesUpIsSkippedWhileItWaitsAndKeptOnceItRuns(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		t.Helper()
		hold := block(t, s)
		ctx, cancel := context.WithCancel(t.Context())
		errs := make(chan error, 1)
		go func() {
			_, _, err := open(ctx, s, "given up")
			errs <- err
		}()
		for store.Waiting(s) < 1 {
			<-time.After(time.Millisecond)
		}
		cancel()
		if err := <-errs; !errors.Is(err, context.Canceled) {
			t.Errorf("error = %v, want context.Canceled", err)
		}
		hold()
		if n := mustOpen(t, s, "next"); n != 1 {
			t.Errorf("the next number is %d: what was given up has run", n)
		}
		if _, _, err := open(ctx, s, "never"); !errors.Is(err, context.Canceled) {
			t.Errorf("error = %v, want context.Canceled", err)
		}

		ctx, cancel = context.WithCancel(t.Context())
		err := s.Write(ctx, incidents.Want{}, func(tx incidents.Tx) error {
			cancel() // while it runs
			return tx.Save(sample(7, "runs"))
		})
		if err != nil {
			t.Errorf("error = %v, want none: it was committed", err)
		}
		if _, err := s.Find(t.Context(), 7); err != nil {
			t.Errorf("not kept: %v", err)
		}
	})
}

func TestAStoreThatDoesNotGetOnSaysSo(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	hold := block(t, s)
	begun := time.Now()
	_, _, err := open(t.Context(), s, "api")
	if !errors.Is(err, store.ErrUnavailable) || store.Reason(err) != "overloaded" || time.Since(begun) > 8*time.Second {
		t.Errorf("%v after %v, want ErrUnavailable within seconds", err, time.Since(begun))
	}
	hold()
	mustOpen(t, s, "api")
}

func TestClosingEndsWhatRunsAndRefusesTheRest(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		t.Helper()
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				if _, _, err := open(t.Context(), s, fmt.Sprint(i)); err != nil && !errors.Is(err, store.ErrClosed) {
					t.Errorf("error = %v, want none or ErrClosed", err)
				}
			})
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		wg.Wait()
		if err := s.Healthy(t.Context()); !errors.Is(err, store.ErrClosed) {
			t.Errorf("health of a closed store: %v", err)
		}
	})
}
