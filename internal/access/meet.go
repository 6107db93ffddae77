package access

import (
	"context"
	"slices"
)

// Meet looks everybody up who is listed by name, so that Name knows them. What cannot be looked up stays a bare id.
func (a *Access) Meet(ctx context.Context) {
	ids := slices.Concat(a.cfg.Operators, a.cfg.Commanders, a.cfg.Rotation)
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		if ctx.Err() != nil {
			return
		}
		if !isGroup(id) {
			_, _ = a.people.get(ctx, id) // only for the name
		}
	}
}
