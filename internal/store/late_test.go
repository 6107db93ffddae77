package store_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/commands"
	"github.com/ai-notebook/notebookbot/internal/store"
	"github.com/ai-notebook/notebookbot/internal/store/storetest"
)

// slowly accepts requests in one commit that takes until let is called; give ends the patience of those who ask.
func slowly(t *testing.T, s *store.Store, rs ...commands.Request) (give func(i int) error, let func()) {
	t.Helper()
	next := block(t, s)
	writing, end := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := store.NotifyAndHold(t, s, post("slow", "slow", 0), func() { close(writing); <-end }); err != nil {
			t.Error(err)
		}
	})
	stops, answers := make([]context.CancelFunc, len(rs)), make([]chan error, len(rs))
	for i, r := range rs {
		ctx, cancel := context.WithCancel(t.Context())
		stops[i], answers[i] = cancel, make(chan error, 1)
		wg.Go(func() { answers[i] <- s.Accept(ctx, r) })
		for store.Waiting(s) < 2+i { // in their order
			<-time.After(time.Millisecond)
		}
	}
	next()
	<-writing
	give = func(i int) error {
		t.Helper()
		stops[i]()
		select {
		case err := <-answers[i]:
			return err
		case <-time.After(200 * time.Millisecond):
			return nil // waits for the commit
		}
	}
	let = sync.OnceFunc(func() { close(end); wg.Wait() })
	t.Cleanup(let)
	return give, let
}

func waiting(t *testing.T, s *store.Store) (ids []string) {
	t.Helper()
	for _, r := range pending(t, s, noon.Add(time.Hour), 10) {
		ids = append(ids, r.ID)
	}
	return ids
}

func TestWhatWasToldToBeNotTakenIsTakenBackWhenItsCommitComesLate(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		t.Helper()
		slash := commands.Request{ID: "slash", Source: commands.Slash, Received: noon}
		give, let := slowly(t, s, slash, commands.Request{ID: "mention", Source: commands.Mention, Received: noon},
			commands.Request{ID: "patient", Source: commands.Slash, Received: noon.Add(time.Second)})
		if err := give(0); !errors.Is(err, context.Canceled) {
			t.Errorf("error = %v at the end of patience, want context.Canceled at once", err)
		}
		if err := give(1); err != nil {
			t.Errorf("error = %v: words come again until they are acknowledged", err)
		}
		let()
		if got := waiting(t, s); !slices.Equal(got, []string{"mention", "patient"}) {
			t.Errorf("waiting = %q", got)
		}
		if err := s.Accept(t.Context(), slash); err != nil {
			t.Fatal(err)
		}
		if got := waiting(t, s); !slices.Equal(got, []string{"slash"}) {
			t.Errorf("asked for again: %q", got)
		}
	})
}

func TestWhatSomebodyElseWasPromisedIsNotTakenBack(t *testing.T) {
	t.Parallel()
	storetest.EachURL(t, func(t *testing.T, url string) {
		t.Helper()
		s := storetest.OpenURL(t, url)
		twice := commands.Request{ID: "twice", Source: commands.Submit, Received: noon}
		again := twice
		again.Received = noon.Add(time.Second)
		give, let := slowly(t, s, twice, again)
		if err := give(0); !errors.Is(err, context.Canceled) {
			t.Errorf("error = %v", err)
		}
		let()
		if got := waiting(t, s); !slices.Equal(got, []string{"twice"}) {
			t.Errorf("waiting = %q", got)
		}
	})
}

func TestWhatAnotherReplicaWasPromisedIsNotTakenBack(t *testing.T) {
	t.Parallel()
	url := storetest.Postgres(t)
	a, b := storetest.OpenURL(t, url), storetest.OpenURL(t, url)
	twice := commands.Request{ID: "twice", Source: commands.Submit, Received: noon}
	give, let := slowly(t, a, twice)
	if err := give(0); !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v", err)
	}
	promised := make(chan error, 1)
	go func() {
		again := twice
		again.Received = noon.Add(time.Second)
		promised <- b.Accept(context.WithoutCancel(t.Context()), again) // waits for the other one's row
	}()
	select {
	case err := <-promised:
		t.Fatalf("answered %v while the other commit is under way", err)
	case <-time.After(100 * time.Millisecond):
	}
	let()
	if err := <-promised; err != nil {
		t.Fatal(err)
	}
	_ = a.Healthy(t.Context()) // whatever it takes back, it has by now
	if got := waiting(t, b); !slices.Equal(got, []string{"twice"}) {
		t.Errorf("waiting = %q", got)
	}
}
