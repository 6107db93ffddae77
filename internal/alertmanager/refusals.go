package alertmanager

import (
	"cmp"
	"context"
	"maps"
	"sync"
	"time"
)

const (
	tellEvery  = time.Hour
	tellAtMost = 20 // within that time, however many strangers knock
	tellWithin = 5 * time.Second
)

// refusals tells people of what is refused, without letting strangers fill their channel.
type refusals struct {
	tell func(ctx context.Context, reason, peer string) error

	mu   sync.Mutex
	told map[refusal]time.Time
}

// refusal is what counts as the same again. Not the sentence: it may quote what the sender chose.
type refusal struct {
	code int
	kind string
	peer string
}

// report tells of a refusal unless it was told within the hour, and says whether it did or tried to.
func (f *refusals) report(ctx context.Context, a answer, peer string, now time.Time) bool {
	r := refusal{a.code, cmp.Or(a.kind, a.text), peer}
	first, last := f.first(r, now)
	if !first {
		return false
	}
	if f.tell == nil {
		return true
	}
	text := a.text
	if last {
		text += " (further refusals within the hour are only counted, in notebookbot_webhook_answers_total)"
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tellWithin) // the sender may be gone already
	defer cancel()
	if err := f.tell(ctx, text, peer); err != nil {
		f.forget(r)
	}
	return true
}

// forget lets a refusal be told again.
func (f *refusals) forget(r refusal) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.told, r)
}

// first records a refusal and tells whether it is new, and whether it is the last that is told for now.
func (f *refusals) first(r refusal, now time.Time) (first, last bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	maps.DeleteFunc(f.told, func(_ refusal, at time.Time) bool { return now.Sub(at).Abs() >= tellEvery })
	if _, known := f.told[r]; known || len(f.told) >= tellAtMost {
		return false, false
	}
	if f.told == nil {
		f.told = map[refusal]time.Time{}
	}
	f.told[r] = now
	return true, len(f.told) == tellAtMost
}
