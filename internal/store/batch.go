package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/audit"
)

// want is what an item will read or lock.
type want struct {
	groups     []string
	numbers    []int64
	operations []int64
}

// incidentRow is an incident as it stands in the database. Documents stay encoded: every reader gets a copy of its own, and a
// change that was not saved is nobody's.
type incidentRow struct {
	group, state, title, search      string
	open, level                      int
	nextDue, opened, updated, number int64
	doc                              []byte
}

// groupRow is an alert group as it stands in the database.
type groupRow struct {
	latest, updated int64
	ended           string // the encoded map; empty: none
}

// edit is a notice whose message is asked for anew, so many times.
type edit struct {
	notice incidents.Notice
	times  int64
}

// batch is what one transaction knows and will write.
type batch struct {
	ctx context.Context //nolint:containedctx // lives as long as one transaction
	ses session
	d   dialect
	err error // of the database: ends the transaction

	incidents map[int64]*incidentRow // nil: there is none
	groups    map[string]*groupRow
	number    int64 // last number taken; -1: not read yet
	requests  map[string]bool

	changedIncidents map[int64]bool
	changedGroups    map[string]bool
	changedNumber    bool
	entries          []incidents.Entry
	posts            map[string]incidents.Notice
	edits            map[string]edit
	order            []string // keys of posts and edits as they came
	finished         []string
	accepted         map[string]acceptedRequest
	settled          []settlement
	audits           []audit.Entry
	regrets          []taken // requests to be taken back
	lanes            map[string]bool

	ops opsBatch

	wrote, newsOutbox, newsInbox, freed bool
}

func newBatch(ctx context.Context, ses session, d dialect) *batch {
	return &batch{
		ctx: ctx, ses: ses, d: d, number: -1,
		incidents: map[int64]*incidentRow{}, groups: map[string]*groupRow{}, requests: map[string]bool{},
		changedIncidents: map[int64]bool{}, changedGroups: map[string]bool{},
		posts: map[string]incidents.Notice{}, edits: map[string]edit{}, lanes: map[string]bool{}, accepted: map[string]acceptedRequest{},
	}
}

// prefetch reads what all items want with one query a table. On PostgreSQL the rows are locked, always in the same order: groups,
// then incidents, each sorted.
func (b *batch) prefetch(items []*item) error {
	var groups []string
	var numbers, operations []int64
	for _, it := range items {
		operations = append(operations, it.want.operations...)
		for _, g := range it.want.groups {
			if g != "" {
				groups = append(groups, clean(g))
			}
		}
		numbers = append(numbers, it.want.numbers...)
	}
	slices.Sort(groups)
	if err := b.loadGroups(slices.Compact(groups)); err != nil {
		return err
	}
	for _, g := range b.groups {
		if g.latest > 0 {
			numbers = append(numbers, g.latest)
		}
	}
	slices.Sort(numbers)
	if err := b.loadIncidents(slices.Compact(numbers)); err != nil {
		return err
	}
	return b.loadOperations(operations)
}

var (
	readGroups = both(`SELECT id, latest, updated, ended FROM alert_groups WHERE id {any $1 text} ORDER BY id {lock}`)
	addGroups  = both(`INSERT INTO alert_groups (id, latest, updated, ended) SELECT v, 0, CAST($2 AS BIGINT), '' FROM {list $1 text}
		ORDER BY v ON CONFLICT (id) DO NOTHING`)
	readIncidents = both(`SELECT number, doc FROM incidents WHERE number {any $1 bigint} ORDER BY number {lock}`)
	readNumber    = both(`SELECT value FROM counters WHERE name = 'incident' {lock}`)
	readRequest   = both(`SELECT state FROM inbox WHERE id = $1 {lock}`)
)

func (b *batch) loadGroups(ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	read := func(ids []string) error {
		return b.ses.rows(b.ctx, readGroups, func(scan scanner) error {
			var id string
			g := &groupRow{}
			if err := scan(&id, &g.latest, &g.updated, &g.ended); err != nil {
				return err
			}
			b.groups[id] = g
			return nil
		}, ids)
	}
	if err := read(ids); err != nil {
		return fmt.Errorf("read groups: %w", err)
	}
	var fresh []string
	for _, id := range ids {
		if b.groups[id] == nil {
			fresh = append(fresh, id)
		}
	}
	if b.d == postgres && len(fresh) > 0 {
		// A group nobody knows cannot be locked. Its row is put in, so that of two replicas that open it at once one waits and
		// then sees what the other did.
		if err := b.ses.send(b.ctx, []stmt{{addGroups[b.d], []any{fresh, micros(now())}}}); err != nil {
			return fmt.Errorf("add groups: %w", err)
		}
		if err := read(fresh); err != nil {
			return fmt.Errorf("read groups: %w", err)
		}
	}
	for _, id := range fresh {
		if b.groups[id] == nil {
			b.groups[id] = &groupRow{}
		}
	}
	return nil
}

func (b *batch) loadIncidents(numbers []int64) error {
	if len(numbers) == 0 {
		return nil
	}
	err := b.ses.rows(b.ctx, readIncidents, func(scan scanner) error {
		r := &incidentRow{}
		if err := scan(&r.number, &r.doc); err != nil {
			return err
		}
		b.incidents[r.number] = r
		return nil
	}, numbers)
	if err != nil {
		return fmt.Errorf("read incidents: %w", err)
	}
	for _, n := range numbers {
		if _, ok := b.incidents[n]; !ok {
			b.incidents[n] = nil
		}
	}
	return nil
}

// incident gives the row as it stands after all that was merged; nil when there is none.
func (b *batch) incident(number int64) (*incidentRow, error) {
	if r, ok := b.incidents[number]; ok {
		return r, nil
	}
	if err := b.fail(b.loadIncidents([]int64{number})); err != nil {
		return nil, err
	}
	return b.incidents[number], nil
}

func (b *batch) group(id string) (*groupRow, error) {
	if g, ok := b.groups[id]; ok {
		return g, nil
	}
	if err := b.fail(b.loadGroups([]string{id})); err != nil {
		return nil, err
	}
	return b.groups[id], nil
}

func (b *batch) lastNumber() (int64, error) {
	if b.number >= 0 {
		return b.number, nil
	}
	err := b.ses.rows(b.ctx, readNumber, func(scan scanner) error { return scan(&b.number) })
	if err := b.fail(err); err != nil {
		return 0, fmt.Errorf("read the last incident number: %w", err)
	}
	return b.number, nil
}

// waits tells whether a request was accepted and is not done.
func (b *batch) waits(id string) (bool, error) {
	if w, ok := b.requests[id]; ok {
		return w, nil
	}
	w := false
	err := b.ses.rows(b.ctx, readRequest, func(scan scanner) error {
		var state int
		if err := scan(&state); err != nil {
			return err
		}
		w = state == requestWaiting
		return nil
	}, id)
	if err := b.fail(err); err != nil {
		return false, fmt.Errorf("read a request: %w", err)
	}
	b.requests[id] = w
	return w, nil
}

// fail keeps an error of the database: the transaction is over, whatever the caller makes of it.
func (b *batch) fail(err error) error {
	if err != nil && b.err == nil {
		b.err = err
	}
	return err
}

// decode gives a caller an incident of its own.
func (r *incidentRow) decode() (*incidents.Incident, error) {
	in := &incidents.Incident{}
	if err := json.Unmarshal(r.doc, in); err != nil {
		return nil, fmt.Errorf("read %s: %w", incidents.Key(r.number), err)
	}
	return in, nil
}
