package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ai-notebook/notebookbot/commands"
	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/audit"
)

// tx is what one function sees: its own writes over those of the functions before it over the database. Its writes reach the
// batch when the function returns nil.
type tx struct {
	b    *batch
	over bool

	incidents map[int64]*incidentRow
	groups    map[string]*groupRow
	taken     int64 // numbers taken
	entries   []incidents.Entry
	notices   []incidents.Notice
	finished  map[string]bool
	accepted  []commands.Request
	settled   []settlement
	audits    []audit.Entry
	ops       opsWrites
}

// errOver says that a transaction was used after its function had returned.
var errOver = errors.New("store: the transaction is over")

func (t *tx) ready() error {
	if t.over {
		return errOver
	}
	return t.b.err
}

func (t *tx) incident(number int64) (*incidentRow, error) {
	if r, ok := t.incidents[number]; ok {
		return r, nil
	}
	return t.b.incident(number)
}

func (t *tx) group(id string) (*groupRow, error) {
	if g, ok := t.groups[id]; ok {
		return g, nil
	}
	return t.b.group(id)
}

func (t *tx) setGroup(id string, g groupRow) {
	if t.groups == nil {
		t.groups = map[string]*groupRow{}
	}
	g.updated = micros(now())
	t.groups[id] = &g
}

// Incident implements incidents.Tx.
func (t *tx) Incident(number int64) (*incidents.Incident, error) {
	if err := t.ready(); err != nil {
		return nil, err
	}
	r, err := t.incident(number)
	if err != nil {
		return nil, err
	}
	if r == nil {
		return nil, fmt.Errorf("%s: %w", incidents.Key(number), incidents.ErrNotFound)
	}
	return r.decode()
}

// Latest implements incidents.Tx.
func (t *tx) Latest(groupID string) (*incidents.Incident, error) {
	if err := t.ready(); err != nil || groupID == "" {
		return nil, err
	}
	g, err := t.group(clean(groupID))
	if err != nil || g.latest == 0 {
		return nil, err
	}
	return t.Incident(g.latest)
}

// Ended implements incidents.Tx.
func (t *tx) Ended(groupID string) (map[string]incidents.Member, error) {
	ended := map[string]incidents.Member{}
	if err := t.ready(); err != nil || groupID == "" {
		return ended, err
	}
	g, err := t.group(clean(groupID))
	if err != nil || g.ended == "" {
		return ended, err
	}
	if err := json.Unmarshal([]byte(g.ended), &ended); err != nil {
		return nil, fmt.Errorf("read the ended alerts of a group: %w", err)
	}
	return ended, nil
}

// SetEnded implements incidents.Tx.
func (t *tx) SetEnded(groupID string, ended map[string]incidents.Member) error {
	if err := t.ready(); err != nil || groupID == "" {
		return err
	}
	id := clean(groupID)
	g, err := t.group(id)
	if err != nil {
		return err
	}
	next := *g
	next.ended = ""
	if len(ended) > 0 {
		b, err := json.Marshal(ended)
		if err != nil {
			return fmt.Errorf("write the ended alerts of a group: %w", err)
		}
		next.ended = string(b)
	}
	if next.ended != g.ended {
		t.setGroup(id, next)
	}
	return nil
}

// NextNumber implements incidents.Tx.
func (t *tx) NextNumber() (int64, error) {
	if err := t.ready(); err != nil {
		return 0, err
	}
	last, err := t.b.lastNumber()
	if err != nil {
		return 0, err
	}
	t.taken++
	return last + t.taken, nil
}

// Save implements incidents.Tx.
func (t *tx) Save(in *incidents.Incident) error {
	if err := t.ready(); err != nil {
		return err
	}
	doc, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("write %s: %w", in.Key(), err)
	}
	r := &incidentRow{
		number: in.Number, group: clean(in.Group.ID()), state: string(in.State), level: int(in.Level),
		nextDue: microsAfter(in.NextDue()), opened: micros(in.Opened), updated: micros(in.Updated),
		title: clean(in.Title), search: searchText(in), doc: doc,
	}
	if in.State.Open() {
		r.open = 1
	}
	if r.group != "" {
		g, err := t.group(r.group)
		if err != nil {
			return err
		}
		if g.latest < in.Number {
			next := *g
			next.latest = in.Number
			t.setGroup(r.group, next)
		}
	}
	if t.incidents == nil {
		t.incidents = map[int64]*incidentRow{}
	}
	t.incidents[in.Number] = r
	return nil
}

// Log implements incidents.Tx.
func (t *tx) Log(entries ...incidents.Entry) error {
	if err := t.ready(); err != nil {
		return err
	}
	t.entries = append(t.entries, entries...)
	return nil
}

// Notify implements incidents.Tx.
func (t *tx) Notify(notices ...incidents.Notice) error {
	if err := t.ready(); err != nil {
		return err
	}
	for _, n := range notices {
		if n.Key == "" {
			return errors.New("store: a notice without a key")
		}
	}
	t.notices = append(t.notices, notices...)
	return nil
}

// Finish implements incidents.Tx.
func (t *tx) Finish(requestID string) (bool, error) {
	if err := t.ready(); err != nil {
		return false, err
	}
	id := clean(requestID)
	if t.finished[id] {
		return false, nil
	}
	waits, err := t.b.waits(id)
	if err != nil || !waits {
		return false, err
	}
	if t.finished == nil {
		t.finished = map[string]bool{}
	}
	t.finished[id] = true
	return true, nil
}

// merge takes over what a function wrote.
func (b *batch) merge(t *tx) {
	for n, r := range t.incidents {
		b.incidents[n] = r
		b.changedIncidents[n] = true
	}
	for id, g := range t.groups {
		b.groups[id] = g
		b.changedGroups[id] = true
	}
	if t.taken > 0 {
		b.number += t.taken
		b.changedNumber = true
	}
	b.entries = append(b.entries, t.entries...)
	for _, n := range t.notices {
		b.notify(n)
	}
	for id := range t.finished {
		b.requests[id] = false
		b.finished = append(b.finished, id)
	}
	for _, r := range t.accepted {
		b.accept(r)
	}
	b.settled = append(b.settled, t.settled...)
	b.audits = append(b.audits, t.audits...)
	b.mergeOps(t.ops)
}

// searchText is what List looks through: each label and annotation once, however many alerts carry it.
func searchText(in *incidents.Incident) string {
	set := map[string]bool{}
	for _, m := range in.Members {
		if m == nil {
			continue
		}
		for k, v := range m.Labels {
			set[k+"="+v] = true
		}
		for k, v := range m.Annotations {
			set[k+"="+v] = true
		}
	}
	lines := append([]string{in.Key(), in.Title}, slices.Sorted(maps.Keys(set))...)
	return fold(strings.Join(lines, "\n"))
}

// fold makes texts that differ only in case equal.
func fold(s string) string { return strings.ToLower(clean(s)) }

// now is the wall clock, for bookkeeping alone.
func now() time.Time { return time.Now() }

// micros is a time as the databases keep it.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// microsAfter rounds up, so that what is said to be due is due for a caller who compares nanoseconds.
func microsAfter(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Add(time.Microsecond - time.Nanosecond).UnixMicro()
}

// fromMicros is the time again.
func fromMicros(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}
