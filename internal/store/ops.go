package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops"
)

var (
	_ ops.Store = (*Store)(nil)
	_ ops.Tx    = (*tx)(nil)
)

// WriteOperations implements ops.Store.
func (s *Store) WriteOperations(ctx context.Context, w ops.Want, fn func(tx ops.Tx) error) error {
	return s.submit(&item{
		ctx:  ctx,
		want: want{groups: w.Groups, numbers: w.Numbers, operations: w.Operations},
		run:  func(t *tx) error { return fn(t) },
	})
}

var (
	findOperation  = both(`SELECT number, doc FROM operations WHERE number = $1`)
	readOpTimeline = both(`SELECT doc FROM operation_timeline WHERE operation = $1 ORDER BY seq`)
	dueOperations  = both(`SELECT next_due, number FROM operations WHERE next_due > 0 AND next_due <= $1 AND (next_due, number) > ($2, $3)
		ORDER BY next_due, number LIMIT $4`)
	tookOperations = both(`SELECT took FROM operations WHERE state = 'done' AND word = $1 AND project = $2
		ORDER BY number DESC LIMIT $3`)
	lockOf = both(`SELECT operation, owner, fence, since FROM project_locks WHERE project = $1`)
)

func (s *Store) readOperations(ctx context.Context, q query, args ...any) ([]*ops.Operation, error) {
	var found []*ops.Operation
	err := s.db.read(ctx, q, func(scan scanner) error {
		var r operationRow
		if err := scan(&r.number, &r.doc); err != nil {
			return err
		}
		op, err := r.decode()
		found = append(found, op)
		return err
	}, args...)
	if err != nil {
		return nil, s.explain(err)
	}
	return found, nil
}

// FindOperation implements ops.Store.
func (s *Store) FindOperation(ctx context.Context, number int64) (*ops.Operation, error) {
	found, err := s.readOperations(ctx, findOperation, number)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s: %w", ops.Key(number), ops.ErrNotFound)
	}
	return found[0], nil
}

// ListOperations implements ops.Store.
func (s *Store) ListOperations(ctx context.Context, f ops.Filter) ([]*ops.Operation, error) {
	var where []string
	var args []any
	arg := func(v any) string {
		args = append(args, v)
		return "$" + strconv.Itoa(len(args))
	}
	if f.Open {
		where = append(where, "open = 1")
	}
	if f.Word != "" {
		where = append(where, "word = "+arg(clean(f.Word)))
	}
	if f.Incident != 0 {
		where = append(where, "incident <> 0 AND incident = "+arg(f.Incident))
	}
	if f.Before > 0 {
		where = append(where, "number < "+arg(f.Before))
	}
	q := "SELECT number, doc FROM operations"
	if len(where) > 0 {
		q += " WHERE " + strings.Join(where, " AND ")
	}
	if f.Limit <= 0 {
		f.Limit = defaultLimit
	}
	return s.readOperations(ctx, both(q+" ORDER BY number DESC LIMIT "+arg(f.Limit)), args...)
}

// OperationTimeline implements ops.Store.
func (s *Store) OperationTimeline(ctx context.Context, number int64) ([]ops.Entry, error) {
	var entries []ops.Entry
	err := s.db.read(ctx, readOpTimeline, func(scan scanner) error {
		var doc []byte
		if err := scan(&doc); err != nil {
			return err
		}
		var e ops.Entry
		if err := json.Unmarshal(doc, &e); err != nil {
			return fmt.Errorf("read the timeline of %s: %w", ops.Key(number), err)
		}
		entries = append(entries, e)
		return nil
	}, number)
	return entries, s.explain(err)
}

// DueOperations implements ops.Store.
func (s *Store) DueOperations(ctx context.Context, now time.Time, after ops.Due, limit int) ([]ops.Due, error) {
	var due []ops.Due
	err := s.db.read(ctx, dueOperations, func(scan scanner) error {
		var at, n int64
		err := scan(&at, &n)
		due = append(due, ops.Due{At: fromMicros(at), Number: n})
		return err
	}, micros(now), micros(after.At), after.Number, limit)
	return due, s.explain(err)
}

// TookOperations implements ops.Store.
func (s *Store) TookOperations(ctx context.Context, word, project string, limit int) ([]time.Duration, error) {
	var took []time.Duration
	err := s.db.read(ctx, tookOperations, func(scan scanner) error {
		var us int64
		err := scan(&us)
		took = append(took, time.Duration(us)*time.Microsecond)
		return err
	}, clean(word), clean(project), limit)
	return took, s.explain(err)
}

// LockOf implements ops.Store.
func (s *Store) LockOf(ctx context.Context, project string) (ops.Lock, error) {
	l := ops.Lock{Project: project}
	err := s.db.read(ctx, lockOf, func(scan scanner) error {
		var since int64
		err := scan(&l.Operation, &l.Owner, &l.Fence, &since)
		l.Since = fromMicros(since)
		return err
	}, clean(project))
	return l, s.explain(err)
}
