package incidents_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ai-notebook/notebookbot/incidents"
)

// memStore is a Store in memory that holds its caller to what the interfaces ask: what is wrong ends the transaction with an
// error. It keeps incidents as JSON, as real stores do, and with Twice runs each transaction again after a first one that is
// thrown away, like a race that was lost.
type memStore struct {
	Twice bool

	mu   sync.Mutex
	data memData
}

type memData struct {
	incidents map[int64][]byte
	due       map[int64]time.Time
	latest    map[string]int64
	ended     map[string][]byte
	entries   []incidents.Entry
	notices   []incidents.Notice
	posted    map[string]bool
	finished  map[string]bool
	last      int64
}

func newMemStore() *memStore {
	return &memStore{data: memData{
		incidents: map[int64][]byte{}, due: map[int64]time.Time{}, latest: map[string]int64{}, ended: map[string][]byte{},
		posted: map[string]bool{}, finished: map[string]bool{},
	}}
}

func (d memData) clone() memData {
	d.incidents, d.due, d.latest = maps.Clone(d.incidents), maps.Clone(d.due), maps.Clone(d.latest)
	d.ended, d.posted, d.finished = maps.Clone(d.ended), maps.Clone(d.posted), maps.Clone(d.finished)
	d.entries, d.notices = slices.Clip(d.entries), slices.Clip(d.notices)
	return d
}

func (s *memStore) Write(ctx context.Context, _ incidents.Want, fn func(incidents.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.Twice {
		_ = fn(&memTx{s.data.clone()})
	}
	tx := &memTx{s.data.clone()}
	if err := fn(tx); err != nil {
		return err
	}
	s.data = tx.memData
	return nil
}

func (s *memStore) read() *memTx {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &memTx{s.data.clone()}
}

func (s *memStore) Find(_ context.Context, number int64) (*incidents.Incident, error) {
	return s.read().Incident(number)
}

func (s *memStore) List(_ context.Context, f incidents.Filter) ([]*incidents.Incident, error) {
	tx := s.read()
	var out []*incidents.Incident
	for n := tx.last; n > 0; n-- {
		in, err := tx.Incident(n)
		if err != nil {
			return nil, err
		}
		if !f.Open || in.State.Open() {
			out = append(out, in)
		}
	}
	return out, nil
}

func (s *memStore) Timeline(_ context.Context, number int64) ([]incidents.Entry, error) {
	var out []incidents.Entry
	for _, e := range s.read().entries {
		if e.Incident == number {
			out = append(out, e)
		}
	}
	return out, nil
}

func (s *memStore) Due(_ context.Context, now time.Time, limit int) (numbers []int64, next time.Time, err error) {
	tx := s.read()
	for n, due := range tx.due {
		switch {
		case due.IsZero():
		case !due.After(now):
			numbers = append(numbers, n)
		case next.IsZero() || due.Before(next):
			next = due
		}
	}
	slices.SortFunc(numbers, func(a, b int64) int { return cmp.Or(tx.due[a].Compare(tx.due[b]), cmp.Compare(a, b)) })
	return numbers[:min(limit, len(numbers))], next, nil
}

func (s *memStore) CountOpen(ctx context.Context) (n [len(incidents.Levels)]int, err error) {
	open, err := s.List(ctx, incidents.Filter{Open: true})
	for _, in := range open {
		n[in.Level]++
	}
	return n, err
}

type memTx struct{ memData }

func (tx *memTx) Incident(number int64) (*incidents.Incident, error) {
	b, ok := tx.incidents[number]
	if !ok {
		return nil, incidents.ErrNotFound
	}
	in := new(incidents.Incident)
	return in, json.Unmarshal(b, in)
}

func (tx *memTx) Latest(groupID string) (*incidents.Incident, error) {
	n, ok := tx.latest[groupID]
	if !ok {
		return nil, nil
	}
	return tx.Incident(n)
}

func (tx *memTx) Ended(groupID string) (map[string]incidents.Member, error) {
	ended := map[string]incidents.Member{}
	if b, ok := tx.ended[groupID]; ok {
		return ended, json.Unmarshal(b, &ended)
	}
	return ended, nil
}

func (tx *memTx) SetEnded(groupID string, ended map[string]incidents.Member) error {
	if len(ended) == 0 {
		delete(tx.ended, groupID)
		return nil
	}
	b, err := json.Marshal(ended)
	tx.ended[groupID] = b
	return err
}

func (tx *memTx) NextNumber() (int64, error) {
	tx.last++
	return tx.last, nil
}

func (tx *memTx) Save(in *incidents.Incident) error {
	if in.Number < 1 || in.Number > tx.last {
		return fmt.Errorf("save %s: the number was not given out", in.Key())
	}
	b, err := json.Marshal(in)
	if err != nil {
		return err
	}
	back := new(incidents.Incident)
	if err := json.Unmarshal(b, back); err != nil {
		return err
	}
	if !reflect.DeepEqual(in, back) {
		if diff := gocmp.Diff(in, back, emptyIsNil); diff != "" {
			return errors.New("the incident does not survive JSON:\n" + diff)
		}
	}
	tx.incidents[in.Number], tx.due[in.Number] = b, in.NextDue()
	if gid := in.Group.ID(); gid != "" {
		tx.latest[gid] = max(tx.latest[gid], in.Number)
	}
	return nil
}

// emptyIsNil takes an empty map or slice for none: JSON leaves both out.
var emptyIsNil = gocmp.FilterValues(func(a, b map[string]*incidents.Member) bool { return len(a) == 0 && len(b) == 0 },
	gocmp.Comparer(func(_, _ map[string]*incidents.Member) bool { return true }))

func (tx *memTx) Log(entries ...incidents.Entry) error {
	for _, e := range entries {
		in, err := tx.Incident(e.Incident)
		if err != nil {
			return fmt.Errorf("log before save: %w", err)
		}
		seq := int64(1)
		for _, old := range slices.Backward(tx.entries) {
			if old.Incident == e.Incident {
				seq = old.Seq + 1
				break
			}
		}
		if e.Seq != seq || e.Seq > in.Entries {
			return fmt.Errorf("%s: entry %d follows %d, the incident counts %d", in.Key(), e.Seq, seq-1, in.Entries)
		}
		tx.entries = append(tx.entries, e)
	}
	return nil
}

func (tx *memTx) Notify(notices ...incidents.Notice) error {
	for _, n := range notices {
		switch {
		case n.Key == "" || n.Lane == "":
			return fmt.Errorf("notice %+v has no key or no lane", n)
		case n.Kind == incidents.CardEdit:
			if !tx.posted[n.Edits] {
				return fmt.Errorf("%s edits %s, which was never posted", n.Key, n.Edits)
			}
		case tx.posted[n.Key]:
			return fmt.Errorf("the key %s is used twice", n.Key)
		case n.Root != "" && !tx.posted[n.Root]:
			return fmt.Errorf("%s replies to %s, which was never posted", n.Key, n.Root)
		case strings.HasPrefix(n.Key, n.Lane+"/edit"):
			return fmt.Errorf("%s is no edit", n.Key)
		default:
			tx.posted[n.Key] = true
		}
		tx.notices = append(tx.notices, n)
	}
	return nil
}

func (tx *memTx) Finish(requestID string) (bool, error) {
	if tx.finished[requestID] {
		return false, nil
	}
	tx.finished[requestID] = true
	return true, nil
}
