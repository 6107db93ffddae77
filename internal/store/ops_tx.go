package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/ai-notebook/notebookbot/internal/ops"
)

// operationRow is an operation as it stands in the database.
type operationRow struct {
	number, incident            int64
	state, word, project        string
	open                        int
	nextDue, asked, ended, took int64
	doc                         []byte
}

// opsWrites is what one function wrote of operations.
type opsWrites struct {
	rows    map[int64]*operationRow
	taken   int64
	entries []ops.Entry
	locks   map[string]ops.Lock
}

// opsBatch is what a transaction knows of operations and will write.
type opsBatch struct {
	rows    map[int64]*operationRow // nil: there is none
	changed map[int64]bool
	number  *int64 // last number taken; nil: not read yet
	taken   bool
	entries []ops.Entry
	locks   map[string]ops.Lock
	set     map[string]bool // locks that changed
}

var (
	readOperations = both(`SELECT number, doc FROM operations WHERE number {any $1 bigint} ORDER BY number {lock}`)
	readOpNumber   = both(`SELECT value FROM counters WHERE name = 'operation' {lock}`)
	setOpNumber    = both(`UPDATE counters SET value = $1 WHERE name = 'operation'`)
	addLock        = both(`INSERT INTO project_locks (project, operation, owner, fence, since) VALUES ($1, 0, '', 0, 0)
		ON CONFLICT (project) DO NOTHING`)
	readLock = both(`SELECT operation, owner, fence, since FROM project_locks WHERE project = $1 {lock}`)

	operationRows = &table{
		name:    "operations",
		columns: `number# state open# word project incident# next_due# asked# ended# took# doc`,
		conflict: `ON CONFLICT (number) DO UPDATE SET state = excluded.state, open = excluded.open, next_due = excluded.next_due,
			ended = excluded.ended, took = excluded.took, doc = excluded.doc`,
	}
	opEntryRows = &table{name: "operation_timeline", columns: `operation# seq# at# kind doc`}
	lockRows    = &table{
		name:    "project_locks",
		columns: `project operation# owner fence# since#`,
		conflict: `ON CONFLICT (project) DO UPDATE SET operation = excluded.operation, owner = excluded.owner,
			fence = excluded.fence, since = excluded.since`,
	}
)

// loadOperations reads rows that a transaction will use. On PostgreSQL they are locked, sorted.
func (b *batch) loadOperations(numbers []int64) error {
	if len(numbers) == 0 {
		return nil
	}
	if b.ops.rows == nil {
		b.ops.rows, b.ops.changed = map[int64]*operationRow{}, map[int64]bool{}
	}
	slices.Sort(numbers)
	numbers = slices.Compact(numbers)
	err := b.ses.rows(b.ctx, readOperations, func(scan scanner) error {
		r := &operationRow{}
		if err := scan(&r.number, &r.doc); err != nil {
			return err
		}
		b.ops.rows[r.number] = r
		return nil
	}, numbers)
	if err != nil {
		return fmt.Errorf("read operations: %w", err)
	}
	for _, n := range numbers {
		if _, ok := b.ops.rows[n]; !ok {
			b.ops.rows[n] = nil
		}
	}
	return nil
}

func (b *batch) operation(number int64) (*operationRow, error) {
	if r, ok := b.ops.rows[number]; ok {
		return r, nil
	}
	if err := b.fail(b.loadOperations([]int64{number})); err != nil {
		return nil, err
	}
	return b.ops.rows[number], nil
}

// lock reads a project's lock. One that nobody knows is put in first, so that of two replicas one waits for the other.
func (b *batch) lock(project string) (ops.Lock, error) {
	if l, ok := b.ops.locks[project]; ok {
		return l, nil
	}
	l := ops.Lock{Project: project}
	if b.d == postgres {
		if _, err := b.ses.exec(b.ctx, addLock, project); err != nil {
			return l, b.fail(fmt.Errorf("add the lock of a project: %w", err))
		}
	}
	err := b.ses.rows(b.ctx, readLock, func(scan scanner) error {
		var since int64
		err := scan(&l.Operation, &l.Owner, &l.Fence, &since)
		l.Since = fromMicros(since)
		return err
	}, project)
	if err != nil {
		return l, b.fail(fmt.Errorf("read the lock of a project: %w", err))
	}
	if b.ops.locks == nil {
		b.ops.locks, b.ops.set = map[string]ops.Lock{}, map[string]bool{}
	}
	b.ops.locks[project] = l
	return l, nil
}

// Operation implements ops.Tx.
func (t *tx) Operation(number int64) (*ops.Operation, error) {
	if err := t.ready(); err != nil {
		return nil, err
	}
	r, ok := t.ops.rows[number]
	if !ok {
		var err error
		if r, err = t.b.operation(number); err != nil {
			return nil, err
		}
	}
	if r == nil {
		return nil, fmt.Errorf("%s: %w", ops.Key(number), ops.ErrNotFound)
	}
	return r.decode()
}

