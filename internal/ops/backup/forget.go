package backup

import (
	"context"
	"slices"
)

// Old lists the sets that retention gives up now, in the order in which they may be removed.
func (s *Sets) Old(context.Context) ([]*Set, error) {
	sets, err := s.List()
	if err != nil {
		return nil, err
	}
	return Expired(sets, s.keep(), s.now()), nil
}

// Forget removes a set if retention gives it up, and tells whether it did. As long as another set builds on it, it stays: that one goes
// first, even when both are given up.
func (s *Sets) Forget(ctx context.Context, id string) (bool, error) {
	old, err := s.Old(ctx)
	if err != nil || !slices.ContainsFunc(old, func(set *Set) bool { return set.ID == id }) {
		return false, err
	}
	sets, err := s.List()
	if err != nil || slices.ContainsFunc(sets, func(set *Set) bool { return slices.Contains(set.Chain, id) }) {
		return false, err
	}
	return true, s.remove(id)
}
