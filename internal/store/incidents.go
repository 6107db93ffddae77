package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
)

// Write implements incidents.Store.
func (s *Store) Write(ctx context.Context, w incidents.Want, fn func(tx incidents.Tx) error) error {
	return s.submit(&item{
		ctx:  ctx,
		want: want{groups: w.Groups, numbers: w.Numbers},
		run:  func(t *tx) error { return fn(t) },
	})
}

var (
	readIncident = both(`SELECT number, doc FROM incidents WHERE number = $1`)
	readTimeline = both(`SELECT doc FROM timeline WHERE incident = $1 ORDER BY seq`)
	readDue      = both(`SELECT number FROM incidents WHERE next_due > 0 AND next_due <= $1 ORDER BY next_due, number LIMIT $2`)
	readNextDue  = both(`SELECT COALESCE(MIN(next_due), 0) FROM incidents WHERE next_due > 0`)
	readBreaches = both(`SELECT name, value FROM counters WHERE name IN ('breach/respond', 'breach/resolve')`)
	countOpen    = both(`SELECT level, COUNT(*) FROM incidents WHERE open = 1 GROUP BY level`)
)

// Find implements incidents.Store.
func (s *Store) Find(ctx context.Context, number int64) (*incidents.Incident, error) {
	ins, err := s.readIncidents(ctx, readIncident, number)
	if err != nil {
		return nil, err
	}
	if len(ins) == 0 {
		return nil, fmt.Errorf("%s: %w", incidents.Key(number), incidents.ErrNotFound)
	}
	return ins[0], nil
}

func (s *Store) readIncidents(ctx context.Context, q query, args ...any) ([]*incidents.Incident, error) {
	var ins []*incidents.Incident
	err := s.db.read(ctx, q, func(scan scanner) error {
		var r incidentRow
		if err := scan(&r.number, &r.doc); err != nil {
			return err
		}
		in, err := r.decode()
		ins = append(ins, in)
		return err
	}, args...)
	if err != nil {
		return nil, s.explain(err)
	}
	return ins, nil
}

const defaultLimit = 20

// List implements incidents.Store. Filter.Since compares when an incident was opened.
func (s *Store) List(ctx context.Context, f incidents.Filter) ([]*incidents.Incident, error) {
	var where []string
	var args []any
	arg := func(v any) string {
		args = append(args, v)
		return "$" + strconv.Itoa(len(args))
	}
	if f.Open {
		where = append(where, "open = 1")
	}
	if len(f.Levels) > 0 {
		var levels []string
		for _, l := range f.Levels {
			levels = append(levels, arg(int(l)))
		}
		where = append(where, "level IN ("+strings.Join(levels, ", ")+")")
	}
	if !f.Since.IsZero() {
		where = append(where, "opened >= "+arg(micros(f.Since)))
	}
	if f.Before > 0 {
		where = append(where, "number < "+arg(f.Before))
	}
	if f.Text != "" {
		text := arg(fold(f.Text))
		where = append(where, fmt.Sprintf(`({find search %[1]s} > 0 OR EXISTS (SELECT 1 FROM timeline t
			WHERE t.incident = number AND t.note <> '' AND {find t.note %[1]s} > 0))`, text))
	}
	q := "SELECT number, doc FROM incidents"
	if len(where) > 0 {
		q += " WHERE " + strings.Join(where, " AND ")
	}
	if f.Limit <= 0 {
		f.Limit = defaultLimit
	}
	return s.readIncidents(ctx, both(q+" ORDER BY number DESC LIMIT "+arg(f.Limit)), args...)
}

// Timeline implements incidents.Store.
func (s *Store) Timeline(ctx context.Context, number int64) ([]incidents.Entry, error) {
	var entries []incidents.Entry
	err := s.db.read(ctx, readTimeline, func(scan scanner) error {
		var doc []byte
		if err := scan(&doc); err != nil {
			return err
		}
		var e incidents.Entry
		if err := json.Unmarshal(doc, &e); err != nil {
			return fmt.Errorf("read the timeline of %s: %w", incidents.Key(number), err)
		}
		entries = append(entries, e)
		return nil
	}, number)
	return entries, s.explain(err)
}

// Due implements incidents.Store.
func (s *Store) Due(ctx context.Context, now time.Time, limit int) (numbers []int64, next time.Time, err error) {
	err = s.db.read(ctx, readDue, func(scan scanner) error {
		var n int64
		err := scan(&n)
		numbers = append(numbers, n)
		return err
	}, micros(now), limit)
	if err != nil || len(numbers) > 0 {
		return numbers, time.Time{}, s.explain(err)
	}
	var us int64
	err = s.db.read(ctx, readNextDue, func(scan scanner) error { return scan(&us) })
	return nil, fromMicros(us), s.explain(err)
}

// CountOpen implements incidents.Store.
func (s *Store) CountOpen(ctx context.Context) ([len(incidents.Levels)]int, error) {
	var counts [len(incidents.Levels)]int
	err := s.db.read(ctx, countOpen, func(scan scanner) error {
		var level, n int
		if err := scan(&level, &n); err != nil {
			return err
		}
		if level >= 0 && level < len(counts) {
			counts[level] = n
		}
		return nil
	})
	return counts, s.explain(err)
}

// CountBreaches tells how often each clock was missed since the store was made.
func (s *Store) CountBreaches(ctx context.Context) (map[incidents.ClockKind]int64, error) {
	counts := map[incidents.ClockKind]int64{}
	err := s.db.read(ctx, readBreaches, func(scan scanner) error {
		var name string
		var n int64
		if err := scan(&name, &n); err != nil {
			return err
		}
		counts[incidents.ClockKind(strings.TrimPrefix(name, breachCounter))] = n
		return nil
	})
	return counts, s.explain(err)
}
