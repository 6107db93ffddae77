package store_test

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/store"
	"github.com/ai-notebook/notebookbot/internal/store/storetest"
	"github.com/ai-notebook/notebookbot/notify"
)

func eachBench(b *testing.B, run func(b *testing.B, s *store.Store)) {
	b.Helper()
	b.Run("sqlite", func(b *testing.B) { run(b, storetest.OpenURL(b, "sqlite:"+filepath.Join(b.TempDir(), "x.db"))) })
	b.Run("postgres", func(b *testing.B) { run(b, storetest.OpenURL(b, storetest.Postgres(b))) })
}

var names atomic.Int64

func BenchmarkWrite(b *testing.B) {
	for _, kind := range []string{"distinct", "repeated"} {
		for _, workers := range []int{1, 8, 64} {
			b.Run(fmt.Sprintf("%s/c=%d", kind, workers), func(b *testing.B) {
				eachBench(b, func(b *testing.B, s *store.Store) {
					b.Helper()
					for g := range 64 {
						if _, _, err := open(b.Context(), s, fmt.Sprint("known ", g)); err != nil {
							b.Fatal(err)
						}
					}
					writes, commits := s.Stats()
					b.ResetTimer()
					var left atomic.Int64
					left.Store(int64(b.N))
					var wg sync.WaitGroup
					for w := range workers {
						wg.Go(func() {
							for left.Add(-1) >= 0 {
								name := fmt.Sprint("known ", w)
								if kind == "distinct" {
									name = fmt.Sprint("fresh ", names.Add(1))
								}
								if _, _, err := open(b.Context(), s, name); err != nil {
									b.Error(err)
									return
								}
							}
						})
					}
					wg.Wait()
					w, c := s.Stats()
					b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "writes/s")
					if c > commits {
						b.ReportMetric(float64(w-writes)/float64(c-commits), "writes/commit")
					}
				})
			})
		}
	}
}

// BenchmarkLarge asks a store with 100,000 open incidents what is asked of it all the time.
func BenchmarkLarge(b *testing.B) {
	const many = 100_000
	eachBench(b, func(b *testing.B, s *store.Store) {
		b.Helper()
		fill(b, s, many)
		ctx := b.Context()
		time := func(name string, f func() error) {
			b.Run(name, func(b *testing.B) {
				for b.Loop() {
					if err := f(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		time("Due", func() error { _, _, err := s.Due(ctx, noon.AddDate(1, 0, 0), 100); return err })
		time("CountOpen", func() error { _, err := s.CountOpen(ctx); return err })
		time("ListOpen", func() error { _, err := s.List(ctx, incidents.Filter{Open: true}); return err })
		time("ListOpenP0", func() error {
			_, err := s.List(ctx, incidents.Filter{Open: true, Levels: []incidents.Level{incidents.P0}})
			return err
		})
		time("SearchRare", func() error { _, err := s.List(ctx, incidents.Filter{Text: "job=group 77,"}); return err })
		time("SearchCommon", func() error { _, err := s.List(ctx, incidents.Filter{Text: "load"}); return err })
		time("Depth", func() error { _, err := s.Depth(ctx); return err })
		claim := func(full ...string) func() error {
			return func() error {
				ds, _, err := s.Claim(ctx, notify.Claim{Owner: "w", Now: noon, Lease: lease, Limit: 10, Full: full})
				if err != nil {
					return err
				}
				return s.Release(ctx, ds)
			}
		}
		time("ClaimAndRelease", claim())
		time("ClaimWithTheChannelFull", claim("C1"))
		time("Write", func() error { _, _, err := open(ctx, s, fmt.Sprint("fresh ", names.Add(1))); return err })
	})
}

// fill opens many incidents, each with its clock and a card that waits.
func fill(b *testing.B, s *store.Store, many int) {
	b.Helper()
	for from := 0; from < many; from += 1000 {
		err := s.Write(context.Background(), incidents.Want{}, func(tx incidents.Tx) error {
			for i := from; i < from+1000; i++ {
				n, err := tx.NextNumber()
				if err != nil {
					return err
				}
				in := sample(n, fmt.Sprintf("group %d,", i))
				in.State, in.HoldUntil, in.Ended = incidents.Verifying, noon.Add(time.Duration(i)*time.Second), noon
				if err := tx.Save(in); err != nil {
					return err
				}
				if err := tx.Notify(post(in.Key(), in.Key(), i%3*10)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}
