package store_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-notebook/notebookbot/commands"
	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/store"
	"github.com/ai-notebook/notebookbot/internal/store/storetest"
)

var noon = time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)

func group(name string) incidents.Group {
	return incidents.Group{Alertmanager: "am", Receiver: "r", Key: name}
}

// sample is an incident of a group with one alert.
func sample(number int64, name string) *incidents.Incident {
	return &incidents.Incident{
		Number: number, Group: group(name), State: incidents.Received, Title: "Title of " + name, Level: incidents.P1,
		Opened: noon, Updated: noon,
		Members: map[string]*incidents.Member{"f": {Alert: incidents.Alert{
			Fingerprint: "f", Firing: true, StartsAt: noon,
			Labels: map[string]string{"job": name}, Annotations: map[string]string{"summary": "Ünder Load"},
		}, Heard: noon}},
	}
}

// open opens an incident for a group unless it has one, as the service does.
func open(ctx context.Context, s *store.Store, name string) (number int64, fresh bool, err error) {
	id := group(name).ID()
	err = s.Write(ctx, incidents.Want{Groups: []string{id}}, func(tx incidents.Tx) error {
		number, fresh = 0, false
		in, err := tx.Latest(id)
		if err != nil {
			return err
		}
		if in != nil && in.State.Open() {
			number = in.Number
			return nil
		}
		if number, err = tx.NextNumber(); err != nil {
			return err
		}
		fresh = true
		in = sample(number, name)
		in.Entries = 1
		return errors.Join(tx.Save(in),
			tx.Log(incidents.Entry{Incident: number, Seq: 1, At: noon, Kind: incidents.Opened}),
			tx.Notify(incidents.Notice{Key: fmt.Sprintf("INC-%d:card", number), Kind: incidents.CardPost, Lane: in.Key(), At: noon}))
	})
	return number, fresh, err
}

func mustOpen(t *testing.T, s *store.Store, name string) int64 {
	t.Helper()
	n, _, err := open(t.Context(), s, name)
	if err != nil {
		t.Fatalf("open %s: %v", name, err)
	}
	return n
}

func TestWhatIsWrittenIsReadBack(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		t.Helper()
		ctx := t.Context()
		want := sample(1, "api\x00\xff")
		want.Title = "title \x00 \xff"
		entry := incidents.Entry{Incident: 1, Seq: 1, At: noon, Kind: incidents.NoteAdded, Fact: incidents.Fact{Text: "Note\x00d"}}
		err := s.Write(ctx, incidents.Want{}, func(tx incidents.Tx) error { return errors.Join(tx.Save(want), tx.Log(entry)) })
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.Find(ctx, 1)
		if err != nil {
			t.Fatal(err)
		}
		want.Title = "title \x00 \uFFFD" // what JSON makes of bytes that are no text
		want.Group.Key = "api\x00\uFFFD"
		want.Members["f"].Labels["job"] = "api\x00\uFFFD"
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("incident (-want +got):\n%s", d)
		}
		entries, err := s.Timeline(ctx, 1)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff([]incidents.Entry{entry}, entries); d != "" {
			t.Errorf("timeline (-want +got):\n%s", d)
		}
		if _, err := s.Find(ctx, 2); !errors.Is(err, incidents.ErrNotFound) {
			t.Errorf("find what is not there: %v, want ErrNotFound", err)
		}
	})
}

func TestNothingIsKeptOfAFunctionThatFails(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		t.Helper()
		ctx := t.Context()
		mustAccept(t, s, "r1")
		sad := errors.New("sad")
		write := func(end func() error) error {
			return s.Write(ctx, incidents.Want{}, func(tx incidents.Tx) error {
				n, err := tx.NextNumber()
				if err != nil {
					return err
				}
				if ok, err := tx.Finish("r1"); err != nil || !ok {
					return fmt.Errorf("finish: %v, %w", ok, err)
				}
				err = errors.Join(tx.Save(sample(n, "api")),
					tx.SetEnded(group("api").ID(), map[string]incidents.Member{"f": {Heard: noon}}),
					tx.Log(incidents.Entry{Incident: n, Seq: 1, At: noon}),
					tx.Notify(incidents.Notice{Key: "k", Lane: "l"}))
				if err != nil {
					return err
				}
				return end()
			})
		}
		if err := write(func() error { return sad }); !errors.Is(err, sad) {
			t.Errorf("error = %v, want its own", err)
		}
		if err := write(func() error { panic("oops") }); err == nil {
			t.Error("a panic is no error")
		}
		if _, err := s.Find(ctx, 1); !errors.Is(err, incidents.ErrNotFound) {
			t.Errorf("the incident was kept: %v", err)
		}
		if d, err := s.Depth(ctx); err != nil || d.Waiting != 0 {
			t.Errorf("depth = %+v, %v, want nothing", d, err)
		}
		if err := write(func() error { return nil }); err != nil {
			t.Fatalf("the same again, without the failure: %v", err)
		}
		if in, err := s.Find(ctx, 1); err != nil || in.Number != 1 {
			t.Errorf("the number was spent: %v, %v", in, err)
		}
	})
}

