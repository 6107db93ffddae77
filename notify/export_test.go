package notify

import "time"

// Warm makes an outbox believe that it has run for a while: nobody before it has spent what Slack allows.
func Warm(o *Outbox) *Outbox {
	o.budget.begun = time.Now().Add(-time.Hour)
	return o
}

// Hurry takes the limit of posts off, for tests of other things.
func Hurry(o *Outbox) *Outbox {
	Warm(o).budget.rate = 100
	return o
}

// Parked counts the deliveries that wait for a message.
func Parked(o *Outbox) int {
	o.parked.mu.Lock()
	defer o.parked.mu.Unlock()
	n := 0
	for _, js := range o.parked.by {
		n += len(js)
	}
	return n
}

// Rooms counts the channels that are remembered.
func Rooms(o *Outbox) int {
	o.budget.mu.Lock()
	defer o.budget.mu.Unlock()
	return len(o.budget.rooms)
}
