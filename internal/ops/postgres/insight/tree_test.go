package insight

import (
	"fmt"
	"strings"
	"testing"
)

// drawn is a tree in one line: 1(2(3) 4).
func drawn(roots []*Holder) string {
	var out []string
	for _, h := range roots {
		s := fmt.Sprint(h.PID)
		if len(h.Behind) > 0 {
			s += "(" + drawn(h.Behind) + ")"
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

func TestEachStandsOnceBehindWhoKeepsItWaiting(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		by     map[int][]int // who waits: for whom
		want   string
		circle bool
	}{
		{"nobody", nil, "", false},
		{"a chain", map[int][]int{2: {1}, 3: {2}}, "1(2(3))", false},
		{"a queue, in which each also waits for those before it", map[int][]int{2: {1}, 3: {1, 2}, 4: {1, 2, 3}}, "1(2 3 4)", false},
		{"two roots", map[int][]int{2: {1}, 5: {4}, 6: {4}}, "4(5 6) 1(2)", false},
		{"a circle with one behind it", map[int][]int{1: {2}, 2: {1}, 3: {2}}, "1(2(3))", true},
		{"one waits for somebody who has ended", map[int][]int{2: {9}, 3: {2}}, "2(3)", false},
		{"a prepared transaction", map[int][]int{2: {0}}, "0(2)", false},
		{"oneself", map[int][]int{2: {2}}, "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			holders := map[int]*Holder{}
			add := func(pid int) *Holder {
				if holders[pid] == nil && pid != 9 {
					holders[pid] = &Holder{Session: Session{PID: pid}}
				}
				return holders[pid]
			}
			for w, by := range tt.by {
				add(w).Waits = &Wait{}
				for _, b := range by {
					add(b)
				}
			}
			roots, circle := tree(holders, tt.by)
			if got := drawn(roots); got != tt.want || circle != tt.circle {
				t.Errorf("%s (circle %v), want %s", got, circle, tt.want)
			}
		})
	}
}

func TestAQueueOfAThousandIsDrawnAtOnce(t *testing.T) {
	t.Parallel()
	holders, by := map[int]*Holder{}, map[int][]int{}
	for i := range 1000 {
		holders[i] = &Holder{Session: Session{PID: i}}
		for b := range i {
			by[i] = append(by[i], b)
		}
	}
	roots, _ := tree(holders, by)
	if len(roots) != 1 || roots[0].All != 999 {
		t.Errorf("%d roots, %d behind the first", len(roots), roots[0].All)
	}
}
