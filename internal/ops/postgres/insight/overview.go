package insight

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Overview is a short look at everything. A part that could not be seen is nil and has a Trouble.
type Overview struct {
	Size        *Size
	Slow        *Slow
	Indexes     *Indexes
	Connections *Connections
	Locks       *Locks
	Troubles    map[string]*Trouble // by part: size, slow, indexes, connections, locks
}

// Overview looks at each part with a deadline of its own, two at a time: a server that is nearly full is not asked by five at once. Where no part
// can be seen its error is the one *Trouble that says why.
func (d *Database) Overview(ctx context.Context) (*Overview, error) {
	o := &Overview{Troubles: map[string]*Trouble{}}
	var mu sync.Mutex
	parts := []struct {
		name string
		look func(ctx context.Context, within time.Duration) error
	}{
		{"connections", func(ctx context.Context, within time.Duration) (err error) {
			o.Connections, err = d.connections(ctx, within)
			return
		}},
		{"locks", func(ctx context.Context, within time.Duration) (err error) {
			o.Locks, err = d.locks(ctx, within)
			return
		}},
		{"size", func(ctx context.Context, within time.Duration) (err error) { o.Size, err = d.size(ctx, within); return }},
		{"slow", func(ctx context.Context, within time.Duration) (err error) { o.Slow, err = d.slow(ctx, within); return }},
		{"indexes", func(ctx context.Context, within time.Duration) (err error) {
			o.Indexes, err = d.indexes(ctx, within)
			return
		}},
	}
	var all errgroup.Group
	all.SetLimit(2)
	for _, p := range parts {
		all.Go(func() error {
			err := p.look(ctx, shortWithin)
			t, ok := errors.AsType[*Trouble](err)
			if !ok {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			o.Troubles[p.name] = t
			return nil
		})
	}
	if err := all.Wait(); err != nil {
		return nil, err
	}
	if len(o.Troubles) == len(parts) {
		return nil, o.Troubles["connections"]
	}
	return o, nil
}
