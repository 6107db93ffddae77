package incidents_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
)

var sizes = []int{1, 100, 2000}

func hookOf(n int) incidents.Webhook {
	w := incidents.Webhook{Group: group, Title: "down"}
	for i := range n {
		w.Alerts = append(w.Alerts, firing(fmt.Sprintf("%016x", i), p1, nine))
	}
	return w
}

// BenchmarkRepeat is a webhook of which everything is known. Its cost per alert must not grow with the group.
func BenchmarkRepeat(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprintf("alerts=%d", n), func(b *testing.B) {
			s, w := newStory(b), hookOf(n)
			s.store.Twice = false
			s.receiveOf(w)
			in := s.incident(1)
			b.ReportAllocs()
			for b.Loop() {
				if r, err := in.Apply(w, nine); err != nil || r.Changed {
					b.Fatalf("changed %v, %v", r.Changed, err)
				}
			}
			perAlert(b, n)
		})
	}
}

// BenchmarkTurn is a webhook in which every alert changes.
func BenchmarkTurn(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprintf("alerts=%d", n), func(b *testing.B) {
			s, fires := newStory(b), hookOf(n)
			s.store.Twice = false
			s.receiveOf(fires)
			in, now := s.incident(1), nine
			b.ReportAllocs()
			for b.Loop() {
				now = now.Add(time.Minute)
				for i := range fires.Alerts {
					a := &fires.Alerts[i]
					if a.Firing = !a.Firing; a.Firing {
						a.StartsAt, a.EndsAt = now, time.Time{}
					} else {
						a.EndsAt = now
					}
				}
				if r, err := in.Apply(fires, now); err != nil || !r.Changed {
					b.Fatalf("changed %v, %v", r.Changed, err)
				}
			}
			perAlert(b, n)
		})
	}
}

// BenchmarkOpening is the first webhook of a group, without a store's work.
func BenchmarkOpening(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprintf("alerts=%d", n), func(b *testing.B) {
			s, w := newStory(b), hookOf(n)
			svc := s.serviceOver(nowhere{s.store}, guide)
			b.ReportAllocs()
			for b.Loop() {
				if err := svc.Receive(b.Context(), w); err != nil {
					b.Fatal(err)
				}
			}
			perAlert(b, n)
		})
	}
}

func perAlert(b *testing.B, n int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/alert")
}

// nowhere is a store in which every group is new and nothing is kept.
type nowhere struct{ *memStore }

func (s nowhere) Write(_ context.Context, _ incidents.Want, fn func(incidents.Tx) error) error {
	return fn(nothing{})
}

type nothing struct{ incidents.Tx }

func (nothing) Latest(string) (*incidents.Incident, error)        { return nil, nil }
func (nothing) Ended(string) (map[string]incidents.Member, error) { return nil, nil }
func (nothing) NextNumber() (int64, error)                        { return 1, nil }
func (nothing) Save(*incidents.Incident) error                    { return nil }
func (nothing) Log(...incidents.Entry) error                      { return nil }
func (nothing) Notify(...incidents.Notice) error                  { return nil }
