package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops/durable"
)

// leastKept is how many proven sets are kept, however old they are.
const leastKept = 3

// Keep is how long sets are kept.
type Keep struct {
	All  time.Duration // in any case
	Thin time.Duration // all of them; of older ones the newest full set of each day. Zero: all of them as long as any
}

func (s *Sets) keep() Keep { return Keep{All: s.cfg.Retention, Thin: s.cfg.Thin} }

// Expired lists the sets that are older than is kept and that nothing needs, in the order in which they may be removed: what
// builds on others before these. The newest proven sets stay, and so does everything that a set which stays builds on. While there
// are fewer proven sets than are kept at least, nothing is expired.
func Expired(sets []*Set, rule Keep, now time.Time) []*Set {
	keep := map[string]bool{}
	daily := daily(sets)
	byID := map[string]*Set{}
	proven := 0
	for _, set := range slices.SortedFunc(slices.Values(sets), func(a, b *Set) int { return b.At.Compare(a.At) }) {
		byID[set.ID] = set
		if set.Proven() && proven < leastKept {
			proven++
			keep[set.ID] = true
		}
		if age := now.Sub(set.At); age <= rule.All && (rule.Thin == 0 || age <= rule.Thin || daily[set.ID]) {
			keep[set.ID] = true
		}
	}
	if proven < leastKept {
		return nil
	}
	for id := range keep {
		for _, needed := range byID[id].Chain {
			keep[needed] = true
		}
	}
	var out []*Set
	for _, set := range sets {
		if !keep[set.ID] {
			out = append(out, set)
		}
	}
	slices.SortFunc(out, func(a, b *Set) int {
		if len(a.Chain) != len(b.Chain) {
			return len(b.Chain) - len(a.Chain)
		}
		return strings.Compare(a.ID, b.ID)
	})
	return out
}

// daily gives the ids of the sets that stand for their days: the newest proven full one, since it needs no other; else the newest proven one.
func daily(sets []*Set) map[string]bool {
	of := map[string]*Set{}
	for _, set := range sets {
		day := set.At.UTC().Format(time.DateOnly)
		was := of[day]
		switch {
		case !set.Proven():
		case was == nil, set.Kind == Full && was.Kind != Full, set.Kind == was.Kind && set.At.After(was.At):
			of[day] = set
		}
	}
	out := map[string]bool{}
	for _, set := range of {
		out[set.ID] = true
	}
	return out
}

// Retain removes the sets that are expired and gives their ids.
func (s *Sets) Retain(ctx context.Context) ([]string, error) {
	sets, err := s.List()
	if err != nil {
		return nil, err
	}
	var removed []string
	for _, set := range Expired(sets, s.keep(), s.now()) {
		if ctx.Err() != nil {
			return removed, ctx.Err()
		}
		if err := s.remove(set.ID); err != nil {
			return removed, fmt.Errorf("remove the set %s: %w", set.ID, err)
		}
		removed = append(removed, set.ID)
	}
	return removed, nil
}

// remove takes a set away at once: by its name it is no set any more before its first file goes.
func (s *Sets) remove(id string) error {
	gone := s.path(id + removing)
	if err := os.Rename(s.path(id), gone); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return errors.Join(durable.SyncFolder(s.cfg.Dir), os.RemoveAll(gone))
}
