package cleanup

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ai-notebook/notebookbot/internal/ops/docker"
	"github.com/ai-notebook/notebookbot/internal/ops/target"
)

// containers removes containers that ended.
type containers struct {
	engine Engine
	ended  map[string]bool
}

func (k *Kind) containers(ctx context.Context, _ List) (remover, error) {
	inv, err := k.Engine.Inventory(ctx)
	if err != nil {
		return nil, target.Explain(err)
	}
	c := containers{k.Engine, map[string]bool{}}
	for _, one := range inv.Containers {
		c.ended[one.ID] = one.Ended()
	}
	return c, nil
}

func (c containers) there(_ context.Context, i Item) (bool, error) { return c.ended[i.ID], nil }

func (c containers) remove(ctx context.Context, i Item) (bool, error) {
	ended, err := c.engine.Ended(ctx, i.ID)
	if errors.Is(err, docker.ErrGone) {
		return false, nil
	}
	if err != nil {
		return false, target.Explain(err)
	}
	if !ended.IsZero() && ended.After(i.At) {
		return false, fmt.Errorf("%w: it ran again", ErrKept)
	}
	return true, kept(c.engine.RemoveEnded(ctx, i.ID))
}

func (containers) close() {}

// images removes images, unless a rollback needs them by now.
type images struct {
	k      *Kind
	needed []string
}

func (k *Kind) images(ctx context.Context, _ List) (remover, error) {
	needed, err := k.needed(ctx)
	if err != nil {
		return nil, err
	}
	return images{k, needed}, nil
}

func (m images) there(ctx context.Context, i Item) (bool, error) {
	seen, err := m.k.Engine.SeeImage(ctx, i.ID)
	if errors.Is(err, docker.ErrGone) {
		return false, nil
	}
	if err != nil {
		return false, target.Explain(err)
	}
	same := !slices.ContainsFunc(seen.Refs, func(ref string) bool { return !slices.Contains(i.Refs, ref) })
	return same && !slices.Contains(m.needed, i.ID), nil
}

func (m images) remove(ctx context.Context, i Item) (bool, error) {
	_, err := m.k.Engine.SeeImage(ctx, i.ID)
	switch {
	case errors.Is(err, docker.ErrGone):
		return false, nil
	case err != nil:
		return false, target.Explain(err)
	case slices.Contains(m.needed, i.ID):
		return false, fmt.Errorf("%w: a rollback needs it", ErrKept)
	}
	return true, kept(m.k.Engine.RemoveImage(ctx, i.ID, i.Refs))
}

func (images) close() {}

// cache removes records of the builder's cache.
type cache struct {
	engine Engine
	idle   map[string]bool // records that are there and not in use
}

func (k *Kind) cache(ctx context.Context, _ List) (remover, error) {
	inv, err := k.Engine.Inventory(ctx)
	if err != nil {
		return nil, target.Explain(err)
	}
	c := cache{k.Engine, map[string]bool{}}
	for _, r := range inv.Cache {
		c.idle[r.ID] = !r.InUse
	}
	return c, nil
}

func (c cache) there(_ context.Context, i Item) (bool, error) { return c.idle[i.ID], nil }

func (c cache) remove(ctx context.Context, i Item) (bool, error) {
	if _, there := c.idle[i.ID]; !there {
		return false, nil
	}
	removed, err := c.engine.RemoveCache(ctx, i.ID)
	if err == nil && !removed {
		err = fmt.Errorf("%w: it is in use, or something is built on it", ErrKept)
	}
	return removed, target.Explain(err)
}

func (cache) close() {}