// NextOperation implements ops.Tx.
func (t *tx) NextOperation() (int64, error) {
	if err := t.ready(); err != nil {
		return 0, err
	}
	if t.b.ops.number == nil {
		n := int64(0)
		if err := t.b.ses.rows(t.b.ctx, readOpNumber, func(scan scanner) error { return scan(&n) }); err != nil {
			return 0, t.b.fail(fmt.Errorf("read the last operation number: %w", err))
		}
		t.b.ops.number = &n
	}
	t.ops.taken++
	return *t.b.ops.number + t.ops.taken, nil
}

// SaveOperation implements ops.Tx.
func (t *tx) SaveOperation(op *ops.Operation) error {
	if err := t.ready(); err != nil {
		return err
	}
	doc, err := json.Marshal(op)
	if err != nil {
		return fmt.Errorf("write %s: %w", op.Key(), err)
	}
	r := &operationRow{
		number: op.Number, incident: op.Where.Incident, state: string(op.State), word: clean(op.Plan.Word),
		project: clean(op.Plan.Project), nextDue: microsAfter(op.NextDue()), asked: micros(op.Asked), ended: micros(op.Ended),
		took: op.Took().Microseconds(), doc: doc,
	}
	if !op.State.Over() {
		r.open = 1
	}
	if t.ops.rows == nil {
		t.ops.rows = map[int64]*operationRow{}
	}
	t.ops.rows[op.Number] = r
	return nil
}

// LogOperation implements ops.Tx.
func (t *tx) LogOperation(entries ...ops.Entry) error {
	if err := t.ready(); err != nil {
		return err
	}
	t.ops.entries = append(t.ops.entries, entries...)
	return nil
}

// Lock implements ops.Tx.
func (t *tx) Lock(project string) (ops.Lock, error) {
	if err := t.ready(); err != nil {
		return ops.Lock{}, err
	}
	project = clean(project)
	if l, ok := t.ops.locks[project]; ok {
		return l, nil
	}
	return t.b.lock(project)
}

// SetLock implements ops.Tx.
func (t *tx) SetLock(l ops.Lock) error {
	l.Project = clean(l.Project)
	if l.Project == "" {
		return errors.New("store: a lock without a project")
	}
	was, err := t.Lock(l.Project)
	if err != nil {
		return err
	}
	if l.Fence < was.Fence {
		return fmt.Errorf("store: the fence of %s goes back from %d to %d", l.Project, was.Fence, l.Fence)
	}
	if t.ops.locks == nil {
		t.ops.locks = map[string]ops.Lock{}
	}
	l.Owner = clean(l.Owner)
	t.ops.locks[l.Project] = l
	return nil
}

// mergeOps takes over what a function wrote of operations.
func (b *batch) mergeOps(w opsWrites) {
	if len(w.rows) > 0 && b.ops.rows == nil {
		b.ops.rows, b.ops.changed = map[int64]*operationRow{}, map[int64]bool{}
	}
	for n, r := range w.rows {
		b.ops.rows[n], b.ops.changed[n] = r, true
	}
	if w.taken > 0 {
		*b.ops.number += w.taken
		b.ops.taken = true
	}
	b.ops.entries = append(b.ops.entries, w.entries...)
	for p, l := range w.locks { // its row was read before, so the maps are there
		b.ops.locks[p], b.ops.set[p] = l, true
	}
}

// opsStmts writes what the functions left of operations.
func (b *batch) opsStmts() ([]stmt, error) {
	var out []stmt
	var rows [][]any
	for _, n := range sortedKeys(b.ops.changed) {
		r := b.ops.rows[n]
		rows = append(rows, []any{
			n, r.state, r.open, r.word, r.project, r.incident, r.nextDue, r.asked, r.ended, r.took, string(r.doc),
		})
	}
	out = append(out, operationRows.rows(b.d, rows)...)
	if b.ops.taken {
		out = append(out, stmt{setOpNumber[b.d], []any{*b.ops.number}})
	}
	rows = nil
	for _, e := range b.ops.entries {
		doc, err := json.Marshal(e)
		if err != nil {
			return nil, fmt.Errorf("write the timeline of %s: %w", ops.Key(e.Operation), err)
		}
		rows = append(rows, []any{e.Operation, e.Seq, micros(e.At), clean(string(e.Kind)), string(doc)})
	}
	out = append(out, opEntryRows.rows(b.d, rows)...)
	rows = nil
	for _, p := range sortedKeys(b.ops.set) {
		l := b.ops.locks[p]
		rows = append(rows, []any{p, l.Operation, l.Owner, l.Fence, micros(l.Since)})
	}
	return append(out, lockRows.rows(b.d, rows)...), nil
}

// decode gives a caller an operation of its own.
func (r *operationRow) decode() (*ops.Operation, error) {
	op := &ops.Operation{}
	if err := json.Unmarshal(r.doc, op); err != nil {
		return nil, fmt.Errorf("read %s: %w", ops.Key(r.number), err)
	}
	return op, nil
}