func TestFunctionsThatShareACommitSeeEachOther(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		t.Helper()
		const groups, each = 8, 25
		hold := block(t, s)
		var wg sync.WaitGroup
		var mu sync.Mutex
		opened := map[string]int{}
		sad := errors.New("sad")
		for i := range groups * each {
			name := fmt.Sprint("group ", i%groups)
			wg.Go(func() {
				if i%10 == 9 { // one in ten fails after it has written
					err := s.Write(t.Context(), incidents.Want{Groups: []string{group(name).ID()}}, func(tx incidents.Tx) error {
						n, err := tx.NextNumber()
						if err != nil {
							return err
						}
						if err := tx.Save(sample(n, name)); err != nil {
							return err
						}
						if i%20 == 9 {
							panic(sad)
						}
						return sad
					})
					if err == nil {
						t.Error("a function that fails has no error")
					}
					return
				}
				_, fresh, err := open(t.Context(), s, name)
				if err != nil {
					t.Errorf("open %s: %v", name, err)
				}
				if fresh {
					mu.Lock()
					opened[name]++
					mu.Unlock()
				}
			})
		}
		hold()
		wg.Wait()
		for name, n := range opened {
			if n != 1 {
				t.Errorf("%s was opened %d times", name, n)
			}
		}
		ins, err := s.List(t.Context(), incidents.Filter{Limit: 1000})
		if err != nil {
			t.Fatal(err)
		}
		if len(ins) != groups {
			t.Fatalf("%d incidents, want %d", len(ins), groups)
		}
		for i, in := range ins {
			if in.Number != int64(groups-i) {
				t.Errorf("incident %d has number %d: a gap", i, in.Number)
			}
		}
		writes, commits := s.Stats()
		if commits*5 > writes {
			t.Errorf("%d writes took %d commits: they do not share", writes, commits)
		}
	})
}

// block keeps the committer busy until the function that it gives is called.
func block(t *testing.T, s *store.Store) (release func()) {
	t.Helper()
	begun, end, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	var once sync.Once
	go func() {
		defer close(done)
		_ = s.Write(context.Background(), incidents.Want{}, func(incidents.Tx) error {
			once.Do(func() { close(begun) })
			<-end
			return nil
		})
	}()
	<-begun
	release = sync.OnceFunc(func() { close(end); <-done })
	t.Cleanup(release)
	return release
}

func TestOneTransactionSeesItsOwnWritesAndNobodyElsesCopies(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		t.Helper()
		n := mustOpen(t, s, "api")
		id := group("api").ID()
		err := s.Write(t.Context(), incidents.Want{}, func(tx incidents.Tx) error { // wants nothing: reads as it goes
			in, err := tx.Incident(n)
			if err != nil {
				return err
			}
			in.Title = "changed and not saved"
			again, err := tx.Latest(id)
			if err != nil {
				return err
			}
			if again.Title != "Title of api" {
				t.Errorf("a change that was not saved is seen: %q", again.Title)
			}
			again.Title = "changed and saved"
			if err := tx.Save(again); err != nil {
				return err
			}
			again.Title = "changed after saving"
			last, err := tx.Incident(n)
			if err == nil && last.Title != "changed and saved" {
				t.Errorf("title = %q, want the saved one", last.Title)
			}
			if _, err := tx.Incident(99); !errors.Is(err, incidents.ErrNotFound) {
				t.Errorf("incident 99: %v", err)
			}
			if none, err := tx.Latest("nobody"); none != nil || err != nil {
				t.Errorf("latest of an unknown group: %v, %v", none, err)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

func TestEndedAlertsOfAGroupAreKeptAndForgotten(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		t.Helper()
		id := group("api").ID()
		read := func() (ended map[string]incidents.Member) {
			err := s.Write(t.Context(), incidents.Want{Groups: []string{id}}, func(tx incidents.Tx) (err error) {
				ended, err = tx.Ended(id)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return ended
		}
		set := func(ended map[string]incidents.Member) {
			err := s.Write(t.Context(), incidents.Want{}, func(tx incidents.Tx) error { return tx.SetEnded(id, ended) })
			if err != nil {
				t.Fatal(err)
			}
		}
		want := map[string]incidents.Member{"f": {Alert: incidents.Alert{Fingerprint: "f", StartsAt: noon}, Heard: noon}}
		set(want)
		if d := cmp.Diff(want, read()); d != "" {
			t.Errorf("ended (-want +got):\n%s", d)
		}
		if err := s.Prune(t.Context(), time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		if len(read()) != 1 {
			t.Error("forgotten within the hour")
		}
		if err := s.Prune(t.Context(), time.Now().Add(25*time.Hour)); err != nil {
			t.Fatal(err)
		}
		if got := read(); len(got) != 0 {
			t.Errorf("after a day: %v, want none", got)
		}
		set(want)
		set(nil)
		if got := read(); len(got) != 0 {
			t.Errorf("after an empty map: %v, want none", got)
		}
	})
}

func mustAccept(t *testing.T, s *store.Store, id string) {
	t.Helper()
	if err := s.Accept(t.Context(), commands.Request{ID: id, Received: noon}); err != nil {
		t.Fatalf("accept %s: %v", id, err)
	}
}
