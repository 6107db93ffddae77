package insight

import (
	"cmp"
	"maps"
	"slices"
)

// tree puts each session behind one that keeps it waiting: the one that is nearest to a root, so that a queue for one lock is seen as one. Each
// stands in it once, however many keep it waiting. Who waits for each other has no root: the one with the lowest number becomes one.
func tree(holders map[int]*Holder, by map[int][]int) (roots []*Holder, circle bool) {
	behind := map[int][]int{}
	for _, pid := range slices.Sorted(maps.Keys(by)) {
		for _, b := range by[pid] {
			if _, known := holders[b]; known && b != pid && !slices.Contains(behind[b], pid) {
				behind[b] = append(behind[b], pid)
			}
		}
	}
	seen := map[int]bool{}
	grow := func(first []int) {
		for _, pid := range first {
			seen[pid] = true
		}
		for queue := first; len(queue) > 0; queue = queue[1:] {
			pid := queue[0]
			for _, w := range behind[pid] {
				if seen[w] {
					continue
				}
				seen[w] = true
				holders[pid].Behind = append(holders[pid].Behind, holders[w])
				if wait := holders[w].Waits; wait != nil {
					for _, b := range by[w] {
						if b != pid {
							wait.Others = append(wait.Others, b)
						}
					}
				}
				queue = append(queue, w)
			}
		}
	}
	pids := slices.Sorted(maps.Keys(holders))
	var first []int
	for _, pid := range pids {
		if len(by[pid]) == 0 && len(behind[pid]) > 0 {
			first = append(first, pid)
		}
	}
	grow(slices.Clone(first))
	for _, pid := range pids { // what no root leads to waits for itself, or for somebody who has ended meanwhile
		if seen[pid] || len(behind[pid]) == 0 {
			continue
		}
		circle = circle || loops(pid, by)
		first = append(first, pid)
		grow([]int{pid})
	}
	for _, pid := range first {
		roots = append(roots, holders[pid])
		holders[pid].count()
	}
	slices.SortStableFunc(roots, func(a, b *Holder) int { return cmp.Compare(b.All, a.All) })
	return roots, circle
}

// loops tells whether a session waits for itself by way of others.
func loops(pid int, by map[int][]int) bool {
	seen := map[int]bool{}
	for queue := slices.Clone(by[pid]); len(queue) > 0; queue = queue[1:] {
		switch b := queue[0]; {
		case b == pid:
			return true
		case !seen[b]:
			seen[b] = true
			queue = append(queue, by[b]...)
		}
	}
	return false
}

func (h *Holder) count() int {
	h.All = 0
	for _, b := range h.Behind {
		h.All += 1 + b.count()
	}
	return h.All
}
