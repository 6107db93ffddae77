package notify

import "sync"

// urgentBelow is the priority below which a delivery is urgent: P0 and answers that somebody waits for.
const urgentBelow = 10

func urgent(d Delivery) bool { return d.Notice.Priority < urgentBelow }

// slots are the tries that may be under way at the same time. Some are kept for what is urgent, so that slow tries of the rest
// cannot hold it up.
type slots struct {
	mu         sync.Mutex
	busy       int
	size, kept int
}

func newSlots(size int) *slots { return &slots{size: size, kept: size / 4} }

// enter takes a slot; false: none is left.
func (s *slots) enter(urgent bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	size := s.size
	if !urgent {
		size -= s.kept
	}
	if s.busy >= size {
		return false
	}
	s.busy++
	return true
}

func (s *slots) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy--
}

func (s *slots) free() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.size - s.busy
}
